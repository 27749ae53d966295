/* SPDX-License-Identifier: MIT */
/*
 * Changing a WireGuard device: WG_CMD_SET_DEVICE of linux/wireguard.h. @genl is a
 * socket of WG_GENL_NAME (genl.h), with its family found; where a key goes by it,
 * it should be locked (ml_netlink_lock()). Refusals are the kernel's: -ENODEV,
 * -EOPNOTSUPP (not a WireGuard device), -EPERM, -EADDRINUSE (the port), -ENOMEM.
 */
#ifndef ML_WIREGUARD_SET_H
#define ML_WIREGUARD_SET_H

#include "changeover.h"
#include "genl.h"

struct ml_wireguard_settings {
	const uint8_t *private_key;	/* 32 bytes; NULL: as it is */
	uint16_t listen_port;		/* host byte order; 0: as it is */
	uint32_t fwmark;		/* 0: as it is */
};

/* The socket's buffers are wiped afterwards, whatever becomes of it. */
int ml_wireguard_set(struct ml_genl *genl, const char *name,
		     const struct ml_wireguard_settings *settings, struct ml_error *error);

/**
 * ml_wireguard_set_peers - changes of peers, in their order
 *
 * In as many messages as it takes, each of which the kernel does in order: after a
 * failure, or the death of who sends, the first few are done and the rest is not.
 */
int ml_wireguard_set_peers(struct ml_genl *genl, const char *name,
			   const struct ml_peer_change *changes, size_t count,
			   struct ml_error *error);

/**
 * ml_wireguard_key_read - a private key's file: 44 characters of base64 and at most
 * one newline, as `wg genkey` prints them
 * @ret: in locked memory; ml_locked_free() wipes it
 *
 * Return: 0; -EACCES: group or others may read or write it, or somebody but root or
 * the caller owns it; -EBADMSG: no key; -ENOMEM; or the errno of open(2).
 */
int ml_wireguard_key_read(const char *path, uint8_t **ret, struct ml_error *error);

/* A new one as such a file, mode 0600, fsynced: clamped (RFC 7748, 5). -EEXIST, -ENOMEM */
int ml_wireguard_key_make(const char *path, struct ml_error *error);

/* The public key of a private one (X25519). */
void ml_wireguard_key_public(const uint8_t private_key[static 32], uint8_t ret[static 32]);

#endif
