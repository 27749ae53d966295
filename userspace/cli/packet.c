// SPDX-License-Identifier: MIT
#include "packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "policy_service.h"
#include "prefix.h"

/* One address of each family, as far as there is one. */
struct endpoint {
	const char *text;
	bool has[2];		/* IPv4, IPv6 */
	uint8_t address[2][16];
};

static void endpoint_take(struct endpoint *endpoint, const struct ml_prefix *prefix)
{
	int family = prefix->family == AF_INET6;

	if (endpoint->has[family])
		return;
	endpoint->has[family] = true;
	memcpy(endpoint->address[family], prefix->address, 16);
}

/* A node's own addresses come before the networks behind it. */
static void endpoint_find_name(struct endpoint *endpoint, const struct ml_ruleset *names,
			       bool hosts)
{
	for (size_t i = 0; i < names->name_count; i++) {
		if (ml_prefix_is_host(&names->names[i].prefix) == hosts &&
		    !strcmp(names->names[i].name, endpoint->text))
			endpoint_take(endpoint, &names->names[i].prefix);
	}
}

static void endpoint_find_set(struct endpoint *endpoint, const struct ml_ruleset *names)
{
	for (size_t i = 0; i < names->set_count; i++) {
		const struct ml_set *set = &names->sets[i];

		if (set->any || strcmp(set->name, endpoint->text))
			continue;
		for (size_t j = 0; j < set->prefix_count; j++)
			endpoint_take(endpoint, &set->prefixes[j]);
	}
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* "nas:22" and "[fd00::1]:22": two words that were written as one. */
static int two_words_check(const char *text, struct ml_error *error)
{
	const char *colon = strrchr(text, ':');
	int length = colon ? (int)(colon - text) : 0;
	bool brackets = length > 2 && *text == '[' && colon[-1] == ']';

	if (!colon || !is_number(colon + 1) || !(brackets || colon == strchr(text, ':')))
		return 0;
	return ml_error_set(error, -EINVAL, "'%s': the service is a word of its own: %.*s tcp:%s",
			    text, length - 2 * brackets, text + brackets, colon + 1);
}

static int name_find(struct endpoint *endpoint, const struct ml_ruleset *names,
		     struct ml_error *error)
{
	endpoint_find_name(endpoint, names, true);
	endpoint_find_name(endpoint, names, false);
	if (!endpoint->has[0] && !endpoint->has[1])
		endpoint_find_set(endpoint, names);
	if (endpoint->has[0] || endpoint->has[1])
		return 0;
	if (two_words_check(endpoint->text, error))
		return -EINVAL;
	if (strchr(endpoint->text, '@'))
		return ml_error_set(error, -ENOENT,
				    "no rule names the user '%s' by itself: name a group or a node",
				    endpoint->text);
	return ml_error_set(error, -ENOENT,
			    "'%s' is neither an address nor a name that this node's policy knows",
			    endpoint->text);
}

static int endpoint_parse(struct endpoint *endpoint, const struct ml_ruleset *names,
			  struct ml_error *error)
{
	struct ml_prefix prefix;
	int code = ml_prefix_parse(endpoint->text, &prefix);

	if (!code && ml_prefix_is_host(&prefix)) {
		endpoint_take(endpoint, &prefix);
		return 0;
	}
	if (code != -EINVAL)
		return ml_error_set(error, -EINVAL, "'%s' is a network: name one address of it",
				    endpoint->text);
	if (names)
		return name_find(endpoint, names, error);
	if (two_words_check(endpoint->text, error))
		return -EINVAL;
	return ml_error_set(error, -ENOENT, "'%s' is not an address, and names are not known here",
			    endpoint->text);
}

/* ---------------------------------------------------------------- service */

static bool in_family(int16_t protocol, int family)
{
	return protocol != (family ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* The one service of @list that packets of a family can have. */
static int service_pick(const struct ml_services *list, const char *text, int family,
			struct ml_packet *packet, struct ml_error *error)
{
	const struct ml_service_range *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		if (!in_family(list->items[i].protocol, family))
			continue;
		if (found)
			return ml_error_set(error, -EINVAL,
					    "'%s' is more than one protocol: say tcp:%s or udp:%s",
					    text, text, text);
		found = &list->items[i];
	}
	if (!found)
		return -ENOENT;
	if (found->protocol < 0 || found->first != found->last)
		return ml_error_set(error, -EINVAL,
				    "'%s' is many services: a packet has one, as tcp:22, udp:53 or icmp:8",
				    text);
	packet->protocol = (uint8_t)found->protocol;
	packet->selector = found->first;
	return 0;
}

/* Where a rule means two protocols by a number alone, and a reader may mean a third. */
static int number_refuse(const char *text, struct ml_error *error)
{
	char whole[64] = "";

	if (ml_service_protocol_known(text))
		snprintf(whole, sizeof(whole), ", or %s:* for IP protocol %s", text, text);
	return ml_error_set(error, -EINVAL,
			    "'%s' is more than one protocol: say tcp:%s or udp:%s%s", text, text,
			    text, whole);
}

/* Spellings of elsewhere; one is enough. */
static int spelling_check(const char *text, struct ml_error *error)
{
	const char *slash = strchr(text, '/');

	if (is_number(text))
		return number_refuse(text, error);
	if (!strcmp(text, "ping"))
		return ml_error_set(error, -EINVAL, "'ping': write icmp:echo-request, or nothing");
	if (slash && is_number(slash + 1))
		return ml_error_set(error, -EINVAL, "'%s': write %.*s:%s", text,
				    (int)(slash - text), text, slash + 1);
	return 0;
}

static int service_parse(const char *text, struct ml_services *ret, struct ml_error *error)
{
	char why[ML_SERVICE_WHY], whole[64];
	int code;

	if (!text || !strcmp(text, "icmp"))
		text = "icmp:echo-request";
	code = spelling_check(text, error);
	if (code)
		return code;
	snprintf(whole, sizeof(whole), "%.60s%s", text,
		 !strchr(text, ':') && ml_service_protocol_known(text) ? ":*" : "");
	code = ml_services_parse(ret, whole, ML_SERVICE_STAR_EVERY, why);
	if (code == -EINVAL)
		return ml_error_set(error, code, "'%s': %s", text, why);
	return code ? ml_error_set(error, code, "out of memory") : 0;
}

/* ---------------------------------------------------------------- packets */

static int packets_make(const struct endpoint *source, const struct endpoint *destination,
			const struct ml_services *services, const char *service,
			struct ml_packet *packets, size_t *count, struct ml_error *error)
{
	for (int family = 0; family < 2; family++) {
		struct ml_packet *packet = &packets[*count];
		int code;

		if (!source->has[family] || !destination->has[family])
			continue;
		memset(packet, 0, sizeof(*packet));
		code = service_pick(services, service, family, packet, error);
		if (code == -ENOENT)
			continue;
		if (code)
			return code;
		packet->family = family ? AF_INET6 : AF_INET;
		memcpy(packet->source, source->address[family], 16);
		memcpy(packet->destination, destination->address[family], 16);
		++*count;
	}
	if (*count)
		return 0;
	return ml_error_set(error, -EINVAL,
			    "there is no family in which '%s', '%s' and %s%s%s go together",
			    source->text, destination->text, service ? "'" : "",
			    service ? service : "a ping", service ? "'" : "");
}

int packets_parse(const struct ml_ruleset *names, const char *source, const char *destination,
		  const char *service, struct ml_packet ret[static 2], size_t *ret_count,
		  struct ml_error *error)
{
	struct endpoint from = { .text = source }, to = { .text = destination };
	struct ml_services services = { 0 };
	size_t count = 0;
	int code;

	code = endpoint_parse(&from, names, error);
	if (!code)
		code = endpoint_parse(&to, names, error);
	if (!code)
		code = service_parse(service, &services, error);
	if (!code)
		code = packets_make(&from, &to, &services, service, ret, &count, error);
	ml_services_clean(&services);
	if (!code)
		*ret_count = count;
	return code;
}
