/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Merlon: kernel-enforced policy for WireGuard networks
 *
 * This header is the only contract between merlon.ko and userspace. It has two
 * parts: the policy image (the bytes that are signed, carried and handed to
 * the kernel unchanged) and the generic netlink family that loads and asks.
 *
 * THE POLICY IMAGE
 * ================
 * An image is a header followed by eleven arrays of fixed-size records, in the
 * order of enum merlon_section, without padding between them: the position of
 * each is the sum of what stands before it. All integers are little-endian but
 * for IP addresses, which are in network byte order. Reserved bytes are zero.
 * An image that has a second spelling is not an image: sorted arrays are
 * strictly ascending, and whatever can be left out is left out.
 *
 * How a packet (source, destination, protocol, selector) gets its verdict:
 *
 *   1. Source and destination are each looked up: first among the hosts (exact
 *      addresses), then among the nets (longest prefix). What is found names a
 *      source class and a destination class; what is not found is class 0 of
 *      each. Two addresses that no rule can tell apart share their classes.
 *   2. The protocol and the selector (destination port for TCP, UDP, UDP-Lite,
 *      DCCP and SCTP; ICMP type for ICMP and ICMPv6; 0 for all others) give
 *      a service: a class of selectors that no rule can tell apart.
 *   3. The pair (source class, destination class) is looked up among the
 *      pairs. If it is not there, the destination class's own row is used if
 *      it has MERLON_CLASS_F_ROW, else the source class's row.
 *   4. A row is a shape and a base. The shape maps the service to a slot; the
 *      verdict array at base + slot holds an index into the rules (1 is the
 *      first) or 0: no rule speaks of this packet, and it is denied.
 *
 * The cost does not depend on how many rules, peers or pairs there are.
 *
 * A rule's id is the first eight bytes of the SHA-256 of its canonical form,
 * as a little-endian integer; rules stand in ascending order of id. Where more
 * than one rule speaks of a cell, a deny wins over an allow, then the lowest
 * id: one winner, which counts the packet.
 *
 * ONE SPELLING
 * ============
 * What could be said in other bytes is refused (-EINVAL):
 *
 *   - Sorted arrays are strictly ascending.
 *   - Numbers go up by one at their first use, and none is unused: of classes
 *     along hosts4, hosts6, nets4 and nets6; of services and slots along their
 *     own records; of shapes, and of the places of verdict lists, along classes
 *     and then pairs.
 *   - A verdict list is one 0, then one rule for each slot of its shape from 1
 *     up; lists stand back to back, and two rows share a whole list or nothing.
 *   - Left out are: a host or net that says what the net around it says, the
 *     row of a destination class that is the row of source class 0, a pair that
 *     says what holds without it, ranges of service 0, runs of slot 0, and two
 *     neighbouring ranges or runs that are one.
 *
 * THE GUARD
 * =========
 * Behind the image described so far, its first part, there may be a second:
 * what may leave by a device that is no tunnel (scope EVERYTHING), and what may
 * not leave at all (the DNS guard). It is struct merlon_guard_header, then the
 * devices, users and control groups that it speaks of, then an image without
 * tunnels, flags and a part behind it. That is looked up as the first part is,
 * but what stands there as a source is not an address. It is what is known of
 * the packet here:
 *
 *   byte 0	1: of a connection that was opened from outside; else 0
 *   byte 1	which of the devices it leaves by, from 1; 0: none of them
 *   byte 2	which of the users sent it, from 1; 0: none of them
 *   byte 3	which of the control groups, from 1; 0: none of them
 *
 * as an IPv4 address, or as the last four bytes of an IPv6 address whose others
 * are zero. The destination is whom the packet is sent to. The selector is that
 * of the connection: the destination port; of one that was opened from outside,
 * the port here.
 *
 * An allow: it may leave by any device. A deny: it may not leave, by a tunnel
 * neither. No rule: by a tunnel only. What the first part says of the packets
 * of tunnels it says all the same: both have to let them pass.
 *
 * THE GENERATION
 * ==============
 * A loaded image is a generation: ordered by (epoch, serial), published whole,
 * valid for a lifetime that is counted on CLOCK_BOOTTIME from its COMMIT. The
 * kernel refuses an (epoch, serial) that is not above the last one it took in
 * this network namespace, for as long as the module stays loaded; the last one
 * itself may come back after a DISARM.
 *
 * THE FAMILY
 * ==========
 * Generic netlink, name "merlon", version 1. A command acts on the network
 * namespace of the socket it came by. Every command needs CAP_NET_ADMIN in the
 * initial user namespace (-EPERM). Unknown attributes and flags are refused
 * (-EINVAL), and every refusal carries a sentence in NLMSGERR_ATTR_MSG.
 *
 * -ENOMEM: nothing was changed (LOAD_COMMIT: but for the load, which is over).
 * ENOBUFS, an error of the socket and no answer: there was no memory for the
 * answer, and the command may have been carried out; GET_STATUS tells.
 *
 * A policy is loaded by one transaction per namespace: LOAD_BEGIN names total
 * size, digest, (epoch, serial) and lifetime; LOAD_CHUNKs follow at exactly
 * consecutive offsets; LOAD_COMMIT checks, builds and publishes, and returns
 * when no packet is judged by the generation before. A second transaction is
 * refused with -EBUSY. A transaction dies with its socket, by LOAD_ABORT, or
 * when nothing came for MERLON_LOAD_IDLE_SECONDS.
 */
#ifndef _UAPI_LINUX_MERLON_H
#define _UAPI_LINUX_MERLON_H

#include <linux/types.h>

#define MERLON_GENL_NAME	"merlon"
#define MERLON_GENL_VERSION	1
#define MERLON_MCGRP_EVENTS	"events"	/* DROP_EVENT, STATE_EVENT */

/* ------------------------------------------------------------------ image */

#define MERLON_IMAGE_MAGIC	"MERLON\0\1"	/* eight bytes */
#define MERLON_IMAGE_VERSION	1
#define MERLON_GUARD_MAGIC	"MERLON\0G"	/* eight bytes, of the second part */

/* Hard limits. An image beyond any of them is refused by name (-E2BIG). */
#define MERLON_MAX_IMAGE_BYTES	(128u << 20)	/* bytes of one image */
#define MERLON_MAX_TUNNELS	16u	/* tunnel records */
#define MERLON_MAX_HOSTS	(1u << 20)	/* per family */
#define MERLON_MAX_NETS		(1u << 16)	/* per family */
#define MERLON_MAX_NET_NODES	(1u << 16)	/* 1-KiB trie nodes, per family */
#define MERLON_MAX_CLASSES	(1u << 20)	/* per direction */
#define MERLON_MAX_PAIRS	(1u << 22)
#define MERLON_MAX_SERVICES	(1u << 16)
#define MERLON_MAX_SHAPES	(1u << 16)
#define MERLON_LONE_RUN		(1u << 15)	/* services; see MERLON_MAX_SLOTS */
#define MERLON_MAX_SLOTS	(1u << 24)	/* services times shapes that need slots */
			/* which are shape 0 and those of several runs or a longer one */
#define MERLON_MAX_RUNS		(1u << 22)	/* shape runs */
#define MERLON_MAX_VERDICTS	(1u << 23)
#define MERLON_MAX_RULES	(1u << 20)	/* of both parts together */
#define MERLON_MAX_CONDITIONS	30u	/* devices, users, control groups; of each */
#define MERLON_MAX_CGROUP_BYTES	256u	/* path of a control group, with the NUL */

/**
 * enum merlon_section - the arrays of an image, in their order
 * @MERLON_SECTION_TUNNELS: struct merlon_tunnel; the first is tunnel 1
 * @MERLON_SECTION_HOSTS4: struct merlon_host4, ascending by address
 * @MERLON_SECTION_HOSTS6: struct merlon_host6, ascending by address
 * @MERLON_SECTION_NETS4: struct merlon_net4, ascending by (address, length)
 * @MERLON_SECTION_NETS6: struct merlon_net6, ascending by (address, length)
 * @MERLON_SECTION_CLASSES: struct merlon_class; source classes, then
 *	destination classes (header: source_classes)
 * @MERLON_SECTION_PAIRS: struct merlon_pair, ascending by (source, destination)
 * @MERLON_SECTION_SERVICES: struct merlon_service, ascending by (protocol, first)
 * @MERLON_SECTION_RUNS: struct merlon_run, ascending by (shape, first)
 * @MERLON_SECTION_VERDICTS: __le32, index of a rule (from 1) or 0
 * @MERLON_SECTION_RULES: struct merlon_rule, ascending by id
 * @MERLON_SECTIONS: how many there are
 */
enum merlon_section {
	MERLON_SECTION_TUNNELS,
	MERLON_SECTION_HOSTS4,
	MERLON_SECTION_HOSTS6,
	MERLON_SECTION_NETS4,
	MERLON_SECTION_NETS6,
	MERLON_SECTION_CLASSES,
	MERLON_SECTION_PAIRS,
	MERLON_SECTION_SERVICES,
	MERLON_SECTION_RUNS,
	MERLON_SECTION_VERDICTS,
	MERLON_SECTION_RULES,
	MERLON_SECTIONS,
};

/* header.flags */
/* What no rule speaks of is rejected, not dropped. */
#define MERLON_IMAGE_F_REJECT	(1u << 0)
#define MERLON_IMAGE_F_MASK	(MERLON_IMAGE_F_REJECT)

/**
 * struct merlon_image_header - the first bytes of an image
 * @magic: MERLON_IMAGE_MAGIC
 * @version: MERLON_IMAGE_VERSION
 * @flags: MERLON_IMAGE_F_*
 * @bytes: of this part, header included
 * @source_classes: how many of the classes are source classes, at least 1;
 *	the others are destination classes, at least 1
 * @shapes: number of shapes, at least 1; shape 0 maps every service to slot 0
 * @services: number of services, at least 1
 * @count: records of each section
 */
struct merlon_image_header {
	__u8	magic[8];
	__le32	version;
	__le32	flags;
	__le32	bytes;
	__le32	source_classes;
	__le32	shapes;
	__le32	services;
	__le32	count[MERLON_SECTIONS];
};

/* tunnel.flags */
/* Not Merlon's business: its packets are not judged. */
#define MERLON_TUNNEL_F_IGNORED	(1u << 0)
#define MERLON_TUNNEL_F_MASK	(MERLON_TUNNEL_F_IGNORED)

/**
 * struct merlon_tunnel - a WireGuard device that the policy speaks of
 * @name: name of the device, NUL-padded, a valid interface name; names differ
 * @flags: MERLON_TUNNEL_F_*
 *
 * A WireGuard device that no record names is denied everything.
 */
struct merlon_tunnel {
	__u8	name[16];
	__le32	flags;
};

/**
 * struct merlon_host4 - one IPv4 address
 * @address: network byte order; ascending as a number
 * @source: its source class
 * @destination: its destination class
 * @tunnel: the only tunnel that may deliver packets from this address, or 0
 *	where that is of no interest; an ignored tunnel cannot be named
 * @zero: 0
 */
struct merlon_host4 {
	__be32	address;
	__le32	source;
	__le32	destination;
	__u8	tunnel;
	__u8	zero[3];
};

/**
 * struct merlon_host6 - one IPv6 address; fields as in struct merlon_host4
 */
struct merlon_host6 {
	__u8	address[16];
	__le32	source;
	__le32	destination;
	__u8	tunnel;
	__u8	zero[3];
};

/**
 * struct merlon_net4 - an IPv4 prefix; the longest that contains an address counts
 * @address: first address, network byte order; host bits are zero
 * @source: source class of the addresses that no longer prefix contains
 * @destination: their destination class
 * @tunnel: as in struct merlon_host4
 * @length: of the prefix, 0 to 31 (32 is a host)
 * @zero: 0
 */
struct merlon_net4 {
	__be32	address;
	__le32	source;
	__le32	destination;
	__u8	tunnel;
	__u8	length;
	__u8	zero[2];
};

/**
 * struct merlon_net6 - an IPv6 prefix, length 0 to 127; as struct merlon_net4
 */
struct merlon_net6 {
	__u8	address[16];
	__le32	source;
	__le32	destination;
	__u8	tunnel;
	__u8	length;
	__u8	zero[2];
};

/* class.flags */
/* Destination classes: use this row, not the source's. */
#define MERLON_CLASS_F_ROW	(1u << 0)
#define MERLON_CLASS_F_MASK	(MERLON_CLASS_F_ROW)

/**
 * struct merlon_class - the row of a class, for pairs that are not listed
 * @shape: index of a shape
 * @base: index into the verdicts; base + the shape's largest slot is in range,
 *	and the verdict at base is 0
 * @flags: MERLON_CLASS_F_*; 0 for a source class
 */
struct merlon_class {
	__le32	shape;
	__le32	base;
	__le32	flags;
};

/**
 * struct merlon_pair - the row of one pair of classes
 * @source: source class
 * @destination: destination class, counted from the first destination class
 * @shape: as in struct merlon_class
 * @base: as in struct merlon_class
 */
struct merlon_pair {
	__le32	source;
	__le32	destination;
	__le32	shape;
	__le32	base;
};

/**
 * struct merlon_service - which service a range of selectors is
 * @protocol: IP protocol number, 0 to 255
 * @zero: 0
 * @first: first selector of the range
 * @last: last selector, >= first; 65535 for ports, 255 for ICMP types, 0 for
 *	protocols without selector at the most
 * @service: 1 to services - 1
 *
 * Ranges of a protocol do not overlap and do not touch with the same service.
 * What no range contains is service 0. There are at most as many as there are
 * selectors: 5 * 65536 + 2 * 256 + 249.
 */
struct merlon_service {
	__u8	protocol;
	__u8	zero;
	__le16	first;
	__le16	last;
	__le16	service;
};

/**
 * struct merlon_run - services that a shape maps to one slot
 * @shape: 1 to shapes - 1
 * @first: first service
 * @last: last service, >= first
 * @slot: 1 to 65535
 * @zero: 0
 *
 * Runs of a shape do not overlap. What no run contains is slot 0.
 */
struct merlon_run {
	__le32	shape;
	__le16	first;
	__le16	last;
	__le16	slot;
	__le16	zero;
};

/**
 * enum merlon_action - what a rule does with the packets it wins
 */
enum merlon_action {
	MERLON_ACTION_UNSPEC,
	MERLON_ACTION_ALLOW,
	MERLON_ACTION_DROP,	/* silently */
	MERLON_ACTION_REJECT,	/* TCP: RST; others: ICMP administratively prohibited */
	__MERLON_ACTION_MAX,
};
#define MERLON_ACTION_MAX (__MERLON_ACTION_MAX - 1)

/**
 * struct merlon_rule - what the kernel knows of a rule
 * @id: first eight bytes of the SHA-256 of the canonical rule; not 0
 * @action: enum merlon_action, not UNSPEC
 * @zero: 0
 */
struct merlon_rule {
	__le64	id;
	__u8	action;
	__u8	zero[7];
};

/**
 * struct merlon_guard_header - the first bytes of an image's second part
 * @magic: MERLON_GUARD_MAGIC
 * @devices: how many struct merlon_guard_device follow, MERLON_MAX_CONDITIONS
 *	at most, as of the next two
 * @users: then so many __le32: user ids of the initial user namespace, strictly
 *	ascending, none of them 2^32 - 1
 * @cgroups: then so many struct merlon_guard_cgroup
 *
 * The image behind them says its own length, and ends where all of it does. A
 * second part without a rule is left out.
 */
struct merlon_guard_header {
	__u8	magic[8];
	__le32	devices;
	__le32	users;
	__le32	cgroups;
};

/**
 * struct merlon_guard_device - a device that the guard speaks of
 * @name: NUL-padded, a valid interface name; strictly ascending as bytes
 */
struct merlon_guard_device {
	__u8	name[16];
};

/**
 * struct merlon_guard_cgroup - a control group, with all below it
 * @path: in the unified hierarchy, "/system.slice/chrony.service"; begins with a
 *	slash and does not end with one, NUL-padded, strictly ascending as bytes;
 *	none is below another
 */
struct merlon_guard_cgroup {
	__u8	path[MERLON_MAX_CGROUP_BYTES];
};

/* ---------------------------------------------------------------- netlink */

#define MERLON_LOAD_IDLE_SECONDS	30u
#define MERLON_LOAD_CHUNK_BYTES		(32u << 10)	/* at most, per LOAD_CHUNK */
#define MERLON_DIGEST_BYTES		32u		/* SHA-256 */
#define MERLON_REASON_TEXT_BYTES	256u		/* ARM, DISARM: why; with the NUL */

/**
 * enum merlon_cmd - commands and notifications
 * @MERLON_CMD_GET_STATUS: do. Reply: MERLON_A_* of the status group
 * @MERLON_CMD_ARM: SCOPE, MODE, optional CONFIRM_S and WHY. From then on the
 *	namespace is judged; without a generation: lockdown of the scope.
 *	-EOPNOTSUPP: this module cannot guard that scope
 * @MERLON_CMD_CONFIRM: keeps an ARM that had CONFIRM_S. -ESRCH: nothing to confirm
 * @MERLON_CMD_DISARM: WHY (mandatory, logged). The generation is forgotten, not
 *	its (epoch, serial)
 * @MERLON_CMD_LOAD_BEGIN: EPOCH, SERIAL, LIFETIME_MS, IMAGE_BYTES, DIGEST.
 *	-EBUSY: another load runs; -ESTALE: (epoch, serial) not above the last,
 *	nor the last itself, forgotten by DISARM, with the same digest
 * @MERLON_CMD_LOAD_CHUNK: OFFSET, DATA. -EINVAL: not the next offset, or too long
 * @MERLON_CMD_LOAD_COMMIT: -EBADMSG: digest or bytes missing; -EINVAL, -E2BIG:
 *	not a valid image; the generation in force stays
 * @MERLON_CMD_LOAD_ABORT: forgets the transaction
 * @MERLON_CMD_RENEW: EPOCH, SERIAL, LIFETIME_MS, DIGEST: the generation in force
 *	has this digest and goes on under a later serial. -ESTALE, -ENOENT
 * @MERLON_CMD_GET_RULES: dump. One message per rule: RULE_ID, ACTION, PACKETS,
 *	BYTES; first those of the first part, then the guard's, each by id
 * @MERLON_CMD_EXPLAIN: FAMILY, SOURCE, DESTINATION, PROTOCOL, SELECTOR. Reply:
 *	ACTION, RULE_ID (absent: no rule), REASON, SOURCE_CLASS, DESTINATION_CLASS,
 *	SERVICE, EPOCH, SERIAL. Counts nothing
 * @MERLON_CMD_DROP_EVENT: notification, rate-limited
 * @MERLON_CMD_STATE_EVENT: notification: STATE and what GET_STATUS tells
 */
enum merlon_cmd {
	MERLON_CMD_UNSPEC,
	MERLON_CMD_GET_STATUS,
	MERLON_CMD_ARM,
	MERLON_CMD_CONFIRM,
	MERLON_CMD_DISARM,
	MERLON_CMD_LOAD_BEGIN,
	MERLON_CMD_LOAD_CHUNK,
	MERLON_CMD_LOAD_COMMIT,
	MERLON_CMD_LOAD_ABORT,
	MERLON_CMD_RENEW,
	MERLON_CMD_GET_RULES,
	MERLON_CMD_EXPLAIN,
	MERLON_CMD_DROP_EVENT,
	MERLON_CMD_STATE_EVENT,
	__MERLON_CMD_MAX,
};
#define MERLON_CMD_MAX (__MERLON_CMD_MAX - 1)

/**
 * enum merlon_scope - what an armed namespace answers for
 * @MERLON_SCOPE_TUNNELS: packets that enter, leave or cross a WireGuard device
 * @MERLON_SCOPE_EVERYTHING: every packet; the tunnel must carry all
 */
enum merlon_scope {
	MERLON_SCOPE_UNSPEC,
	MERLON_SCOPE_TUNNELS,
	MERLON_SCOPE_EVERYTHING,
	__MERLON_SCOPE_MAX,
};
#define MERLON_SCOPE_MAX (__MERLON_SCOPE_MAX - 1)

/**
 * enum merlon_mode - how serious it is
 * @MERLON_MODE_OBSERVING: judged, counted and reported, nothing dropped
 * @MERLON_MODE_ENFORCING: what is denied does not pass
 */
enum merlon_mode {
	MERLON_MODE_UNSPEC,
	MERLON_MODE_OBSERVING,
	MERLON_MODE_ENFORCING,
	__MERLON_MODE_MAX,
};
#define MERLON_MODE_MAX (__MERLON_MODE_MAX - 1)

/*
 * MERLON_A_HOLES: what no guard can hold, scope EVERYTHING: modules that send past
 * every hook and were loaded before it was armed (PKTGEN, NETCONSOLE); an AF_XDP
 * socket that is bound to a device of the namespace; a device of it that has an XDP
 * program (merlon-shield is one); and what tc can redirect with: a program at tcx
 * on a device of it, and, in whatever namespace, cls_bpf, act_bpf or act_mirred in use.
 */
#define MERLON_HOLE_PKTGEN	(1u << 0)
#define MERLON_HOLE_NETCONSOLE	(1u << 1)
#define MERLON_HOLE_AF_XDP	(1u << 2)
#define MERLON_HOLE_XDP		(1u << 3)
#define MERLON_HOLE_TC		(1u << 4)

/**
 * enum merlon_state - what a namespace does now
 * @MERLON_STATE_DISARMED: nothing
 * @MERLON_STATE_OBSERVING: armed in mode OBSERVING
 * @MERLON_STATE_LOCKDOWN: armed, no generation: the scope is closed
 * @MERLON_STATE_ENFORCING: armed, generation valid
 * @MERLON_STATE_EXPIRED: armed, generation past its lifetime: the scope is closed
 */
enum merlon_state {
	MERLON_STATE_UNSPEC,
	MERLON_STATE_DISARMED,
	MERLON_STATE_OBSERVING,
	MERLON_STATE_LOCKDOWN,
	MERLON_STATE_ENFORCING,
	MERLON_STATE_EXPIRED,
	__MERLON_STATE_MAX,
};
#define MERLON_STATE_MAX (__MERLON_STATE_MAX - 1)

/**
 * enum merlon_reason - why a packet got its verdict
 * @MERLON_REASON_UNSPEC: not judged
 * @MERLON_REASON_RULE: a rule allows or denies it (RULE_ID)
 * @MERLON_REASON_NO_RULE: no rule speaks of it
 * @MERLON_REASON_LOCKDOWN: armed without a generation
 * @MERLON_REASON_EXPIRED: the generation's lifetime is over
 * @MERLON_REASON_UNKNOWN_TUNNEL: a WireGuard device that the policy does not name
 * @MERLON_REASON_SPOOFED: a tunnel's source address that came by another device
 * @MERLON_REASON_HEADER: headers are truncated or contradict themselves
 * @MERLON_REASON_FRAGMENT: a fragment that was not reassembled
 * @MERLON_REASON_NOT_OPENED: looks like a reply, but nothing permitted asked for it
 * @MERLON_REASON_TRANSLATED: denied by the destination that NAT put in
 * @MERLON_REASON_OFF_TUNNEL: scope EVERYTHING: would leave by a device that is
 *	not the tunnel, and is nothing that may
 * @MERLON_REASON_BYPASS: a frame that did not come out of this namespace's IP
 *	stack (a packet socket, a bridge, a child device elsewhere), and is
 *	nothing that may leave
 * @MERLON_REASON_GUARD: the guard's rule denies it (RULE_ID): the DNS guard
 * @MERLON_REASON_SHADOW: source NAT gave it the port of a tunnel of the kernel's,
 *	whose packets it would then be given (CVE-2021-3773)
 */
enum merlon_reason {
	MERLON_REASON_UNSPEC,
	MERLON_REASON_RULE,
	MERLON_REASON_NO_RULE,
	MERLON_REASON_LOCKDOWN,
	MERLON_REASON_EXPIRED,
	MERLON_REASON_UNKNOWN_TUNNEL,
	MERLON_REASON_SPOOFED,
	MERLON_REASON_HEADER,
	MERLON_REASON_FRAGMENT,
	MERLON_REASON_NOT_OPENED,
	MERLON_REASON_TRANSLATED,
	MERLON_REASON_OFF_TUNNEL,
	MERLON_REASON_BYPASS,
	MERLON_REASON_GUARD,
	MERLON_REASON_SHADOW,
	__MERLON_REASON_MAX,
};
#define MERLON_REASON_MAX (__MERLON_REASON_MAX - 1)

/**
 * enum merlon_hook - where a packet was judged
 */
enum merlon_hook {
	MERLON_HOOK_UNSPEC,
	MERLON_HOOK_PREROUTING,
	MERLON_HOOK_INPUT,
	MERLON_HOOK_FORWARD,
	MERLON_HOOK_POSTROUTING,
	MERLON_HOOK_EGRESS,	/* a device's, the last before its queue */
	MERLON_HOOK_INGRESS,	/* a tunnel's, before a flowtable */
	__MERLON_HOOK_MAX,
};
#define MERLON_HOOK_MAX (__MERLON_HOOK_MAX - 1)

/**
 * enum merlon_attr - attributes of every command (one space)
 * @MERLON_A_PAD: alignment of 64-bit values
 * @MERLON_A_STATE: u32, enum merlon_state
 * @MERLON_A_SCOPE: u32, enum merlon_scope
 * @MERLON_A_MODE: u32, enum merlon_mode
 * @MERLON_A_CONFIRM_S: u32, seconds, 1 to 86400. ARM: undone unless confirmed
 *	by then; status: seconds left
 * @MERLON_A_WHY: string, MERLON_REASON_TEXT_BYTES with the NUL: logged
 * @MERLON_A_EPOCH: u64
 * @MERLON_A_SERIAL: u64
 * @MERLON_A_LIFETIME_MS: u64, milliseconds from COMMIT or RENEW, at least 1;
 *	status: what is left
 * @MERLON_A_IMAGE_BYTES: u32, bytes
 * @MERLON_A_DIGEST: binary, MERLON_DIGEST_BYTES, SHA-256 of the image
 * @MERLON_A_OFFSET: u32, bytes
 * @MERLON_A_DATA: binary, 1 to MERLON_LOAD_CHUNK_BYTES
 * @MERLON_A_RULE_ID: u64
 * @MERLON_A_ACTION: u8, enum merlon_action
 * @MERLON_A_PACKETS: u64, packets as the stack saw them (a GSO super-packet is one)
 * @MERLON_A_BYTES: u64, bytes from the IP header on
 * @MERLON_A_FAMILY: u8, AF_INET (2) or AF_INET6 (10)
 * @MERLON_A_SOURCE: binary, 4 or 16 bytes, network byte order
 * @MERLON_A_DESTINATION: binary, as MERLON_A_SOURCE
 * @MERLON_A_PROTOCOL: u8, IP protocol
 * @MERLON_A_SOURCE_PORT: u16, host byte order
 * @MERLON_A_SELECTOR: u16, host byte order: destination port or ICMP type
 * @MERLON_A_REASON: u8, enum merlon_reason
 * @MERLON_A_SOURCE_CLASS: u32
 * @MERLON_A_DESTINATION_CLASS: u32
 * @MERLON_A_SERVICE: u32
 * @MERLON_A_HOOK: u8, enum merlon_hook
 * @MERLON_A_DEVICE_IN: string, at most 15 bytes
 * @MERLON_A_DEVICE_OUT: string, at most 15 bytes
 * @MERLON_A_OBSERVED: flag: the packet passed, because of mode OBSERVING
 * @MERLON_A_SUPPRESSED: u64, events not sent since the last one
 * @MERLON_A_LENGTH: u32, bytes from the IP header on
 * @MERLON_A_MODULE_VERSION: string
 * @MERLON_A_MEMORY: u64, bytes that the generation's tables take
 * @MERLON_A_RULES: u32, number of rules in force
 * @MERLON_A_PAIRS: u32, number of pairs in force
 * @MERLON_A_HOSTS: u32, number of host addresses in force, both families
 * @MERLON_A_REASON_COUNTS: nested array: index = enum merlon_reason, value:
 *	binary, two u64 in host byte order: packets passed, packets denied
 *	(in mode OBSERVING: would have been)
 * @MERLON_A_LAST_EPOCH: u64, highest (epoch, serial) taken in this namespace
 * @MERLON_A_LAST_SERIAL: u64
 * @MERLON_A_MAX_LIFETIME_MS: u64, longest lifetime the module takes
 * @MERLON_A_REPLY: flag: conntrack has the packet in a connection's reply
 *	direction; it was judged by the connection's original tuple
 * @MERLON_A_ETHERTYPE: u16, host byte order: hooks EGRESS and INGRESS; where it
 *	is not IP's, there are no addresses
 * @MERLON_A_GUARD_RULES: u32, number of rules in force in the guard's part
 * @MERLON_A_HOLES: u32, MERLON_HOLE_*; status in scope EVERYTHING. What is not
 *	loaded when such a namespace is armed is not loaded while it is
 */
enum merlon_attr {
	MERLON_A_UNSPEC,
	MERLON_A_PAD,
	MERLON_A_STATE,
	MERLON_A_SCOPE,
	MERLON_A_MODE,
	MERLON_A_CONFIRM_S,
	MERLON_A_WHY,
	MERLON_A_EPOCH,
	MERLON_A_SERIAL,
	MERLON_A_LIFETIME_MS,
	MERLON_A_IMAGE_BYTES,
	MERLON_A_DIGEST,
	MERLON_A_OFFSET,
	MERLON_A_DATA,
	MERLON_A_RULE_ID,
	MERLON_A_ACTION,
	MERLON_A_PACKETS,
	MERLON_A_BYTES,
	MERLON_A_FAMILY,
	MERLON_A_SOURCE,
	MERLON_A_DESTINATION,
	MERLON_A_PROTOCOL,
	MERLON_A_SOURCE_PORT,
	MERLON_A_SELECTOR,
	MERLON_A_REASON,
	MERLON_A_SOURCE_CLASS,
	MERLON_A_DESTINATION_CLASS,
	MERLON_A_SERVICE,
	MERLON_A_HOOK,
	MERLON_A_DEVICE_IN,
	MERLON_A_DEVICE_OUT,
	MERLON_A_OBSERVED,
	MERLON_A_SUPPRESSED,
	MERLON_A_LENGTH,
	MERLON_A_MODULE_VERSION,
	MERLON_A_MEMORY,
	MERLON_A_RULES,
	MERLON_A_PAIRS,
	MERLON_A_HOSTS,
	MERLON_A_REASON_COUNTS,
	MERLON_A_LAST_EPOCH,
	MERLON_A_LAST_SERIAL,
	MERLON_A_MAX_LIFETIME_MS,
	MERLON_A_REPLY,
	MERLON_A_ETHERTYPE,
	MERLON_A_GUARD_RULES,
	MERLON_A_HOLES,
	__MERLON_A_MAX,
};
#define MERLON_A_MAX (__MERLON_A_MAX - 1)

#endif /* _UAPI_LINUX_MERLON_H */
