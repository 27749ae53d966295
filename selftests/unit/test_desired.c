// SPDX-License-Identifier: MIT
/* The config of a bundle's leaf as a WireGuard device; and what is refused, and why. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>

#include "changeover.h"
#include "desired.h"
#include "keys.h"
#include "policy.h"

static struct ml_error error;
static struct ml_device device;
static struct ml_desired_gaps gaps;

static int setup(void **state)
{
	(void)state;
	return ml_keys_setup(NULL);
}

/* A key whose bytes are all @byte, as text. */
static const char *key(uint8_t byte)
{
	static char texts[4][48];
	static unsigned int next;
	char *text = texts[next++ % 4];
	uint8_t bytes[32];

	memset(bytes, byte, sizeof(bytes));
	sodium_bin2base64(text, 48, bytes, sizeof(bytes), sodium_base64_VARIANT_ORIGINAL);
	return text;
}

static int read_text(const char *config)
{
	size_t length = strlen(config) + 32;
	char *text = malloc(length);
	int code;

	length = (size_t)snprintf(text, length, "{\"config\":%s}", config);
	memset(&error, 0, sizeof(error));
	code = ml_desired_read((struct ml_bytes){ (uint8_t *)text, length }, &device, &gaps,
			       &error);
	free(text);
	return code;
}

/* With @peers as the list, for a node with 10.0.0.1 and fd00::1. */
static int read_peers(const char *scope, const char *exit, const char *peers)
{
	char config[4096];

	snprintf(config, sizeof(config), "{\"addresses\":[\"10.0.0.1\",\"fd00::1\"],%s"
		 "\"peers\":[%s],\"scope\":\"%s\",\"tunnels\":[{\"ignored\":false,"
		 "\"name\":\"wg0\"}]}", exit, peers, scope);
	return read_text(config);
}

static const char *peer(const char *name, uint8_t byte, const char *allowed,
			const char *endpoint)
{
	static char texts[4][512];
	static unsigned int next;
	char *text = texts[next++ % 4];

	snprintf(text, 512, "{\"allowedIPs\":[%s],%s%s%s\"name\":\"%s\",\"publicKey\":\"%s\"}",
		 allowed, endpoint ? "\"endpoint\":\"" : "", endpoint ? endpoint : "",
		 endpoint ? "\"," : "", name, key(byte));
	return text;
}

static int read_two(const char *a, const char *b)
{
	char both[1100];

	snprintf(both, sizeof(both), "%s,%s", a, b);
	return read_peers("tunnels", "", both);
}

static void refused(int code, const char *sentence)
{
	assert_int_not_equal(code, 0);
	assert_int_equal(code, error.code);
	if (!strstr(error.text, sentence))
		fail_msg("'%s' does not say '%s'", error.text, sentence);
}

static void has_route(size_t index, const char *text)
{
	char buffer[ML_PREFIX_TEXT];

	assert_true(index < device.routes.count);
	assert_string_equal(ml_prefix_format(&device.routes.items[index], buffer), text);
}

/* ------------------------------------------------------------------- good ones */

static void test_all_of_it(void **state)
{
	uint8_t first[32];

	(void)state;
	memset(first, 3, sizeof(first));
	assert_int_equal(read_two(peer("b", 7, "\"10.0.0.3\",\"192.168.7.0/24\"",
				       "203.0.113.9:51820"),
				  peer("a", 3, "\"fd00::2\",\"10.0.0.2\"",
				       "[2001:db8::1]:7")), 0);
	assert_string_equal(device.name, "wg0");
	assert_int_equal(device.addresses.count, 2);
	assert_int_equal(device.peer_count, 2);
	assert_memory_equal(device.peers[0].key, first, 32);	/* by key, not by name */
	assert_int_equal(device.peers[0].allowed.count, 2);
	assert_int_equal(device.peers[0].allowed.items[0].family, AF_INET);
	assert_int_equal(device.peers[0].endpoint.family, AF_INET6);
	assert_int_equal(device.peers[0].endpoint.port, 7);
	assert_int_equal(device.peers[1].endpoint.address[0], 203);
	assert_int_equal(device.peers[1].endpoint.port, 51820);
	assert_int_equal(device.routes.count, 4);
	has_route(0, "10.0.0.2");
	has_route(2, "192.168.7.0/24");
	has_route(3, "fd00::2");
	assert_ptr_equal(ml_device_find(&device, first), &device.peers[0]);
	ml_device_clean(&device);
}

static void test_nobody_else(void **state)
{
	(void)state;
	assert_int_equal(read_peers("tunnels", "", ""), 0);
	assert_int_equal(device.peer_count, 0);
	assert_null(ml_device_find(&device, ml_nobody));
	ml_device_clean(&device);
}

static void test_gaps(void **state)
{
	(void)state;
	assert_int_equal(read_two("{\"allowedIPs\":[\"10.0.0.9\"],\"name\":\"later\"}",
				  peer("named", 2, "\"10.0.0.2\"", "vpn.example.net:51820")), 0);
	assert_int_equal(gaps.keyless, 1);
	assert_int_equal(gaps.named, 1);
	assert_int_equal(device.peer_count, 1);
	assert_int_equal(device.peers[0].endpoint.family, 0);
	ml_device_clean(&device);
}

/* What the policy compiler writes is what is read here. */
static void test_from_a_policy(void **state)
{
	char source[2048], *text;
	struct ml_policy *policy;
	json_t *config;

	(void)state;
	snprintf(source, sizeof(source), "{\"nodes\":{"
		 "\"gate\":{\"addresses\":[\"10.0.0.254\"],\"routes\":[\"10.9.0.0/24\"],"
		 "\"publicKey\":\"%s\",\"endpoint\":\"192.0.2.2:51820\",\"tunnel\":\"wg7\"},"
		 "\"alice\":{\"addresses\":[\"10.0.0.1\"],\"publicKey\":\"%s\"},"
		 "\"new\":{\"addresses\":[\"10.0.0.8\"]}}}", key(1), key(2));
	assert_int_equal(ml_policy_parse("p", source, strlen(source), &policy, &error), 0);
	assert_int_equal(ml_policy_node_json(policy, "alice", &config, &error), 0);
	text = json_dumps(config, 0);
	assert_int_equal(read_text(text), 0);
	assert_string_equal(device.name, "wg0");
	assert_int_equal(device.peer_count, 1);
	assert_true(device.has_key);
	assert_int_equal(device.key[0], 2);
	assert_int_equal(device.routes.count, 2);
	has_route(0, "10.0.0.254");
	assert_int_equal(gaps.keyless, 1);
	ml_device_clean(&device);
	free(text);
	json_decref(config);
	assert_int_equal(ml_policy_node_json(policy, "gate", &config, &error), 0);
	text = json_dumps(config, 0);
	assert_int_equal(read_text(text), 0);
	assert_string_equal(device.name, "wg7");
	assert_int_equal(device.routes.count, 1);
	ml_device_clean(&device);
	free(text);
	json_decref(config);
	assert_int_equal(ml_policy_node_json(policy, "new", &config, &error), 0);
	text = json_dumps(config, 0);
	assert_int_equal(read_text(text), 0);
	assert_false(device.has_key);
	ml_device_clean(&device);
	free(text);
	json_decref(config);
	ml_policy_free(policy);
}

static void test_exits(void **state)
{
	static const char preferred[] = "\"exit\":{\"allowLan\":false,\"nodes\":[\"b\",\"a\"],"
					"\"self\":false},";
	static const char self[] = "\"exit\":{\"allowLan\":false,\"nodes\":[\"b\"],"
				   "\"self\":true},";
	char both[1100];

	(void)state;
	snprintf(both, sizeof(both), "%s,%s",
		 peer("a", 1, "\"10.0.0.2\",\"0.0.0.0/0\",\"::/0\"", NULL),
		 peer("b", 2, "\"10.0.0.3\",\"0.0.0.0/0\"", "192.0.2.1:1"));
	assert_int_equal(read_peers("everything", preferred, both), 0);
	assert_int_equal(device.peers[0].allowed.count, 2);	/* ::/0 and its own */
	assert_int_equal(device.peers[1].allowed.count, 2);
	has_route(0, "0.0.0.0/0");
	has_route(3, "::/0");
	ml_device_clean(&device);
	assert_int_equal(read_peers("everything", "", both), 0);
	assert_int_equal(device.peers[0].allowed.count, 3);
	assert_int_equal(device.peers[1].allowed.count, 1);
	ml_device_clean(&device);
	assert_int_equal(read_peers("tunnels", preferred, both), 0);
	assert_int_equal(device.routes.count, 2);
	ml_device_clean(&device);
	assert_int_equal(read_peers("everything", self, both), 0);
	assert_int_equal(device.routes.count, 2);
	ml_device_clean(&device);
}

/* -------------------------------------------------------------------- refusals */

static void test_endpoints_refused(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1:1", "[::1]:1", "224.0.0.1:1", "[ff02::1]:1", "0.0.0.0:1", "[::]:1",
		"[::ffff:127.0.0.1]:1", "[::ffff:192.0.2.1]:1", "192.0.2.1", "192.0.2.1:0",
		"192.0.2.1:99999", ":1", "", "192.0.2.1:1 ", "255.255.255.255:1",
	};
	static const char *const inside[] = {
		"10.0.0.1:1", "[fd00::1]:1", "10.0.0.2:1", "192.168.7.1:1", "192.168.7.255:1",
		"[fd00:1:2:3::4]:1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(read_peers("tunnels", "", peer("a", 1, "\"10.0.0.2\"", bad[i])),
			"packets can be sent to");
	for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		refused(read_two(peer("a", 1, "\"10.0.0.2\"", inside[i]),
				 peer("b", 2, "\"192.168.7.0/24\",\"fd00:1::/32\"", NULL)),
			"by the tunnel itself");
	assert_int_equal(read_two(peer("a", 1, "\"10.0.0.2\"", "192.168.8.0:1"),
				  peer("b", 2, "\"192.168.7.0/24\"", "[fd00:2::1]:9")), 0);
	ml_device_clean(&device);
}

static void test_twice(void **state)
{
	(void)state;
	refused(read_two(peer("a", 1, "\"10.0.0.2\"", NULL), peer("b", 2, "\"10.0.0.2\"", NULL)),
		"two peers have 10.0.0.2");
	refused(read_two(peer("a", 1, "\"10.0.0.2\"", NULL), peer("b", 1, "\"10.0.0.3\"", NULL)),
		"same publicKey");
	refused(read_peers("tunnels", "", peer("a", 1, "\"10.0.0.1\"", NULL)),
		"own address 10.0.0.1");
	refused(read_peers("tunnels", "", peer("a", 1, "\"0.0.0.5\",\"fd00::1\"", NULL)),
		"own address fd00::1");
}

static void test_malformed(void **state)
{

	(void)state;
	refused(read_text("[]"), "config");
	refused(read_text("{}"), "without --tunnel");
	refused(read_peers("tunnels", "", "7"), "peer 1 is no object");
	refused(read_peers("tunnels", "", "{\"name\":\"A\"}"), "peer 1");
	refused(read_peers("tunnels", "", "{\"name\":\"a\",\"psk\":\"x\"}"), "upgrade");
	refused(read_peers("tunnels", "", "{\"name\":\"a\",\"publicKey\":7}"), "\"a\"");
	refused(read_peers("tunnels", "", "{\"name\":\"a\",\"publicKey\":\"AAAA\"}"), "44");
	refused(read_peers("tunnels", "", peer("a", 1, "7", NULL)), "host bits");
	refused(read_peers("tunnels", "", peer("a", 1, "\"10.0.0.1/8\"", NULL)), "host bits");
	refused(read_peers("tunnels", "", peer("a", 1, "\"10.0.0.0/33\"", NULL)), "host bits");
	refused(read_text("{\"addresses\":[\"10.0.0.0/8\"],\"peers\":[],\"tunnels\":"
			  "[{\"name\":\"wg0\"}]}"), "that a device can have");
	refused(read_text("{\"addresses\":[\"127.0.0.1\"],\"peers\":[],\"tunnels\":"
			  "[{\"name\":\"wg0\"}]}"), "that a device can have");
	refused(read_text("{\"addresses\":[],\"peers\":[],\"publicKey\":\"AAAA\",\"tunnels\":"
			  "[{\"name\":\"wg0\"}]}"), "44");
	refused(read_text("{\"addresses\":[],\"peers\":[],\"tunnels\":[]}"), "name of a device");
	refused(read_text("{\"addresses\":[],\"peers\":[],\"tunnels\":[{\"name\":\"../x\"}]}"),
		"name of a device");
	refused(read_text("{\"addresses\":[],\"peers\":[],\"tunnels\":"
			  "[{\"name\":\"sixteen-letters-\"}]}"), "name of a device");
}

static void test_reserved_key(void **state)
{
	char text[48], json[256];

	(void)state;
	sodium_bin2base64(text, sizeof(text), ml_nobody, 32, sodium_base64_VARIANT_ORIGINAL);
	snprintf(json, sizeof(json), "{\"allowedIPs\":[],\"name\":\"a\",\"publicKey\":\"%s\"}",
		 text);
	refused(read_peers("tunnels", "", json), "no key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_nobody_else),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_from_a_policy),
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_endpoints_refused),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_reserved_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tests", tests, setup, NULL);
}
