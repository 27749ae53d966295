/* SPDX-License-Identifier: MIT */
/*
 * A netlink socket that asks, and reads the answer to its end, over libmnl: what
 * genl.c (families) and rtnl.c (devices, addresses, routes) share. A refusal
 * comes back as the kernel's errno, with the sentence that it sent where it sent
 * one (NLMSGERR_ATTR_MSG).
 */
#ifndef ML_NETLINK_H
#define ML_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "error.h"

#define ML_NETLINK_BUFFER (64u << 10)	/* bytes of one message, and of one read */

struct ml_netlink;	/* one thread at a time */

/* @bus: NETLINK_GENERIC, NETLINK_ROUTE; @name: for errors, at most 15 bytes. */
int ml_netlink_open(int bus, const char *name, struct ml_netlink **ret,
		    struct ml_error *error);
/* What was sent and read last is wiped. */
void ml_netlink_close(struct ml_netlink *netlink);
int ml_netlink_fd(const struct ml_netlink *netlink);
const char *ml_netlink_name(const struct ml_netlink *netlink);
int ml_netlink_set(struct ml_netlink *netlink, int option, int value);

/* For a socket by which secrets go: its buffers are never swapped. -ENOMEM. */
int ml_netlink_lock(struct ml_netlink *netlink, struct ml_error *error);
/* Forgets what was sent and read last. */
void ml_netlink_wipe(struct ml_netlink *netlink);

/**
 * ml_netlink_begin - start a request in the socket's own buffer
 * @flags: beside NLM_F_REQUEST and NLM_F_ACK
 *
 * Return: the message, a header yet, with room for ML_NETLINK_BUFFER bytes in
 * all. Valid until the next call of any function here.
 */
struct nlmsghdr *ml_netlink_begin(struct ml_netlink *netlink, uint16_t type, uint16_t flags);

/* Called for every message of an answer; not 0 ends it and is returned. */
typedef int (*ml_netlink_each)(const struct nlmsghdr *message, void *arg);

/**
 * ml_netlink_talk - send what was begun, and read the answer to its end
 * @each: may be NULL
 *
 * Return: 0; what @each returned; -EINTR: a dump that changed under way; or
 * what the kernel said.
 */
int ml_netlink_talk(struct ml_netlink *netlink, ml_netlink_each each, void *arg,
		    struct ml_error *error);

/* One datagram of notifications of @type; -EAGAIN: none; -ENOBUFS: some were lost. */
int ml_netlink_listen(struct ml_netlink *netlink, uint16_t type, ml_netlink_each each,
		      void *arg, struct ml_error *error);

#endif
