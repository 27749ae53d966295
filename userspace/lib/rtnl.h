/* SPDX-License-Identifier: MIT */
/*
 * Devices, addresses, routes and rules of this network namespace, by rtnetlink.
 * Refusals are the kernel's errno, with its sentence where it sent one; those who
 * want something that is there already, or gone already, are told so (-EEXIST;
 * -ENODEV, -ESRCH, -EADDRNOTAVAIL, -ENOENT).
 */
#ifndef ML_RTNL_H
#define ML_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "prefix.h"

/* Routes and rules that Merlon made say so: "proto 77" in `ip route`. */
#define ML_RTNL_PROTOCOL 77

struct ml_rtnl;		/* a socket; one thread at a time */

int ml_rtnl_open(struct ml_rtnl **ret, struct ml_error *error);
void ml_rtnl_close(struct ml_rtnl *rtnl);

/* -------------------------------------------------------------------- devices */

#define ML_RTNL_ALIAS 256	/* bytes of a device's alias, with NUL */

struct ml_rtnl_link {
	uint32_t index;
	char name[16];
	char kind[16];		/* "wireguard"; "": none, as of lo and of hardware */
	char alias[ML_RTNL_ALIAS];
	bool up;		/* administratively */
	uint32_t mtu;
};

/* Calls @each for every device; stops and returns what @each returns if not 0. */
int ml_rtnl_links(struct ml_rtnl *rtnl, int (*each)(const struct ml_rtnl_link *link,
						    void *arg),
		  void *arg, struct ml_error *error);
/* -ENODEV: no device has that name. */
int ml_rtnl_link_find(struct ml_rtnl *rtnl, const char *name, struct ml_rtnl_link *ret,
		      struct ml_error *error);
/* The kernel may load the module of that kind; it chooses the MTU. */
int ml_rtnl_link_create(struct ml_rtnl *rtnl, const char *name, const char *kind,
			struct ml_error *error);
int ml_rtnl_link_delete(struct ml_rtnl *rtnl, uint32_t index, struct ml_error *error);
int ml_rtnl_link_alias(struct ml_rtnl *rtnl, uint32_t index, const char *alias,
		       struct ml_error *error);
int ml_rtnl_link_up(struct ml_rtnl *rtnl, uint32_t index, struct ml_error *error);

/* ------------------------------------------------------------------ addresses */

/*
 * Of a device, but those of scope link (fe80::/10 by the kernel's own choice). Host
 * bits are the address, the length is the net's. Added to @ret, in no order.
 */
int ml_rtnl_addresses(struct ml_rtnl *rtnl, uint32_t index, struct ml_prefixes *ret,
		      struct ml_error *error);
int ml_rtnl_address_add(struct ml_rtnl *rtnl, uint32_t index,
			const struct ml_prefix *address, struct ml_error *error);
int ml_rtnl_address_remove(struct ml_rtnl *rtnl, uint32_t index,
			   const struct ml_prefix *address, struct ml_error *error);

/* --------------------------------------------------------------------- routes */

/*
 * Unicast routes of a table by a device, but those that the kernel made itself.
 * Added to @ret, in no order.
 */
int ml_rtnl_routes(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
		   struct ml_prefixes *ret, struct ml_error *error);
/* -EEXIST also where another device has it. */
int ml_rtnl_route_add(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
		      const struct ml_prefix *route, struct ml_error *error);
int ml_rtnl_route_remove(struct ml_rtnl *rtnl, uint32_t index, uint32_t table,
			 const struct ml_prefix *route, struct ml_error *error);

/* ---------------------------------------------------------------------- rules */

/* "not fwmark MARK lookup TABLE", or "lookup TABLE suppress_prefixlength N". */
struct ml_rtnl_rule {
	uint8_t family;
	uint32_t priority;
	uint32_t table;
	uint32_t not_mark;		/* 0: whatever the mark is */
	int32_t suppress_length;	/* -1: none is suppressed */
};

/* How many rules of a family Merlon has made. */
int ml_rtnl_rule_count(struct ml_rtnl *rtnl, uint8_t family, size_t *ret,
		       struct ml_error *error);
int ml_rtnl_rule_add(struct ml_rtnl *rtnl, const struct ml_rtnl_rule *rule,
		     struct ml_error *error);
/* One that Merlon made, and that is exactly so. */
int ml_rtnl_rule_remove(struct ml_rtnl *rtnl, const struct ml_rtnl_rule *rule,
			struct ml_error *error);

#endif
