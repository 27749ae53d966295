// SPDX-License-Identifier: MIT
/*
 * rotate: other keys for a node that is in. The identity key is another as soon as the
 * server has said yes; the WireGuard key when merlond has a generation that knows the
 * new one, because until then no peer does.
 *
 * ORDER: keys, rotation, request, identity key. Each step leaves a whole file or none.
 * What was sent is sent again until it is answered: the signer gives one rotation one
 * answer, and from its answer on only the new identity key is good for anything.
 */
#include "enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "commands.h"
#include "daemon.h"
#include "document.h"
#include "file.h"
#include "locked.h"
#include "rotation.h"
#include "wireguard_set.h"

#define ROTATE_MS	60000u	/* the signer has its say, too */

struct rotate {
	struct enrol enrol;
	char identity_next[ENROL_PATH], identity[ENROL_PATH];
	char wireguard_next[ENROL_PATH], rotating[ENROL_PATH], rotated[ENROL_PATH];
	struct ml_bytes envelope;	/* malloc()ed */
	struct ml_rotation rotation;	/* what it says */
};

/* ---------------------------------------------------------------------- files */

static int paths(struct rotate *rotate, struct ml_error *error)
{
	const struct { const char *name; char *path; } files[] = {
		{ ML_IDENTITY_FILE, rotate->identity },
		{ ML_IDENTITY_NEXT_FILE, rotate->identity_next },
		{ ML_WIREGUARD_NEXT_FILE, rotate->wireguard_next },
		{ ML_ROTATING_FILE, rotate->rotating }, { ML_ROTATED_FILE, rotate->rotated },
	};
	int code = 0;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]) && !code; i++)
		code = enrol_path(rotate->enrol.state_dir, files[i].name, files[i].path, error);
	return code;
}

static int sync_directory(const struct rotate *rotate, struct ml_error *error)
{
	int fd = open(rotate->enrol.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = 0;

	if (fd < 0 || fsync(fd))
		code = ml_error_set(error, -errno, "cannot sync '%s': %s",
				    rotate->enrol.state_dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

/* Absent is well. */
static int move(const char *from, const char *to, struct ml_error *error)
{
	if (rename(from, to) && errno != ENOENT)
		return ml_error_set(error, -errno, "cannot rename '%s' to '%s': %s", from, to,
				    strerror(errno));
	return 0;
}

static int discard(const char *path, struct ml_error *error)
{
	if (unlink(path) && errno != ENOENT)
		return ml_error_set(error, -errno, "cannot remove '%s': %s", path,
				    strerror(errno));
	return 0;
}

/* A rotation that was made before. -ENOENT: there is none. */
static int read_rotation(const char *path, struct ml_bytes *ret, struct ml_rotation *ret_says,
			 struct ml_error *error)
{
	uint8_t *text;
	int code = ml_file_read_guarded(path, ML_FILE_OWN, ML_DOCUMENT_MAX_BYTES, &text,
					&ret->length, error);

	if (code)
		return code;
	ret->data = text;
	code = ml_rotation_peek(*ret, ret_says, error);
	if (code)
		free(text);
	return code;
}

static int read_node(struct rotate *rotate, struct ml_error *error)
{
	struct enrol *enrol = &rotate->enrol;
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_ENROLLED_FILE, path, error);

	if (!code)
		code = ml_enrolment_read(path, &enrol->enrolment, error);
	if (code == -ENOENT)
		return ml_error_set(error, code, "this machine is not enrolled: there is no '%s'",
				    path);
	if (!code)
		code = enrol_lock(enrol, error);
	if (!code)
		code = enrol_path(enrol->state_dir, ML_ROOT_FILE, path, error);
	if (!code)
		code = ml_root_read(path, &enrol->root, error);
	return code ? code : paths(rotate, error);
}

/* ----------------------------------------------------------------------- keys */

/* A WireGuard key that the server has, and no generation yet, is the one to come. */
static int nothing_waits(const struct rotate *rotate, const struct ml_rotation *last,
			 struct ml_error *error)
{
	uint8_t *key, public[32];
	int code = ml_wireguard_key_read(rotate->wireguard_next, &key, error);

	if (code)
		return code == -ENOENT ? 0 : code;
	ml_wireguard_key_public(key, public);
	ml_locked_free(key);
	if (memcmp(public, last->wireguard, sizeof(public)))
		return 0;
	return ml_error_set(error, -EBUSY, "the WireGuard key of the last rotation waits for "
			    "a generation that has it: see 'merlon status', and the journal of "
			    "merlond");
}

/* What a run before left of keys that were never sent goes. */
static int make_keys(struct rotate *rotate, struct ml_secret_key **ret_next,
		     struct ml_error *error)
{
	int code = discard(rotate->identity_next, error);

	if (!code)
		code = discard(rotate->wireguard_next, error);
	if (!code)
		code = ml_secret_key_generate(ret_next, error);
	if (!code)
		code = ml_secret_key_write(rotate->identity_next, *ret_next, NULL, error);
	if (!code)
		code = ml_wireguard_key_make(rotate->wireguard_next, error);
	return code ? code : ml_wireguard_key_read(rotate->wireguard_next,
						   &rotate->enrol.wireguard, error);
}

/* Rises also where what was sent last is not known any more. */
static uint64_t counter_after(const struct ml_rotation *last)
{
	time_t now = time(NULL);

	return now > 0 && (uint64_t)now > last->counter ? (uint64_t)now : last->counter + 1;
}

static int sign(struct rotate *rotate, const struct ml_rotation *last, struct ml_error *error)
{
	struct enrol *enrol = &rotate->enrol;
	struct ml_rotation_input input = {
		.network = enrol->enrolment.network, .node = enrol->enrolment.node,
		.counter = counter_after(last),
		.signer = &enrol->root.roles[ML_ROLE_SIGNING].keys[0],
	};
	struct ml_secret_key *next = NULL;
	uint8_t *text = NULL;
	int code = ml_secret_key_read(rotate->identity, NULL, &enrol->identity, error);

	if (!code)
		code = make_keys(rotate, &next, error);
	input.identity = enrol->identity;
	input.next = next;
	input.wireguard = enrol->wireguard;
	if (!code)
		code = ml_rotation_make(&input, &text, &rotate->envelope.length, error);
	ml_secret_key_free(next);
	rotate->envelope.data = text;
	if (!code)
		code = ml_rotation_peek(rotate->envelope, &rotate->rotation, error);
	/* ORDER: before it is sent; afterwards there must be no other. */
	return code ? code : ml_file_write_atomic(rotate->rotating, rotate->envelope.data,
						  rotate->envelope.length, 0600, error);
}

/* The one under way, or another. */
static int prepare(struct rotate *rotate, struct ml_error *error)
{
	struct ml_rotation last = { .counter = 0 };
	struct ml_bytes kept;
	int code = read_rotation(rotate->rotating, &rotate->envelope, &rotate->rotation, error);

	if (code != -ENOENT)
		return code;
	code = read_rotation(rotate->rotated, &kept, &last, error);
	if (!code)
		free((void *)kept.data);
	else if (code != -ENOENT)
		return code;
	code = nothing_waits(rotate, &last, error);
	return code ? code : sign(rotate, &last, error);
}

/* --------------------------------------------------------------------- server */

static int connect_as_node(struct enrol *enrol, struct ml_error *error)
{
	const struct ml_enrolment *enrolment = &enrol->enrolment;
	struct ml_client_options options = {
		.url = enrolment->url, .pin = enrolment->server_key,
		.addresses = enrolment->addresses[0] ? enrolment->addresses : NULL,
	};
	int code = enrol_read_tls(enrol, error);

	if (!code)
		code = ml_client_setup(error);
	options.certificate = enrol->certificate;
	options.key = enrol->tls_key;
	return code ? code : ml_client_new(&options, &enrol->client, error);
}

static int ask_server(struct rotate *rotate, struct ml_error *error)
{
	struct ml_client_request request = {
		.method = "POST", .path = "/v1/rotate", .timeout_ms = ROTATE_MS,
	};
	struct ml_client_answer answer;
	json_t *body = json_pack("{s:o}", "rotation",
				 json_loadb((const char *)rotate->envelope.data,
					    rotate->envelope.length, 0, NULL));
	int code = -ENOMEM;

	if (!body)
		return ml_error_set(error, code, "no memory for the rotation");
	request.body = body;
	code = ml_client_do(rotate->enrol.client, &request, &answer, error);
	json_decref(body);
	if (!code)
		ml_client_answer_clean(&answer);
	return code;
}

/* ORDER: the identity key, then what says that it is so. */
static int finish(struct rotate *rotate, struct ml_error *error)
{
	int code = move(rotate->identity_next, rotate->identity, error);

	if (!code)
		code = sync_directory(rotate, error);
	if (!code)
		code = move(rotate->rotating, rotate->rotated, error);
	return code ? code : sync_directory(rotate, error);
}

/* -------------------------------------------------------------------- command */

/*
 * What was sent is forgotten; if the server took it all the same, this node is out. ORDER:
 * the rotation first: it must not be sent again without its keys.
 */
static int give_up(const struct rotate *rotate, struct ml_error *error)
{
	int code;

	if (access(rotate->rotating, F_OK))
		return ml_error_set(error, -ENOENT, "no rotation waits for the server's answer");
	code = discard(rotate->rotating, error);
	if (!code)
		code = discard(rotate->identity_next, error);
	if (!code)
		code = discard(rotate->wireguard_next, error);
	return code ? code : sync_directory(rotate, error);
}

static int do_all(struct rotate *rotate, struct ml_error *error)
{
	int code = enrol_begin(&rotate->enrol, error);

	if (!code)
		code = read_node(rotate, error);
	if (!code && cli_option(rotate->enrol.cli, "give-up"))
		return give_up(rotate, error);
	if (!code)
		code = connect_as_node(&rotate->enrol, error);
	if (!code)
		code = prepare(rotate, error);
	if (!code)
		code = ask_server(rotate, error);
	return code ? code : finish(rotate, error);
}

static void answer(const struct rotate *rotate)
{
	struct ml_output *out = rotate->enrol.cli->output;
	char key[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
	char id[65];

	ml_public_key_id(&rotate->rotation.identity, id);
	sodium_bin2base64(key, sizeof(key), rotate->rotation.wireguard, 32,
			  sodium_base64_VARIANT_ORIGINAL);
	ml_output_field(out, "node", json_string(rotate->rotation.node), "node", ML_STRONG, "%s",
			rotate->rotation.node);
	ml_output_field(out, "counter", json_integer((json_int_t)rotate->rotation.counter),
			"rotation", ML_PLAIN, "%ju", (uintmax_t)rotate->rotation.counter);
	ml_output_field(out, "identity", json_string(id), "identity key", ML_PLAIN, "%s", id);
	ml_output_field(out, "publicKey", json_string(key), "WireGuard key", ML_PLAIN,
			"%s, with the next generation", key);
}

static int rotate_run(struct cli *cli)
{
	struct rotate rotate = { .enrol.cli = cli };
	struct ml_error error;
	int code = do_all(&rotate, &error);

	if (!code && rotate.envelope.data)
		answer(&rotate);
	enrol_end(&rotate.enrol);
	free((void *)rotate.envelope.data);
	if (code == -EACCES || code == -EKEYREJECTED || code == -ENOENT || code == -EBUSY)
		return cli_refuse(cli, &error);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static const struct cli_option rotate_options[] = {
	{ "give-up", 0, NULL, "forget the keys of a rotation that the server refuses" },
	{ "state-dir", 0, "DIR", "merlond's (default: " ML_DAEMON_STATE_DIR ")" },
	{ "inbox", 0, "DIR", "merlond's (default: " ML_DAEMON_INBOX ")" },
	{ "user", 0, "NAME", "who merlond's unprivileged half is (default: " ML_DAEMON_USER ")" },
	{ 0 },
};

const struct cli_command cli_rotate = {
	.name = "rotate", .operands = "",
	.summary = "give this node another identity key and another WireGuard key",
	.notes = "Killed or cut off on its way, it can be run again: what was sent is sent again.",
	.options = rotate_options,
	.run = rotate_run,
};
