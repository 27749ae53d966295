/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a packet. The first byte chooses the family, how the packet is
 * shown, and how much of it is at hand; the rest is the packet. What holds:
 *
 *   with all bytes at hand nothing more is asked for
 *   with fewer, the answer is the same or a request for more
 *   a packet that was accepted has its transport header inside
 *   what was refused whole is not accepted when cut
 *   what is said to be plain is accepted, and the same
 */
#include <stdint.h>
#include <stdlib.h>

#include "../../kmod/parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool condition)
{
	if (!condition)
		abort();
}

static u8 parse_some(u8 family, const struct merlon_bytes *all, u32 have,
		     struct merlon_packet *ret)
{
	struct merlon_bytes bytes = *all;
	u8 *copy = malloc(have ? have : 1);
	u8 fault;

	memcpy(copy, all->at, have);
	bytes.at = copy;
	bytes.have = have;
	fault = merlon_parse(family, &bytes, ret);
	free(copy);
	return fault;
}

static void check_accepted(const struct merlon_bytes *all, const struct merlon_packet *packet)
{
	u32 shortest = all->quoted ? 8 : transport_bytes(packet->protocol);

	if (!transport_bytes(packet->protocol))
		shortest = 0;
	hold(packet->transport >= (packet->family == AF_INET ? 20 : 40));
	hold(packet->transport + shortest <= all->whole);
	hold(!is_extension(packet->protocol) || packet->family == AF_INET);
}

static bool is_plain(u8 family, const u8 *at, u32 have, u32 whole, u8 protocol)
{
	return family == AF_INET ? merlon_plain4(at, have, whole, protocol) :
				   merlon_plain6(at, have, whole, protocol);
}

static void check_plain(u8 family, const struct merlon_bytes *all, u32 have)
{
	struct merlon_packet packet, plain;
	u8 *copy = malloc(have ? have : 1);

	memcpy(copy, all->at, have);
	if (is_plain(family, copy, have, all->whole, MERLON_PLAIN_TCP) ||
	    is_plain(family, copy, have, all->whole, MERLON_PLAIN_UDP)) {
		hold(parse_some(family, all, have, &packet) == 0);
		merlon_plain_packet(family, copy, &plain);
		hold(!memcmp(&packet, &plain, sizeof(packet)));
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct merlon_packet packet, again;
	struct merlon_bytes all;
	u8 family, fault, other;
	u32 have;

	if (!size || size > 4096)
		return 0;
	family = data[0] & 1 ? AF_INET6 : AF_INET;
	all = (struct merlon_bytes) {
		.at = data + 1, .have = (u32)size - 1, .whole = (u32)size - 1,
		.super = data[0] & 2, .quoted = data[0] & 4,
	};
	fault = parse_some(family, &all, all.whole, &packet);
	hold(fault == 0 || fault == MERLON_REASON_HEADER || fault == MERLON_REASON_FRAGMENT);
	if (!fault)
		check_accepted(&all, &packet);
	have = all.whole * (data[0] >> 3) / 32;
	other = parse_some(family, &all, have, &again);
	hold(other == MERLON_PARSE_MORE || other == fault);
	if (!other && !all.quoted)
		hold(!memcmp(&packet, &again, sizeof(packet)));
	if (!all.quoted) {
		check_plain(family, &all, all.whole);
		check_plain(family, &all, have);
	}
	return 0;
}
