// SPDX-License-Identifier: MIT
/* A node says where it can be reached: POST /v1/endpoints. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoints.h"
#include "node_route.h"
#include "routes.h"
#include "server.h"
#include "strict.h"
#include "whereabouts.h"

/* What is told, with a space in front of each; the first is what this server sees. */
struct list {
	char text[ML_ENDPOINTS_EACH * ML_ENDPOINT_TEXT];
	unsigned int count;
};

static void list_add(struct list *list, const struct ml_endpoint *endpoint)
{
	char one[ML_ENDPOINT_TEXT + 1], text[ML_ENDPOINT_TEXT];
	size_t length = strlen(list->text), i;

	snprintf(one, sizeof(one), " %s", ml_endpoint_format(endpoint, text));
	i = strlen(one);
	for (const char *at = list->text; (at = strstr(at, one)); at += i)
		if (at[i] == ' ' || !at[i])
			return;
	if (list->count == ML_ENDPOINTS_EACH)
		return;
	snprintf(list->text + length, sizeof(list->text) - length, "%s", one);
	list->count++;
}

/* Behind a translator of addresses the port may be another: WireGuard learns that by itself. */
static void list_add_source(struct list *list, const struct call *call, uint16_t port)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&call->source;
	const struct sockaddr_in *four = (const struct sockaddr_in *)&call->source;
	struct ml_endpoint endpoint = { .family = (uint8_t)call->source.ss_family, .port = port };
	char text[ML_ENDPOINT_TEXT];

	if (endpoint.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		endpoint.family = AF_INET;
		memcpy(endpoint.address, &six->sin6_addr.s6_addr[12], 4);
	} else if (endpoint.family == AF_INET6) {
		memcpy(endpoint.address, &six->sin6_addr, 16);
	} else {
		memcpy(endpoint.address, &four->sin_addr, 4);
	}
	if (!ml_endpoint_parse(ml_endpoint_format(&endpoint, text), &endpoint))
		list_add(list, &endpoint);
}

static int list_read(struct list *list, const json_t *addresses, uint16_t port,
		     struct ml_error *error)
{
	struct ml_endpoint endpoint;
	char text[ML_ENDPOINT_TEXT];
	const json_t *item;
	const char *address;
	size_t i;

	if (json_array_size(addresses) >= ML_ENDPOINTS_EACH)
		return ml_error_set(error, -EBADMSG, "\"addresses\" are %u at most",
				    ML_ENDPOINTS_EACH - 1);
	json_array_foreach(addresses, i, item) {
		address = json_string_value(item);
		if (!address || strlen(address) > ML_ENDPOINT_TEXT - sizeof("[]:65535") ||
		    snprintf(text, sizeof(text), strchr(address, ':') ? "[%s]:%u" : "%s:%u",
			     address, port) < 0 || ml_endpoint_parse(text, &endpoint))
			return ml_error_set(error, -EBADMSG, "\"addresses\" has what is no "
					    "address that packets can be sent to");
		list_add(list, &endpoint);
	}
	return 0;
}

/* A node that no generation names yet has nobody to tell. */
static void tell_peers(struct call *call)
{
	struct ml_error error;
	struct ml_bytes leaf;

	if (node_leaf_get(call, &leaf, &error))
		return;
	whereabouts_wake(call, leaf);
	free((void *)(uintptr_t)leaf.data);
}

static void endpoints(struct call *call)
{
	static const char *const keys[] = { "addresses", "port" };
	struct list list = { .count = 0 };
	struct ml_error error;
	json_t *addresses;
	bool changed = false;
	int64_t port;
	int r;

	if (!call_keys(call, keys, 2))
		return;
	r = ml_strict_array(call->body, "the request", "addresses", &addresses, &error);
	if (!r)
		r = ml_strict_number(call->body, "the request", "port", 1, 65535, &port, &error);
	if (!r && !call->local)
		list_add_source(&list, call, (uint16_t)port);
	if (!r)
		r = list_read(&list, addresses, (uint16_t)port, &error);
	if (!r)
		r = store_endpoints_set(call->store, call->node, list.text + (list.count > 0),
					call->now, &changed, &error);
	if (r) {
		call_fail(call, r, &error);
		return;
	}
	if (changed)
		tell_peers(call);
	call_answer_empty(call, 204);
}

static const struct route routes[] = {
	{ .method = "POST", .path = "/v1/endpoints", .who = ROUTE_NODE, .handle = endpoints },
};

const struct route_table route_endpoints = { routes, sizeof(routes) / sizeof(routes[0]) };
