// SPDX-License-Identifier: MIT
#include "wireguard.h"

#include <errno.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"

#define TRIES 3

/* Room for one more of an array that grows. */
static void *grow(void *array, size_t count, size_t size)
{
	/* Powers of two: one reallocation for each doubling. */
	if (count & (count - 1))
		return array;
	return reallocarray(array, count ? count * 2 : 1, size);
}

/* -------------------------------------------------------------------- peers */

static bool prefix_from(const struct nlattr *nest, struct ml_prefix *ret)
{
	const struct nlattr *table[WGALLOWEDIP_A_MAX + 1];
	size_t bytes;

	memset(ret, 0, sizeof(*ret));
	ml_genl_nested(nest, table, WGALLOWEDIP_A_MAX);
	ret->family = (uint8_t)ml_genl_u16(table[WGALLOWEDIP_A_FAMILY]);
	ret->length = ml_genl_u8(table[WGALLOWEDIP_A_CIDR_MASK]);
	bytes = ml_genl_bytes(table[WGALLOWEDIP_A_IPADDR], ret->address,
			      sizeof(ret->address));
	return (ret->family == AF_INET && bytes == 4 && ret->length <= 32) ||
	       (ret->family == AF_INET6 && bytes == 16 && ret->length <= 128);
}

static int add_allowed(struct ml_wireguard_peer *peer, const struct nlattr *list)
{
	const struct nlattr *nest;
	struct ml_prefix prefix, *grown;

	if (!list)
		return 0;
	mnl_attr_for_each_nested(nest, list) {
		if (!prefix_from(nest, &prefix))
			return -EBADMSG;
		grown = grow(peer->allowed, peer->allowed_count, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		peer->allowed = grown;
		peer->allowed[peer->allowed_count++] = prefix;
	}
	return 0;
}

static void endpoint_from(const struct nlattr *attribute, struct ml_wireguard_peer *peer)
{
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (ml_genl_bytes(attribute, &v6, sizeof(v6)) == sizeof(v6) &&
	    v6.sin6_family == AF_INET6) {
		peer->endpoint_family = AF_INET6;
		peer->endpoint_port = ntohs(v6.sin6_port);
		memcpy(peer->endpoint, &v6.sin6_addr, 16);
	} else if (ml_genl_bytes(attribute, &v4, sizeof(v4)) == sizeof(v4) &&
		   v4.sin_family == AF_INET) {
		peer->endpoint_family = AF_INET;
		peer->endpoint_port = ntohs(v4.sin_port);
		memcpy(peer->endpoint, &v4.sin_addr, 4);
	}
}

static void peer_from(const struct nlattr **table, struct ml_wireguard_peer *peer)
{
	struct __kernel_timespec handshake;

	ml_genl_bytes(table[WGPEER_A_PUBLIC_KEY], peer->public_key,
		      sizeof(peer->public_key));
	ml_genl_bytes(table[WGPEER_A_LAST_HANDSHAKE_TIME], &handshake, sizeof(handshake));
	peer->last_handshake = handshake.tv_sec;
	peer->rx_bytes = ml_genl_u64(table[WGPEER_A_RX_BYTES]);
	peer->tx_bytes = ml_genl_u64(table[WGPEER_A_TX_BYTES]);
	peer->keepalive = ml_genl_u16(table[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
	endpoint_from(table[WGPEER_A_ENDPOINT], peer);
}

/* The peer that a message begins with may be the one that the last ended with. */
static struct ml_wireguard_peer *find_peer(struct ml_wireguard_device *device,
					   const struct nlattr **table)
{
	struct ml_wireguard_peer *peer, *grown;
	uint8_t key[WG_KEY_LEN];

	ml_genl_bytes(table[WGPEER_A_PUBLIC_KEY], key, sizeof(key));
	if (device->peer_count) {
		peer = &device->peers[device->peer_count - 1];
		if (!memcmp(peer->public_key, key, sizeof(key)))
			return peer;
	}
	grown = grow(device->peers, device->peer_count, sizeof(*grown));
	if (!grown)
		return NULL;
	device->peers = grown;
	peer = &device->peers[device->peer_count++];
	memset(peer, 0, sizeof(*peer));
	peer_from(table, peer);
	return peer;
}

static int add_peer(struct ml_wireguard_device *device, const struct nlattr *nest)
{
	const struct nlattr *table[WGPEER_A_MAX + 1];
	struct ml_wireguard_peer *peer;

	ml_genl_nested(nest, table, WGPEER_A_MAX);
	peer = find_peer(device, table);
	return peer ? add_allowed(peer, table[WGPEER_A_ALLOWEDIPS]) : -ENOMEM;
}

/* ------------------------------------------------------------------- device */

static void device_from(const struct nlattr **table, struct ml_wireguard_device *device)
{
	ml_genl_string(table[WGDEVICE_A_IFNAME], device->name, sizeof(device->name));
	device->ifindex = ml_genl_u32(table[WGDEVICE_A_IFINDEX]);
	device->listen_port = ml_genl_u16(table[WGDEVICE_A_LISTEN_PORT]);
	device->fwmark = ml_genl_u32(table[WGDEVICE_A_FWMARK]);
	device->has_key = ml_genl_bytes(table[WGDEVICE_A_PUBLIC_KEY], device->public_key,
					sizeof(device->public_key)) == WG_KEY_LEN;
}

static int take(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *table[WGDEVICE_A_MAX + 1], *nest;
	struct ml_wireguard_device *device = arg;
	int code = 0;

	ml_genl_attributes(message, table, WGDEVICE_A_MAX);
	/* The first message has the device, those that follow only more peers. */
	if (!device->ifindex)
		device_from(table, device);
	if (table[WGDEVICE_A_PEERS])
		mnl_attr_for_each_nested(nest, table[WGDEVICE_A_PEERS])
			if (!code)
				code = add_peer(device, nest);
	return code;
}

void ml_wireguard_clean(struct ml_wireguard_device *device)
{
	size_t i;

	for (i = 0; i < device->peer_count; i++)
		free(device->peers[i].allowed);
	free(device->peers);
	memset(device, 0, sizeof(*device));
}

static int read_once(struct ml_genl *genl, const char *name,
		     struct ml_wireguard_device *device, struct ml_error *error)
{
	struct nlmsghdr *message = ml_genl_begin(genl, WG_CMD_GET_DEVICE, NLM_F_DUMP);
	int code;

	memset(device, 0, sizeof(*device));
	mnl_attr_put_strz(message, WGDEVICE_A_IFNAME, name);
	code = ml_genl_talk(genl, take, device, error);
	if (code)
		ml_wireguard_clean(device);
	return code;
}

static int explain(const char *name, int code, struct ml_error *error)
{
	switch (code) {
	case 0:
		return 0;
	case -ENODEV:
		return ml_error_set(error, code, "there is no device '%s'", name);
	case -EOPNOTSUPP:
		return ml_error_set(error, code, "'%s' is not a WireGuard device", name);
	case -EPERM:
		return ml_error_set(error, code, "only root may read WireGuard devices");
	default:
		return ml_error_set(error, code, "cannot read the WireGuard device '%s': %s",
				    name, strerror(-code));
	}
}

int ml_wireguard_read_by(struct ml_genl *genl, const char *name,
			 struct ml_wireguard_device *ret, struct ml_error *error)
{
	struct ml_wireguard_device device;
	int code, tries = TRIES;

	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return ml_error_set(error, -ENODEV, "'%.40s' is not the name of a device", name);
	do {
		code = read_once(genl, name, &device, error);
	} while (code == -EINTR && --tries);
	ml_netlink_wipe(ml_genl_netlink(genl));
	if (code)
		return explain(name, code, error);
	*ret = device;
	return 0;
}

int ml_wireguard_read(const char *name, struct ml_wireguard_device *ret,
		      struct ml_error *error)
{
	struct ml_genl *genl;
	int code = ml_genl_open(WG_GENL_NAME, WG_GENL_VERSION, &genl, error);

	if (code == -ENOENT)
		return ml_error_set(error, code, "the kernel has no WireGuard loaded: run "
				    "'modprobe wireguard'");
	if (code)
		return code;
	code = ml_wireguard_read_by(genl, name, ret, error);
	ml_genl_close(genl);
	return code;
}
