/* SPDX-License-Identifier: MIT */
/*
 * The WireGuard devices of this network namespace, as the kernel tells them.
 * Never their private or preshared keys: those are skipped as they come in.
 */
#ifndef ML_WIREGUARD_H
#define ML_WIREGUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "ruleset.h"

struct ml_genl;		/* genl.h */

struct ml_wireguard_peer {
	uint8_t public_key[32];
	struct ml_prefix *allowed;	/* in the kernel's order */
	size_t allowed_count;
	uint8_t endpoint_family;	/* AF_INET, AF_INET6, or 0: none known */
	uint8_t endpoint[16];		/* network byte order; IPv4 in the first four */
	uint16_t endpoint_port;		/* host byte order */
	int64_t last_handshake;		/* Unix seconds; 0: never */
	uint64_t rx_bytes, tx_bytes;
	uint16_t keepalive;		/* seconds; 0: off */
};

struct ml_wireguard_device {
	char name[16];
	uint32_t ifindex;
	bool has_key;			/* public_key is known */
	uint8_t public_key[32];
	uint16_t listen_port;		/* host byte order; 0: not bound yet */
	uint32_t fwmark;
	struct ml_wireguard_peer *peers;
	size_t peer_count;
};

/**
 * ml_wireguard_read - one device with its peers
 * @ret: free with ml_wireguard_clean(); untouched on failure
 *
 * Return: 0; -ENODEV: no such device; -EOPNOTSUPP: it is not WireGuard's;
 * -ENOENT: the kernel has no WireGuard (loaded); -EPERM; -ENOMEM; -EINTR: the
 * peers changed under way, again and again.
 */
int ml_wireguard_read(const char *name, struct ml_wireguard_device *ret,
		      struct ml_error *error);
/* As above, by a socket for WG_GENL_NAME, which is wiped of the device's key. */
int ml_wireguard_read_by(struct ml_genl *genl, const char *name,
			 struct ml_wireguard_device *ret, struct ml_error *error);
void ml_wireguard_clean(struct ml_wireguard_device *device);

struct ml_wireguard_name {
	char name[16];
	uint32_t ifindex;
};

/* All of them, in the order of their index. @ret: free() it. */
int ml_wireguard_list(struct ml_wireguard_name **ret, size_t *ret_count,
		      struct ml_error *error);

#endif
