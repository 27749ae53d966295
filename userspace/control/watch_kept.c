// SPDX-License-Identifier: MIT
#include "watch_kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int order_names(const void *one, const void *other)
{
	return strcmp(((const struct distribution_node *)one)->name,
		      ((const struct distribution_node *)other)->name);
}

static int order_texts(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static const struct distribution_node *node_find(const struct distribution *in, size_t count,
						 const char *name)
{
	struct distribution_node key = { .name = "" };

	snprintf(key.name, sizeof(key.name), "%s", name);
	return bsearch(&key, in->nodes, count, sizeof(key), order_names);
}

/* In order. NULL: no memory */
static const char **names_sort(const json_t *gone, size_t *ret_count)
{
	const char **names = calloc(json_array_size(gone) + 1, sizeof(*names));
	size_t count = 0, i;
	json_t *item;

	if (!names)
		return NULL;
	json_array_foreach(gone, i, item)
		if (json_is_string(item))
			names[count++] = json_string_value(item);
	qsort(names, count, sizeof(*names), order_texts);
	*ret_count = count;
	return names;
}

int kept_add(struct distribution *to, const struct distribution *before, const json_t *gone)
{
	size_t changed = to->count, count;
	const char **names = names_sort(gone, &count);

	if (!names)
		return -ENOMEM;
	qsort(to->nodes, changed, sizeof(*to->nodes), order_names);
	for (size_t i = 0; before && i < before->count; i++) {
		const char *name = before->nodes[i].name;

		if (node_find(to, changed, name) ||
		    bsearch(&name, names, count, sizeof(*names), order_texts))
			continue;
		to->nodes[to->count] = before->nodes[i];
		to->nodes[to->count++].kept = true;
	}
	free(names);
	qsort(to->nodes, to->count, sizeof(*to->nodes), order_names);
	return 0;
}

/* -------------------------------------------------------------------- blocks */

struct candidate {
	uint8_t digest[32];
	bool used;
};

static int order_digests(const void *one, const void *other)
{
	return memcmp(one, other, 32);
}

static size_t candidates_fill(const struct distribution *before, const struct distribution *made,
			      struct candidate *to)
{
	size_t count = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct distribution_node *node = &before->nodes[i], *now;

		now = node_find(made, made->count, node->name);
		if (now && now->kept)
			continue;
		memcpy(to[count++].digest, node->image, 32);
		memcpy(to[count++].digest, node->leaf, 32);
		memcpy(to[count++].digest, node->rules, 32);
	}
	qsort(to, count, sizeof(*to), order_digests);
	return count;
}

static void use(struct candidate *candidates, size_t count, const uint8_t digest[static 32])
{
	struct candidate *found = bsearch(digest, candidates, count, sizeof(*candidates),
					  order_digests);

	/* The same digest can be there twice, side by side. */
	for (; found && found > candidates && !memcmp(found[-1].digest, digest, 32); found--)
		;
	for (; found && found < candidates + count && !memcmp(found->digest, digest, 32); found++)
		found->used = true;
}

int kept_compare(const struct distribution *before, const struct distribution *made,
		 struct store_kept *ret)
{
	struct candidate *candidates = calloc(3 * before->count + 1, sizeof(*candidates));
	size_t count;

	if (!candidates)
		return -ENOMEM;
	count = candidates_fill(before, made, candidates);
	for (size_t i = 0; count && i < made->count; i++) {
		use(candidates, count, made->nodes[i].image);
		use(candidates, count, made->nodes[i].leaf);
		use(candidates, count, made->nodes[i].rules);
	}
	ret->gone = calloc(count + 1, sizeof(*ret->gone));
	for (size_t i = 0; ret->gone && i < count; i++)
		if (!candidates[i].used)
			memcpy(ret->gone[ret->gone_count++], candidates[i].digest, 32);
	free(candidates);
	memcpy(ret->root, before->statement.root, sizeof(ret->root));
	return ret->gone ? 0 : -ENOMEM;
}
