/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the choices of the random oracle: ruleset, then packets. The
 * compiler must take every ruleset that the generator makes, and all judges
 * must agree on every packet.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "compile.h"

#include "../oracle/compare.h"
#include "../oracle/random_ruleset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static struct merlon_tables *build(const struct ml_ruleset *ruleset)
{
	struct merlon_tables *tables;
	struct merlon_fault fault;
	struct merlon_view view;
	struct ml_error error;
	uint8_t *image;
	size_t length;

	if (ml_image_compile(ruleset, &image, &length, &error))
		fail(error.text);
	if (merlon_image_check(image, length, &view, &fault) ||
	    merlon_tables_build(&view, &tables, &fault))
		fail(fault.what);
	free(image);
	return tables;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chance choices = { .bytes = data, .left = size };
	struct chance seed = { .state = size };
	struct ml_ruleset *ruleset = random_ruleset(&choices, 12, 12);
	struct merlon_tables *tables = build(ruleset);
	struct ml_packet packet;
	const char *what;
	int i;

	for (i = 0; i < 120; i++) {
		/* What the input leaves are packets; then some from a seed. */
		random_packet(choices.left ? &choices : &seed, ruleset, &packet);
		what = compare_judges(ruleset, tables, &packet);
		if (what)
			fail(what);
	}
	merlon_tables_free(tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
	return 0;
}
