/* SPDX-License-Identifier: MIT */
/*
 * Generic netlink: one socket that speaks to one family. Refusals are as in
 * netlink.h.
 */
#ifndef ML_GENL_H
#define ML_GENL_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

#include "error.h"
#include "netlink.h"

#define ML_GENL_BUFFER ML_NETLINK_BUFFER

struct ml_genl;		/* one thread at a time */

/* -ENOENT: the kernel has no such family. */
int ml_genl_open(const char *family, uint8_t version, struct ml_genl **ret,
		 struct ml_error *error);
/* The same in two steps, for who may open sockets only before the family is there. */
int ml_genl_socket(const char *family, uint8_t version, struct ml_genl **ret,
		   struct ml_error *error);
/* Looks the family up, anew; the kernel may load its module for it. */
int ml_genl_find(struct ml_genl *genl, struct ml_error *error);
void ml_genl_close(struct ml_genl *genl);
struct ml_netlink *ml_genl_netlink(struct ml_genl *genl);
int ml_genl_fd(const struct ml_genl *genl);

/**
 * ml_genl_begin - start a request in the socket's own buffer
 * @flags: 0, or NLM_F_DUMP
 *
 * Return: the message, to which attributes are put; there is room for
 * ML_GENL_BUFFER bytes. Valid until the next call of any function here.
 */
struct nlmsghdr *ml_genl_begin(struct ml_genl *genl, uint8_t command, uint16_t flags);

typedef ml_netlink_each ml_genl_each;

/* As ml_netlink_talk(). */
int ml_genl_talk(struct ml_genl *genl, ml_genl_each each, void *arg,
		 struct ml_error *error);

/* -ENOENT: the family has no such group. */
int ml_genl_join(struct ml_genl *genl, const char *group, struct ml_error *error);

/* One datagram of notifications; -EAGAIN: none; -ENOBUFS: some were lost. */
int ml_genl_listen(struct ml_genl *genl, ml_genl_each each, void *arg,
		   struct ml_error *error);

/* The family's own type, and the command in a message of it. */
uint16_t ml_genl_type(const struct ml_genl *genl);
uint8_t ml_genl_command(const struct nlmsghdr *message);

/**
 * ml_genl_attributes - sort the attributes of a genl message into a table
 * @table: @max + 1 pointers, all set: NULL where an attribute is absent
 *
 * Attributes above @max are passed over: a newer kernel may say more.
 */
void ml_genl_attributes(const struct nlmsghdr *message, const struct nlattr **table,
			uint16_t max);
void ml_genl_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t max);

/* Values of attributes that may be absent (NULL) or too short: 0 then. */
uint8_t ml_genl_u8(const struct nlattr *attribute);
uint16_t ml_genl_u16(const struct nlattr *attribute);
uint32_t ml_genl_u32(const struct nlattr *attribute);
uint64_t ml_genl_u64(const struct nlattr *attribute);
/* Copies at most @size bytes and zeroes the rest. Return: bytes copied. */
size_t ml_genl_bytes(const struct nlattr *attribute, void *ret, size_t size);
void ml_genl_string(const struct nlattr *attribute, char *ret, size_t size);

/**
 * ml_genl_refusal - what an NLMSG_ERROR or NLMSG_DONE message says
 * @ret_sentence: points into the message; NULL: the kernel sent none
 *
 * Return: 0 or -errno; -EBADMSG: too short for either.
 */
int ml_genl_refusal(const struct nlmsghdr *message, const char **ret_sentence);

#endif
