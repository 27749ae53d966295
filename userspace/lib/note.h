/* SPDX-License-Identifier: MIT */
/*
 * Signed notes (c2sp.org/signed-note): a text, an empty line, and signatures of
 * one line each:
 *
 *	— NAME base64(key id ‖ signature)
 *
 * The text ends with a newline and is what is signed. Key ids are the first four
 * bytes, big-endian, of SHA-256(NAME ‖ 0x0a ‖ type ‖ public key). Types here:
 * Ed25519 (0x01), 64 bytes over the text; and Ed25519 cosignatures with a time
 * (0x04, c2sp.org/tlog-cosignature "cosignature/v1"): 8 bytes of Unix seconds,
 * big-endian, and 64 bytes over "cosignature/v1\ntime SECONDS\n" ‖ text.
 *
 * Nothing of a note may be looked at before a key that is known has signed it.
 */
#ifndef ML_NOTE_H
#define ML_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "error.h"
#include "keys.h"

#define ML_NOTE_MAX		(64u << 10)	/* bytes of a note */
#define ML_NOTE_SIGNATURES	16
#define ML_NOTE_NAME		128	/* bytes of a key's name, without NUL */
#define ML_NOTE_KEY_TEXT	(ML_NOTE_NAME + 80)

enum ml_note_type {
	ML_NOTE_ED25519 = 0x01,
	ML_NOTE_COSIGNATURE = 0x04,
};

/* A key whose signatures are believed; from ml_note_key_init() or _parse(). */
struct ml_note_key {
	char name[ML_NOTE_NAME + 1];
	enum ml_note_type type;
	uint32_t id;
	struct ml_public_key public;
};

/**
 * ml_note_key_init - a key's name and type, and the id that follows from them
 * @name: 1 to ML_NOTE_NAME bytes of printable ASCII without space and '+'; a URL
 *	without its scheme is usual: "merlon.example.net/audit"
 *
 * Return: 0; -EINVAL: not such a name.
 */
int ml_note_key_init(const char *name, enum ml_note_type type,
		     const struct ml_public_key *public, struct ml_note_key *ret,
		     struct ml_error *error);

/*
 * Text form ("vkey"): NAME+ID+KEY, ID in 8 lower-case hex digits, KEY the base64
 * of the type's byte and the 32 bytes of the public key. -EINVAL: not that, or
 * the id is not the key's.
 */
int ml_note_key_parse(const char *text, struct ml_note_key *ret, struct ml_error *error);
void ml_note_key_format(const struct ml_note_key *key, char ret[static ML_NOTE_KEY_TEXT]);

struct ml_note_signature {
	struct ml_bytes name;	/* into the note */
	uint32_t id;
	size_t length;		/* of what is behind the id */
	uint8_t bytes[72];	/* the first of it: an unknown key's may be longer */
};

/* A note that was split; it points into the bytes that it was parsed from. */
struct ml_note {
	struct ml_bytes text;	/* with its last newline */
	size_t count;
	struct ml_note_signature signatures[ML_NOTE_SIGNATURES];
};

/**
 * ml_note_parse - split a note; nobody has signed it yet
 *
 * Refuses, beyond what the format forbids, base64 that is not in its one form.
 * Return: 0; -E2BIG: longer than ML_NOTE_MAX, or too many signatures; -EBADMSG.
 */
int ml_note_parse(struct ml_bytes bytes, struct ml_note *ret, struct ml_error *error);

/**
 * ml_note_verify - has @key signed @note?
 * @ret_time: when, in Unix seconds, for a cosignature; else 0. May be NULL
 *
 * Return: 0; -EKEYREJECTED: no signature of @key; -EBADMSG: there is one, and it
 * does not fit, or more than one.
 */
int ml_note_verify(const struct ml_note *note, const struct ml_note_key *key,
		   int64_t *ret_time, struct ml_error *error);

/**
 * ml_note_sign - a signature line for @text, with its newline
 * @key: the public half, with the name
 * @secret: its other half
 * @text: ends with a newline
 * @time: Unix seconds, for a cosignature; else not looked at
 * @ret: malloc()ed, NUL-terminated
 *
 * Return: 0; -EINVAL: @secret is another key's, @text does not end with a
 * newline, @time is negative; -ENOMEM.
 */
int ml_note_sign(const struct ml_note_key *key, const struct ml_secret_key *secret,
		 struct ml_bytes text, int64_t time, char **ret, struct ml_error *error);

/**
 * ml_note_without - the note without @key's signatures, if it has any
 * @note: as parsed, from NUL-terminated text
 * @ret: malloc()ed, NUL-terminated; may have no signature left
 *
 * Return: 0; -ENOMEM.
 */
int ml_note_without(const struct ml_note *note, const struct ml_note_key *key, char **ret,
		    struct ml_error *error);

#endif
