// SPDX-License-Identifier: MIT
/*
 * What the ledger has let in, for a server that was restored from a backup: grants with
 * their uses, nodes with their joins. Nothing of it is secret to a server.
 */
#include <errno.h>
#include <string.h>

#include "prefix.h"
#include "request_private.h"
#include "strict.h"

#define WHAT	REQUEST_WHAT
#define ITEMS	256	/* of one answer */

static json_t *grant_json(const struct signer_grant *grant)
{
	return json_pack("{s:s, s:I, s:b, s:i}", "id", grant->grant.id, "length",
			 (json_int_t)grant->envelope.length, "revoked", grant->revoked, "used",
			 (int)grant->used);
}

static json_t *addresses_json(const struct signer_node *node)
{
	char text[ML_PREFIX_TEXT];
	json_t *list = json_array();

	for (size_t i = 0; list && i < node->address_count; i++)
		json_array_append_new(list, json_string(ml_prefix_format(&node->addresses[i], text)));
	return list;
}

static json_t *node_json(const struct signer *signer, const struct signer_node *node)
{
	return json_pack("{s:o, s:s, s:o, s:I, s:s, s:b, s:o}",
			 "addresses", addresses_json(node),
			 "grant", signer->grants[node->grant].grant.id,
			 "identity", ml_strict_hash_json(node->identity.key),
			 "length", (json_int_t)node->envelope.length, "name", node->name,
			 "revoked", node->revoked, "wireguard", ml_strict_hash_json(node->wireguard));
}

static int items_fill(const struct asking *asking, bool nodes, uint64_t from, json_t *items,
		      bool *ret_more)
{
	const struct signer *signer = asking->signer;
	size_t count = nodes ? signer->node_count : signer->grant_count, i;
	struct answer *answer = asking->answer;

	for (i = from; i < count && json_array_size(items) < ITEMS; i++) {
		json_t *item = nodes ? node_json(signer, &signer->nodes[i]) :
			grant_json(&signer->grants[i]);

		if (json_array_append_new(items, item))
			return -ENOMEM;
		answer->parts[answer->part_count++] = nodes ? signer->nodes[i].envelope :
			signer->grants[i].envelope;
	}
	*ret_more = i < count;
	return 0;
}

int request_ledger(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "from", "kind", "request" };
	const char *kind;
	json_t *items;
	int64_t from;
	bool more = false;
	int r = request_keys(asking, keys, 3, false, error);

	if (!r)
		r = ml_strict_number(asking->header, WHAT, "from", 0, INT64_MAX, &from, error);
	if (!r)
		r = ml_strict_string(asking->header, WHAT, "kind", &kind, error);
	if (!r && strcmp(kind, "grant") != 0 && strcmp(kind, "node") != 0)
		r = ml_error_set(error, -EBADMSG, WHAT ": kind \"%.32s\" is neither grant nor node",
				 kind);
	if (r)
		return r;
	items = json_array();
	if (!items || items_fill(asking, !strcmp(kind, "node"), (uint64_t)from, items, &more)) {
		json_decref(items);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	asking->answer->header = json_pack("{s:o, s:b}", "items", items, "more", more);
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}
