// SPDX-License-Identifier: MIT
#include "backup_stream.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "locked.h"
#include "strict.h"

#define MAGIC		"MERLONC1"
#define WHAT		"backup"
#define FRAME		(64u << 10)	/* bytes of one, in the clear */
#define BOX		(FRAME + crypto_secretstream_xchacha20poly1305_ABYTES)
#define HEAD_MAX	1024
#define SALT		crypto_pwhash_argon2id_SALTBYTES
#define KEY		crypto_secretstream_xchacha20poly1305_KEYBYTES
#define START		crypto_secretstream_xchacha20poly1305_HEADERBYTES

/* What a file may ask for: as keys have it (lib/keyfile.c). */
#define OPERATIONS_MAX	16
#define MEMORY_MIN	(64 << 10)
#define MEMORY_MAX	(1 << 30)

/* Both directions; in locked memory. */
struct stream {
	int fd;
	uint8_t key[KEY], salt[SALT];
	int64_t operations, memory;
	crypto_secretstream_xchacha20poly1305_state state;
	crypto_hash_sha256_state parts;		/* in the clear */
	uint8_t head[32];			/* SHA-256 of all before the first frame */
	bool first;
	uint8_t clear[FRAME], box[BOX];
	size_t used, at;			/* of clear */
};

static struct stream *stream_new(int fd, struct ml_error *error)
{
	struct stream *stream = ml_locked_alloc(sizeof(*stream), "a backup's key", error);

	if (!stream)
		return NULL;
	memset(stream, 0, sizeof(*stream));
	stream->fd = fd;
	stream->first = true;
	crypto_hash_sha256_init(&stream->parts);
	return stream;
}

static int key_derive(struct stream *stream, const char *passphrase, struct ml_error *error)
{
	if (crypto_pwhash(stream->key, sizeof(stream->key), passphrase, strlen(passphrase),
			  stream->salt, (unsigned long long)stream->operations,
			  (size_t)stream->memory, crypto_pwhash_ALG_ARGON2ID13))
		return ml_error_set(error, -ENOMEM, "no memory to turn the passphrase into a key: it takes %lld MiB",
				    (long long)stream->memory >> 20);
	return 0;
}

static void head_digest(struct stream *stream, const uint8_t *prefix, const char *text,
			size_t length, const uint8_t *start)
{
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, prefix, 12);
	crypto_hash_sha256_update(&hash, (const uint8_t *)text, length);
	crypto_hash_sha256_update(&hash, start, START);
	crypto_hash_sha256_final(&hash, stream->head);
}

/* The head is authenticated with the first frame; the stream binds the others to that. */
static size_t bound(const struct stream *stream)
{
	return stream->first ? sizeof(stream->head) : 0;
}

static void part_head(uint8_t ret[static 12], const char *name, uint64_t length)
{
	uint32_t name_le = htole32((uint32_t)strlen(name));
	uint64_t length_le = htole64(length);

	memcpy(ret, &name_le, 4);
	memcpy(ret + 4, &length_le, 8);
}

/* ------------------------------------------------------------------- writing */

struct backup_out {
	struct stream *stream;
	crypto_hash_sha256_state file;
};

static int put(struct backup_out *out, const void *data, size_t length, struct ml_error *error)
{
	const uint8_t *at = data;
	ssize_t part;

	crypto_hash_sha256_update(&out->file, at, length);
	while (length) {
		part = write(out->stream->fd, at, length);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return ml_error_set(error, -errno, "cannot write the backup: %s",
					    strerror(errno));
		at += part;
		length -= (size_t)part;
	}
	return 0;
}

static int frame_put(struct backup_out *out, uint8_t tag, struct ml_error *error)
{
	struct stream *stream = out->stream;
	unsigned long long length = 0;
	uint32_t length_le;
	int r;

	crypto_secretstream_xchacha20poly1305_push(&stream->state, stream->box, &length,
						   stream->clear, stream->used, stream->head,
						   bound(stream), tag);
	stream->first = false;
	stream->used = 0;
	length_le = htole32((uint32_t)length);
	r = put(out, &length_le, 4, error);
	return r ? r : put(out, stream->box, (size_t)length, error);
}

static char *head_text(const struct stream *stream, const struct backup_head *head,
		       size_t *ret_length)
{
	char salt[sodium_base64_ENCODED_LEN(SALT, sodium_base64_VARIANT_ORIGINAL)];
	json_t *json;
	char *text;

	sodium_bin2base64(salt, sizeof(salt), stream->salt, SALT, sodium_base64_VARIANT_ORIGINAL);
	json = json_pack("{s:I, s:i, s:I, s:s, s:I, s:s}", "created", (json_int_t)head->created,
			 "format", 1, "memory", (json_int_t)stream->memory, "network",
			 head->network, "operations", (json_int_t)stream->operations, "salt", salt);
	text = json ? ml_strict_dump(json, ret_length) : NULL;
	json_decref(json);
	return text;
}

static int head_put(struct backup_out *out, const struct backup_head *head,
		    struct ml_error *error)
{
	struct stream *stream = out->stream;
	uint8_t prefix[12] = MAGIC, start[START];
	uint32_t length_le;
	size_t length;
	char *text = head_text(stream, head, &length);
	int r;

	if (!text)
		return ml_error_set(error, -ENOMEM, "out of memory");
	length_le = htole32((uint32_t)length);
	memcpy(prefix + 8, &length_le, 4);
	crypto_secretstream_xchacha20poly1305_init_push(&stream->state, start, stream->key);
	head_digest(stream, prefix, text, length, start);
	r = put(out, prefix, sizeof(prefix), error);
	if (!r)
		r = put(out, text, length, error);
	if (!r)
		r = put(out, start, sizeof(start), error);
	free(text);
	return r;
}

int backup_out_new(int fd, const struct backup_head *head, const char *passphrase,
		   struct backup_out **ret, struct ml_error *error)
{
	struct backup_out *out = calloc(1, sizeof(*out));
	int r;

	if (!out)
		return ml_error_set(error, -ENOMEM, "out of memory");
	crypto_hash_sha256_init(&out->file);
	out->stream = stream_new(fd, error);
	if (!out->stream) {
		free(out);
		return -ENOMEM;
	}
	out->stream->operations = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
	out->stream->memory = crypto_pwhash_argon2id_MEMLIMIT_MODERATE;
	randombytes_buf(out->stream->salt, SALT);
	r = key_derive(out->stream, passphrase, error);
	if (!r)
		r = head_put(out, head, error);
	if (r)
		backup_out_free(out);
	else
		*ret = out;
	return r;
}

void backup_out_free(struct backup_out *out)
{
	if (!out)
		return;
	ml_locked_free(out->stream);
	free(out);
}

int backup_out_write(struct backup_out *out, const void *data, size_t length,
		     struct ml_error *error)
{
	struct stream *stream = out->stream;
	const uint8_t *at = data;

	crypto_hash_sha256_update(&stream->parts, at, length);
	while (length) {
		size_t part = FRAME - stream->used < length ? FRAME - stream->used : length;

		memcpy(stream->clear + stream->used, at, part);
		stream->used += part;
		at += part;
		length -= part;
		if (stream->used == FRAME) {
			int r = frame_put(out, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
					  error);

			if (r)
				return r;
		}
	}
	return 0;
}

int backup_out_part(struct backup_out *out, const char *name, uint64_t length,
		    struct ml_error *error)
{
	uint8_t head[12];
	int r;

	part_head(head, name, length);
	r = backup_out_write(out, head, sizeof(head), error);
	return r ? r : backup_out_write(out, name, strlen(name), error);
}

void backup_out_digest(const struct backup_out *out, uint8_t ret[static 32])
{
	crypto_hash_sha256_state copy = out->stream->parts;

	crypto_hash_sha256_final(&copy, ret);
}

int backup_out_end(struct backup_out *out, uint8_t ret[static 32], struct ml_error *error)
{
	int r = frame_put(out, crypto_secretstream_xchacha20poly1305_TAG_FINAL, error);

	if (r)
		return r;
	crypto_hash_sha256_final(&out->file, ret);
	return fsync(out->stream->fd) ? ml_error_set(error, -errno, "cannot write the backup to disk: %s",
						     strerror(errno)) : 0;
}

/* ------------------------------------------------------------------- reading */

struct backup_in {
	struct stream *stream;
	off_t frames;			/* where they begin */
	uint8_t start[START];
	uint8_t digest[32];		/* of the parts before this one */
	bool ended;			/* the last frame has been opened */
};

static int no_backup(struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG, WHAT ": the file is not a backup of merlon-control");
}

static int torn(struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG, WHAT ": it is torn: its end is missing; take another copy of it");
}

static int altered(struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG, WHAT ": it was altered or damaged: take another copy of it");
}

static int get(struct backup_in *in, void *data, size_t length, struct ml_error *error)
{
	uint8_t *at = data;
	ssize_t part;

	while (length) {
		part = read(in->stream->fd, at, length);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return ml_error_set(error, -errno, "cannot read the backup: %s",
					    strerror(errno));
		if (!part)
			return torn(error);
		at += part;
		length -= (size_t)part;
	}
	return 0;
}

static int head_parse(struct backup_in *in, const json_t *json, struct backup_head *ret,
		      struct ml_error *error)
{
	static const char *const keys[] = { "created", "format", "memory", "network", "operations",
					    "salt" };
	struct stream *stream = in->stream;
	int64_t format;
	int r = ml_strict_keys(json, WHAT, keys, 6, error);

	if (!r)
		r = ml_strict_number(json, WHAT, "format", 1, 1, &format, error);
	if (!r)
		r = ml_strict_number(json, WHAT, "created", 0, INT64_MAX, &ret->created, error);
	if (!r)
		r = ml_strict_number(json, WHAT, "memory", MEMORY_MIN, MEMORY_MAX, &stream->memory,
				     error);
	if (!r)
		r = ml_strict_number(json, WHAT, "operations", 1, OPERATIONS_MAX,
				     &stream->operations, error);
	if (!r)
		r = ml_strict_name(json, WHAT, "network", ret->network, error);
	return r ? r : ml_strict_base64(json, WHAT, "salt", stream->salt, SALT, error);
}

static int head_get(struct backup_in *in, struct backup_head *ret, struct ml_error *error)
{
	uint8_t prefix[12];
	char text[HEAD_MAX];
	uint32_t length;
	json_t *json;
	int r = get(in, prefix, sizeof(prefix), error);

	memcpy(&length, prefix + 8, 4);
	length = le32toh(length);
	if (r || memcmp(prefix, MAGIC, 8) != 0 || length > sizeof(text))
		return r && r != -EBADMSG ? r : no_backup(error);
	r = get(in, text, length, error);
	if (!r)
		r = get(in, in->start, START, error);
	if (!r)
		r = ml_strict_load(text, length, WHAT, &json, error);
	if (r)
		return r;
	r = head_parse(in, json, ret, error);
	json_decref(json);
	head_digest(in->stream, prefix, text, length, in->start);
	in->frames = (off_t)(sizeof(prefix) + length + START);
	return r;
}

int backup_in_new(int fd, struct backup_in **ret, struct backup_head *ret_head,
		  struct ml_error *error)
{
	struct backup_in *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return ml_error_set(error, -ENOMEM, "out of memory");
	in->stream = stream_new(fd, error);
	r = in->stream ? head_get(in, ret_head, error) : -ENOMEM;
	if (r)
		backup_in_free(in);
	else
		*ret = in;
	return r;
}

void backup_in_free(struct backup_in *in)
{
	if (!in)
		return;
	ml_locked_free(in->stream);
	free(in);
}

int backup_in_rewind(struct backup_in *in, struct ml_error *error)
{
	struct stream *stream = in->stream;

	if (lseek(stream->fd, in->frames, SEEK_SET) < 0)
		return ml_error_set(error, -errno, "cannot read the backup: %s: it must be a file",
				    strerror(errno));
	if (crypto_secretstream_xchacha20poly1305_init_pull(&stream->state, in->start, stream->key))
		return altered(error);
	stream->first = true;
	stream->used = stream->at = 0;
	in->ended = false;
	crypto_hash_sha256_init(&stream->parts);
	return 0;
}

int backup_in_unlock(struct backup_in *in, const char *passphrase, struct ml_error *error)
{
	int r = key_derive(in->stream, passphrase, error);

	return r ? r : backup_in_rewind(in, error);
}

static int nothing_behind(struct backup_in *in, struct ml_error *error)
{
	uint8_t byte;
	ssize_t part = read(in->stream->fd, &byte, 1);

	return part ? altered(error) : 0;
}

static int frame_get(struct backup_in *in, struct ml_error *error)
{
	struct stream *stream = in->stream;
	unsigned long long length = 0;
	uint32_t box;
	uint8_t tag;
	int r = get(in, &box, 4, error);

	box = r ? 0 : le32toh(box);
	if (!r && (box > BOX || box < crypto_secretstream_xchacha20poly1305_ABYTES))
		return altered(error);
	if (!r)
		r = get(in, stream->box, box, error);
	if (r)
		return r;
	if (crypto_secretstream_xchacha20poly1305_pull(&stream->state, stream->clear, &length, &tag,
						       stream->box, box, stream->head, bound(stream)))
		return stream->first ? ml_error_set(error, -EKEYREJECTED, WHAT ": the passphrase is wrong, or the file was altered") :
			altered(error);
	stream->first = false;
	stream->used = (size_t)length;
	stream->at = 0;
	in->ended = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
	return in->ended ? nothing_behind(in, error) : 0;
}

/* 1: there is a byte; 0: the end */
static int more(struct backup_in *in, struct ml_error *error)
{
	while (in->stream->at == in->stream->used) {
		int r;

		if (in->ended)
			return 0;
		r = frame_get(in, error);
		if (r)
			return r;
	}
	return 1;
}

int backup_in_read(struct backup_in *in, void *data, size_t length, struct ml_error *error)
{
	struct stream *stream = in->stream;
	uint8_t *to = data;

	while (length) {
		int r = more(in, error);
		size_t part = stream->used - stream->at;

		if (r <= 0)
			return r ? r : altered(error);
		if (part > length)
			part = length;
		memcpy(to, stream->clear + stream->at, part);
		crypto_hash_sha256_update(&stream->parts, to, part);
		stream->at += part;
		to += part;
		length -= part;
	}
	return 0;
}

int backup_in_part(struct backup_in *in, char ret_name[static BACKUP_PART_NAME],
		   uint64_t *ret_length, struct ml_error *error)
{
	crypto_hash_sha256_state copy = in->stream->parts;
	uint8_t head[12];
	uint32_t name;
	int r = more(in, error);

	if (r <= 0)
		return r;
	crypto_hash_sha256_final(&copy, in->digest);
	r = backup_in_read(in, head, sizeof(head), error);
	if (r)
		return r;
	memcpy(&name, head, 4);
	memcpy(ret_length, head + 4, 8);
	name = le32toh(name);
	*ret_length = le64toh(*ret_length);
	if (!name || name >= BACKUP_PART_NAME)
		return altered(error);
	r = backup_in_read(in, ret_name, name, error);
	ret_name[name] = '\0';
	return r ? r : 1;
}

void backup_in_digest(const struct backup_in *in, uint8_t ret[static 32])
{
	memcpy(ret, in->digest, sizeof(in->digest));
}
