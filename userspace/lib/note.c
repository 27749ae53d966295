// SPDX-License-Identifier: MIT
#include "note.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base64.h"
#include "utf8.h"

#define DASH		"\xe2\x80\x94 "		/* U+2014, space */
#define DASH_BYTES	4
#define ID_BYTES	4
#define TIME_BYTES	8
#define SIGNATURE_BYTES	64

/* A post-quantum signature has nearly 5 kB: those of strangers pass. */
#define SIGNATURE_MAX	8192

static int malformed(struct ml_error *error, const char *what)
{
	return ml_error_set(error, -EBADMSG, "signed note: %s", what);
}

/* ---------------------------------------------------------------- parsing */

static int check_characters(struct ml_bytes bytes, struct ml_error *error)
{
	uint32_t point = 0;
	size_t i, n;

	for (i = 0; i < bytes.length; i += n) {
		n = ml_utf8_decode(bytes.data + i, bytes.length - i, &point);
		if (!n)
			return ml_error_set(error, -EBADMSG,
					    "signed note: not UTF-8 at byte %zu", i);
		if (point < ' ' && point != '\n')
			return ml_error_set(error, -EBADMSG,
					    "signed note: a control character at byte %zu", i);
	}
	return 0;
}

/* The text is what stands before the last empty line. */
static int split_text(struct ml_bytes bytes, struct ml_bytes *ret_text,
		      struct ml_bytes *ret_rest, struct ml_error *error)
{
	size_t end = bytes.length;

	if (!end || bytes.data[end - 1] != '\n')
		return malformed(error, "does not end with a newline: cut short");
	for (end--; end && !(bytes.data[end] == '\n' && bytes.data[end - 1] == '\n'); end--)
		;
	if (!end)
		return malformed(error, "no empty line between text and signatures");
	if (end + 1 == bytes.length)
		return malformed(error, "nobody has signed it");
	*ret_text = (struct ml_bytes){ bytes.data, end };
	*ret_rest = (struct ml_bytes){ bytes.data + end + 1, bytes.length - end - 1 };
	return 0;
}

/* No Unicode spaces and no plus: the name ends where the first space is. */
static bool name_is_good(struct ml_bytes name)
{
	uint32_t point = 0;
	size_t i, n;

	for (i = 0; i < name.length; i += n) {
		n = ml_utf8_decode(name.data + i, name.length - i, &point);
		if (!n || ml_utf8_is_space(point) || point == '+')
			return false;
	}
	return name.length > 0;
}

static int take_signature(const char *text, size_t length, struct ml_note_signature *ret,
			  struct ml_error *error)
{
	uint8_t bytes[ID_BYTES + SIGNATURE_MAX];
	uint32_t id;
	size_t n;

	if (!ml_base64_decode(text, length, bytes, sizeof(bytes), &n) || n <= ID_BYTES)
		return malformed(error, "a signature is not base64, or too short or long");
	memcpy(&id, bytes, sizeof(id));
	ret->id = be32toh(id);
	ret->length = n - ID_BYTES;
	memcpy(ret->bytes, bytes + ID_BYTES,
	       ret->length < sizeof(ret->bytes) ? ret->length : sizeof(ret->bytes));
	return 0;
}

/* @line is without its newline. */
static int take_line(struct ml_bytes line, struct ml_note_signature *ret,
		     struct ml_error *error)
{
	const uint8_t *space, *end = line.data + line.length;

	if (line.length <= DASH_BYTES || memcmp(line.data, DASH, DASH_BYTES) != 0)
		return malformed(error, "a signature line does not begin with an em dash and a space");
	ret->name.data = line.data + DASH_BYTES;
	space = memchr(ret->name.data, ' ', line.length - DASH_BYTES);
	if (!space)
		return malformed(error, "a signature line has no signature");
	ret->name.length = (size_t)(space - ret->name.data);
	if (!name_is_good(ret->name))
		return malformed(error, "a key's name is empty, or has a space or a plus sign in it");
	return take_signature((const char *)space + 1, (size_t)(end - space - 1), ret, error);
}

static int take_lines(struct ml_bytes rest, struct ml_note *note, struct ml_error *error)
{
	const uint8_t *newline;
	struct ml_bytes line;
	int r;

	while (rest.length) {
		newline = memchr(rest.data, '\n', rest.length);
		line = (struct ml_bytes){ rest.data, (size_t)(newline - rest.data) };
		if (note->count == ML_NOTE_SIGNATURES)
			return ml_error_set(error, -E2BIG, "signed note: more than %d signatures",
					    ML_NOTE_SIGNATURES);
		r = take_line(line, &note->signatures[note->count++], error);
		if (r)
			return r;
		rest.data = newline + 1;
		rest.length -= line.length + 1;
	}
	return 0;
}

int ml_note_parse(struct ml_bytes bytes, struct ml_note *ret, struct ml_error *error)
{
	struct ml_note note = { 0 };
	struct ml_bytes rest = { 0 };
	int r;

	if (bytes.length > ML_NOTE_MAX)
		return ml_error_set(error, -E2BIG, "signed note: longer than %u bytes",
				    ML_NOTE_MAX);
	r = check_characters(bytes, error);
	if (!r)
		r = split_text(bytes, &note.text, &rest, error);
	if (!r)
		r = take_lines(rest, &note, error);
	if (!r)
		*ret = note;
	return r;
}

/* -------------------------------------------------------------- signatures */

/* What a signature is over. malloc()ed; NULL: no memory. */
static uint8_t *signed_message(enum ml_note_type type, struct ml_bytes text, int64_t time,
			       size_t *ret_length)
{
	char head[64];
	size_t length = 0;
	uint8_t *message;

	if (type == ML_NOTE_COSIGNATURE)
		length = (size_t)snprintf(head, sizeof(head), "cosignature/v1\ntime %" PRId64 "\n",
					  time);
	message = malloc(length + text.length);
	if (!message)
		return NULL;
	memcpy(message, head, length);
	memcpy(message + length, text.data, text.length);
	*ret_length = length + text.length;
	return message;
}

static bool is_of(const struct ml_note_signature *signature, const struct ml_note_key *key)
{
	return signature->id == key->id && signature->name.length == strlen(key->name) &&
	       !memcmp(signature->name.data, key->name, signature->name.length);
}

static size_t time_bytes(const struct ml_note_key *key)
{
	return key->type == ML_NOTE_COSIGNATURE ? TIME_BYTES : 0;
}

static int verify_one(const struct ml_note *note, const struct ml_note_key *key,
		      const struct ml_note_signature *signature, int64_t *ret_time,
		      struct ml_error *error)
{
	size_t head = time_bytes(key), length;
	uint64_t time = 0;
	uint8_t *message;
	bool good;

	memcpy(&time, signature->bytes, head);
	time = be64toh(time);
	if (signature->length != head + SIGNATURE_BYTES || time > INT64_MAX)
		return ml_error_set(error, -EBADMSG, "signed note: the signature of %s is malformed",
				    key->name);
	message = signed_message(key->type, note->text, (int64_t)time, &length);
	if (!message)
		return ml_error_set(error, -ENOMEM, "signed note: out of memory");
	good = ml_public_key_verify(&key->public, message, length, signature->bytes + head);
	free(message);
	if (!good)
		return ml_error_set(error, -EBADMSG,
				    "signed note: the signature of %s does not fit: altered after it was signed",
				    key->name);
	*ret_time = (int64_t)time;
	return 0;
}

int ml_note_verify(const struct ml_note *note, const struct ml_note_key *key,
		   int64_t *ret_time, struct ml_error *error)
{
	const struct ml_note_signature *found = NULL;
	int64_t time = 0;
	size_t i;
	int r;

	for (i = 0; i < note->count; i++) {
		if (!is_of(&note->signatures[i], key))
			continue;
		if (found)
			return ml_error_set(error, -EBADMSG, "signed note: %s has signed it twice",
					    key->name);
		found = &note->signatures[i];
	}
	if (!found)
		return ml_error_set(error, -EKEYREJECTED,
				    "signed note: not signed by the key %08" PRIx32 " of %s",
				    key->id, key->name);
	r = verify_one(note, key, found, &time, error);
	if (!r && ret_time)
		*ret_time = time;
	return r;
}

static int sign_check(const struct ml_note_key *key, const struct ml_secret_key *secret,
		      struct ml_bytes text, int64_t time, struct ml_error *error)
{
	struct ml_public_key public;

	ml_secret_key_public(secret, &public);
	if (memcmp(public.key, key->public.key, sizeof(public.key)) != 0)
		return ml_error_set(error, -EINVAL, "signed note: not the secret key of %s",
				    key->name);
	if (!text.length || text.data[text.length - 1] != '\n')
		return ml_error_set(error, -EINVAL, "signed note: a text ends with a newline");
	if (time < 0 && key->type == ML_NOTE_COSIGNATURE)
		return ml_error_set(error, -EINVAL, "signed note: the clock stands before 1970");
	return 0;
}

/* "— NAME base64(id ‖ signature)\n" */
static char *line_format(const struct ml_note_key *key, const uint8_t *signature, size_t length)
{
	uint8_t bytes[ID_BYTES + TIME_BYTES + SIGNATURE_BYTES];
	char text[128], *line;
	uint32_t id = htobe32(key->id);

	memcpy(bytes, &id, ID_BYTES);
	memcpy(bytes + ID_BYTES, signature, length);
	sodium_bin2base64(text, sizeof(text), bytes, ID_BYTES + length,
			  sodium_base64_VARIANT_ORIGINAL);
	if (asprintf(&line, DASH "%s %s\n", key->name, text) < 0)
		return NULL;
	return line;
}

int ml_note_sign(const struct ml_note_key *key, const struct ml_secret_key *secret,
		 struct ml_bytes text, int64_t time, char **ret, struct ml_error *error)
{
	uint8_t signature[TIME_BYTES + SIGNATURE_BYTES], *message;
	uint64_t seconds = htobe64((uint64_t)time);
	size_t head = time_bytes(key), length;
	char *line = NULL;
	int r;

	r = sign_check(key, secret, text, time, error);
	if (r)
		return r;
	memcpy(signature, &seconds, head);
	message = signed_message(key->type, text, time, &length);
	if (message && !ml_secret_key_sign(secret, message, length, signature + head))
		line = line_format(key, signature, head + SIGNATURE_BYTES);
	free(message);
	if (!line)
		return ml_error_set(error, -ENOMEM, "signed note: out of memory");
	*ret = line;
	return 0;
}

int ml_note_without(const struct ml_note *note, const struct ml_note_key *key, char **ret,
		    struct ml_error *error)
{
	const char *line, *end;
	size_t at, i;
	char *text;

	text = strdup((const char *)note->text.data);
	if (!text)
		return ml_error_set(error, -ENOMEM, "signed note: out of memory");
	at = note->text.length + 1;
	for (i = 0; i < note->count; i++) {
		line = (const char *)note->signatures[i].name.data - DASH_BYTES;
		end = strchr(line, '\n') + 1;
		if (is_of(&note->signatures[i], key))
			continue;
		memcpy(text + at, line, (size_t)(end - line));
		at += (size_t)(end - line);
	}
	text[at] = '\0';
	*ret = text;
	return 0;
}
