// SPDX-License-Identifier: MIT
#include "whereabouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "server.h"
#include "strict.h"

/* Of a leaf: the peers' section of its config. To be released; NULL: it has none. */
static json_t *peers_of(struct ml_bytes leaf)
{
	json_t *json, *peers;

	if (ml_strict_load(leaf.data, leaf.length, "the leaf", &json, NULL))
		return NULL;
	peers = json_incref(json_object_get(json_object_get(json, "config"), "peers"));
	json_decref(json);
	return peers;
}

/* ----------------------------------------------------------------------- asking */

struct found {
	json_t **endpoints;	/* of each key; NULL: nobody said */
};

static json_t *words(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t length = strcspn(text, " ");

		json_array_append_new(list, json_stringn(text, length));
		text += length + strspn(text + length, " ");
	}
	return list;
}

/* A transaction that is tried again calls this again. */
static int take(void *arg, size_t index, const char *endpoints)
{
	struct found *found = arg;

	json_decref(found->endpoints[index]);
	found->endpoints[index] = words(endpoints);
	return found->endpoints[index] ? 0 : -ENOMEM;
}

static size_t keys_of(const json_t *peers, uint8_t (*keys)[32])
{
	size_t i, count = 0;
	json_t *peer;

	json_array_foreach(peers, i, peer)
		if (json_object_get(peer, "publicKey") &&
		    !ml_strict_base64(peer, "peer", "publicKey", keys[count], 32, NULL))
			count++;
	return count;
}

static json_t *collect(struct found *found, const uint8_t (*keys)[32], size_t count)
{
	char text[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		if (!found->endpoints[i])
			continue;
		sodium_bin2base64(text, sizeof(text), keys[i], 32,
				  sodium_base64_VARIANT_ORIGINAL);
		json_array_append_new(list, json_pack("{s:O, s:s}", "endpoints",
						      found->endpoints[i], "publicKey", text));
	}
	return list;
}

static json_t *look_up(struct call *call, const json_t *peers, struct ml_error *error)
{
	size_t room = json_array_size(peers) + 1, count, i;
	uint8_t (*keys)[32] = calloc(room, 32);
	struct found found = { calloc(room, sizeof(json_t *)) };
	json_t *list = NULL;

	if (keys && found.endpoints) {
		count = keys_of(peers, keys);
		if (!store_endpoints_each(call->store, (const uint8_t (*)[32])keys, count, take,
					  &found, error))
			list = collect(&found, (const uint8_t (*)[32])keys, count);
		for (i = 0; i < count; i++)
			json_decref(found.endpoints[i]);
	}
	free(keys);
	free(found.endpoints);
	return list;
}

static void digest_of(const json_t *list, char ret[static 65])
{
	uint8_t digest[crypto_hash_sha256_BYTES];
	size_t length = 0;
	char *text = ml_strict_dump(list, &length);

	crypto_hash_sha256(digest, (const uint8_t *)(text ? text : ""), length);
	sodium_bin2hex(ret, 65, digest, sizeof(digest));
	free(text);
}

json_t *whereabouts_json(struct call *call, struct ml_bytes leaf, char ret_digest[static 65],
			  struct ml_error *error)
{
	json_t *peers = peers_of(leaf), *list;

	ml_error_set(error, -ENOMEM, "out of memory");
	list = look_up(call, peers, error);
	json_decref(peers);
	if (!list)
		return NULL;
	digest_of(list, ret_digest);
	return json_pack("{s:s, s:o}", "digest", ret_digest, "peers", list);
}

/* ----------------------------------------------------------------------- waking */

/* Who is a node's peer has that node for a peer, as a rule; others see it at their next poll. */
void whereabouts_wake(struct call *call, struct ml_bytes leaf)
{
	json_t *peers = peers_of(leaf), *peer;
	const char *name;
	size_t i;

	json_array_foreach(peers, i, peer) {
		name = json_string_value(json_object_get(peer, "name"));
		if (name)
			server_wake(call->server, name);
	}
	json_decref(peers);
}
