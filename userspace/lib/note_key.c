// SPDX-License-Identifier: MIT
/* Names, ids and text of the keys that sign notes. */
#include "note.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base64.h"

#define KEY_BYTES	33	/* the type's byte, and the key */

/* Names are shown to people and stand in log lines: printable ASCII alone. */
static bool name_is_good(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == ML_NOTE_NAME || name[i] <= ' ' || name[i] > '~' || name[i] == '+')
			return false;
	return i > 0;
}

static uint32_t key_id(const char *name, const uint8_t bytes[static KEY_BYTES])
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	uint32_t id;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)name, strlen(name));
	crypto_hash_sha256_update(&state, (const uint8_t *)"\n", 1);
	crypto_hash_sha256_update(&state, bytes, KEY_BYTES);
	crypto_hash_sha256_final(&state, digest);
	memcpy(&id, digest, sizeof(id));
	return be32toh(id);
}

static void key_bytes(enum ml_note_type type, const struct ml_public_key *public,
		      uint8_t ret[static KEY_BYTES])
{
	ret[0] = (uint8_t)type;
	memcpy(ret + 1, public->key, sizeof(public->key));
}

int ml_note_key_init(const char *name, enum ml_note_type type,
		     const struct ml_public_key *public, struct ml_note_key *ret,
		     struct ml_error *error)
{
	uint8_t bytes[KEY_BYTES];

	if (!name_is_good(name))
		return ml_error_set(error, -EINVAL,
				    "the name of a note's key has 1 to %d printable ASCII characters, no space and no '+': as \"merlon.example.net/audit\"",
				    ML_NOTE_NAME);
	key_bytes(type, public, bytes);
	memset(ret, 0, sizeof(*ret));
	strcpy(ret->name, name);
	ret->type = type;
	ret->public = *public;
	ret->id = key_id(name, bytes);
	return 0;
}

static int not_a_key(struct ml_error *error, const char *why)
{
	return ml_error_set(error, -EINVAL,
			    "not a key for signed notes (NAME+ID+KEY, as \"merlon.example.net/audit+0123abcd+Aa…\"): %s",
			    why);
}

static bool parse_bytes(const char *text, enum ml_note_type *ret_type,
			struct ml_public_key *ret)
{
	uint8_t bytes[KEY_BYTES];
	size_t length;

	if (!ml_base64_decode(text, strlen(text), bytes, sizeof(bytes), &length) || length != sizeof(bytes) ||
	    (bytes[0] != ML_NOTE_ED25519 && bytes[0] != ML_NOTE_COSIGNATURE) ||
	    !crypto_core_ed25519_is_valid_point(bytes + 1))
		return false;
	*ret_type = bytes[0];
	memcpy(ret->key, bytes + 1, sizeof(ret->key));
	return true;
}

int ml_note_key_parse(const char *text, struct ml_note_key *ret, struct ml_error *error)
{
	const char *id = strchr(text, '+'), *bytes = id ? strchr(id + 1, '+') : NULL;
	char name[ML_NOTE_NAME + 1] = "", hex[9];
	struct ml_public_key public;
	struct ml_note_key key;
	enum ml_note_type type;
	int r;

	if (!bytes || id - text > ML_NOTE_NAME)
		return not_a_key(error, "two plus signs stand in it, the first behind a short name");
	if (!parse_bytes(bytes + 1, &type, &public))
		return not_a_key(error, "its last part is not the base64 of an Ed25519 key of type 1 or 4");
	memcpy(name, text, (size_t)(id - text));
	r = ml_note_key_init(name, type, &public, &key, error);
	if (r)
		return r;
	snprintf(hex, sizeof(hex), "%08" PRIx32, key.id);
	if (bytes - id - 1 != 8 || memcmp(hex, id + 1, 8) != 0)
		return not_a_key(error, "its id is not that of its name and key: torn or altered, copy it again");
	*ret = key;
	return 0;
}

void ml_note_key_format(const struct ml_note_key *key, char ret[static ML_NOTE_KEY_TEXT])
{
	uint8_t bytes[KEY_BYTES];
	char text[64];

	key_bytes(key->type, &key->public, bytes);
	sodium_bin2base64(text, sizeof(text), bytes, sizeof(bytes),
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(ret, ML_NOTE_KEY_TEXT, "%s+%08" PRIx32 "+%s", key->name, key->id, text);
}
