/* SPDX-License-Identifier: MIT */
/*
 * What a server says before a node asks for something: a nonce, which the answer
 * must hold, so that it is fresh; and which signer will open its proof. Plain
 * canonical JSON, signed by nobody: it is only ever a question.
 *
 *   {"network":"…","nonce":"BASE64","signer":"keyid","time":T}
 */
#ifndef ML_CHALLENGE_H
#define ML_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bundle.h"
#include "error.h"
#include "keys.h"
#include "root.h"

#define ML_NONCE_BYTES	32
#define ML_SKEW		90	/* seconds between two clocks that are right */

struct ml_challenge {
	char network[ML_NAME_MAX + 1];
	uint8_t nonce[ML_NONCE_BYTES];	/* random */
	struct ml_public_key signer;	/* of the root's role `signing` */
	int64_t time;			/* the server's, Unix seconds; for the error alone */
};

/* @ret: malloc()ed text. -EINVAL, -ENOMEM */
int ml_challenge_format(const struct ml_challenge *challenge, char **ret, size_t *ret_length,
			struct ml_error *error);

/**
 * ml_challenge_parse - by @root, which the node trusts already
 *
 * Return: 0; -EKEYREJECTED: no signer of @root; -EXDEV: another network; -EBADMSG;
 * -E2BIG: over 1 KiB; -ENOMEM.
 */
int ml_challenge_parse(struct ml_bytes text, const struct ml_root *root,
		       struct ml_challenge *ret, struct ml_error *error);

/* The same of the answer that a server gave, {"challenge":{…}}. */
int ml_challenge_answer(const json_t *answer, const struct ml_root *root,
			struct ml_challenge *ret, struct ml_error *error);

/* How fresh an answer must be. */
struct ml_fresh {
	const uint8_t *nonce;	/* ML_NONCE_BYTES that were asked for; NULL: not judged */
	bool synchronised;	/* is this machine's clock? Only then is the time judged */
	int64_t now;		/* system clock, Unix seconds */
	int64_t skew;		/* seconds: ML_SKEW */
};

/* @what is the answer, for the error. -EKEYREJECTED: another nonce; -ETIME: the clocks differ */
int ml_fresh_check(const struct ml_fresh *fresh, const char *what,
		   const uint8_t nonce[static ML_NONCE_BYTES], int64_t time,
		   struct ml_error *error);

#endif
