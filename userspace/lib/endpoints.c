// SPDX-License-Identifier: MIT
#include "endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "desired.h"
#include "policy_endpoint.h"
#include "strict.h"

/* ------------------------------------------------------------------------ one */

static bool is_mapped(const struct ml_prefix *prefix)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return prefix->family == AF_INET6 && !memcmp(prefix->address, mapped, sizeof(mapped));
}

int ml_endpoint_parse(const char *text, struct ml_endpoint *ret)
{
	const char *colon = strrchr(text, ':');
	struct ml_prefix prefix;
	char host[256];

	if (ml_endpoint_check(text))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (host[0] == '[')
		host[strlen(host) - 1] = '\0';
	if (ml_prefix_parse(host + (host[0] == '['), &prefix))
		return -ENOENT;
	if (is_mapped(&prefix))
		return -EINVAL;
	ret->family = prefix.family;
	ret->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	memcpy(ret->address, prefix.address, sizeof(ret->address));
	return 0;
}

char *ml_endpoint_format(const struct ml_endpoint *endpoint, char ret[static ML_ENDPOINT_TEXT])
{
	bool six = endpoint->family == AF_INET6;
	struct ml_prefix prefix;
	char host[ML_PREFIX_TEXT];

	ml_prefix_host(endpoint->family, endpoint->address, &prefix);
	ml_prefix_format(&prefix, host);
	snprintf(ret, ML_ENDPOINT_TEXT, six ? "[%s]:%u" : "%s:%u", host, endpoint->port);
	return ret;
}

/* ------------------------------------------------------------------------ all */

static int read_addresses(const json_t *json, struct ml_endpoints_peer *ret,
			  struct ml_error *error)
{
	json_t *list, *item;
	size_t i;
	int code = ml_strict_array(json, "endpoints", "endpoints", &list, error);

	if (code)
		return code;
	if (json_array_size(list) > ML_ENDPOINTS_EACH)
		return ml_error_set(error, -E2BIG, "endpoints: more than %u of one peer",
				    ML_ENDPOINTS_EACH);
	json_array_foreach(list, i, item) {
		if (!json_is_string(item) ||
		    ml_endpoint_parse(json_string_value(item), &ret->at[i]))
			return ml_error_set(error, -EBADMSG, "endpoints: not an address and a "
					    "port that packets can be sent to");
	}
	ret->count = json_array_size(list);
	return 0;
}

static int read_peer(const json_t *json, struct ml_endpoints_peer *ret, struct ml_error *error)
{
	static const char *const keys[] = { "endpoints", "publicKey" };
	int code;

	if (!json_is_object(json))
		return ml_error_set(error, -EBADMSG, "endpoints: a peer is no object");
	code = ml_strict_keys(json, "endpoints", keys, 2, error);
	if (!code)
		code = ml_strict_base64(json, "endpoints", "publicKey", ret->key, 32, error);
	return code ? code : read_addresses(json, ret, error);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct ml_endpoints_peer *)a)->key,
		      ((const struct ml_endpoints_peer *)b)->key, 32);
}

static int read_peers(const json_t *list, struct ml_endpoints *endpoints, struct ml_error *error)
{
	json_t *item;
	size_t i;
	int code;

	json_array_foreach(list, i, item) {
		code = read_peer(item, &endpoints->peers[i], error);
		if (code)
			return code;
	}
	endpoints->count = i;
	qsort(endpoints->peers, endpoints->count, sizeof(*endpoints->peers), by_key);
	for (i = 1; i < endpoints->count; i++)
		if (!by_key(&endpoints->peers[i - 1], &endpoints->peers[i]))
			return ml_error_set(error, -EBADMSG, "endpoints: a peer is there twice");
	return 0;
}

int ml_endpoints_parse(const json_t *json, struct ml_endpoints *ret, struct ml_error *error)
{
	static const char *const keys[] = { "peers" };
	struct ml_endpoints endpoints = { .count = 0 };
	json_t *list;
	int code = ml_strict_keys(json, "endpoints", keys, 1, error);

	if (!code)
		code = ml_strict_array(json, "endpoints", "peers", &list, error);
	if (code)
		return code;
	if (json_array_size(list) > ML_DESIRED_PEERS)
		return ml_error_set(error, -E2BIG, "endpoints: more than %u peers",
				    ML_DESIRED_PEERS);
	endpoints.peers = calloc(json_array_size(list) + 1, sizeof(*endpoints.peers));
	if (!endpoints.peers)
		return ml_error_set(error, -ENOMEM, "no memory for endpoints");
	code = read_peers(list, &endpoints, error);
	if (code)
		free(endpoints.peers);
	else
		*ret = endpoints;
	return code;
}

void ml_endpoints_free(struct ml_endpoints *endpoints)
{
	free(endpoints->peers);
	endpoints->peers = NULL;
	endpoints->count = 0;
}

const struct ml_endpoints_peer *ml_endpoints_find(const struct ml_endpoints *endpoints,
						  const uint8_t key[static 32])
{
	struct ml_endpoints_peer wanted = { .count = 0 };

	if (!endpoints->count)
		return NULL;
	memcpy(wanted.key, key, sizeof(wanted.key));
	return bsearch(&wanted, endpoints->peers, endpoints->count, sizeof(wanted), by_key);
}
