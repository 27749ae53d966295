// SPDX-License-Identifier: MIT
/*
 * What apply has of being enrolled: the root documents, which say whose statements
 * count, and the identity key, which signs for a certificate. The unprivileged half
 * brings and asks; neither file is in its reach.
 */
#include "apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "rotation.h"
#include "store.h"
#include "strict.h"

void enrolled_check(const struct agent *agent)
{
	struct ml_secret_key *identity;
	struct ml_error error;

	if (!agent->enrolled)
		return;
	if (ml_secret_key_read(ML_IDENTITY_FILE, NULL, &identity, &error))
		die("the identity key: %s", error.text);
	ml_secret_key_free(identity);
}

/* ---------------------------------------------------------------------- roots */

/* ORDER: on disk first. What was trusted once is trusted after a reboot. */
static int advance(struct apply *apply, const struct ml_roots *roots, struct ml_error *error)
{
	struct agent *agent = apply->agent;
	struct ml_trust trust;
	struct ml_root root;
	int code = ml_root_chain(&agent->root, roots->envelopes, roots->count, &root, error);

	if (!code)
		code = ml_root_trust(&root, agent->enrolment.node, &trust, error);
	if (!code)
		code = store_try_write(ML_ROOT_FILE, roots->envelopes[roots->count - 1], error);
	if (code)
		return code;
	agent->root = root;
	agent->trust = trust;
	log_line(LOG_NOTICE, "root", "root %ju of network '%s' is in force: epoch %ju, %zu "
		 "key(s) sign", (uintmax_t)root.version, root.network, (uintmax_t)root.epoch,
		 trust.key_count);
	return 0;
}

static int take(struct apply *apply, struct ml_bytes text, struct ml_error *error)
{
	struct ml_roots roots;
	json_t *json;
	int code = ml_strict_load(text.data, text.length, "roots", &json, error);

	if (code)
		return code;
	code = ml_roots_parse(json, &roots, error);
	json_decref(json);
	if (code)
		return code;
	if (roots.count)
		code = advance(apply, &roots, error);
	ml_roots_free(&roots);
	return code;
}

int enrolled_roots(struct apply *apply, struct ml_bytes text, struct ml_error *error)
{
	struct message_log fields;
	int code;

	if (!apply->agent->enrolled)
		die("sync brought roots to a node that is not enrolled");
	code = text.length > ML_ROOTS_BYTES ?
	       ml_error_set(error, -E2BIG, "roots: more than %u bytes", ML_ROOTS_BYTES) :
	       take(apply, text, error);
	fields = (struct message_log){ .code = code };
	if (code)
		log_fields(LOG_WARNING, &fields, "refused", "root documents were refused: %s",
			   error->text);
	return code;
}

/* ------------------------------------------------------------------- statements */

int enrolled_judge(const struct apply *apply, const struct ml_statement *statement,
		   struct ml_error *error)
{
	const struct agent *agent = apply->agent;
	int code;

	if (!agent->enrolled)
		return 0;
	code = ml_root_judge(&agent->root, apply->watermark.floor, time(NULL), error);
	if (!code)
		code = ml_root_check_epoch(&agent->root, statement->epoch, error);
	/* -ENOENT means something else to whoever asks: the root it wants is not here. */
	return code == -ENOENT ? -EKEYREJECTED : code;
}

/* ---------------------------------------------------------------------- renewal */

/* The file is read each time: `merlon rotate` may have put another key there. */
static int sign(const struct apply *apply, const struct message_signing *what, uint8_t **ret,
		size_t *ret_length, struct ml_error *error)
{
	const struct agent *agent = apply->agent;
	struct ml_challenge challenge = {
		.signer = agent->root.roles[ML_ROLE_SIGNING].keys[0], .time = time(NULL),
	};
	struct ml_secret_key *identity;
	int code = ml_secret_key_read(ML_IDENTITY_FILE, NULL, &identity, error);

	if (code)
		return code;
	strcpy(challenge.network, agent->root.network);
	memcpy(challenge.nonce, what->nonce, sizeof(challenge.nonce));
	code = ml_renewal_make(&challenge, agent->enrolment.node, identity, what->tls_key,
			       time(NULL), ret, ret_length, error);
	ml_secret_key_free(identity);
	return code;
}

int enrolled_sign(const struct apply *apply, const struct message_signing *what,
		  char ret[static MESSAGE_SIGNED], struct ml_error *error)
{
	uint8_t *envelope;
	size_t length;
	int code;

	if (!apply->agent->enrolled)
		die("sync asked a node that is not enrolled for a signature");
	code = sign(apply, what, &envelope, &length, error);
	if (code)
		return code;
	if (length >= MESSAGE_SIGNED)
		die("a renewal has %zu bytes", length);
	memcpy(ret, envelope, length);
	ret[length] = '\0';
	free(envelope);
	return 0;
}
