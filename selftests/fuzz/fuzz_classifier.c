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
#include "tables_of.h"

#include "../oracle/compare.h"
#include "../oracle/random_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what) __attribute__((noreturn));

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static void build(const struct ml_ruleset *ruleset, struct ml_tables *ret)
{
	struct merlon_fault fault;
	struct ml_error error;
	uint8_t *image;
	size_t length;

	if (ml_image_compile(ruleset, &image, &length, &error))
		fail(error.text);
	if (ml_tables_of(image, length, ret, &fault))
		fail(fault.what);
	free(image);
}

static void judges_agree(const struct ml_ruleset *ruleset, const struct merlon_tables *tables,
			 const struct ml_packet *packet)
{
	const char *what = compare_judges(ruleset, tables, packet);

	if (what)
		fail(what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chance choices = { .bytes = data, .left = size };
	struct chance seed = { .state = size };
	struct ml_ruleset *ruleset = random_ruleset(&choices, 12, 12);
	struct ml_tables tables;
	struct ml_packet packet;
	int i;

	if (size % 2)
		random_guard(&choices, ruleset, 6, 6);
	build(ruleset, &tables);
	for (i = 0; i < 120; i++) {
		/* What the input leaves are packets; then some from a seed. */
		random_packet(choices.left ? &choices : &seed, ruleset, &packet);
		judges_agree(ruleset, tables.tables, &packet);
		if (!ruleset->guard)
			continue;
		random_guarded_packet(choices.left ? &choices : &seed, ruleset->guard, &packet);
		judges_agree(&ruleset->guard->rules, tables.guard, &packet);
	}
	ml_tables_clean(&tables);
	ml_ruleset_free(ruleset);
	free(ruleset);
	return 0;
}
