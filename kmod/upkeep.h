/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a link needs to stay up, and what therefore passes the tunnel guard by
 * itself, from this host and over the device it is meant for:
 *
 *   ARP	for a neighbour that is being talked to; about the device's own address
 *   NDP	the same; router solicitation
 *   MLD	reports about groups of link scope, which NDP is among
 *   DHCP	of a client, IPv4 and IPv6
 *
 * Each as narrow as it works: no such packet can carry what a sender likes to
 * where a sender likes.
 */
#ifndef MERLON_UPKEEP_H
#define MERLON_UPKEEP_H

#include <linux/types.h>

struct merlon_arp;
struct merlon_packet;
struct net_device;
struct sk_buff;

/* Packet path, cold, under RCU: may @arp leave by @dev? */
bool merlon_upkeep_arp(const struct net_device *dev, const struct merlon_arp *arp);

/**
 * merlon_upkeep_packet - may it leave by @dev for the sake of the link?
 * @dev: the device, or one above it
 * @skb: where it is
 * @offset: of its IP header from skb->data, bytes
 * @packet: what the parser found in it
 *
 * Packet path, cold, under RCU.
 */
bool merlon_upkeep_packet(const struct net_device *dev, const struct sk_buff *skb, u32 offset,
			  const struct merlon_packet *packet);

#endif
