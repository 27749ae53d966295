/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The classifier: pure C over constant tables. It builds in the kernel, in
 * userspace (merlon explain, merlon policy test, unit tests, fuzzers) and
 * under KUnit from this one source; what differs is in env.h.
 *
 *   image.c     bytes -> view      every field and bound checked, linear
 *   tables*.c   view  -> tables    hashes, tries, rows; killable
 *   classify.h  tables + tuple -> verdict; no lock, no allocation, no list
 *   classify.c  the same step by step, and what tables tell
 *   env_user.c  userspace alone
 */
#ifndef MERLON_CLASSIFIER_H
#define MERLON_CLASSIFIER_H

#include "env.h"
#include <linux/merlon.h>

/**
 * struct merlon_fault - why an image was refused
 * @what: a sentence for a person; static storage
 * @section: enum merlon_section, or -1: the header
 * @index: of the record in its section
 */
struct merlon_fault {
	const char *what;
	int section;
	u32 index;
};

/**
 * struct merlon_view - an image whose every field was checked
 *
 * Points into the caller's bytes, which must not change while it is used.
 */
struct merlon_view {
	const struct merlon_image_header *header;
	const struct merlon_tunnel *tunnels;
	const struct merlon_host4 *hosts4;
	const struct merlon_host6 *hosts6;
	const struct merlon_net4 *nets4;
	const struct merlon_net6 *nets6;
	const struct merlon_class *classes;
	const struct merlon_pair *pairs;
	const struct merlon_service *services;
	const struct merlon_run *runs;
	const __le32 *verdicts;
	const struct merlon_rule *rules;
	u32 count[MERLON_SECTIONS];	/* host byte order */
	u32 source_classes, destination_classes, shapes, nr_services, flags;
	u32 wide_shapes;	/* those that need slots; shape 0 among them */
};

/**
 * merlon_image_check - the only way from bytes to a view
 * @bytes: the image; any content, on a multiple of four
 * @len: its length
 * @ret: untouched on failure
 * @fault: filled on failure
 *
 * Linear in @len. Return: 0, -EINVAL, -E2BIG, -EINTR (a fatal signal), -ENOMEM.
 */
int merlon_image_check(const void *bytes, size_t len, struct merlon_view *ret,
		       struct merlon_fault *fault);

struct merlon_tables;

/**
 * merlon_tables_build - the tables that packets are judged by
 * @view: a checked image; not needed any more afterwards
 * @ret: untouched on failure
 * @fault: filled on failure
 *
 * Return: 0, -ENOMEM, -EINTR, -E2BIG (MERLON_MAX_NET_NODES).
 */
int merlon_tables_build(const struct merlon_view *view,
			struct merlon_tables **ret, struct merlon_fault *fault);
void merlon_tables_free(struct merlon_tables *tables);

/* Bytes that @tables take, for status and for the memory goals. */
size_t merlon_tables_bytes(const struct merlon_tables *tables);

/*
 * A verdict in one word: the rule's index (from 1; 0: no rule speaks of it)
 * and the action. For index 0 the action is what the image says of unmatched
 * packets: DROP or REJECT.
 */
#define MERLON_VERDICT_RULE(v)		((v) & 0x0fffffffu)
#define MERLON_VERDICT_ACTION(v)	((v) >> 28)
#define MERLON_VERDICT(action, rule)	((u32)(action) << 28 | (rule))

/*
 * classify.h provides, all inline:
 *   u32 merlon_classify4(tables, __be32 src, __be32 dst, u8 protocol, u16 selector)
 *   u32 merlon_classify6(tables, const u8 src[16], const u8 dst[16], protocol, selector)
 *   u32 merlon_classify_ip(tables, family, src, dst, protocol, selector)
 *   u8  merlon_owner4(tables, __be32 src)   the tunnel that owns an address, or 0
 *   u8  merlon_owner6(tables, const u8 src[16])
 * and classify.c the same with every step shown, for explain:
 */
struct merlon_trace {
	u32 source_class, destination_class, service;
	bool pair_listed;	/* a pair, not a class's own row */
	u8 source_tunnel, destination_tunnel;
	u32 verdict;
};

void merlon_classify_trace(const struct merlon_tables *tables, u8 family,
			   const u8 *src, const u8 *dst, u8 protocol,
			   u16 selector, struct merlon_trace *ret);

/* A name that a device can have, NUL to the end. */
bool merlon_device_name_valid(const u8 name[16]);

/* Largest selector of a protocol: 65535 for ports, 255 for ICMP types, else 0. */
u32 merlon_selector_max(u8 protocol);

/* Rule @index (from 1): its id; 0 when out of range. */
u64 merlon_tables_rule_id(const struct merlon_tables *tables, u32 index);
u8 merlon_tables_rule_action(const struct merlon_tables *tables, u32 index);
u32 merlon_tables_rule_count(const struct merlon_tables *tables);
u32 merlon_tables_pair_count(const struct merlon_tables *tables);
u32 merlon_tables_host_count(const struct merlon_tables *tables);
/* Tunnel @index (from 1): its record; NULL when out of range. */
const struct merlon_tunnel *merlon_tables_tunnel(const struct merlon_tables *tables, u32 index);
u32 merlon_tables_tunnel_count(const struct merlon_tables *tables);

#endif
