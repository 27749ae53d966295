/* SPDX-License-Identifier: MIT */
/* SRC DST [SERVICE] of a command line, as the packets that are meant. */
#ifndef CLI_PACKET_H
#define CLI_PACKET_H

#include "error.h"
#include "ruleset.h"

/**
 * packets_parse - one packet for each family that both ends have
 * @names: whose names and sets may stand for addresses; NULL: addresses alone
 * @service: "tcp:22", "icmp:8", "icmp:echo-request", "gre"; NULL: a ping
 * @ret: IPv4 first
 *
 * Return: 0, -EINVAL, -ENOENT (a name that is not there), -ENOMEM.
 */
int packets_parse(const struct ml_ruleset *names, const char *source, const char *destination,
		  const char *service, struct ml_packet ret[static 2], size_t *ret_count,
		  struct ml_error *error);

#endif
