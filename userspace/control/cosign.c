// SPDX-License-Identifier: MIT
#include "cosign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "audit_check.h"
#include "audit_log.h"
#include "config.h"
#include "server.h"
#include "server_private.h"
#include "signer_client.h"
#include "strict.h"

#define WHAT		"the signer's answer"
#define PATIENCE	5	/* seconds: the log must be written meanwhile, too */

struct cosigning {
	struct server *server;
	const struct ml_note_key *log;
	struct signer_client *signer;
	struct cosigned_said said;
	int64_t next;		/* CLOCK_MONOTONIC, seconds */
	bool begun, told;
};

int cosigning_new(struct server *server, const struct ml_note_key *log, struct cosigning **ret,
		  struct ml_error *error)
{
	struct cosigning *cosigning = calloc(1, sizeof(*cosigning));
	int r;

	if (!cosigning)
		return ml_error_set(error, -ENOMEM, "out of memory");
	cosigning->server = server;
	cosigning->log = log;
	r = signer_client_new(server_config(server)->signer_socket, &cosigning->signer, error);
	if (r)
		cosigning_free(cosigning);
	else
		*ret = cosigning;
	return r;
}

void cosigning_free(struct cosigning *cosigning)
{
	if (!cosigning)
		return;
	signer_client_free(cosigning->signer);
	free(cosigning);
}

static int64_t monotonic(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* ------------------------------------------------------------------- asking */

/* Of the keys that the root names for signing, the one that is at work. */
static int cosigner_find(struct cosigning *cosigning, const char *id, struct ml_note_key *ret,
			 struct ml_error *error)
{
	const struct ml_role_keys *role;
	char name[ML_NOTE_NAME + 1], text[65];
	struct ml_root root;
	int r = server_root(cosigning->server, &root, error);

	if (r)
		return r;
	role = &root.roles[ML_ROLE_SIGNING];
	snprintf(name, sizeof(name), "merlon/%s/signer", server_network(cosigning->server));
	for (size_t i = 0; i < role->count; i++) {
		ml_public_key_id(&role->keys[i], text);
		if (!strcmp(text, id))
			return ml_note_key_init(name, ML_NOTE_COSIGNATURE, &role->keys[i], ret, error);
	}
	return ml_error_set(error, -EKEYREJECTED, "the signer's key is none that the root names");
}

/* Which key it has, and up to where it has seen the log. */
static int status_get(struct cosigning *cosigning, struct ml_note_key *ret, int64_t *ret_seen,
		      struct ml_error *error)
{
	const char *id;
	json_t *answer;
	int r = signer_client_ask(cosigning->signer, json_pack("{s:s}", "request", "status"),
				  (struct ml_bytes){ NULL, 0 }, PATIENCE, &answer, NULL, NULL,
				  error);

	if (r)
		return r;
	r = ml_strict_number(answer, WHAT, "cosigned", 0, INT64_MAX, ret_seen, error);
	if (!r)
		r = ml_strict_string(answer, WHAT, "key", &id, error);
	if (!r)
		r = cosigner_find(cosigning, id, ret, error);
	json_decref(answer);
	return r;
}

static int line_get(struct cosigning *cosigning, const char *request, json_t **ret,
		    struct ml_error *error)
{
	char key[ML_NOTE_KEY_TEXT];

	ml_note_key_format(cosigning->log, key);
	return signer_client_ask(cosigning->signer,
				 json_pack("{s:s, s:s}", "key", key, "request", "cosign"),
				 (struct ml_bytes){ (const uint8_t *)request, strlen(request) },
				 PATIENCE, ret, NULL, NULL, error);
}

static int line_take(struct cosigning *cosigning, struct audit_log *log,
		     const struct ml_note_key *cosigner, const json_t *answer,
		     struct ml_error *error)
{
	const char *line;
	int r = ml_strict_string(answer, WHAT, "line", &line, error);

	if (!r)
		r = audit_log_cosigned(log, cosigner, line, error);
	if (r)
		return r;
	cosigning->said.size = audit_log_size(log);
	cosigning->said.time = time(NULL);
	ml_note_key_format(cosigner, cosigning->said.key);
	return 0;
}

static int shorter(const struct audit_log *log, int64_t seen, struct ml_error *error)
{
	return ml_error_set(error, -ESTALE, "the log has %llu entries, and the signer has cosigned %lld: the server was put back; find the missing ones, or run merlon-signer --forget-log (docs/operations.md)",
			    (unsigned long long)audit_log_size(log), (long long)seen);
}

static int cosign(struct cosigning *cosigning, struct audit_log *log, struct ml_error *error)
{
	struct ml_note_key cosigner;
	json_t *answer;
	int64_t seen;
	char *request;
	int r = status_get(cosigning, &cosigner, &seen, error);

	if (!r && (uint64_t)seen > audit_log_size(log))
		r = shorter(log, seen, error);
	if (!r)
		r = audit_log_request(log, (uint64_t)seen, &request, error);
	if (r)
		return r;
	r = line_get(cosigning, request, &answer, error);
	free(request);
	if (r)
		return r;
	r = line_take(cosigning, log, &cosigner, answer, error);
	json_decref(answer);
	return r;
}

/* ------------------------------------------------------------------ when, and what of it */

static void begin(struct cosigning *cosigning, const char *directory)
{
	struct ml_audit_head head;

	cosigning->begun = true;
	if (!ml_audit_head_read(directory, cosigning->log, NULL, &head, NULL) && head.has_cosigned)
		cosigning->said.size = head.cosigned.size;
}

/* Told once. That the signer is not there, the one who asks for generations tells. */
static void tell(struct cosigning *cosigning, int r, const struct ml_error *error)
{
	snprintf(cosigning->said.why, sizeof(cosigning->said.why), "%s", r ? error->text : "");
	server_set_cosigned(cosigning->server, &cosigning->said);
	if (r && r != -EHOSTDOWN && !cosigning->told)
		server_log(LOG_ERR, "cosign", "%s", error->text);
	cosigning->told = r && r != -EHOSTDOWN;
}

void cosigning_tick(struct cosigning *cosigning, struct audit_log *log, const char *directory)
{
	struct ml_error error = { .text = "" };
	int r;

	if (!cosigning->begun)
		begin(cosigning, directory);
	if (monotonic() < cosigning->next)
		return;
	if (cosigning->said.time && audit_log_size(log) == cosigning->said.size)
		return;
	r = cosign(cosigning, log, &error);
	cosigning->next = monotonic() + (r ? COSIGN_AGAIN : COSIGN_SECONDS);
	tell(cosigning, r, &error);
}
