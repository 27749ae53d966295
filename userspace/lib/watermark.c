// SPDX-License-Identifier: MIT
/*
 * How far a node has come: 96 bytes, the last 32 of them the SHA-256 of the
 * others, so that a file that is torn or damaged is noticed. What protects it
 * from being written by somebody else is its directory and its mode.
 */
#include "bundle.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "date.h"
#include "file.h"
#include "sha256.h"

#define WATERMARK_MAGIC "MERLONW1"

struct watermark_file {		/* little-endian */
	char magic[8];
	uint64_t epoch;
	uint64_t serial;
	int64_t floor;
	uint8_t image_digest[32];
	uint8_t check[32];
};

_Static_assert(sizeof(struct watermark_file) == 96, "as docs/formats.md has it");

static void watermark_digest(const struct watermark_file *file, uint8_t ret[static 32])
{
	ml_sha256(ret, (const uint8_t *)file, offsetof(struct watermark_file, check));
}

static int watermark_parse(const struct watermark_file *file, size_t length,
			   const char *path, struct ml_watermark *ret, struct ml_error *error)
{
	uint8_t check[32];

	watermark_digest(file, check);
	if (length != sizeof(*file) || memcmp(file->magic, WATERMARK_MAGIC, sizeof(file->magic)) != 0 ||
	    memcmp(check, file->check, sizeof(check)) != 0)
		return ml_error_set(error, -EBADMSG,
				    "%s: damaged: it is not known which policies this node has had already. Restore it from a copy; or delete it, and make sure that the next policy applied is the newest",
				    path);
	ret->epoch = le64toh(file->epoch);
	ret->serial = le64toh(file->serial);
	ret->floor = le64toh(file->floor);
	memcpy(ret->image_digest, file->image_digest, sizeof(ret->image_digest));
	return 0;
}

int ml_watermark_read(const char *path, struct ml_watermark *ret, struct ml_error *error)
{
	struct watermark_file file = { 0 };
	size_t length;
	int fd, r;

	r = ml_file_open(path, ML_FILE_OWN, &fd, error);
	if (r == -ENOENT) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	if (r)
		return r;
	r = ml_file_read_into(fd, path, &file, sizeof(file), &length, error);
	close(fd);
	if (r == -E2BIG)
		length = 0;
	else if (r)
		return r;
	return watermark_parse(&file, length, path, ret, error);
}

int ml_watermark_write(const char *path, const struct ml_watermark *watermark,
		       struct ml_error *error)
{
	struct watermark_file file = {
		.magic = WATERMARK_MAGIC,
		.epoch = htole64(watermark->epoch),
		.serial = htole64(watermark->serial),
		.floor = htole64(watermark->floor),
	};

	if (watermark->floor < 0 || watermark->floor > ML_DATE_MAX)
		return ml_error_set(error, -EINVAL, "%s: floor out of range", path);
	memcpy(file.image_digest, watermark->image_digest, sizeof(file.image_digest));
	watermark_digest(&file, file.check);
	return ml_file_write_atomic(path, &file, sizeof(file), 0644, error);
}

void ml_watermark_next(const struct ml_watermark *watermark, uint64_t epoch, uint64_t serial,
		       struct ml_statement *ret)
{
	bool higher = epoch != watermark->epoch ? epoch > watermark->epoch :
						  serial > watermark->serial;

	ret->epoch = higher ? epoch : watermark->epoch;
	ret->serial = (higher ? serial : watermark->serial) + 1;
	if (ret->epoch)
		return;
	ret->epoch = ret->serial = 1;
}
