// SPDX-License-Identifier: MIT
#include "wireguard_set.h"

#include <errno.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"
#include "locked.h"

/*
 * Bytes of a message, all told: below what a nest can be long (64 KiB less one),
 * and small enough that the kernel finds room for a copy at once.
 */
#define MESSAGE_BYTES 16384
/* What one more prefix, or one more peer with its endpoint, takes at the most. */
#define PREFIX_BYTES 64
#define PEER_BYTES 192

/* ------------------------------------------------------------------- settings */

static int explain(const char *name, int code, struct ml_error *error)
{
	if (code == -EADDRINUSE)
		return ml_error_set(error, code, "'%s': another socket has its UDP port: end "
				    "that, or choose another with --listen-port", name);
	if (code && error && !strstr(error->text, name))
		return ml_error_set(error, code, "cannot change the WireGuard device '%s': %s",
				    name, strerror(-code));
	return code;
}

int ml_wireguard_set(struct ml_genl *genl, const char *name,
		     const struct ml_wireguard_settings *settings, struct ml_error *error)
{
	struct nlmsghdr *message = ml_genl_begin(genl, WG_CMD_SET_DEVICE, 0);
	int code;

	mnl_attr_put_strz(message, WGDEVICE_A_IFNAME, name);
	if (settings->private_key)
		mnl_attr_put(message, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN,
			     settings->private_key);
	if (settings->listen_port)
		mnl_attr_put_u16(message, WGDEVICE_A_LISTEN_PORT, settings->listen_port);
	if (settings->fwmark)
		mnl_attr_put_u32(message, WGDEVICE_A_FWMARK, settings->fwmark);
	code = ml_genl_talk(genl, NULL, NULL, error);
	ml_netlink_wipe(ml_genl_netlink(genl));
	return explain(name, code, error);
}

/* ---------------------------------------------------------------------- peers */

/* Where in the list of changes the next message begins. */
struct place {
	const struct ml_peer_change *change, *end;
	size_t prefix;
};

static void put_endpoint(struct nlmsghdr *message, const struct ml_endpoint *endpoint)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (endpoint->family == AF_INET) {
		v4.sin_port = htons(endpoint->port);
		memcpy(&v4.sin_addr, endpoint->address, sizeof(v4.sin_addr));
		mnl_attr_put(message, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
	} else if (endpoint->family == AF_INET6) {
		v6.sin6_port = htons(endpoint->port);
		memcpy(&v6.sin6_addr, endpoint->address, sizeof(v6.sin6_addr));
		mnl_attr_put(message, WGPEER_A_ENDPOINT, sizeof(v6), &v6);
	}
}

static void put_prefix(struct nlmsghdr *message, const struct ml_prefix *prefix)
{
	struct nlattr *nest = mnl_attr_nest_start(message, 0);

	mnl_attr_put_u16(message, WGALLOWEDIP_A_FAMILY, prefix->family);
	mnl_attr_put(message, WGALLOWEDIP_A_IPADDR, prefix->family == AF_INET ? 4 : 16,
		     prefix->address);
	mnl_attr_put_u8(message, WGALLOWEDIP_A_CIDR_MASK, prefix->length);
	mnl_attr_nest_end(message, nest);
}

static bool room_for(const struct nlmsghdr *message, size_t bytes)
{
	return message->nlmsg_len + bytes <= MESSAGE_BYTES;
}

/* As many prefixes as there is room for. Return: was that all? */
static bool put_prefixes(struct nlmsghdr *message, struct place *place)
{
	const struct ml_prefixes *allowed = &place->change->allowed;
	struct nlattr *list;

	if (place->prefix == allowed->count)
		return true;
	list = mnl_attr_nest_start(message, WGPEER_A_ALLOWEDIPS);
	while (place->prefix < allowed->count && room_for(message, PREFIX_BYTES))
		put_prefix(message, &allowed->items[place->prefix++]);
	mnl_attr_nest_end(message, list);
	return place->prefix == allowed->count;
}

static uint32_t flags_of(const struct place *place)
{
	if (place->change->remove)
		return WGPEER_F_REMOVE_ME;
	/* What goes on from the message before is there, or was removed meanwhile. */
	return place->change->create && !place->prefix ? 0 : WGPEER_F_UPDATE_ONLY;
}

static void put_peer(struct nlmsghdr *message, struct place *place)
{
	const struct ml_peer_change *change = place->change;
	struct nlattr *peer = mnl_attr_nest_start(message, 0);
	bool whole = true;

	mnl_attr_put(message, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, change->key);
	mnl_attr_put_u32(message, WGPEER_A_FLAGS, flags_of(place));
	if (!change->remove) {
		if (!place->prefix)
			put_endpoint(message, &change->endpoint);
		whole = put_prefixes(message, place);
	}
	mnl_attr_nest_end(message, peer);
	if (whole) {
		place->change++;
		place->prefix = 0;
	}
}

static int send_some(struct ml_genl *genl, const char *name, struct place *place,
		     struct ml_error *error)
{
	struct nlmsghdr *message = ml_genl_begin(genl, WG_CMD_SET_DEVICE, 0);
	struct nlattr *peers;

	mnl_attr_put_strz(message, WGDEVICE_A_IFNAME, name);
	peers = mnl_attr_nest_start(message, WGDEVICE_A_PEERS);
	while (place->change < place->end && room_for(message, PEER_BYTES))
		put_peer(message, place);
	mnl_attr_nest_end(message, peers);
	return ml_genl_talk(genl, NULL, NULL, error);
}

int ml_wireguard_set_peers(struct ml_genl *genl, const char *name,
			   const struct ml_peer_change *changes, size_t count,
			   struct ml_error *error)
{
	struct place place = { .change = changes, .end = changes + count };
	int code = 0;

	while (!code && place.change < place.end)
		code = send_some(genl, name, &place, error);
	return explain(name, code, error);
}

/* ----------------------------------------------------------------------- keys */

#define KEY_TEXT 44

struct key_text {
	char text[KEY_TEXT + 2];
	size_t length;
};

static int parse_key(const struct key_text *file, uint8_t ret[static 32])
{
	size_t got = 0;

	if (file->length != KEY_TEXT &&
	    (file->length != KEY_TEXT + 1 || file->text[KEY_TEXT] != '\n'))
		return -EBADMSG;
	if (sodium_base642bin(ret, 32, file->text, KEY_TEXT, NULL, &got, NULL,
			      sodium_base64_VARIANT_ORIGINAL) || got != 32 ||
	    sodium_is_zero(ret, 32))
		return -EBADMSG;
	return 0;
}

static int read_key(const char *path, struct key_text *file, uint8_t *key,
		    struct ml_error *error)
{
	int fd, code = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);

	if (code)
		return code;
	code = ml_file_read_into(fd, path, file->text, sizeof(file->text), &file->length,
				 error);
	close(fd);
	if (code && code != -E2BIG)
		return code;
	if (code || parse_key(file, key))
		return ml_error_set(error, -EBADMSG, "%s: not a WireGuard private key: 'wg "
				    "genkey' prints one", path);
	return 0;
}

int ml_wireguard_key_read(const char *path, uint8_t **ret, struct ml_error *error)
{
	struct key_text *file = ml_locked_alloc(sizeof(*file), "a WireGuard key", error);
	uint8_t *key = ml_locked_alloc(32, "a WireGuard key", error);
	int code = -ENOMEM;

	if (file && key)
		code = read_key(path, file, key, error);
	ml_locked_free(file);
	if (code)
		ml_locked_free(key);
	else
		*ret = key;
	return code;
}

int ml_wireguard_key_make(const char *path, struct ml_error *error)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	struct { uint8_t key[32]; char text[48]; } *secret;
	int code;

	secret = ml_locked_alloc(sizeof(*secret), "a WireGuard key", error);
	if (!secret)
		return -ENOMEM;
	randombytes_buf(secret->key, sizeof(secret->key));
	secret->key[0] &= 248;
	secret->key[31] = (uint8_t)((secret->key[31] & 127) | 64);
	sodium_bin2base64(secret->text, sizeof(secret->text), secret->key, 32, variant);
	strcat(secret->text, "\n");
	code = ml_file_write_new(path, secret->text, strlen(secret->text), 0600, error);
	ml_locked_free(secret);
	return code;
}

void ml_wireguard_key_public(const uint8_t private_key[static 32], uint8_t ret[static 32])
{
	crypto_scalarmult_base(ret, private_key);
}
