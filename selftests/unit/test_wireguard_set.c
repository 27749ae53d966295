// SPDX-License-Identifier: MIT
/*
 * What is said to WireGuard: the messages are taken in place of the kernel, taken
 * apart as it does, and done to a list of peers, which must be the same as if each
 * change had been done by itself, wherever the messages are cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "keys.h"
#include "locked.h"
#include "wireguard_set.h"

/* -------------------------------------------------------- in place of the kernel */

static uint8_t buffer[ML_GENL_BUFFER] __attribute__((aligned(4)));
static unsigned int messages;
static uint32_t longest;
static int answer;		/* of the kernel */
static bool wiped;

static struct peer {
	uint8_t key[32];
	struct sockaddr_in endpoint;
	size_t allowed, created;
} peers[8];
static size_t peer_count;
static uint8_t owner[65536];	/* of 10.0.x.y/32, from 1 */
static struct { uint8_t key[32]; uint16_t port; uint32_t mark; char name[16]; } settings;

struct nlmsghdr *ml_genl_begin(struct ml_genl *genl, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	(void)genl;
	assert_int_equal(flags, 0);
	head->cmd = command;
	return message;
}

struct ml_netlink *ml_genl_netlink(struct ml_genl *genl)
{
	(void)genl;
	return NULL;
}

void ml_netlink_wipe(struct ml_netlink *netlink)
{
	(void)netlink;
	memset(buffer, 0, sizeof(buffer));
	wiped = true;
}

static struct peer *find(const uint8_t *key, uint32_t flags)
{
	size_t i;

	for (i = 0; i < peer_count; i++)
		if (!memcmp(peers[i].key, key, 32))
			return &peers[i];
	if (flags & (WGPEER_F_UPDATE_ONLY | WGPEER_F_REMOVE_ME))
		return NULL;
	memset(&peers[peer_count], 0, sizeof(peers[0]));
	memcpy(peers[peer_count].key, key, 32);
	return &peers[peer_count++];
}

static void take_allowed(struct peer *peer, const struct nlattr *nest)
{
	const struct nlattr *item = NULL, *attribute = NULL;
	const uint8_t *address = NULL;
	int fields;

	mnl_attr_for_each_nested(item, nest) {
		fields = 0;
		mnl_attr_for_each_nested(attribute, item) {
			fields |= 1 << mnl_attr_get_type(attribute);
			if (mnl_attr_get_type(attribute) == WGALLOWEDIP_A_IPADDR)
				address = mnl_attr_get_payload(attribute);
		}
		/* All three, and nothing that old kernels do not know. */
		assert_int_equal(fields, 1 << WGALLOWEDIP_A_FAMILY |
				 1 << WGALLOWEDIP_A_IPADDR | 1 << WGALLOWEDIP_A_CIDR_MASK);
		owner[address[2] << 8 | address[3]] = (uint8_t)(1 + (peer - peers));
		peer->allowed++;
	}
}

static void take_peer(const struct nlattr *nest)
{
	const struct nlattr *table[WGPEER_A_MAX + 1] = { NULL }, *attribute = NULL;
	uint32_t flags = 0;
	struct peer *peer;

	mnl_attr_for_each_nested(attribute, nest)
		table[mnl_attr_get_type(attribute)] = attribute;
	if (table[WGPEER_A_FLAGS])
		flags = mnl_attr_get_u32(table[WGPEER_A_FLAGS]);
	peer = find(mnl_attr_get_payload(table[WGPEER_A_PUBLIC_KEY]), flags);
	if (!peer)
		return;
	if (flags & WGPEER_F_REMOVE_ME) {
		assert_null(table[WGPEER_A_ALLOWEDIPS]);
		memset(peer, 0xff, sizeof(*peer));
		return;
	}
	if (table[WGPEER_A_ENDPOINT])
		memcpy(&peer->endpoint, mnl_attr_get_payload(table[WGPEER_A_ENDPOINT]),
		       sizeof(peer->endpoint));
	if (table[WGPEER_A_ALLOWEDIPS])
		take_allowed(peer, table[WGPEER_A_ALLOWEDIPS]);
}

static void take_device(const struct nlattr *attribute)
{
	const struct nlattr *nest = NULL;

	switch (mnl_attr_get_type(attribute)) {
	case WGDEVICE_A_IFNAME:
		snprintf(settings.name, sizeof(settings.name), "%s",
			 mnl_attr_get_str(attribute));
		break;
	case WGDEVICE_A_PRIVATE_KEY:
		memcpy(settings.key, mnl_attr_get_payload(attribute), 32);
		break;
	case WGDEVICE_A_LISTEN_PORT:
		settings.port = mnl_attr_get_u16(attribute);
		break;
	case WGDEVICE_A_FWMARK:
		settings.mark = mnl_attr_get_u32(attribute);
		break;
	case WGDEVICE_A_PEERS:
		mnl_attr_for_each_nested(nest, attribute)
			take_peer(nest);
		break;
	default:
		fail_msg("attribute %u", mnl_attr_get_type(attribute));
	}
}

int ml_genl_talk(struct ml_genl *genl, ml_genl_each each, void *arg, struct ml_error *error)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	const struct nlattr *attribute = NULL;

	(void)genl;
	(void)each;
	(void)arg;
	messages++;
	if (message->nlmsg_len > longest)
		longest = message->nlmsg_len;
	if (answer)
		return ml_error_set(error, answer, "the kernel (wireguard) refused");
	mnl_attr_for_each(attribute, message, GENL_HDRLEN)
		take_device(attribute);
	return 0;
}

/* ----------------------------------------------------------------------- tests */

static struct ml_error error;

static int setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

static int start(void **state)
{
	(void)state;
	memset(peers, 0, sizeof(peers));
	memset(owner, 0, sizeof(owner));
	memset(&settings, 0, sizeof(settings));
	peer_count = messages = 0;
	longest = 0;
	answer = 0;
	wiped = false;
	return 0;
}

/* So many prefixes, from 10.0.0.0 + @first on. */
static struct ml_peer_change change_of(uint8_t key, size_t first, size_t count)
{
	struct ml_peer_change change = { .key = { key }, .create = true };
	struct ml_prefix prefix = { AF_INET, 32, { 10 } };
	size_t i;

	for (i = first; i < first + count; i++) {
		prefix.address[2] = (uint8_t)(i >> 8);
		prefix.address[3] = (uint8_t)i;
		assert_int_equal(ml_prefixes_add(&change.allowed, &prefix), 0);
	}
	return change;
}

static void test_many_messages(void **state)
{
	struct ml_peer_change changes[4] = {
		change_of(1, 0, 3), change_of(2, 3, 20000), change_of(3, 20003, 1),
		change_of(4, 20004, 700),
	};
	size_t i;

	(void)state;
	changes[1].endpoint = (struct ml_endpoint){ AF_INET, { 192, 0, 2, 9 }, 51820 };
	changes[2].endpoint = (struct ml_endpoint){ AF_INET, { 192, 0, 2, 8 }, 7 };
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", changes, 4, &error), 0);
	assert_true(messages > 30);
	assert_true(longest <= 16384);
	assert_int_equal(peer_count, 4);
	for (i = 0; i < 20704; i++)
		assert_int_equal(owner[i], i < 3 ? 1 : i < 20003 ? 2 : i < 20004 ? 3 : 4);
	assert_int_equal(owner[20704], 0);
	assert_int_equal(peers[1].allowed, 20000);
	assert_int_equal(ntohs(peers[1].endpoint.sin_port), 51820);
	assert_int_equal(ntohl(peers[1].endpoint.sin_addr.s_addr), 0xc0000209);
	assert_int_equal(ntohs(peers[2].endpoint.sin_port), 7);
	assert_string_equal(settings.name, "wg0");
	for (i = 0; i < 4; i++)
		ml_prefixes_clean(&changes[i].allowed);
}

/* Every cut that a message can have: peers of all small sizes, one after another. */
static void test_cuts(void **state)
{
	struct ml_peer_change changes[2];
	size_t i, j;

	for (i = 330; i < 480; i++) {
		start(state);
		changes[0] = change_of(1, 0, i);
		changes[1] = change_of(2, i, 500);
		assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", changes, 2, &error), 0);
		assert_int_equal(peers[0].allowed, i);
		assert_int_equal(peers[1].allowed, 500);
		for (j = 0; j < i + 500; j++)
			assert_int_equal(owner[j], j < i ? 1 : 2);
		ml_prefixes_clean(&changes[0].allowed);
		ml_prefixes_clean(&changes[1].allowed);
	}
}

static void test_flags(void **state)
{
	struct ml_peer_change gift = change_of(1, 0, 1), gone = { .key = { 1 }, .remove = true };
	struct ml_peer_change update = { .key = { 2 }, .endpoint = { AF_INET, { 1 }, 1 } };

	(void)state;
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", &update, 1, &error), 0);
	assert_int_equal(peer_count, 0);	/* is not made */
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", &gift, 1, &error), 0);
	assert_int_equal(peer_count, 1);
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", &gone, 1, &error), 0);
	assert_int_equal(peers[0].key[0], 0xff);
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", NULL, 0, &error), 0);
	assert_int_equal(messages, 3);
	ml_prefixes_clean(&gift.allowed);
}

static void test_refusals(void **state)
{
	struct ml_peer_change gift = change_of(1, 0, 5000);
	struct ml_wireguard_settings port = { .listen_port = 51820 };

	(void)state;
	answer = -ENOMEM;
	assert_int_equal(ml_wireguard_set_peers(NULL, "wg0", &gift, 1, &error), -ENOMEM);
	assert_int_equal(messages, 1);		/* nothing is sent behind what was refused */
	assert_non_null(strstr(error.text, "wg0"));
	answer = -EADDRINUSE;
	assert_int_equal(ml_wireguard_set(NULL, "wg0", &port, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "--listen-port"));
	ml_prefixes_clean(&gift.allowed);
}

static void test_settings(void **state)
{
	static const uint8_t key[32] = { 7, 7 };
	struct ml_wireguard_settings all = { key, 4711, 51820 }, none = { NULL, 0, 0 };
	static const uint8_t zero[64];

	(void)state;
	assert_int_equal(ml_wireguard_set(NULL, "wg0", &all, &error), 0);
	assert_memory_equal(settings.key, key, 32);
	assert_int_equal(settings.port, 4711);
	assert_int_equal(settings.mark, 51820);
	assert_true(wiped);
	assert_memory_equal(buffer, zero, sizeof(zero));
	start(state);
	assert_int_equal(ml_wireguard_set(NULL, "wg0", &none, &error), 0);
	assert_int_equal(settings.port, 0);
}

/* ------------------------------------------------------------------------ keys */

static char path[64];

static void write_key(const char *text, mode_t mode)
{
	FILE *file;

	strcpy(path, "/tmp/wg-key-XXXXXX");
	file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int read_key(const char *text, mode_t mode, uint8_t **key)
{
	int code;

	write_key(text, mode);
	code = ml_wireguard_key_read(path, key, &error);
	unlink(path);
	return code;
}

/* RFC 7748, 6.1: Alice's. */
#define ALICE "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="

static void test_key(void **state)
{
	static const uint8_t public[32] = {
		0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4,
		0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4,
		0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
	};
	uint8_t *key, made[32];

	(void)state;
	assert_int_equal(read_key(ALICE "\n", 0600, &key), 0);
	ml_wireguard_key_public(key, made);
	assert_memory_equal(made, public, 32);
	ml_locked_free(key);
	assert_int_equal(read_key(ALICE, 0400, &key), 0);
	ml_locked_free(key);
}

static void test_key_refusals(void **state)
{
	uint8_t *key = NULL;

	(void)state;
	assert_int_equal(read_key(ALICE "\n", 0640, &key), -EACCES);
	assert_non_null(strstr(error.text, "chmod"));
	assert_int_equal(read_key(ALICE "\n", 0604, &key), -EACCES);
	assert_int_equal(read_key(ALICE "\n\n", 0600, &key), -EBADMSG);
	assert_non_null(strstr(error.text, "wg genkey"));
	assert_null(strstr(error.text, "dwdt"));
	assert_int_equal(read_key("", 0600, &key), -EBADMSG);
	assert_int_equal(read_key("AAAA", 0600, &key), -EBADMSG);
	assert_int_equal(read_key(ALICE ALICE, 0600, &key), -EBADMSG);
	assert_int_equal(read_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600, &key),
			 -EBADMSG);
	assert_int_equal(ml_wireguard_key_read("/nonexistent/key", &key, &error), -ENOENT);
	assert_null(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_many_messages, start),
		cmocka_unit_test_setup(test_cuts, start),
		cmocka_unit_test_setup(test_flags, start),
		cmocka_unit_test_setup(test_refusals, start),
		cmocka_unit_test_setup(test_settings, start),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_key_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tests", tests, setup, NULL);
}
