/* SPDX-License-Identifier: MIT */
/* An image from a file, and how it is loaded. */
#ifndef NLTOOL_LOAD_H
#define NLTOOL_LOAD_H

#include <sodium.h>

#include "nltool_link.h"

/* -------------------------------------------------------------------- image */

struct image {
	uint8_t *bytes;
	size_t length;
	uint8_t digest[MERLON_DIGEST_BYTES];
};

static void digest(struct image *image)
{
	crypto_hash_sha256(image->digest, image->bytes, image->length);
}

static struct image read_image(const char *file)
{
	struct image image = { 0 };
	FILE *stream = fopen(file, "re");

	if (!stream || fseek(stream, 0, SEEK_END))
		die(file);
	image.length = (size_t)ftell(stream);
	image.bytes = malloc(image.length + 1);
	if (!image.bytes)
		die(file);
	rewind(stream);
	if (fread(image.bytes, 1, image.length, stream) != image.length)
		die(file);
	fclose(stream);
	digest(&image);
	return image;
}

/* ---------------------------------------------------------------- loading */

static int load_begin(const struct image *image, uint64_t epoch, uint64_t serial,
		      uint64_t lifetime)
{
	struct nlmsghdr *message = request(MERLON_CMD_LOAD_BEGIN, 0);

	mnl_attr_put_u64(message, MERLON_A_EPOCH, epoch);
	mnl_attr_put_u64(message, MERLON_A_SERIAL, serial);
	mnl_attr_put_u64(message, MERLON_A_LIFETIME_MS, lifetime);
	mnl_attr_put_u32(message, MERLON_A_IMAGE_BYTES, (uint32_t)image->length);
	mnl_attr_put(message, MERLON_A_DIGEST, sizeof(image->digest), image->digest);
	return talk(message, NULL);
}

static int load_chunk(const struct image *image, size_t offset, size_t bytes)
{
	struct nlmsghdr *message = request(MERLON_CMD_LOAD_CHUNK, 0);

	mnl_attr_put_u32(message, MERLON_A_OFFSET, (uint32_t)offset);
	mnl_attr_put(message, MERLON_A_DATA, bytes, image->bytes + offset);
	return talk(message, NULL);
}

static int load_chunks(const struct image *image)
{
	size_t offset, bytes;
	int code = 0;

	for (offset = 0; offset < image->length && !code; offset += bytes) {
		bytes = image->length - offset;
		if (bytes > MERLON_LOAD_CHUNK_BYTES)
			bytes = MERLON_LOAD_CHUNK_BYTES;
		code = load_chunk(image, offset, bytes);
	}
	return code;
}

static int plain(uint8_t command)
{
	return talk(request(command, 0), NULL);
}

static int load(const struct image *image, uint64_t epoch, uint64_t serial, uint64_t lifetime)
{
	int code = load_begin(image, epoch, serial, lifetime);

	if (!code)
		code = load_chunks(image);
	return code ? code : plain(MERLON_CMD_LOAD_COMMIT);
}

#endif
