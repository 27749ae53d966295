// SPDX-License-Identifier: MIT
#include "desired.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "changeover.h"
#include "endpoints.h"
#include "strict.h"

#define WHAT "the bundle's config"
#define PLACE 128
#define EXITS 64		/* that are looked for by the bundle's preference */

static const char *const default_routes[] = { "0.0.0.0/0", "::/0" };

struct reader {
	const json_t *config;
	struct ml_device device;
	struct ml_desired_gaps gaps;
	const char *exits[2];	/* by family: the peer with the default route, or NULL */
	size_t prefixes;	/* so far, of all peers */
	char place[PLACE];	/* "the bundle's config: peer \"gamma\"" */
	struct ml_error *error;
};

static int no_memory(struct reader *reader)
{
	return ml_error_set(reader->error, -ENOMEM, "out of memory");
}

/* ----------------------------------------------------------------- prefixes */

static int read_prefix(struct reader *reader, const json_t *value, const char *key,
		       struct ml_prefix *ret)
{
	const char *text = json_string_value(value);

	if (text && !ml_prefix_parse(text, ret))
		return 0;
	return ml_error_set(reader->error, -EBADMSG, "%s: \"%s\": expected addresses and "
			    "prefixes without host bits", reader->place, key);
}

static bool is_host(const struct ml_prefix *prefix)
{
	static const uint8_t zero[16], loopback[16] = { [15] = 1 };
	uint8_t first = prefix->address[0];

	if (!ml_prefix_is_host(prefix))
		return false;
	if (prefix->family == AF_INET)
		return first != 0 && first != 127 && first < 224;
	return memcmp(prefix->address, zero, 16) && memcmp(prefix->address, loopback, 16) &&
	       first != 0xff;
}

static int read_addresses(struct reader *reader)
{
	struct ml_prefixes *addresses = &reader->device.addresses;
	struct ml_prefix prefix;
	json_t *list, *value;
	size_t i;
	int code = ml_strict_array(reader->config, WHAT, "addresses", &list, reader->error);

	if (code)
		return code;
	json_array_foreach(list, i, value) {
		code = read_prefix(reader, value, "addresses", &prefix);
		if (code)
			return code;
		if (!is_host(&prefix))
			return ml_error_set(reader->error, -EBADMSG, WHAT ": \"addresses\": "
					    "expected addresses that a device can have");
		if (ml_prefixes_add(addresses, &prefix))
			return no_memory(reader);
	}
	ml_prefixes_normalise(addresses);
	return 0;
}

/* -------------------------------------------------------------------- exits */

static size_t family_index(const struct ml_prefix *prefix)
{
	return prefix->family == AF_INET ? 0 : 1;
}

static const json_t *find_peer(const json_t *peers, const char *name)
{
	const char *other;
	json_t *peer;
	size_t i;

	json_array_foreach((json_t *)peers, i, peer) {
		other = json_string_value(json_object_get(peer, "name"));
		if (name && other && !strcmp(name, other))
			return peer;
	}
	return NULL;
}

static void note_exit(struct reader *reader, const json_t *peer)
{
	const char *name = json_string_value(json_object_get(peer, "name")), *text;
	json_t *value;
	size_t i, family;

	if (!name || !json_object_get(peer, "publicKey"))
		return;
	json_array_foreach(json_object_get(peer, "allowedIPs"), i, value) {
		text = json_string_value(value);
		for (family = 0; text && family < 2; family++)
			if (!strcmp(text, default_routes[family]) && !reader->exits[family])
				reader->exits[family] = name;
	}
}

/* In the order that the bundle prefers; what is malformed is refused with its peer. */
static void find_exits(struct reader *reader)
{
	const json_t *exit = json_object_get(reader->config, "exit");
	const json_t *peers = json_object_get(reader->config, "peers");
	const char *scope = json_string_value(json_object_get(reader->config, "scope"));
	json_t *value;
	size_t i;

	if (!scope || strcmp(scope, "everything") ||
	    json_is_true(json_object_get(exit, "self")))
		return;
	json_array_foreach(json_object_get(exit, "nodes"), i, value)
		if (i < EXITS && !(reader->exits[0] && reader->exits[1]))
			note_exit(reader, find_peer(peers, json_string_value(value)));
	json_array_foreach((json_t *)peers, i, value)
		note_exit(reader, value);
}

/* -------------------------------------------------------------------- peers */

static int check_keys(struct reader *reader, const json_t *peer)
{
	static const char *const known[] = { "allowedIPs", "endpoint", "name", "publicKey" };
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)peer, key, value) {
		for (i = 0; i < 4 && strcmp(key, known[i]); i++)
			;
		if (i == 4)
			return ml_error_set(reader->error, -EBADMSG, "%s has a key that this "
					    "version does not know: upgrade merlond",
					    reader->place);
	}
	return 0;
}

static int read_key(struct reader *reader, const json_t *json, uint8_t ret[static 32])
{
	const char *text;
	size_t length = 0;
	int code = ml_strict_string(json, reader->place, "publicKey", &text, reader->error);

	if (code)
		return code;
	if (strlen(text) != 44 ||
	    sodium_base642bin(ret, 32, text, 44, NULL, &length, NULL,
			      sodium_base64_VARIANT_ORIGINAL) || length != 32 ||
	    !memcmp(ret, ml_nobody, 32))
		return ml_error_set(reader->error, -EBADMSG, "%s: \"publicKey\" is no key of "
				    "WireGuard's, in 44 characters of base64", reader->place);
	return 0;
}

static int read_allowed(struct reader *reader, const json_t *json, const char *name,
			struct ml_device_peer *peer)
{
	struct ml_prefix prefix;
	json_t *list, *value;
	const char *exit;
	size_t i;
	int code = ml_strict_array(json, reader->place, "allowedIPs", &list, reader->error);

	if (code)
		return code;
	reader->prefixes += json_array_size(list);
	if (reader->prefixes > ML_DESIRED_PREFIXES)
		return ml_error_set(reader->error, -E2BIG, WHAT ": more than %u allowed IPs",
				    ML_DESIRED_PREFIXES);
	json_array_foreach(list, i, value) {
		code = read_prefix(reader, value, "allowedIPs", &prefix);
		if (code)
			return code;
		exit = reader->exits[family_index(&prefix)];
		if (!prefix.length && (!exit || strcmp(exit, name)))
			continue;
		if (ml_prefixes_add(&peer->allowed, &prefix))
			return no_memory(reader);
	}
	return 0;
}

static int read_endpoint(struct reader *reader, const json_t *json,
			 struct ml_device_peer *peer)
{
	const char *text;
	int code;

	if (!json_object_get(json, "endpoint"))
		return 0;
	code = ml_strict_string(json, reader->place, "endpoint", &text, reader->error);
	if (code)
		return code;
	code = ml_endpoint_parse(text, &peer->endpoint);
	if (code == -EINVAL)
		return ml_error_set(reader->error, -EBADMSG, "%s: \"endpoint\" is not an "
				    "address and a port that packets can be sent to",
				    reader->place);
	reader->gaps.named += code == -ENOENT;
	return 0;
}

static int read_peer(struct reader *reader, const json_t *json, size_t index)
{
	struct ml_device_peer *peer = &reader->device.peers[reader->device.peer_count];
	char name[65];
	int code;

	snprintf(reader->place, PLACE, WHAT ": peer %zu", index + 1);
	if (!json_is_object(json))
		return ml_error_set(reader->error, -EBADMSG, "%s is no object", reader->place);
	code = ml_strict_name(json, reader->place, "name", name, reader->error);
	if (code)
		return code;
	snprintf(reader->place, PLACE, WHAT ": peer \"%s\"", name);
	code = check_keys(reader, json);
	if (code)
		return code;
	if (!json_object_get(json, "publicKey")) {
		reader->gaps.keyless++;
		return 0;
	}
	reader->device.peer_count++;
	code = read_key(reader, json, peer->key);
	if (!code)
		code = read_allowed(reader, json, name, peer);
	return code ? code : read_endpoint(reader, json, peer);
}

static int read_peers(struct reader *reader)
{
	json_t *list, *value;
	size_t i;
	int code = ml_strict_array(reader->config, WHAT, "peers", &list, reader->error);

	if (code)
		return code;
	if (json_array_size(list) > ML_DESIRED_PEERS)
		return ml_error_set(reader->error, -E2BIG, WHAT ": more than %u peers",
				    ML_DESIRED_PEERS);
	reader->device.peers = calloc(json_array_size(list) + 1,
				      sizeof(*reader->device.peers));
	if (!reader->device.peers)
		return no_memory(reader);
	json_array_foreach(list, i, value) {
		code = read_peer(reader, value, i);
		if (code)
			break;
	}
	return code;
}

/* ------------------------------------------------------------------- tunnel */

static bool is_device_name(const char *name)
{
	size_t length = strlen(name), i;

	if (!length || length > 15 || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr("/:%", name[i]))
			return false;
	return true;
}

static int read_tunnel(struct reader *reader)
{
	const char *name;
	json_t *list;
	int code = ml_strict_array(reader->config, WHAT, "tunnels", &list, reader->error);

	if (code)
		return code;
	name = json_string_value(json_object_get(json_array_get(list, 0), "name"));
	if (!name || !is_device_name(name))
		return ml_error_set(reader->error, -EBADMSG, WHAT ": \"tunnels\": the first "
				    "must have the name of a device");
	strcpy(reader->device.name, name);
	return 0;
}

/* A policy need not know it: then it is no peer of anybody. */
static int read_own_key(struct reader *reader)
{
	struct ml_device *device = &reader->device;

	if (!json_object_get(reader->config, "publicKey"))
		return 0;
	strcpy(reader->place, WHAT);
	device->has_key = true;
	return read_key(reader, reader->config, device->key);
}

/* ------------------------------------------------------------- as one whole */

static int check_peers_differ(struct reader *reader)
{
	const struct ml_device *device = &reader->device;
	size_t i;

	for (i = 1; i < device->peer_count; i++)
		if (!memcmp(device->peers[i - 1].key, device->peers[i].key, 32))
			return ml_error_set(reader->error, -EBADMSG, WHAT ": two peers have "
					    "the same publicKey");
	return 0;
}

/* All allowed IPs are routes; what stands twice would be two peers', or the node's own. */
static int collect_routes(struct reader *reader)
{
	struct ml_device *device = &reader->device;
	struct ml_prefixes *routes = &device->routes;
	char text[ML_PREFIX_TEXT];
	size_t i, j;

	for (i = 0; i < device->peer_count; i++)
		if (ml_prefixes_add_all(routes, device->peers[i].allowed.items,
					device->peers[i].allowed.count))
			return no_memory(reader);
	if (routes->count)
		qsort(routes->items, routes->count, sizeof(*routes->items),
		      ml_prefix_compare_qsort);
	for (i = 1; i < routes->count; i++)
		if (!ml_prefix_compare(&routes->items[i - 1], &routes->items[i]))
			return ml_error_set(reader->error, -EBADMSG, WHAT ": two peers have %s",
					    ml_prefix_format(&routes->items[i], text));
	for (i = 0, j = 0; i < routes->count && j < device->addresses.count; i++) {
		while (j < device->addresses.count &&
		       ml_prefix_compare(&device->addresses.items[j], &routes->items[i]) < 0)
			j++;
		if (j < device->addresses.count &&
		    !ml_prefix_compare(&device->addresses.items[j], &routes->items[i]))
			return ml_error_set(reader->error, -EBADMSG, WHAT ": a peer has this "
					    "node's own address %s",
					    ml_prefix_format(&routes->items[i], text));
	}
	return 0;
}

static int check_endpoints(struct reader *reader)
{
	const struct ml_endpoint *endpoint;
	struct ml_prefix prefix;
	char text[ML_PREFIX_TEXT];
	size_t i;

	for (i = 0; i < reader->device.peer_count; i++) {
		endpoint = &reader->device.peers[i].endpoint;
		if (!endpoint->family || !ml_device_contains(&reader->device, endpoint))
			continue;
		ml_prefix_host(endpoint->family, endpoint->address, &prefix);
		return ml_error_set(reader->error, -EBADMSG, WHAT ": the endpoint %s is reached "
				    "by the tunnel itself: give one of the network below",
				    ml_prefix_format(&prefix, text));
	}
	return 0;
}

static int read_config(struct reader *reader)
{
	int code;

	strcpy(reader->place, WHAT);
	if (!json_object_get(reader->config, "peers"))
		return ml_error_set(reader->error, -EBADMSG, WHAT " has no peers: its policy "
				    "has no section \"nodes\", so that no tunnel can be made "
				    "of it; run merlond without --tunnel");
	code = read_tunnel(reader);
	if (!code)
		code = read_own_key(reader);
	if (!code)
		code = read_addresses(reader);
	find_exits(reader);
	if (!code)
		code = read_peers(reader);
	if (code)
		return code;
	ml_device_sort(&reader->device);
	code = check_peers_differ(reader);
	if (!code)
		code = collect_routes(reader);
	return code ? code : check_endpoints(reader);
}

int ml_desired_read(struct ml_bytes leaf, struct ml_device *ret,
		    struct ml_desired_gaps *ret_gaps, struct ml_error *error)
{
	struct reader reader = { .error = error };
	json_t *json, *config;
	int code = ml_strict_load(leaf.data, leaf.length, "the leaf", &json, error);

	if (code)
		return code;
	code = ml_strict_object(json, "the leaf", "config", &config, error);
	reader.config = config;
	if (!code)
		code = read_config(&reader);
	if (code) {
		ml_device_clean(&reader.device);
	} else {
		*ret = reader.device;
		if (ret_gaps)
			*ret_gaps = reader.gaps;
	}
	json_decref(json);
	return code;
}
