/* SPDX-License-Identifier: MIT */
/*
 * Packets made by hand, from the IP header on: true by default, false wherever
 * a field of struct craft says so. For sendpkt.c and oracle_pkts.c.
 */
#ifndef CRAFT_H
#define CRAFT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define CRAFT_ROOM	65600
#define CRAFT_TRUE	(-1)	/* a length field that does not lie */

/**
 * struct craft - what a packet is to be
 * @flags: byte 13 of a TCP header
 * @rest: bytes 4 to 7 of an ICMP header: identifier and sequence, or MTU
 * @data: what follows the transport header
 * @options: IPv4 options, whole words
 * @extensions: IPv6 extension headers, as their numbers, outermost first
 * @segments: that a routing header has left
 * @offset: of a fragment, bytes; @more: and not the last; @id: which packet's
 * @doff: TCP data offset in words; @ulen: UDP length; @total: the IP header's
 *	length field; @ihl: in words; @extension_length: of the last extension
 *	header, in its own units; all CRAFT_TRUE or a lie
 */
struct craft {
	uint8_t family, protocol;
	uint8_t source[16], destination[16];
	uint16_t source_port, port;
	uint8_t flags;
	uint32_t sequence, acknowledge;
	uint8_t type, code;
	uint32_t rest;
	uint8_t ttl;
	const uint8_t *data;
	size_t data_length;
	uint8_t options[40];
	size_t options_length;
	uint8_t extensions[16];
	size_t extension_count;
	uint8_t segments;
	uint32_t offset, id;
	bool more, fragment;
	bool bad_checksum;
	int doff, ulen, total, ihl, extension_length;
};

static inline void craft_init(struct craft *craft)
{
	memset(craft, 0, sizeof(*craft));
	craft->ttl = 64;
	craft->doff = craft->ulen = craft->total = craft->ihl = CRAFT_TRUE;
	craft->extension_length = CRAFT_TRUE;
}

static inline void craft16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void craft32(uint8_t *at, uint32_t value)
{
	craft16(at, value >> 16);
	craft16(at + 2, value);
}

static inline uint32_t craft_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
	size_t i;

	for (i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if (length & 1)
		sum += (uint32_t)bytes[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Over the pseudo header and @bytes. */
static inline uint32_t craft_checksum(const struct craft *craft, const uint8_t *bytes,
				      size_t length)
{
	size_t address = craft->family == AF_INET ? 4 : 16;
	uint32_t sum = 0;

	if (craft->protocol != IPPROTO_ICMP) {
		sum = craft_sum(sum, craft->source, address);
		sum = craft_sum(sum, craft->destination, address);
		sum += craft->protocol + (uint32_t)length;
	}
	sum = ~craft_sum(sum, bytes, length) & 0xffff;
	return sum ? sum : 0xffff;
}

/* The transport header; returns its length, and where its checksum stands, or 0. */
static inline size_t craft_transport(const struct craft *craft, uint8_t *at, size_t *ret_sum)
{
	size_t length = 8 + craft->data_length;

	memset(at, 0, 20);
	*ret_sum = 0;
	craft16(at, craft->source_port);
	craft16(at + 2, craft->port);
	switch (craft->protocol) {
	case IPPROTO_TCP:
		craft32(at + 4, craft->sequence);
		craft32(at + 8, craft->acknowledge);
		at[12] = (uint8_t)((craft->doff == CRAFT_TRUE ? 5 : craft->doff) << 4);
		at[13] = craft->flags;
		craft16(at + 14, 65535);
		*ret_sum = 16;
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		craft16(at + 4, craft->ulen == CRAFT_TRUE ? (uint32_t)length : (uint32_t)craft->ulen);
		*ret_sum = 6;
		return 8;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		at[0] = craft->type;
		at[1] = craft->code;
		craft16(at + 2, 0);
		craft32(at + 4, craft->rest);
		*ret_sum = 2;
		return 8;
	case IPPROTO_SCTP:
		return 12;
	case IPPROTO_DCCP:
		at[4] = 3;
		return 12;
	case IPPROTO_GRE:
		memset(at, 0, 4);
		return 4;
	default:
		return 0;
	}
}

static inline size_t craft_ip4(const struct craft *craft, uint8_t *at, size_t payload)
{
	size_t header = 20 + craft->options_length;
	uint32_t fragment = craft->offset / 8 | (craft->more ? 0x2000 : 0);

	memset(at, 0, 20);
	at[0] = (uint8_t)(0x40 | (craft->ihl == CRAFT_TRUE ? (int)header / 4 : craft->ihl));
	craft16(at + 2, craft->total == CRAFT_TRUE ? (uint32_t)(header + payload) :
						     (uint32_t)craft->total);
	craft16(at + 4, craft->id);
	craft16(at + 6, fragment);
	at[8] = craft->ttl;
	at[9] = craft->protocol;
	memcpy(at + 12, craft->source, 4);
	memcpy(at + 16, craft->destination, 4);
	memcpy(at + 20, craft->options, craft->options_length);
	craft16(at + 10, ~craft_sum(0, at, header) & 0xffff);
	return header;
}

/* One extension header; returns its length. */
static inline size_t craft_extension(const struct craft *craft, size_t i, uint8_t *at)
{
	bool last = i + 1 == craft->extension_count;

	memset(at, 0, 24);
	at[0] = last ? craft->protocol : craft->extensions[i + 1];
	switch (craft->extensions[i]) {
	case IPPROTO_FRAGMENT:
		craft16(at + 2, craft->offset | craft->more);
		craft32(at + 4, craft->id);
		return 8;
	case IPPROTO_AH:
		at[1] = 4;
		break;
	case IPPROTO_ROUTING:
		at[1] = 2;
		at[2] = 2;	/* type */
		at[3] = craft->segments;
		break;
	default:		/* options: PadN */
		at[1] = 0;
		at[2] = 1;
		at[3] = 4;
		break;
	}
	if (last && craft->extension_length != CRAFT_TRUE)
		at[1] = (uint8_t)craft->extension_length;
	return craft->extensions[i] == IPPROTO_AH || craft->extensions[i] == IPPROTO_ROUTING ? 24 : 8;
}

static inline size_t craft_ip6(const struct craft *craft, uint8_t *at, size_t payload)
{
	size_t header = 40, i;

	for (i = 0; i < craft->extension_count; i++)
		header += craft_extension(craft, i, at + header);
	memset(at, 0, 8);
	at[0] = 0x60;
	craft16(at + 4, craft->total == CRAFT_TRUE ? (uint32_t)(header - 40 + payload) :
						     (uint32_t)craft->total);
	at[6] = craft->extension_count ? craft->extensions[0] : craft->protocol;
	at[7] = craft->ttl;
	memcpy(at + 8, craft->source, 16);
	memcpy(at + 24, craft->destination, 16);
	return header;
}

/* Returns the length; @ret has CRAFT_ROOM bytes. A later fragment is data alone. */
static inline size_t craft_build(const struct craft *craft, uint8_t *ret)
{
	static uint8_t payload[CRAFT_ROOM];
	size_t length = 0, sum = 0, header;

	if (!craft->offset)
		length = craft_transport(craft, payload, &sum);
	if (craft->data_length)
		memcpy(payload + length, craft->data, craft->data_length);
	length += craft->data_length;
	if (sum)
		craft16(payload + sum, craft_checksum(craft, payload, length) ^
				       (craft->bad_checksum ? 0x5555 : 0));
	if (craft->family == AF_INET)
		header = craft_ip4(craft, ret, length);
	else
		header = craft_ip6(craft, ret, length);
	memcpy(ret + header, payload, length);
	return header + length;
}

#endif
