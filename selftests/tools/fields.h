/* SPDX-License-Identifier: MIT */
/*
 * A packet in words:
 *
 *   src dst proto sport dport flags=SAFRP seq ack type code id mtu ttl
 *   data=BYTES text=TEXT cut=BYTES (of what is sent)
 *   count=N spread=1			as often; each from the next port
 *   offset more fragid			a fragment
 *   ext=hop,dst,route,ah,frag		IPv6 extension headers
 *   segments=N				left in a routing header
 *   opts=HEX				IPv4 options
 *   doff ulen total ihl extlen badsum	lies
 *   quote FIELD=VALUE...		what an ICMP error quotes
 */
#ifndef FIELDS_H
#define FIELDS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "craft.h"

#define FIELDS_QUOTE	548	/* bytes that an ICMP error quotes, at most */

static size_t fields_cut = CRAFT_ROOM;
static unsigned int fields_count = 1;
static bool fields_spread;

static inline void __attribute__((noreturn)) fields_refuse(const char *what)
{
	fprintf(stderr, "not understood: %s\n", what);
	exit(2);
}

static inline uint8_t fields_flags(const char *text)
{
	static const char letters[] = "FSRPA";
	const char *letter;
	uint8_t flags = 0;

	for (; *text; text++) {
		letter = strchr(letters, *text);
		if (!letter)
			fields_refuse(text);
		flags |= (uint8_t)(1 << (letter - letters));
	}
	return flags;
}

static inline uint8_t fields_protocol(const char *text)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = {
		{ "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
		{ "icmp6", IPPROTO_ICMPV6 }, { "sctp", IPPROTO_SCTP }, { "dccp", IPPROTO_DCCP },
		{ "udplite", IPPROTO_UDPLITE }, { "gre", IPPROTO_GRE }, { "hop", IPPROTO_HOPOPTS },
		{ "dst", IPPROTO_DSTOPTS }, { "route", IPPROTO_ROUTING }, { "ah", IPPROTO_AH },
		{ "frag", IPPROTO_FRAGMENT },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(text, names[i].name))
			return names[i].number;
	return (uint8_t)strtoul(text, NULL, 0);
}

static inline void fields_set_address(struct craft *craft, const char *text, uint8_t address[16])
{
	craft->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(craft->family, text, address) != 1)
		fields_refuse(text);
}

static inline void fields_set_extensions(struct craft *craft, char *text)
{
	char *word;

	while ((word = strsep(&text, ",")))
		craft->extensions[craft->extension_count++] = fields_protocol(word);
}

static inline void fields_set_options(struct craft *craft, const char *hex)
{
	unsigned int byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		craft->options[craft->options_length++] = (uint8_t)byte;
}

static inline void fields_set_data(struct craft *craft, size_t length)
{
	craft->data = calloc(1, length + 1);
	craft->data_length = length;
}

static inline bool fields_set_number(struct craft *craft, const char *name, unsigned long value)
{
	if (!strcmp(name, "sport"))
		craft->source_port = (uint16_t)value;
	else if (!strcmp(name, "dport"))
		craft->port = (uint16_t)value;
	else if (!strcmp(name, "seq"))
		craft->sequence = (uint32_t)value;
	else if (!strcmp(name, "ack"))
		craft->acknowledge = (uint32_t)value;
	else if (!strcmp(name, "type"))
		craft->type = (uint8_t)value;
	else if (!strcmp(name, "code"))
		craft->code = (uint8_t)value;
	else if (!strcmp(name, "id"))
		craft->rest = (uint32_t)value << 16 | 1;
	else if (!strcmp(name, "mtu"))
		craft->rest = (uint32_t)value;
	else if (!strcmp(name, "ttl"))
		craft->ttl = (uint8_t)value;
	else if (!strcmp(name, "data"))
		fields_set_data(craft, value);
	else if (!strcmp(name, "count"))
		fields_count = (unsigned int)value;
	else if (!strcmp(name, "spread"))
		fields_spread = value;
	else if (!strcmp(name, "segments"))
		craft->segments = (uint8_t)value;
	else if (!strcmp(name, "cut"))
		fields_cut = value;
	else if (!strcmp(name, "offset"))
		craft->offset = (uint32_t)value;
	else if (!strcmp(name, "more"))
		craft->more = value;
	else if (!strcmp(name, "fragid"))
		craft->id = (uint32_t)value;
	else if (!strcmp(name, "badsum"))
		craft->bad_checksum = value;
	else
		return false;
	return true;
}

static inline bool fields_set_lie(struct craft *craft, const char *name, int value)
{
	if (!strcmp(name, "doff"))
		craft->doff = value;
	else if (!strcmp(name, "ulen"))
		craft->ulen = value;
	else if (!strcmp(name, "total"))
		craft->total = value;
	else if (!strcmp(name, "ihl"))
		craft->ihl = value;
	else if (!strcmp(name, "extlen"))
		craft->extension_length = value;
	else
		return false;
	return true;
}

static inline void fields_set(struct craft *craft, char *argument)
{
	char *value = argument, *name = strsep(&value, "=");

	if (!value)
		fields_refuse(name);
	if (!strcmp(name, "src")) {
		fields_set_address(craft, value, craft->source);
	} else if (!strcmp(name, "dst")) {
		fields_set_address(craft, value, craft->destination);
	} else if (!strcmp(name, "proto")) {
		craft->protocol = fields_protocol(value);
	} else if (!strcmp(name, "flags")) {
		craft->flags = fields_flags(value);
	} else if (!strcmp(name, "ext")) {
		fields_set_extensions(craft, value);
	} else if (!strcmp(name, "opts")) {
		fields_set_options(craft, value);
	} else if (!strcmp(name, "text")) {
		craft->data = (const uint8_t *)value;
		craft->data_length = strlen(value);
	} else if (!fields_set_number(craft, name, strtoul(value, NULL, 0)) &&
		   !fields_set_lie(craft, name, (int)strtol(value, NULL, 0))) {
		fields_refuse(name);
	}
}

/* Arguments up to "quote"; the rest is what @craft quotes. */
static inline void fields_read(struct craft *craft, char **argument)
{
	static uint8_t quote[CRAFT_ROOM];
	struct craft quoted;
	size_t length;

	craft_init(craft);
	for (; *argument && strcmp(*argument, "quote"); argument++)
		fields_set(craft, *argument);
	if (!*argument)
		return;
	fields_read(&quoted, argument + 1);
	length = craft_build(&quoted, quote);
	craft->data = quote;
	craft->data_length = length < FIELDS_QUOTE ? length : FIELDS_QUOTE;
}

/* From words to bytes, as many as are to be sent. */
static inline size_t fields_build(struct craft *craft, char **words, uint8_t *ret)
{
	size_t length;

	fields_cut = CRAFT_ROOM;
	fields_count = 1;
	fields_spread = false;
	fields_read(craft, words);
	length = craft_build(craft, ret);
	return length < fields_cut ? length : fields_cut;
}

#endif
