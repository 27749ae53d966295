// SPDX-License-Identifier: MIT
#include "policy_service.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Where two names mean one protocol, the first is the canonical one. */
static const struct {
	const char *name;
	int16_t number;
} protocols[] = {
	{ "icmp", IPPROTO_ICMP },	/* and ICMPv6, where no type number is named */
	{ "igmp", IPPROTO_IGMP },
	{ "ipv4", IPPROTO_IPIP },
	{ "ip-in-ip", IPPROTO_IPIP },
	{ "tcp", IPPROTO_TCP },
	{ "egp", IPPROTO_EGP },
	{ "igp", 9 },
	{ "udp", IPPROTO_UDP },
	{ "dccp", IPPROTO_DCCP },
	{ "gre", IPPROTO_GRE },
	{ "esp", IPPROTO_ESP },
	{ "ah", IPPROTO_AH },
	{ "ipv6-icmp", IPPROTO_ICMPV6 },
	{ "sctp", IPPROTO_SCTP },
	{ "udplite", IPPROTO_UDPLITE },
};

/* What a name says in either family; -1: nothing. */
static const struct {
	const char *name;
	int icmp, icmp6;
} icmp_types[] = {
	{ "echo-request", 8, 128 },
	{ "echo-reply", 0, 129 },
	{ "destination-unreachable", 3, 1 },
	{ "packet-too-big", -1, 2 },
	{ "time-exceeded", 11, 3 },
	{ "parameter-problem", 12, 4 },
};

/* A protocol as written: "icmp" by its name is two of them. */
struct protocol {
	int16_t number;
	bool both_icmp;
};

static bool is_icmp(int16_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

uint16_t ml_service_last(int16_t protocol)
{
	switch (protocol) {
	case ML_PROTOCOL_ANY:
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return 65535;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 255;
	default:
		return 0;
	}
}

static int services_add(struct ml_services *list, int16_t protocol, uint16_t first, uint16_t last)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		struct ml_service_range *items;

		items = reallocarray(list->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = (struct ml_service_range){ protocol, first, last };
	return 0;
}

static int services_add_whole(struct ml_services *list, int16_t protocol)
{
	return services_add(list, protocol, 0, ml_service_last(protocol));
}

/* TCP, UDP and ICMP: what "*" means where Tailscale's users write it. */
static int services_add_usual(struct ml_services *list)
{
	static const int16_t usual[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6 };

	for (size_t i = 0; i < LENGTH(usual); i++)
		if (services_add_whole(list, usual[i]))
			return -ENOMEM;
	return 0;
}

/* Decimal digits up to @end and nothing else; -1 otherwise or above @limit. */
static long number_parse(const char *text, const char *end, long limit)
{
	long value = 0;

	if (text == end || (*text == '0' && end - text > 1))
		return -1;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = value * 10 + (*text - '0');
		if (value > limit)
			return -1;
	}
	return value;
}

static bool text_is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(word, text, length);
}

static int protocol_parse(const char *text, size_t length, struct protocol *ret)
{
	long number = number_parse(text, text + length, 255);

	if (number > 0) {
		*ret = (struct protocol){ (int16_t)number, false };
		return 0;
	}
	for (size_t i = 0; i < LENGTH(protocols); i++) {
		if (!text_is(text, length, protocols[i].name))
			continue;
		*ret = (struct protocol){ protocols[i].number, i == 0 };
		return 0;
	}
	return -EINVAL;
}

bool ml_service_protocol_known(const char *text)
{
	struct protocol protocol;

	return !protocol_parse(text, strlen(text), &protocol);
}

__attribute__((format(printf, 2, 3)))
static int why_set(char why[static ML_SERVICE_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, ML_SERVICE_WHY, format, args);
	va_end(args);
	return -EINVAL;
}

static int protocol_unknown(const char *text, char why[static ML_SERVICE_WHY])
{
	return why_set(why, "unknown protocol in \"%.40s\"; expected tcp, udp, icmp, ipv6-icmp, igmp, "
		       "ipv4, sctp, gre, esp, ah, udplite, dccp or a number from 1 to 255", text);
}

static int icmp_name_parse(struct ml_services *list, struct protocol protocol, const char *name,
			   size_t length)
{
	for (size_t i = 0; i < LENGTH(icmp_types); i++) {
		int icmp = icmp_types[i].icmp, icmp6 = icmp_types[i].icmp6;
		int err = 0;

		if (!text_is(name, length, icmp_types[i].name))
			continue;
		if (protocol.number == IPPROTO_ICMP && icmp >= 0)
			err = services_add(list, IPPROTO_ICMP, (uint16_t)icmp, (uint16_t)icmp);
		if (!err && (protocol.both_icmp || protocol.number == IPPROTO_ICMPV6))
			err = services_add(list, IPPROTO_ICMPV6, (uint16_t)icmp6, (uint16_t)icmp6);
		return err;
	}
	return -EINVAL;
}

/* "443" or "80-90", up to @end. */
static int range_parse(const char *text, const char *end, uint16_t limit,
		       struct ml_service_range *ret)
{
	const char *dash = memchr(text, '-', (size_t)(end - text));
	long first = number_parse(text, dash ? dash : end, limit);
	long last = dash ? number_parse(dash + 1, end, limit) : first;

	if (first < 0 || last < first)
		return -EINVAL;
	ret->first = (uint16_t)first;
	ret->last = (uint16_t)last;
	return 0;
}

/* "22-", "-22", "90-80"; 0: nothing of that kind. */
static int range_wrong(const char *text, long limit, char why[static ML_SERVICE_WHY])
{
	const char *dash = strchr(text, '-');
	long first, last;

	if (!dash)
		return 0;
	first = number_parse(text, dash, limit);
	last = number_parse(dash + 1, dash + strlen(dash), limit);
	if (first >= 0 && !dash[1])
		return why_set(why, "\"%s\": the range has no end; expected for example %ld-%ld",
			       text, first, limit);
	if (last >= 0 && dash == text)
		return why_set(why, "\"%s\": the range has no beginning; expected for example 0-%ld",
			       text, last);
	if (last >= 0 && first > last)
		return why_set(why, "\"%s\": the range is upside down: %ld-%ld", text, last, first);
	return 0;
}

static int selector_wrong(struct protocol protocol, const char *begin, const char *end,
			  char why[static ML_SERVICE_WHY])
{
	char text[41];

	snprintf(text, sizeof(text), "%.*s", (int)(end - begin), begin);
	if (!ml_service_last(protocol.number))
		return why_set(why, "\"%s\": this protocol has no ports; expected *", text);
	if (range_wrong(text, ml_service_last(protocol.number), why))
		return -EINVAL;
	if (is_icmp(protocol.number))
		return why_set(why, "\"%s\" names no ICMP type; expected 0 to 255, a range, "
			       "echo-request or another type by name, or *", text);
	return why_set(why, "\"%s\" names no port; expected 0 to 65535, a range "
		       "from the lower to the higher, or *", text);
}

/* One selector of a protocol: "*", a number, a range, a type's name. */
static int selector_parse(struct ml_services *list, struct protocol protocol, const char *text,
			  const char *end, char why[static ML_SERVICE_WHY])
{
	struct ml_service_range range;
	int err;

	if (end - text == 1 && *text == '*') {
		err = services_add_whole(list, protocol.number);
		if (!err && protocol.both_icmp)
			err = services_add_whole(list, IPPROTO_ICMPV6);
		return err;
	}
	if (is_icmp(protocol.number)) {
		err = icmp_name_parse(list, protocol, text, (size_t)(end - text));
		if (err != -EINVAL)
			return err;
	}
	if (!ml_service_last(protocol.number) ||
	    range_parse(text, end, ml_service_last(protocol.number), &range))
		return selector_wrong(protocol, text, end, why);
	return services_add(list, protocol.number, range.first, range.last);
}

/* A port without a protocol is that port of TCP and of UDP. */
static int port_parse(struct ml_services *list, const char *text, const char *end,
		      char why[static ML_SERVICE_WHY])
{
	static const struct protocol tcp = { IPPROTO_TCP, false }, udp = { IPPROTO_UDP, false };
	int err = selector_parse(list, tcp, text, end, why);

	return err ? err : selector_parse(list, udp, text, end, why);
}

/* "tcp": of a protocol, some part must be named. */
static int protocol_alone(struct protocol protocol, const char *text,
			  char why[static ML_SERVICE_WHY])
{
	if (is_icmp(protocol.number))
		return why_set(why, "\"%s\": which types? expected %s:echo-request, %s:%d or %s:*",
			       text, text, text, protocol.number == IPPROTO_ICMP ? 8 : 128, text);
	if (!ml_service_last(protocol.number))
		return why_set(why, "\"%s\": expected %s:*", text, text);
	return why_set(why, "\"%s\": which ports? expected %s:443, %s:80-90 or %s:*", text, text,
		       text, text);
}

static int services_parse(struct ml_services *list, const char *text, enum ml_service_star star,
			  char why[static ML_SERVICE_WHY])
{
	const char *colon = strchr(text, ':'), *end = text + strlen(text);
	struct protocol protocol;

	if (!strcmp(text, "*:*") || (!strcmp(text, "*") && star == ML_SERVICE_STAR_EVERY))
		return services_add_whole(list, ML_PROTOCOL_ANY);
	if (!strcmp(text, "*"))
		return services_add_usual(list);
	if (!colon && protocol_parse(text, strlen(text), &protocol) == 0 &&
	    number_parse(text, end, 65535) < 0)
		return protocol_alone(protocol, text, why);
	if (!colon)
		return port_parse(list, text, end, why);
	if (protocol_parse(text, (size_t)(colon - text), &protocol))
		return protocol_unknown(text, why);
	return selector_parse(list, protocol, colon + 1, end, why);
}

/* "tcp:22,80": a list is a list of the file's. */
static void list_hint(const char *text, const char *ports, char why[static ML_SERVICE_WHY])
{
	int used = snprintf(why, ML_SERVICE_WHY, "\"%.40s\" names no port; write ", ports);
	int protocol = (int)(ports - text);	/* with its colon */
	const char *gap = "", *end;

	for (;; ports = end + 1) {
		end = strchrnul(ports, ',');
		if (used + protocol + (end - ports) + 8 > ML_SERVICE_WHY)
			break;
		used += snprintf(why + used, ML_SERVICE_WHY - (size_t)used, "%s\"%.*s%.*s\"", gap,
				 protocol, text, (int)(end - ports), ports);
		gap = ", ";
		if (!*end)
			break;
	}
}

static bool is_digits(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

/* What other tools write: "tcp5432", "tcp/22". */
static bool glued_hint(const char *text, char why[static ML_SERVICE_WHY])
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
	const char *port = text + length + (text[length] == '/');
	struct protocol protocol;

	if (!length || !is_digits(port) || protocol_parse(text, length, &protocol))
		return false;
	why_set(why, "\"%.40s\" names no port; did you mean %.*s:%.5s?", text, (int)length, text,
		port);
	return true;
}

/* Where a port was expected: what was meant may be plain. */
static void port_hint(const char *text, char why[static ML_SERVICE_WHY])
{
	const char *colon = strchr(text, ':'), *port = colon ? colon + 1 : text;
	struct protocol protocol = { IPPROTO_TCP, false };

	if ((colon && protocol_parse(text, (size_t)(colon - text), &protocol)) ||
	    ml_service_last(protocol.number) != 65535)
		return;
	if (strchr(port, ','))
		list_hint(text, port, why);
	else if (!(!colon && glued_hint(text, why)) && *port >= 'a' && *port <= 'z' &&
		 (colon || !ml_service_protocol_known(text)))
		why_set(why, "\"%.40s\" names no port; names of services are not known: "
			"write for example tcp:22", port);
}

int ml_services_parse(struct ml_services *list, const char *text, enum ml_service_star star,
		      char why[static ML_SERVICE_WHY])
{
	int err = services_parse(list, text, star, why);

	if (err == -EINVAL)
		port_hint(text, why);
	return err;
}

static int ports_parse(struct ml_services *list, const struct protocol *protocol, const char *text,
		       const char *end, char why[static ML_SERVICE_WHY])
{
	if (protocol)
		return selector_parse(list, *protocol, text, end, why);
	if (end - text == 1 && *text == '*')
		return services_add_usual(list);
	return port_parse(list, text, end, why);
}

int ml_services_parse_ports(struct ml_services *list, const char *protocol, const char *ports,
			    char why[static ML_SERVICE_WHY])
{
	struct protocol parsed;
	const char *end;
	int err = 0;

	if (protocol && protocol_parse(protocol, strlen(protocol), &parsed))
		return protocol_unknown(protocol, why);
	for (; !err; ports = end + 1) {
		end = strchrnul(ports, ',');
		err = ports_parse(list, protocol ? &parsed : NULL, ports, end, why);
		if (!*end)
			break;
	}
	return err;
}

static int range_compare(const void *a, const void *b)
{
	const struct ml_service_range *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->last > y->last) - (x->last < y->last);
}

void ml_services_normalise(struct ml_services *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), range_compare);
	if (list->items[0].protocol == ML_PROTOCOL_ANY)
		list->count = 1;
	for (size_t i = 1; i < list->count; i++) {
		struct ml_service_range *last = &list->items[kept], *next = &list->items[i];

		if (next->protocol != last->protocol || next->first > last->last + 1)
			list->items[++kept] = *next;
		else if (next->last > last->last)
			last->last = next->last;
	}
	list->count = kept + 1;
}

static bool is_whole(const struct ml_service_range *range)
{
	return !range->first && range->last == ml_service_last(range->protocol);
}

static bool has_whole(const struct ml_service_range *items, size_t count, int16_t protocol)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].protocol == protocol)
			return is_whole(&items[i]);
	return false;
}

static void protocol_format(struct ml_text *text, int16_t protocol)
{
	for (size_t i = 0; i < LENGTH(protocols); i++) {
		if (protocols[i].number == protocol) {
			ml_text_add(text, protocols[i].name);
			return;
		}
	}
	ml_text_format(text, "%d", protocol);
}

/*
 * "icmp:*" says that all of both ICMPs are meant, "1:*" all of the first
 * alone; any other type of ICMP is written with its name.
 */
static void range_format(struct ml_text *text, const struct ml_service_range *range,
			 bool both_icmp)
{
	if (range->protocol == ML_PROTOCOL_ANY)
		ml_text_add(text, "*");
	else if (range->protocol == IPPROTO_ICMP && is_whole(range) && !both_icmp)
		ml_text_add(text, "1");
	else
		protocol_format(text, range->protocol);
	if (is_whole(range))
		ml_text_add(text, ":*");
	else if (range->first == range->last)
		ml_text_format(text, ":%u", range->first);
	else
		ml_text_format(text, ":%u-%u", range->first, range->last);
}

void ml_services_format(struct ml_text *text, const struct ml_service_range *items, size_t count)
{
	bool both_icmp = has_whole(items, count, IPPROTO_ICMP) &&
			 has_whole(items, count, IPPROTO_ICMPV6);
	const char *separator = "[\"";

	for (size_t i = 0; i < count; i++) {
		if (both_icmp && items[i].protocol == IPPROTO_ICMPV6)
			continue;
		ml_text_add(text, separator);
		range_format(text, &items[i], both_icmp);
		separator = "\",\"";
	}
	ml_text_add(text, count ? "\"]" : "[]");
}

void ml_services_clean(struct ml_services *list)
{
	free(list->items);
	*list = (struct ml_services){ 0 };
}

void ml_service_format(struct ml_text *text, const struct ml_service_range *range)
{
	range_format(text, range, false);
}
