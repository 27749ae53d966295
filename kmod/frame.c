// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "frame.h"

#define ETHER_BYTES	14u
#define ETHER_LEAST	0x0600	/* below, it is a length (IEEE 802.3) */
#define TAG_BYTES	4u
#define SNAP_BYTES	8u

#define ETHERTYPE_VLAN		0x8100
#define ETHERTYPE_PROVIDER	0x88a8

static u16 be16_at(const u8 *at)
{
	return (u16)(at[0] << 8 | at[1]);
}

static bool is_tag(u16 ethertype)
{
	return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_PROVIDER;
}

/* RFC 1042: LLC that says SNAP, and the organisation that has the ethertypes. */
static u16 snap_ethertype(const u8 *at)
{
	static const u8 heading[6] = { 0xaa, 0xaa, 0x03 };

	return memcmp(at, heading, sizeof(heading)) ? 0 : be16_at(at + 6);
}

struct merlon_frame merlon_frame_parse(const u8 *at, u32 have)
{
	const struct merlon_frame none = { 0 };
	u32 payload = ETHER_BYTES;
	u16 ethertype;
	int i;

	if (have < payload)
		return none;
	ethertype = be16_at(at + 12);
	for (i = 0; is_tag(ethertype); i++) {
		if (i == MERLON_FRAME_TAGS || have < payload + TAG_BYTES)
			return none;
		ethertype = be16_at(at + payload + 2);
		payload += TAG_BYTES;
	}
	if (ethertype < ETHER_LEAST) {
		if (have < payload + SNAP_BYTES)
			return none;
		ethertype = snap_ethertype(at + payload);
		payload += SNAP_BYTES;
	}
	return (struct merlon_frame) { ethertype, (u16)payload };
}

bool merlon_arp_parse(const u8 *at, u32 have, struct merlon_arp *ret)
{
	static const u8 kind[6] = { 0, 1, 0x08, 0, 6, 4 };	/* Ethernet, IPv4, lengths */
	u16 operation;

	if (have < MERLON_ARP_BYTES || memcmp(at, kind, sizeof(kind)))
		return false;
	operation = be16_at(at + 6);
	if (operation != 1 && operation != 2)
		return false;
	ret->request = operation == 1;
	memcpy(&ret->sender, at + 14, 4);
	memcpy(&ret->target, at + 24, 4);
	return true;
}
