/* SPDX-License-Identifier: MIT */
#include "compile_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"

int compile_no_memory(struct compile *c)
{
	return ml_error_set(c->error, -ENOMEM, "out of memory while compiling the policy");
}

void *compile_calloc(struct compile *c, size_t count, size_t size)
{
	/* Never 0 bytes: NULL means that there is no memory. */
	void *p = calloc(count + 1, size);

	if (!p)
		compile_no_memory(c);
	return p;
}

int compile_too_many(struct compile *c, const char *what, uint64_t count,
		     const char *limit, uint64_t value, const char *advice)
{
	return ml_error_set(c->error, -E2BIG, "the policy needs %llu %s; %s is %llu: %s",
			    (unsigned long long)count, what, limit,
			    (unsigned long long)value, advice);
}

int compile_lists(struct compile *c, struct lists *lists, uint32_t keys,
		  const struct ml_u32s *key, const struct ml_u32s *item)
{
	uint32_t i;

	lists->at = compile_calloc(c, (size_t)keys + 2, sizeof(*lists->at));
	lists->items = compile_calloc(c, key->count, sizeof(*lists->items));
	if (!lists->at || !lists->items)
		return -ENOMEM;
	/* at[k + 2] counts, then at[k + 1] is where the next item of k goes. */
	for (i = 0; i < key->count; i++)
		lists->at[key->items[i] + 2]++;
	for (i = 2; i < keys + 2; i++)
		lists->at[i] += lists->at[i - 1];
	for (i = 0; i < key->count; i++)
		lists->items[lists->at[key->items[i] + 1]++] = item->items[i];
	return 0;
}

static void lists_clean(struct lists *lists)
{
	free(lists->at);
	free(lists->items);
}

static void side_clean(struct side *side)
{
	ml_intern_clean(&side->exprs);
	free(side->rule_expr);
	free(side->class_of);
	lists_clean(&side->classes_of);
	lists_clean(&side->exprs_of);
}

static void compile_clean_rows(struct compile *c)
{
	ml_intern_clean(&c->sequences);
	ml_u32s_clean(&c->sequence_shape);
	ml_intern_clean(&c->winners);
	ml_u32s_clean(&c->sequence_winners);
	ml_intern_clean(&c->shapes);
	ml_intern_clean(&c->lists);
	free(c->svx_seen);
	free(c->service_owner);
	ml_u32s_clean(&c->ranks);
	ml_u32s_clean(&c->sequence);
	ml_u32s_clean(&c->rules);
	ml_u32s_clean(&c->touched);
	ml_u32s_clean(&c->scratch);
	free(c->blocks);
	free(c->block_ranks);
	free(c->rows[SOURCE]);
	free(c->rows[DESTINATION]);
	ml_u32s_clean(&c->pairs);
}

static void compile_clean(struct compile *c)
{
	unsigned int i;

	free(c->by_rank);
	free(c->rank_of);
	ml_intern_clean(&c->svxs);
	free(c->rule_svx);
	free(c->cells);
	lists_clean(&c->services_of);
	free(c->nodes);
	lists_clean(&c->nodes_of);
	for (i = 0; i < SIDES; i++)
		side_clean(&c->side[i]);
	for (i = 0; i < 4; i++)
		ml_u32s_clean(&c->records[i]);
	compile_clean_rows(c);
}

/* Rules by rank: a deny wins over an allow, then the lowest id. */
int compile_rank(struct compile *c)
{
	const struct ml_ruleset *ruleset = c->ruleset;
	uint32_t i, rank = 0;
	int pass;

	c->by_rank = compile_calloc(c, ruleset->rule_count, sizeof(*c->by_rank));
	c->rank_of = compile_calloc(c, ruleset->rule_count, sizeof(*c->rank_of));
	if (!c->by_rank || !c->rank_of)
		return -ENOMEM;
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < ruleset->rule_count; i++) {
			if ((ruleset->rules[i].action == MERLON_ACTION_ALLOW) != pass)
				continue;
			c->by_rank[rank] = i;
			c->rank_of[i] = rank++;
		}
	return 0;
}

/*
 * What the kernel would refuse must not be signed: its own code has the
 * last word. What it refuses but for size is a defect of the compiler.
 */
static int check_image(struct compile *c, const uint8_t *image, size_t length)
{
	struct merlon_fault fault = { 0 };
	struct merlon_tables *tables = NULL;
	struct merlon_view view;
	int ret;

	ret = merlon_image_check(image, length, &view, &fault);
	if (!ret)
		ret = merlon_tables_build(&view, &tables, &fault);
	merlon_tables_free(tables);
	if (!ret || ret == -ENOMEM)
		return ret ? compile_no_memory(c) : 0;
	if (ret == -E2BIG)
		return ml_error_set(c->error, ret, "the policy's addresses need too much room: %s; name fewer or larger prefixes",
				    fault.what);
	return ml_error_set(c->error, ret, "defect in the policy compiler, please report it: section %d, record %u: %s",
			    fault.section, fault.index, fault.what);
}

static int compile_all(struct compile *c, uint8_t **ret_image, size_t *ret_length)
{
	static int (*const stages[])(struct compile *c) = {
		compile_check, compile_rank, compile_services, compile_nodes,
		compile_classes, compile_blocks, compile_pairs,
	};
	uint8_t *image;
	size_t i;
	int ret;

	for (i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		ret = stages[i](c);
		if (ret)
			return ret;
	}
	ret = compile_write(c, &image, ret_length);
	if (ret)
		return ret;
	ret = check_image(c, image, *ret_length);
	if (ret)
		free(image);
	else
		*ret_image = image;
	return ret;
}

int compile_part(const struct ml_ruleset *ruleset, uint8_t **ret_image, size_t *ret_length,
		 struct ml_error *error)
{
	struct compile c = { .ruleset = ruleset, .error = error };
	size_t length;
	int ret;

	ret = compile_all(&c, ret_image, &length);
	/* What failed deep inside for want of memory has set no sentence. */
	if (ret == -ENOMEM)
		compile_no_memory(&c);
	if (!ret)
		*ret_length = length;
	compile_clean(&c);
	return ret;
}
