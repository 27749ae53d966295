// SPDX-License-Identifier: MIT
/*
 * stages BUNDLE TRUST [load [wall]]
 *
 * What each stage between a bundle's file and the kernel costs this process, and the
 * kernel on its behalf: nanoseconds of processor, as JSON on one line. read, verify,
 * check and tables (the classifier, here: the kernel has the same source); with "load"
 * as well begin, chunks and commit, as merlond sends them; "wall": by the clock, where
 * processes have none. The bundle's dates and order are the kernel's business, and its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/merlon.h>

#include "bundle.h"
#include "classifier.h"
#include "file.h"
#include "genl.h"
#include "parts.h"

static struct ml_error error;
static const char *separator = "{";
static clockid_t clock_id = CLOCK_PROCESS_CPUTIME_ID;

static void need(int code, const char *what)
{
	if (!code)
		return;
	fprintf(stderr, "stages: %s: %s\n", what, error.text);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(clock_id, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* What was spent since @begin, by name. */
static void tell(const char *name, uint64_t begin)
{
	uint64_t spent = now() - begin;

	printf("%s\"%s\":%ju", separator, name, (uintmax_t)spent);
	separator = ",";
}

static struct ml_bytes read_bundle(const char *path)
{
	uint64_t begin = now();
	uint8_t *bytes;
	size_t length;

	need(ml_file_read(path, ML_BUNDLE_MAX_BYTES, &bytes, &length, &error), path);
	tell("read", begin);
	return (struct ml_bytes){ bytes, length };
}

static void verify(struct ml_bytes file, const char *trust_path, struct ml_bundle *bundle)
{
	struct ml_trust trust;
	uint64_t begin;

	need(ml_trust_read(trust_path, &trust, &error), trust_path);
	begin = now();
	need(ml_bundle_verify(file, &trust, bundle, &error), "verify");
	tell("verify", begin);
}

static void classify(struct ml_bytes image)
{
	struct merlon_tables *tables;
	struct merlon_fault fault;
	struct merlon_view view;
	uint64_t begin = now();

	need(merlon_image_check(image.data, image.length, &view, &fault), "check");
	tell("check", begin);
	begin = now();
	need(merlon_tables_build(&view, &tables, &fault), "tables");
	tell("tables", begin);
	printf(",\"tableBytes\":%zu", merlon_tables_bytes(tables));
	merlon_tables_free(tables);
}

/* ----------------------------------------------------------------------- load */

static void send_begin(struct ml_genl *genl, const struct ml_bundle *bundle)
{
	struct nlmsghdr *message = ml_genl_begin(genl, MERLON_CMD_LOAD_BEGIN, 0);

	mnl_attr_put_u64(message, MERLON_A_EPOCH, bundle->statement.epoch);
	mnl_attr_put_u64(message, MERLON_A_SERIAL, bundle->statement.serial);
	mnl_attr_put_u64(message, MERLON_A_LIFETIME_MS, 3600 * 1000);
	mnl_attr_put(message, MERLON_A_DIGEST, sizeof(bundle->image_digest), bundle->image_digest);
	mnl_attr_put_u32(message, MERLON_A_IMAGE_BYTES, (uint32_t)bundle->image.length);
	need(ml_genl_talk(genl, NULL, NULL, &error), "begin");
}

static void send_chunks(struct ml_genl *genl, struct ml_bytes image)
{
	size_t offset, part;

	for (offset = 0; offset < image.length; offset += part) {
		struct nlmsghdr *message = ml_genl_begin(genl, MERLON_CMD_LOAD_CHUNK, 0);

		part = image.length - offset;
		if (part > MERLON_LOAD_CHUNK_BYTES)
			part = MERLON_LOAD_CHUNK_BYTES;
		mnl_attr_put_u32(message, MERLON_A_OFFSET, (uint32_t)offset);
		mnl_attr_put(message, MERLON_A_DATA, part, image.data + offset);
		need(ml_genl_talk(genl, NULL, NULL, &error), "chunk");
	}
}

static void load(const struct ml_bundle *bundle)
{
	struct ml_genl *genl;
	uint64_t begin;

	need(ml_genl_open(MERLON_GENL_NAME, MERLON_GENL_VERSION, &genl, &error), "merlon.ko");
	begin = now();
	send_begin(genl, bundle);
	tell("begin", begin);
	begin = now();
	send_chunks(genl, bundle->image);
	tell("chunks", begin);
	begin = now();
	ml_genl_begin(genl, MERLON_CMD_LOAD_COMMIT, 0);
	need(ml_genl_talk(genl, NULL, NULL, &error), "commit");
	tell("commit", begin);
	ml_genl_close(genl);
}

int main(int argc, char **argv)
{
	struct ml_bundle bundle;
	struct ml_bytes file;

	if (argc < 3 || argc > 5 || (argc > 3 && strcmp(argv[3], "load")) ||
	    (argc > 4 && strcmp(argv[4], "wall"))) {
		fprintf(stderr, "usage: stages BUNDLE TRUST [load [wall]]\n");
		return 2;
	}
	if (argc > 4)
		clock_id = CLOCK_MONOTONIC;
	need(ml_keys_setup(&error), "libsodium");
	file = read_bundle(argv[1]);
	verify(file, argv[2], &bundle);
	classify(bundle.image);
	if (argc > 3)
		load(&bundle);
	printf(",\"imageBytes\":%zu,\"bundleBytes\":%zu}\n", bundle.image.length, file.length);
	return 0;
}
