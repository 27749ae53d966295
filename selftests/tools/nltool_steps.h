/* SPDX-License-Identifier: MIT */
/* nltool's steps that make and load images. */
#ifndef NLTOOL_STEPS_H
#define NLTOOL_STEPS_H

#include <netinet/in.h>

#include "compile.h"
#include "nltool_load.h"
#include "../oracle/small_ruleset.h"

static struct ml_ruleset *numbered_ruleset(uint64_t from, uint64_t count, const char *tunnel,
					   const char *second)
{
	static const char everybody[] = "10.0.0.0/24 fd00::/64";
	struct ml_ruleset *ruleset = must(calloc(1, sizeof(*ruleset)));
	struct ml_rule *rule;
	uint64_t k;

	add_tunnel(ruleset, tunnel, false);
	if (second)
		add_tunnel(ruleset, second, false);
	for (k = from; k < from + count; k++) {
		rule = add_rule(ruleset, (k + 1) << 32 | 0xabc,
				k % 3 == 2 ? MERLON_ACTION_DROP : MERLON_ACTION_ALLOW,
				everybody, everybody, IPPROTO_TCP, 0, 0);
		rule->services[0].first = rule->services[0].last = (uint16_t)(1000 + k);
		rule->services = must(reallocarray(rule->services, 2, sizeof(*rule->services)));
		rule->services[1] = rule->services[0];
		rule->services[1].protocol = IPPROTO_UDP;
		rule->service_count = 2;
	}
	return ruleset;
}

static void step_image(int argc, char **argv)
{
	const char *tunnel = "wg0", *second = NULL;
	struct ml_error error = { 0 };
	struct ml_ruleset *ruleset;
	uint64_t rules = 3, from = 0;
	bool reject = false, small = false;
	uint8_t *bytes;
	size_t length;
	FILE *stream;
	int i;

	for (i = 2; i < argc; i++) {
		if (!strncmp(argv[i], "rules=", 6))
			rules = number(argv[i] + 6);
		else if (!strncmp(argv[i], "from=", 5))
			from = number(argv[i] + 5);
		else if (!strncmp(argv[i], "tunnel=", 7))
			tunnel = argv[i] + 7;
		else if (!strncmp(argv[i], "second=", 7))
			second = argv[i] + 7;
		reject = reject || !strcmp(argv[i], "reject");
		small = small || !strcmp(argv[i], "small");
	}
	ruleset = small ? small_ruleset() : numbered_ruleset(from, rules, tunnel, second);
	ruleset->reject_unmatched = reject;
	if (ml_image_compile(ruleset, &bytes, &length, &error)) {
		fprintf(stderr, "nltool: %s\n", error.text);
		exit(2);
	}
	stream = fopen(argv[1], "we");
	if (!stream || fwrite(bytes, 1, length, stream) != length || fclose(stream))
		die(argv[1]);
	free(bytes);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static void step_begin(int argc, char **argv)
{
	struct image image = read_image(argv[1]);
	int i;

	for (i = 5; i < argc; i++) {
		if (!strncmp(argv[i], "bytes=", 6))
			image.length = number(argv[i] + 6);
		else
			image.digest[0] ^= 1;
	}
	load_begin(&image, number(argv[2]), number(argv[3]), number(argv[4]));
	free(image.bytes);
}

static void step_chunk(int argc, char **argv)
{
	struct image image = read_image(argv[1]);
	size_t offset = number(argv[2]), bytes = number(argv[3]);

	(void)argc;
	image.bytes = must(realloc(image.bytes, offset + bytes + 1));
	load_chunk(&image, offset, bytes);
	free(image.bytes);
}

static void step_chunks(int argc, char **argv)
{
	struct image image = read_image(argv[1]);

	(void)argc;
	load_chunks(&image);
	free(image.bytes);
}

static void step_load(int argc, char **argv)
{
	struct image image = read_image(argv[1]);

	(void)argc;
	load(&image, number(argv[2]), number(argv[3]), number(argv[4]));
	free(image.bytes);
}

static int renew(const struct image *image, uint64_t epoch, uint64_t serial, uint64_t lifetime)
{
	struct nlmsghdr *message = request(MERLON_CMD_RENEW, 0);

	mnl_attr_put_u64(message, MERLON_A_EPOCH, epoch);
	mnl_attr_put_u64(message, MERLON_A_SERIAL, serial);
	mnl_attr_put_u64(message, MERLON_A_LIFETIME_MS, lifetime);
	mnl_attr_put(message, MERLON_A_DIGEST, sizeof(image->digest), image->digest);
	return talk(message, NULL);
}

static void step_renew(int argc, char **argv)
{
	struct image image = read_image(argv[1]);

	(void)argc;
	renew(&image, number(argv[2]), number(argv[3]), number(argv[4]));
	free(image.bytes);
}

static void step_commit(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	plain(MERLON_CMD_LOAD_COMMIT);
}

static void step_abort(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	plain(MERLON_CMD_LOAD_ABORT);
}

static void step_close(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	hang_up(chosen);
	outcome = (struct outcome){ .missing = -1 };
}

#endif
