// SPDX-License-Identifier: MIT
/* What enrol says to the server, and what it believes of the answers. */
#include "enrol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "challenge.h"
#include "document.h"
#include "file.h"
#include "join.h"
#include "strict.h"
#include "tls_key.h"

#define JOIN_MS		60000u	/* the signer has its say, too */
#define JOIN_TRIES	10
#define JOIN_PAUSE_S	3

int enrol_connect(struct enrol *enrol, struct ml_error *error)
{
	const struct ml_client_options options = {
		.url = enrol->key->url, .pin = enrol->key->server_digest,
	};
	int code = ml_client_setup(error);

	if (!code)
		code = ml_secret_key_from_seed(enrol->key->seed, &enrol->one_time, error);
	return code ? code : ml_client_new(&options, &enrol->client, error);
}

/* ----------------------------------------------------------------- root chain */

static int keep_root(struct enrol *enrol, struct ml_bytes envelope, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_ROOT_FILE, path, error);

	return code ? code : ml_file_write_atomic(path, envelope.data, envelope.length, 0600,
						  error);
}

static int walk(struct enrol *enrol, const struct ml_roots *roots, struct ml_error *error)
{
	struct ml_trust trust;
	size_t last;
	int code = ml_roots_pinned(roots, enrol->key->root_digest, &enrol->root, &last, error);

	if (!code)
		code = ml_root_judge(&enrol->root, 0, time(NULL), error);
	if (!code)
		code = ml_root_trust(&enrol->root, enrol->name, &trust, error);
	return code ? code : keep_root(enrol, roots->envelopes[last], error);
}

int enrol_roots(struct enrol *enrol, struct ml_error *error)
{
	const struct ml_client_request request = {
		.method = "GET", .path = "/v1/roots?after=0", .limit = ML_ROOTS_BYTES,
	};
	struct ml_client_answer answer;
	struct ml_roots roots;
	int code = ml_client_do(enrol->client, &request, &answer, error);

	if (code)
		return code;
	code = answer.json ? ml_roots_parse(answer.json, &roots, error) :
			     ml_error_set(error, -EBADMSG, "the server has no root document");
	ml_client_answer_clean(&answer);
	if (code)
		return code;
	code = walk(enrol, &roots, error);
	ml_roots_free(&roots);
	return code;
}

/* ------------------------------------------------------------------ challenge */

static int challenge(const struct enrol *enrol, struct ml_challenge *ret,
		     struct ml_error *error)
{
	json_t *body = json_object();
	const struct ml_client_request request = {
		.method = "POST", .path = "/v1/challenge", .body = body,
	};
	struct ml_client_answer answer;
	int code = ml_client_do(enrol->client, &request, &answer, error);

	json_decref(body);
	if (code)
		return code;
	code = ml_challenge_answer(answer.json, &enrol->root, ret, error);
	ml_client_answer_clean(&answer);
	return code;
}

/* ----------------------------------------------------------------------- join */

static int joining_path(const struct enrol *enrol, char ret[static ENROL_PATH],
			struct ml_error *error)
{
	return enrol_path(enrol->state_dir, ML_JOINING_FILE, ret, error);
}

/* A join that was sent before, by this key string and these keys. -ENOENT: there is none. */
static int joining_read(const struct enrol *enrol, struct ml_bytes *ret,
			struct ml_error *error)
{
	char path[ENROL_PATH], grant[65];
	struct ml_public_key one_time;
	struct ml_join join;
	uint8_t *text;
	int code = joining_path(enrol, path, error);

	if (!code)
		code = ml_file_read_guarded(path, ML_FILE_OWN, ML_DOCUMENT_MAX_BYTES, &text,
					    &ret->length, error);
	if (code)
		return code;
	ret->data = text;
	ml_secret_key_public(enrol->one_time, &one_time);
	ml_public_key_id(&one_time, grant);
	if (!ml_join_peek(*ret, &join, error) && !strcmp(join.grant, grant) &&
	    !strcmp(join.name, enrol->name) &&
	    !memcmp(join.tls_key, enrol->tls_digest, sizeof(join.tls_key)))
		return 0;
	free(text);
	return -ENOENT;
}

static int joining_make(const struct enrol *enrol, struct ml_bytes *ret,
			struct ml_error *error)
{
	struct ml_challenge asked;
	const struct ml_join_input input = {
		.challenge = &asked, .grant = enrol->one_time, .identity = enrol->identity,
		.wireguard = enrol->wireguard, .name = enrol->name,
		.tls_key = enrol->tls_digest, .time = time(NULL),
	};
	char path[ENROL_PATH];
	uint8_t *text;
	int code = joining_path(enrol, path, error);

	if (!code)
		code = challenge(enrol, &asked, error);
	if (!code)
		code = ml_join_make(&input, &text, &ret->length, error);
	if (code)
		return code;
	ret->data = text;
	/* ORDER: before it is sent; what was answered to it is found again by it alone. */
	code = ml_file_write_atomic(path, ret->data, ret->length, 0600, error);
	if (code)
		free(text);
	return code;
}

static json_t *join_body(struct ml_bytes join, const char *request)
{
	json_t *json = json_loadb((const char *)join.data, join.length, 0, NULL);

	return json_pack("{s:s, s:o}", "certificateRequest", request, "join", json);
}

/* A signer that is away for a moment has the same join again. */
static int ask_patiently(const struct enrol *enrol, const struct ml_client_request *request,
			 struct ml_client_answer *ret, struct ml_error *error)
{
	int code, i;

	for (i = 0; i < JOIN_TRIES; i++) {
		code = ml_client_do(enrol->client, request, ret, error);
		if (code != -EBUSY)
			break;
		cli_remark(enrol->cli, "%s; trying again", error->text);
		sleep(JOIN_PAUSE_S);
	}
	return code;
}

static int send_join(const struct enrol *enrol, struct ml_bytes join,
		     struct ml_client_answer *ret, struct ml_error *error)
{
	struct ml_client_request request = {
		.method = "POST", .path = "/v1/join", .timeout_ms = JOIN_MS,
	};
	json_t *body;
	char *text;
	int code = ml_tls_request(enrol->tls_key, enrol->name, &text, error);

	if (code)
		return code;
	body = join_body(join, text);
	free(text);
	if (!body)
		return ml_error_set(error, -ENOMEM, "no memory for the join");
	request.body = body;
	code = ask_patiently(enrol, &request, ret, error);
	json_decref(body);
	return code;
}

/* --------------------------------------------------------------------- answer */

static int check_answer(struct enrol *enrol, const char *node, const char *state,
			const char *certificate, struct ml_error *error)
{
	int64_t from;
	int code;

	if (strcmp(node, enrol->name))
		return ml_error_set(error, -EBADMSG, "the server calls this node '%.64s', and it "
				    "asked to be '%s'", ml_name_valid(node) ? node : "?",
				    enrol->name);
	if (strcmp(state, "active") && strcmp(state, "pending"))
		return ml_error_set(error, -EBADMSG, "the server's answer has a state that is "
				    "none");
	code = ml_tls_certificate_check(certificate, enrol->tls_key, &from, &enrol->until,
					error);
	if (code)
		return code;
	strcpy(enrol->state, state);
	enrol->certificate = strdup(certificate);
	return enrol->certificate ? 0 : ml_error_set(error, -ENOMEM, "no memory");
}

static int read_answer(struct enrol *enrol, const json_t *json, struct ml_error *error)
{
	static const char *const keys[] = { "authority", "certificate", "node", "state" };
	const char *certificate = NULL, *node = NULL, *state = NULL;
	int code = ml_strict_keys(json, "answer to the join", keys, 4, error);

	if (!code)
		code = ml_strict_string(json, "answer to the join", "certificate", &certificate,
					error);
	if (!code)
		code = ml_strict_string(json, "answer to the join", "node", &node, error);
	if (!code)
		code = ml_strict_string(json, "answer to the join", "state", &state, error);
	return code ? code : check_answer(enrol, node, state, certificate, error);
}

/*
 * A join of a run before may have come to nothing (its nonce is too old): then, and
 * only then, is another one made. One that was accepted has the answer that it had.
 */
static int ask(struct enrol *enrol, struct ml_client_answer *ret, struct ml_error *error)
{
	struct ml_bytes join;
	int code = joining_read(enrol, &join, error);

	if (!code) {
		code = send_join(enrol, join, ret, error);
		free((void *)join.data);
		if (code != -EACCES && code != -EINVAL)
			return code;
	} else if (code != -ENOENT) {
		return code;
	}
	code = joining_make(enrol, &join, error);
	if (code)
		return code;
	code = send_join(enrol, join, ret, error);
	free((void *)join.data);
	return code;
}

int enrol_join(struct enrol *enrol, struct ml_error *error)
{
	struct ml_client_answer answer;
	int code = ask(enrol, &answer, error);

	if (code)
		return code;
	code = read_answer(enrol, answer.json, error);
	ml_client_answer_clean(&answer);
	return code ? code : enrol_write_certificate(enrol, error);
}

/* --------------------------------------------------------------------- the end */

/* @text: room for ML_ADDRESSES. What DNS says now is what merlond has without DNS. */
static void add_addresses(const struct addrinfo *found, char *text)
{
	char address[INET6_ADDRSTRLEN];
	size_t count = 0;

	for (; found && count < ML_ADDRESSES; found = found->ai_next) {
		if (getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address),
				NULL, 0, NI_NUMERICHOST) || strchr(address, '%'))
			continue;
		strcat(text, count++ ? "," : "");
		strcat(text, address);
	}
}

static int resolve(const char *url, char ret[static ML_ADDRESSES_TEXT],
		   struct ml_error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const char *host = url + strlen("https://");
	char name[ML_URL_MAX + 1];
	struct addrinfo *found;
	uint8_t bytes[16];

	ret[0] = '\0';
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(host, ":/"), host);
	if (*host == '[' || inet_pton(AF_INET, name, bytes) == 1)
		return 0;
	if (!getaddrinfo(name, NULL, &hints, &found)) {
		add_addresses(found, ret);
		freeaddrinfo(found);
	}
	if (!ret[0])
		return ml_error_set(error, -EHOSTUNREACH, "DNS has just lost the addresses of "
				    "'%s': try again", name);
	return 0;
}

int enrol_finish(struct enrol *enrol, struct ml_error *error)
{
	struct ml_enrolment *enrolment = &enrol->enrolment;
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_ENROLLED_FILE, path, error);

	if (code)
		return code;
	strcpy(enrolment->network, enrol->root.network);
	strcpy(enrolment->node, enrol->name);
	strcpy(enrolment->url, enrol->key->url);
	memcpy(enrolment->server_key, enrol->key->server_digest, 32);
	code = resolve(enrol->key->url, enrolment->addresses, error);
	if (!code)
		code = ml_enrolment_write(path, enrolment, error);
	if (!code && !joining_path(enrol, path, NULL))
		unlink(path);
	return code;
}
