// SPDX-License-Identifier: MIT
/*
 * From what the server says there is to a bundle file. Blocks are known by their
 * digests, so what did not change is not fetched again: the directory has those of the
 * last good bundle and of the one on its way, and no other.
 */
#include "courier.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64.h"
#include "dsse.h"
#include "file.h"
#include "log.h"
#include "statement.h"
#include "strict.h"

#define BLOCKS_DIR	ML_COURIER_DIR "/blocks"
#define BLOCK_MS	600000u		/* of one; slow ones end earlier: see client.c */

/* ---------------------------------------------------------------------- answer */

void courier_forget(struct courier_offer *offer)
{
	size_t i;

	for (i = 0; i < ML_BUNDLE_IMAGE; i++)
		free(offer->parts[i]);
	memset(offer, 0, sizeof(*offer));
}

static int read_part(const json_t *json, const char *key, size_t limit,
		     struct courier_offer *offer, enum ml_bundle_record type,
		     struct ml_error *error)
{
	const char *text;
	size_t length;
	int code = ml_strict_string(json, "generation", key, &text, error);

	if (code)
		return code;
	length = strlen(text);
	if (length / 4 > limit / 3 + 1)
		return ml_error_set(error, -E2BIG, "generation: its %s has more than %zu bytes",
				    key, limit);
	offer->parts[type] = malloc(length / 4 * 3 + 1);
	if (!offer->parts[type])
		return ml_error_set(error, -ENOMEM, "no memory for a generation");
	if (!ml_base64_decode(text, length, offer->parts[type], length / 4 * 3 + 1,
			      &offer->lengths[type]))
		return ml_error_set(error, -EBADMSG, "generation: its %s is no base64", key);
	return 0;
}

static int read_block(const json_t *json, const char *key, uint64_t limit,
		      struct courier_block *ret, struct ml_error *error)
{
	static const char *const keys[] = { "bytes", "sha256" };
	json_t *object;
	int64_t bytes;
	int code = ml_strict_object(json, "generation", key, &object, error);

	if (!code)
		code = ml_strict_keys(object, "block", keys, 2, error);
	if (!code)
		code = ml_strict_number(object, "block", "bytes", 0, (int64_t)limit, &bytes,
					error);
	if (!code)
		code = ml_strict_hash(object, "block", "sha256", ret->digest, error);
	if (code)
		return code;
	ret->bytes = (uint64_t)bytes;
	sodium_bin2hex(ret->name, sizeof(ret->name), ret->digest, 32);
	return 0;
}

static int read_blocks(const json_t *json, struct courier_offer *offer,
		       struct ml_error *error)
{
	static const char *const keys[] = { "image", "rules" };
	json_t *object;
	int code = ml_strict_object(json, "generation", "blocks", &object, error);

	if (!code)
		code = ml_strict_keys(object, "blocks", keys, 2, error);
	if (!code)
		code = read_block(object, "image", ML_BUNDLE_MAX_IMAGE, &offer->blocks[0], error);
	return code ? code : read_block(object, "rules", ML_BUNDLE_MAX_RULES, &offer->blocks[1],
					error);
}

/* Which one it says it is, before anybody has proved it: to ask for what is newer. */
static int peek(struct courier_offer *offer, struct ml_error *error)
{
	struct ml_statement statement;
	uint8_t *payload;
	size_t length;
	int code = ml_dsse_peek(offer->parts[ML_BUNDLE_ENVELOPE],
				offer->lengths[ML_BUNDLE_ENVELOPE], ML_STATEMENT_TYPE, &payload,
				&length, error);

	if (code)
		return code;
	code = ml_statement_parse(payload, length, &statement, error);
	free(payload);
	if (code)
		return code;
	offer->epoch = statement.epoch;
	offer->serial = statement.serial;
	return 0;
}

int courier_read(const json_t *json, struct courier_offer *ret, struct ml_error *error)
{
	static const char *const keys[] = { "blocks", "envelope", "leaf", "proof" };
	struct courier_offer offer = { .epoch = 0 };
	int code = ml_strict_keys(json, "generation", keys, 4, error);

	if (!code)
		code = read_blocks(json, &offer, error);
	if (!code)
		code = read_part(json, "envelope", ML_BUNDLE_MAX_ENVELOPE, &offer,
				 ML_BUNDLE_ENVELOPE, error);
	if (!code)
		code = read_part(json, "proof", ML_BUNDLE_MAX_PROOF, &offer, ML_BUNDLE_PROOF,
				 error);
	if (!code)
		code = read_part(json, "leaf", ML_BUNDLE_MAX_LEAF, &offer, ML_BUNDLE_LEAF,
				 error);
	if (!code)
		code = peek(&offer, error);
	if (code)
		courier_forget(&offer);
	else
		*ret = offer;
	return code;
}

/* ----------------------------------------------------------------------- cache */

static void block_path(const struct courier_block *block, char ret[static 128])
{
	snprintf(ret, 128, "%s/%s", BLOCKS_DIR, block->name);
}

static bool is_wanted(const struct courier *courier, const char *name)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (!strcmp(courier->kept[i].name, name) ||
		    !strcmp(courier->offer.blocks[i].name, name))
			return true;
	return false;
}

/* Before more is fetched: at no time are there more than four. */
static void prune(const struct courier *courier)
{
	struct dirent **found;
	char path[sizeof(BLOCKS_DIR) + NAME_MAX + 1];
	int count, i;

	mkdir(BLOCKS_DIR, 0700);
	count = scandir(BLOCKS_DIR, &found, NULL, NULL);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", BLOCKS_DIR, found[i]->d_name);
		if (!is_wanted(courier, found[i]->d_name) && strcmp(found[i]->d_name, ".") &&
		    strcmp(found[i]->d_name, ".."))
			unlink(path);
		free(found[i]);
	}
	if (count >= 0)
		free(found);
}

static bool is_block(const struct courier_block *block, const uint8_t *data, size_t length)
{
	uint8_t digest[32];

	if (length != block->bytes)
		return false;
	crypto_hash_sha256(digest, data, length);
	return !memcmp(digest, block->digest, sizeof(digest));
}

/* malloc()ed; NULL: not here, or not what it should be. */
static uint8_t *cached(const struct courier_block *block)
{
	char path[128];
	uint8_t *data;
	size_t length;

	block_path(block, path);
	if (ml_file_read(path, block->bytes, &data, &length, NULL))
		return NULL;
	if (is_block(block, data, length))
		return data;
	unlink(path);
	free(data);
	return NULL;
}

static bool is_cached(const struct courier_block *block)
{
	uint8_t *data = cached(block);
	bool found = data;

	free(data);
	return found;
}

/* ------------------------------------------------------------------ bundle file */

static int put(int fd, const void *data, size_t length)
{
	const uint8_t *at = data;
	ssize_t part;

	for (; length; at += part, length -= (size_t)part) {
		part = write(fd, at, length);
		if (part <= 0)
			return -ENOMEM;
	}
	return 0;
}

static int put_record(int fd, uint32_t type, const uint8_t *data, size_t length)
{
	static const uint8_t zeros[8];
	const struct ml_bundle_header header = {
		.type = htole32(type), .bytes = htole64(length),
	};
	int code = put(fd, &header, sizeof(header));

	if (!code)
		code = put(fd, data, length);
	return code ? code : put(fd, zeros, ml_bundle_padding(length));
}

static int put_block(int fd, uint32_t type, const struct courier_block *block)
{
	uint8_t *data = cached(block);
	int code = data ? put_record(fd, type, data, block->bytes) : -ENOMEM;

	free(data);
	return code;
}

static int put_all(int fd, const struct courier_offer *offer)
{
	uint32_t type;
	int code = put(fd, ML_BUNDLE_MAGIC, ML_BUNDLE_MAGIC_BYTES);

	for (type = ML_BUNDLE_ENVELOPE; type < ML_BUNDLE_IMAGE && !code; type++)
		code = put_record(fd, type, offer->parts[type], offer->lengths[type]);
	if (!code)
		code = put_block(fd, ML_BUNDLE_IMAGE, &offer->blocks[0]);
	if (!code)
		code = put_block(fd, ML_BUNDLE_RULES, &offer->blocks[1]);
	return code;
}

/* As the inbox hands it on: sealed, so that what is verified stays as it is. */
static int assemble(const struct courier_offer *offer, struct ml_error *error)
{
	int fd = memfd_create("merlon-courier", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int code = fd < 0 ? -errno : put_all(fd, offer);

	if (!code && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
			   F_SEAL_WRITE))
		code = -errno;
	if (!code)
		return fd;
	if (fd >= 0)
		close(fd);
	return ml_error_set(error, code, "cannot put a bundle together: %s", strerror(-code));
}

/* -------------------------------------------------------------------- delivery */

static void delivered(struct task *task, const struct message_result *result)
{
	struct courier *courier = task->owner;
	struct ml_error error = { .code = result->code };

	if (result->code && result->code != -EALREADY && result->code != -EAGAIN) {
		memcpy(error.text, result->sentence, sizeof(error.text));
		courier_fail(courier, result->code, &error);
		return;
	}
	courier_well(courier);
	courier->epoch = courier->offer.epoch;
	courier->serial = courier->offer.serial;
	memcpy(courier->kept, courier->offer.blocks, sizeof(courier->kept));
	courier_forget(&courier->offer);
	prune(courier);
	courier_next(courier);
}

static void deliver(struct courier *courier)
{
	struct ml_error error;
	int fd = assemble(&courier->offer, &error);

	if (fd >= 0 && !task_add(courier->sync, MESSAGE_OFFER, fd, delivered, courier))
		fd = ml_error_set(&error, -EBUSY, "too much waits for apply");
	if (fd < 0)
		courier_fail(courier, fd, &error);
}

/* --------------------------------------------------------------------- fetching */

static void fetch_next(struct courier *courier);

static int keep(const struct courier_block *block, const struct ml_client_answer *answer,
		struct ml_error *error)
{
	const uint8_t *data = answer->data ? answer->data : (const uint8_t *)"";
	char path[128];

	if (!is_block(block, data, answer->length))
		return ml_error_set(error, -EBADMSG, "the server sent another block than "
				    "%.16s…: it is damaged, or lies", block->name);
	block_path(block, path);
	return ml_file_write_atomic(path, data, answer->length, 0600, error);
}

static const struct courier_block *missing(const struct courier *courier)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (!is_cached(&courier->offer.blocks[i]))
			return &courier->offer.blocks[i];
	return NULL;
}

static void fetched(void *data, int code, struct ml_client_answer *answer,
		    const struct ml_error *error)
{
	struct courier *courier = data;
	struct ml_error wrong = { .code = 0 };
	const struct courier_block *block = missing(courier);

	if (code)
		wrong = *error;
	else if (block)
		code = keep(block, answer, &wrong);
	if (code)
		courier_fail(courier, code, &wrong);
	else
		fetch_next(courier);
}

static void fetch_next(struct courier *courier)
{
	const struct courier_block *block = missing(courier);
	struct ml_client_request request = {
		.method = "GET", .raw = true, .timeout_ms = BLOCK_MS,
	};
	char path[100];

	if (!block) {
		deliver(courier);
		return;
	}
	snprintf(path, sizeof(path), "/v1/blocks/%s", block->name);
	request.path = path;
	request.limit = block->bytes ? block->bytes : 1;
	courier_ask(courier, &request, fetched);
}

void courier_fetch(struct courier *courier)
{
	prune(courier);
	fetch_next(courier);
}
