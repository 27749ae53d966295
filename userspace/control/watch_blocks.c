// SPDX-License-Identifier: MIT
#include "watch_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "signer_client.h"
#include "strict.h"

#define WHAT		"the signer's answer"
#define PATIENCE	60	/* seconds */
#define DIGESTS		256	/* in one request */

void fetch_clean(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->count; i++)
		free((void *)(uintptr_t)fetch->blocks[i].content.data);
	free(fetch->blocks);
}

static void fetch_add(struct fetch *fetch, const uint8_t digest[static 32])
{
	memcpy(fetch->blocks[fetch->count++].digest, digest, 32);
}

static int order(const void *one, const void *other)
{
	return memcmp(one, other, 32);
}

/* Three of each node, each once. */
int fetch_fill(struct fetch *fetch, const struct distribution *distribution)
{
	size_t kept = 0;

	fetch->blocks = calloc(3 * distribution->count + 1, sizeof(*fetch->blocks));
	if (!fetch->blocks)
		return -ENOMEM;
	for (size_t i = 0; i < distribution->count; i++) {
		if (distribution->nodes[i].kept)
			continue;
		fetch_add(fetch, distribution->nodes[i].image);
		fetch_add(fetch, distribution->nodes[i].leaf);
		fetch_add(fetch, distribution->nodes[i].rules);
	}
	qsort(fetch->blocks, fetch->count, sizeof(*fetch->blocks), order);
	for (size_t i = 0; i < fetch->count; i++)
		if (!i || memcmp(fetch->blocks[i].digest, fetch->blocks[kept - 1].digest, 32) != 0)
			fetch->blocks[kept++] = fetch->blocks[i];
	fetch->count = kept;
	return 0;
}

static bool is_held(struct store *store, const uint8_t digest[static 32])
{
	size_t length;
	uint8_t *content;

	if (store_block_get(store, digest, &content, &length, NULL))
		return false;
	free(content);
	return true;
}

static json_t *digests_json(struct store_block *const *wanted, size_t count)
{
	json_t *list = json_array();
	char hex[65];

	for (size_t i = 0; i < count; i++) {
		sodium_bin2hex(hex, sizeof(hex), wanted[i]->digest, 32);
		json_array_append_new(list, json_string(hex));
	}
	return json_pack("{s:o, s:s}", "digests", list, "request", "blocks");
}

/* Cuts the blob by its lengths. Returns how many came, or a negative errno. */
static int blocks_cut(const json_t *lengths, const uint8_t *blob, size_t total,
		      struct store_block **wanted, size_t count, struct ml_error *error)
{
	size_t at = 0, i;
	json_t *item;

	json_array_foreach(lengths, i, item) {
		json_int_t length = json_integer_value(item);
		uint8_t *copy;

		if (i >= count || length < 0 || (size_t)length > total - at)
			return ml_error_set(error, -EBADMSG, WHAT " has blocks of wrong lengths");
		copy = malloc((size_t)length + 1);
		if (!copy)
			return ml_error_set(error, -ENOMEM, "out of memory");
		memcpy(copy, blob + at, (size_t)length);
		wanted[i]->content = (struct ml_bytes){ copy, (size_t)length };
		at += (size_t)length;
	}
	return (int)i;
}

static int blocks_ask(struct signer_client *signer, struct store_block **wanted, size_t count,
		      struct ml_error *error)
{
	size_t length;
	json_t *answer, *lengths;
	uint8_t *blob;
	int r = signer_client_ask(signer, digests_json(wanted, count),
				  (struct ml_bytes){ NULL, 0 }, PATIENCE, &answer, &blob, &length,
				  error);

	if (r)
		return r;
	r = ml_strict_array(answer, WHAT, "lengths", &lengths, error);
	if (!r)
		r = blocks_cut(lengths, blob, length, wanted, count, error);
	if (!r)
		r = ml_error_set(error, -EBADMSG, WHAT " lacks the blocks that were asked for");
	json_decref(answer);
	free(blob);
	return r;
}

int fetch_run(struct fetch *fetch, struct store *store, struct signer_client *signer,
	      struct ml_error *error)
{
	struct store_block *wanted[DIGESTS];
	size_t at = 0, count = 0;
	int r;

	while (at < fetch->count || count) {
		for (; at < fetch->count && count < DIGESTS; at++)
			if (!is_held(store, fetch->blocks[at].digest))
				wanted[count++] = &fetch->blocks[at];
		if (!count)
			break;
		r = blocks_ask(signer, wanted, count, error);
		if (r < 0)
			return r;
		memmove(wanted, wanted + r, (count - (size_t)r) * sizeof(*wanted));
		count -= (size_t)r;
	}
	return 0;
}

const struct store_block *fetch_find(const struct fetch *fetch, const uint8_t digest[static 32])
{
	return bsearch(digest, fetch->blocks, fetch->count, sizeof(*fetch->blocks), order);
}
