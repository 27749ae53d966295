/* SPDX-License-Identifier: MIT */
/* What rtnl.c and rtnl_route.c know of each other; nobody else includes this. */
#ifndef ML_RTNL_PRIVATE_H
#define ML_RTNL_PRIVATE_H

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "genl.h"
#include "netlink.h"
#include "rtnl.h"

struct ml_rtnl {
	struct ml_netlink *netlink;
};

/* A request with its fixed head; attributes are put behind it. */
struct nlmsghdr *ml_rtnl_begin(struct ml_rtnl *rtnl, uint16_t type, uint16_t flags,
			       const void *head, size_t length);
int ml_rtnl_do(struct ml_rtnl *rtnl, struct ml_error *error);
/* As ml_genl_attributes(), behind a head of @head bytes. */
void ml_rtnl_sort(const struct nlmsghdr *message, size_t head, const struct nlattr **table,
		  uint16_t max);

#endif
