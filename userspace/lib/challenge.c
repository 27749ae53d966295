// SPDX-License-Identifier: MIT
#include "challenge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "document.h"
#include "strict.h"

#define CHALLENGE_MAX_BYTES 1024

static const char *const challenge_keys[] = { "network", "nonce", "signer", "time" };

static const struct ml_document_kind challenge_kind = { .what = "challenge" };

int ml_challenge_format(const struct ml_challenge *challenge, char **ret, size_t *ret_length,
			struct ml_error *error)
{
	char nonce[sodium_base64_ENCODED_LEN(ML_NONCE_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	char signer[65], *text = NULL;
	json_t *json;

	if (!ml_name_valid(challenge->network))
		return ml_error_set(error, -EINVAL, "network \"%.64s\": " ML_NAME_RULE,
				    challenge->network);
	if (challenge->time < 0 || challenge->time > ML_DATE_MAX)
		return ml_error_set(error, -EINVAL, "challenge: time is outside of 1970 to 9999");
	sodium_bin2base64(nonce, sizeof(nonce), challenge->nonce, sizeof(challenge->nonce),
			  sodium_base64_VARIANT_ORIGINAL);
	ml_public_key_id(&challenge->signer, signer);
	json = json_pack("{s:s, s:s, s:s, s:I}", "network", challenge->network, "nonce", nonce,
			 "signer", signer, "time", (json_int_t)challenge->time);
	if (json)
		text = ml_strict_dump(json, ret_length);
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "challenge: out of memory");
	*ret = text;
	return 0;
}

/* The key itself comes from the root: a server cannot name one of its own. */
static int challenge_find_signer(const json_t *json, const struct ml_root *root,
				 struct ml_public_key *ret, struct ml_error *error)
{
	const struct ml_public_key *key;
	const char *id = "";
	int r;

	r = ml_strict_string(json, "challenge", "signer", &id, error);
	if (r)
		return r;
	key = ml_root_find_key(root, ML_ROLE_SIGNING, id);
	if (!key)
		return ml_error_set(error, -EKEYREJECTED,
				    "challenge: names a signer that is none of version %llu of the root document: fetch the newest root document",
				    (unsigned long long)root->version);
	*ret = *key;
	return 0;
}

static int challenge_parse(const json_t *json, const struct ml_root *root,
			   struct ml_challenge *ret, struct ml_error *error)
{
	int r;

	r = ml_strict_keys(json, "challenge", challenge_keys, 4, error);
	if (!r)
		r = ml_strict_name(json, "challenge", "network", ret->network, error);
	if (!r)
		r = ml_document_check_network(&challenge_kind, ret->network, root->network,
					      error);
	if (!r)
		r = ml_strict_base64(json, "challenge", "nonce", ret->nonce,
				     sizeof(ret->nonce), error);
	if (!r)
		r = ml_strict_number(json, "challenge", "time", 0, ML_DATE_MAX, &ret->time,
				     error);
	if (!r)
		r = challenge_find_signer(json, root, &ret->signer, error);
	return r;
}

int ml_challenge_parse(struct ml_bytes text, const struct ml_root *root,
		       struct ml_challenge *ret, struct ml_error *error)
{
	struct ml_challenge challenge = { 0 };
	json_t *json;
	int r;

	if (text.length > CHALLENGE_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "challenge: has more than %d bytes",
				    CHALLENGE_MAX_BYTES);
	r = ml_strict_load(text.data, text.length, "challenge", &json, error);
	if (r)
		return r;
	r = challenge_parse(json, root, &challenge, error);
	json_decref(json);
	if (!r)
		*ret = challenge;
	return r;
}

int ml_challenge_answer(const json_t *answer, const struct ml_root *root,
			struct ml_challenge *ret, struct ml_error *error)
{
	static const char *const keys[] = { "challenge" };
	struct ml_bytes text;
	json_t *object;
	char *dumped;
	int r;

	r = ml_strict_keys(answer, "answer", keys, 1, error);
	if (!r)
		r = ml_strict_object(answer, "answer", "challenge", &object, error);
	if (r)
		return r;
	dumped = ml_strict_dump(object, &text.length);
	if (!dumped)
		return ml_error_set(error, -ENOMEM, "challenge: out of memory");
	text.data = (uint8_t *)dumped;
	r = ml_challenge_parse(text, root, ret, error);
	free(dumped);
	return r;
}

int ml_fresh_check(const struct ml_fresh *fresh, const char *what,
		   const uint8_t nonce[static ML_NONCE_BYTES], int64_t time,
		   struct ml_error *error)
{
	char at[ML_DATE_TEXT], is[ML_DATE_TEXT];

	if (fresh->nonce && sodium_memcmp(fresh->nonce, nonce, ML_NONCE_BYTES))
		return ml_error_set(error, -EKEYREJECTED,
				    "%s: answers another challenge than this server's: ask for one and try again",
				    what);
	if (!fresh->synchronised ||
	    (time >= fresh->now - fresh->skew && time <= fresh->now + fresh->skew))
		return 0;
	return ml_error_set(error, -ETIME,
			    "%s: was made at %s, and it is %s here: set the clock of the machine that asks",
			    what, ml_date_format(time, at), ml_date_format(fresh->now, is));
}
