// SPDX-License-Identifier: MIT
#include "policy_endpoint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "prefix.h"

static bool is_port(const char *text)
{
	size_t length = strlen(text);
	long port;

	if (!length || length > 5 || strspn(text, "0123456789") != length || *text == '0')
		return false;
	port = strtol(text, NULL, 10);
	return port <= 65535;
}

/* Labels of letters, digits and hyphens; a name of digits alone is a mistyped address. */
static bool is_dns_name(const char *name)
{
	size_t label = 0;
	bool letter = false;

	if (strlen(name) > 253)
		return false;
	for (; *name; name++) {
		bool alpha = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

		if (*name == '.' && !label)
			return false;
		if (*name != '.' && *name != '-' && !alpha && (*name < '0' || *name > '9'))
			return false;
		letter |= alpha;
		label = *name == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return letter && label;
}

static bool is_reachable(const struct ml_prefix *address)
{
	static const uint8_t zero[16], loopback[16] = { [15] = 1 };
	uint8_t first = address->address[0];

	if (!ml_prefix_is_host(address))
		return false;
	if (address->family == AF_INET)
		return first != 0 && first != 127 && first < 224;
	return memcmp(address->address, zero, 16) != 0 &&
	       memcmp(address->address, loopback, 16) != 0 &&
	       first != 0xff;
}

int ml_endpoint_check(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct ml_prefix prefix;
	char host[256];
	size_t length;

	if (!colon || !is_port(colon + 1) || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	length = (size_t)(colon - text);
	memcpy(host, text, length);
	host[length] = '\0';
	if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		if (ml_prefix_parse(host + 1, &prefix) || prefix.family != AF_INET6)
			return -EINVAL;
		return is_reachable(&prefix) ? 0 : -EINVAL;
	}
	if (!ml_prefix_parse(host, &prefix) && prefix.family == AF_INET)
		return is_reachable(&prefix) && !strchr(host, '/') ? 0 : -EINVAL;
	return is_dns_name(host) ? 0 : -EINVAL;
}
