/* SPDX-License-Identifier: MIT */
/*
 * What the packet parser makes of good headers, of every truncation of them,
 * and of headers that lie. The kernel's source is included: what runs there is
 * what is tested here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/parse.c"

struct raw {
	u8 bytes[1024];
	u32 length;
};

static void put(struct raw *raw, const char *hex)
{
	unsigned int value;
	int used;

	while (sscanf(hex, " %2x%n", &value, &used) == 1) {
		raw->bytes[raw->length++] = (u8)value;
		hex += used;
	}
}

static void zeros(struct raw *raw, u32 count)
{
	memset(raw->bytes + raw->length, 0, count);
	raw->length += count;
}

static void set16(struct raw *raw, u32 at, u32 value)
{
	raw->bytes[at] = (u8)(value >> 8);
	raw->bytes[at + 1] = (u8)value;
}

/* The length field of the IP header at the start becomes true. */
static void close_ip(struct raw *raw)
{
	if (raw->bytes[0] >> 4 == 4)
		set16(raw, 2, raw->length);
	else
		set16(raw, 4, raw->length - 40);
}

static struct raw ip4(u8 protocol, const char *options)
{
	struct raw raw = { .length = 0 };

	put(&raw, "45 00 0000 1234 4000 40 00 0000 0a000001 0a000002");
	raw.bytes[9] = protocol;
	put(&raw, options);
	raw.bytes[0] = (u8)(0x40 | raw.length / 4);
	return raw;
}

static struct raw ip6(u8 next)
{
	struct raw raw = { .length = 0 };

	put(&raw, "60000000 0000 00 40");
	raw.bytes[6] = next;
	put(&raw, "fd000000 00000000 00000000 00000001");
	put(&raw, "fd000000 00000000 00000000 00000002");
	return raw;
}

static const char tcp[] = "1389 0050 00000001 00000002 50 02 0100 0000 0000";
static const char udp[] = "1389 0035 000a 0000 6869";
static const char echo[] = "08 00 0000 beef 0001";
static const char echo6[] = "80 00 0000 beef 0001";
static const char sctp[] = "1389 0050 00000000 00000000";
static const char dccp[] = "1389 0050 03 00 0000 00 000000";
static const char udplite[] = "1389 0035 0008 0000 6869";

static u8 parse_some(const struct raw *raw, u32 have, struct merlon_packet *ret)
{
	u8 family = raw->bytes[0] >> 4 == 4 ? AF_INET : AF_INET6;
	/* As short as it says, so that a sanitizer sees a step too far. */
	u8 *copy = malloc(have ? have : 1);
	struct merlon_bytes bytes = { .at = copy, .have = have, .whole = raw->length };
	u8 fault;

	memcpy(copy, raw->bytes, have);
	fault = merlon_parse(family, &bytes, ret);
	free(copy);
	return fault;
}

static u8 parse_all(const struct raw *raw, struct merlon_packet *ret)
{
	return parse_some(raw, raw->length, ret);
}

static u8 fault_of(const struct raw *raw)
{
	struct merlon_packet packet;

	return parse_all(raw, &packet);
}

/* Complete, it is @want; cut anywhere before @header, it is not a packet. */
static void expect(struct raw raw, u32 header, u8 protocol, u16 source_port, u16 selector)
{
	struct merlon_packet packet, again;
	u32 have, whole;

	close_ip(&raw);
	assert_int_equal(parse_all(&raw, &packet), 0);
	assert_int_equal(packet.protocol, protocol);
	assert_int_equal(packet.source_port, source_port);
	assert_int_equal(packet.selector, selector);
	for (have = 0; have < raw.length; have++) {
		u8 fault = parse_some(&raw, have, &again);

		if (have < header)
			assert_int_equal(fault, MERLON_PARSE_MORE);
		else
			assert_memory_equal(&packet, &again, sizeof(packet));
	}
	for (whole = raw.length - 1; whole; whole--) {
		raw.length = whole;
		assert_int_equal(fault_of(&raw), MERLON_REASON_HEADER);
		if (whole < header) {
			close_ip(&raw);
			assert_int_equal(fault_of(&raw), MERLON_REASON_HEADER);
		}
	}
}

static struct raw with(struct raw raw, const char *hex)
{
	put(&raw, hex);
	return raw;
}

static void test_protocols4(void **state)
{
	(void)state;
	expect(with(ip4(6, ""), tcp), 40, 6, 5001, 80);
	expect(with(ip4(17, ""), udp), 28, 17, 5001, 53);
	expect(with(ip4(1, ""), echo), 28, 1, 0, 8);
	expect(with(ip4(132, ""), sctp), 32, 132, 5001, 80);
	expect(with(ip4(33, ""), dccp), 32, 33, 5001, 80);
	expect(with(ip4(136, ""), udplite), 28, 136, 5001, 53);
	expect(with(ip4(47, ""), "2000 0800 00000001"), 20, 47, 0, 0);
}

static void test_protocols6(void **state)
{
	(void)state;
	expect(with(ip6(6), tcp), 60, 6, 5001, 80);
	expect(with(ip6(17), udp), 48, 17, 5001, 53);
	expect(with(ip6(58), echo6), 48, 58, 0, 128);
	expect(with(ip6(59), "0000"), 40, 59, 0, 0);
}

/* ICMP types are selectors in the other family too: rules speak of protocols. */
static void test_foreign_icmp(void **state)
{
	struct merlon_packet packet;
	struct raw raw = with(ip4(58, ""), "01 00 0000 0000 0000");

	(void)state;
	close_ip(&raw);
	assert_int_equal(parse_all(&raw, &packet), 0);
	assert_int_equal(packet.selector, 1);
	assert_false(packet.icmp_error);
}

static void test_addresses(void **state)
{
	static const u8 source4[16] = { 10, 0, 0, 1 }, destination6[16] = { 0xfd, [15] = 2 };
	struct raw raw = with(ip4(17, ""), udp);
	struct merlon_packet packet;

	(void)state;
	close_ip(&raw);
	assert_int_equal(parse_all(&raw, &packet), 0);
	assert_memory_equal(packet.source, source4, 16);
	assert_int_equal(packet.transport, 20);
	raw = with(ip6(17), udp);
	close_ip(&raw);
	assert_int_equal(parse_all(&raw, &packet), 0);
	assert_memory_equal(packet.destination, destination6, 16);
	assert_int_equal(packet.transport, 40);
}

static void test_options(void **state)
{
	static const struct {
		const char *hex;
		u8 fault;
	} options[] = {
		{ "01010101", 0 },
		{ "94040000", 0 },			/* router alert */
		{ "00ffffff", 0 },			/* the end; nobody reads on */
		{ "0707040000000000000000", MERLON_REASON_HEADER },	/* not words */
		{ "07000000", MERLON_REASON_HEADER },	/* no length */
		{ "01010107", MERLON_REASON_HEADER },	/* no room for one */
		{ "07050000", MERLON_REASON_HEADER },	/* past the header */
		{ "830704000000ff00", MERLON_REASON_HEADER },	/* loose source route */
		{ "018907040a000009", MERLON_REASON_HEADER },	/* strict source route */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct raw raw = with(ip4(17, options[i].hex), udp);

		close_ip(&raw);
		assert_int_equal(fault_of(&raw), options[i].fault);
	}
	expect(with(ip4(6, "94040000 01010101"), tcp), 48, 6, 5001, 80);
}

/* Each case changes one byte of a good packet. */
static void test_lies(void **state)
{
	static const struct {
		u8 protocol;
		const char *hex;
		u32 at;
		u8 value, fault;
	} lies[] = {
		{ 6, tcp, 0, 0x65, MERLON_REASON_HEADER },	/* version */
		{ 6, tcp, 0, 0x44, MERLON_REASON_HEADER },	/* header of 16 bytes */
		{ 6, tcp, 0, 0x4f, MERLON_REASON_HEADER },	/* of more than there is */
		{ 6, tcp, 3, 60, MERLON_REASON_HEADER },	/* total length */
		{ 6, tcp, 3, 19, MERLON_REASON_HEADER },
		{ 6, tcp, 3, 39, MERLON_REASON_HEADER },	/* cuts the TCP header */
		{ 1, echo, 3, 27, MERLON_REASON_HEADER },	/* cuts the ICMP header */
		{ 132, sctp, 3, 31, MERLON_REASON_HEADER },
		{ 6, tcp, 32, 0x40, MERLON_REASON_HEADER },	/* data offset too small */
		{ 6, tcp, 32, 0x60, MERLON_REASON_HEADER },	/* past the end */
		{ 6, tcp, 32, 0x5f, 0 },			/* reserved bits */
		{ 17, udp, 25, 7, MERLON_REASON_HEADER },	/* UDP length */
		{ 17, udp, 25, 11, MERLON_REASON_HEADER },
		{ 17, udp, 25, 9, 0 },			/* the kernel trims it */
		{ 136, udplite, 25, 7, MERLON_REASON_HEADER },	/* coverage */
		{ 136, udplite, 25, 11, MERLON_REASON_HEADER },
		{ 136, udplite, 25, 0, 0 },
		{ 33, dccp, 24, 2, MERLON_REASON_HEADER },	/* data offset */
		{ 33, dccp, 24, 4, MERLON_REASON_HEADER },
		{ 17, udp, 6, 0x20, MERLON_REASON_FRAGMENT },	/* more to come */
		{ 17, udp, 7, 0x01, MERLON_REASON_FRAGMENT },	/* an offset */
		{ 17, udp, 6, 0x80, 0 },			/* the reserved bit */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct raw raw = with(ip4(lies[i].protocol, ""), lies[i].hex);
		struct merlon_packet packet;
		u8 *copy;

		close_ip(&raw);
		raw.bytes[lies[i].at] = lies[i].value;
		copy = malloc(raw.length);
		memcpy(copy, raw.bytes, raw.length);
		assert_int_equal(merlon_parse(AF_INET, &(struct merlon_bytes) {
			.at = copy, .have = raw.length, .whole = raw.length,
		}, &packet), lies[i].fault);
		free(copy);
	}
}

static void test_flags(void **state)
{
	struct raw raw = with(ip4(6, ""), tcp);
	struct merlon_packet packet;

	(void)state;
	close_ip(&raw);
	assert_int_equal(parse_all(&raw, &packet), 0);
	assert_int_equal(packet.tcp_flags, MERLON_TCP_SYN);
}

static void test_extensions(void **state)
{
	struct raw raw;

	(void)state;
	raw = with(ip6(0), "2b00050200000100");		/* hop-by-hop, then */
	put(&raw, "3c02040000000000 0000000000000000 0000000000000000");	/* routing */
	put(&raw, "3300010400000000");			/* destination options */
	put(&raw, "2c04000000000001 00000001 0000000000000000 00000000");	/* AH */
	put(&raw, "1100000000000001");			/* an atomic fragment */
	put(&raw, udp);
	expect(raw, 40 + 8 + 24 + 8 + 24 + 8 + 8, 17, 5001, 53);
}

static void test_extension_lies(void **state)
{
	static const struct {
		u8 next;
		const char *hex;
		u8 fault;
	} lies[] = {
		{ 60, "1103000000000000", MERLON_REASON_HEADER },	/* past the end */
		{ 60, "11000000", MERLON_REASON_HEADER },	/* not even one */
		{ 60, "3b03000000000000", MERLON_REASON_HEADER },
		{ 60, "0000010400000000 3b00010400000000", MERLON_REASON_HEADER },	/* hop-by-hop, late */
		{ 44, "1100000100000001", MERLON_REASON_FRAGMENT },
		{ 44, "1100000800000001", MERLON_REASON_FRAGMENT },
		{ 60, "3b00000000000000", 0 },
		{ 43, "0600000000000000", MERLON_REASON_HEADER },	/* no TCP behind it */
		{ 43, "3b00040000000000", 0 },
		{ 43, "3b00040100000000", MERLON_REASON_HEADER },	/* a segment left */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct raw raw = with(ip6(lies[i].next), lies[i].hex);

		close_ip(&raw);
		assert_int_equal(fault_of(&raw), lies[i].fault);
	}
}

static void test_many_extensions(void **state)
{
	struct raw raw = ip6(60);
	u32 i;

	(void)state;
	for (i = 0; i < MERLON_PARSE_EXTENSIONS - 1; i++)
		put(&raw, "3c00010400000000");
	put(&raw, "1100010400000000");
	put(&raw, udp);
	close_ip(&raw);
	assert_int_equal(fault_of(&raw), 0);

	raw = ip6(60);
	for (i = 0; i < MERLON_PARSE_EXTENSIONS; i++)
		put(&raw, "3c00010400000000");
	put(&raw, "1100010400000000");
	put(&raw, udp);
	close_ip(&raw);
	assert_int_equal(fault_of(&raw), MERLON_REASON_HEADER);
}

/* Headers that do not end in time ask for more than anybody will give. */
static void test_long_extension(void **state)
{
	struct raw raw = with(ip6(60), "111f0100");
	struct merlon_packet packet;

	(void)state;
	zeros(&raw, 252);
	put(&raw, udp);
	close_ip(&raw);
	assert_int_equal(fault_of(&raw), 0);
	assert_int_equal(parse_some(&raw, MERLON_PARSE_BYTES, &packet), MERLON_PARSE_MORE);
}

static void test_super(void **state)
{
	struct raw raw = with(ip4(6, ""), tcp);
	struct merlon_bytes bytes = { .at = raw.bytes, .have = 40, .whole = 100000 };
	struct merlon_packet packet;

	(void)state;
	assert_int_equal(merlon_parse(AF_INET, &bytes, &packet), MERLON_REASON_HEADER);
	bytes.super = true;
	assert_int_equal(merlon_parse(AF_INET, &bytes, &packet), 0);
	raw = with(ip6(6), tcp);
	bytes.have = 60;
	bytes.super = false;
	assert_int_equal(merlon_parse(AF_INET6, &bytes, &packet), MERLON_REASON_HEADER);
	bytes.super = true;
	assert_int_equal(merlon_parse(AF_INET6, &bytes, &packet), 0);
}

static void test_icmp_errors(void **state)
{
	struct raw raw = with(ip4(1, ""), echo);
	struct merlon_packet packet;
	int type;

	(void)state;
	close_ip(&raw);
	for (type = 0; type < 256; type++) {
		raw.bytes[20] = (u8)type;
		assert_int_equal(parse_all(&raw, &packet), 0);
		assert_int_equal(packet.icmp_error, type == 3 || type == 11 || type == 12);
	}
	raw = with(ip6(58), echo6);
	close_ip(&raw);
	for (type = 0; type < 256; type++) {
		raw.bytes[40] = (u8)type;
		assert_int_equal(parse_all(&raw, &packet), 0);
		assert_int_equal(packet.icmp_error, type >= 1 && type <= 4);
	}
}

static u8 parse_quote(const struct raw *raw, u32 have, struct merlon_packet *ret)
{
	struct merlon_bytes bytes = {
		.at = raw->bytes, .have = have, .whole = have, .quoted = true,
	};

	return merlon_parse(raw->bytes[0] >> 4 == 4 ? AF_INET : AF_INET6, &bytes, ret);
}

/* Eight bytes of the transport header are enough, whatever the lengths say. */
static void test_quotes(void **state)
{
	struct merlon_packet packet;
	struct raw raw = with(ip4(6, ""), tcp);

	(void)state;
	set16(&raw, 2, 1500);
	assert_int_equal(parse_quote(&raw, 27, &packet), MERLON_REASON_HEADER);
	assert_int_equal(parse_quote(&raw, 28, &packet), 0);
	assert_int_equal(packet.source_port, 5001);
	assert_int_equal(packet.selector, 80);
	assert_int_equal(packet.tcp_flags, 0);
	assert_int_equal(parse_quote(&raw, 34, &packet), 0);
	assert_int_equal(packet.tcp_flags, MERLON_TCP_SYN);
	set16(&raw, 6, 0x2000);
	assert_int_equal(parse_quote(&raw, 28, &packet), 0);
	set16(&raw, 6, 1);
	assert_int_equal(parse_quote(&raw, 28, &packet), MERLON_REASON_FRAGMENT);

	raw = with(ip6(44), "3a00000100000001");
	put(&raw, echo6);
	set16(&raw, 4, 1400);
	assert_int_equal(parse_quote(&raw, 56, &packet), 0);
	assert_int_equal(packet.selector, 128);
	assert_int_equal(packet.icmp_id, 0xbeef);
	assert_int_equal(parse_quote(&raw, 55, &packet), MERLON_REASON_HEADER);

	raw = with(ip6(60), "3b03000000000000");
	assert_int_equal(parse_quote(&raw, 48, &packet), MERLON_REASON_HEADER);
}

/* ------------------------------------------------------------ plain packets */

static bool is_plain(u8 family, const u8 *at, u32 have, u32 whole, u8 protocol)
{
	return family == AF_INET ? merlon_plain4(at, have, whole, protocol) :
				   merlon_plain6(at, have, whole, protocol);
}

/* What is said to be plain is sound, and the same to the parser. */
static bool plain_and_true(u8 family, const struct raw *raw, u32 have)
{
	u8 *copy = malloc(have ? have : 1);
	struct merlon_bytes bytes = { .at = copy, .have = have, .whole = raw->length };
	struct merlon_packet parsed, plain;
	bool ret;

	memcpy(copy, raw->bytes, have);
	ret = is_plain(family, copy, have, raw->length, MERLON_PLAIN_TCP) ||
	      is_plain(family, copy, have, raw->length, MERLON_PLAIN_UDP);
	if (ret) {
		assert_int_equal(merlon_parse(family, &bytes, &parsed), 0);
		merlon_plain_packet(family, copy, &plain);
		assert_memory_equal(&parsed, &plain, sizeof(parsed));
	}
	free(copy);
	return ret;
}

/* Plain with @header bytes at hand, not with less; and whatever a byte is changed to. */
static void expect_plain(u8 family, struct raw raw, u32 header)
{
	u32 have, at, refused = 0;

	close_ip(&raw);
	for (have = 0; have <= raw.length; have++)
		assert_int_equal(plain_and_true(family, &raw, have), have >= header);
	for (at = 0; at < header; at++) {
		u8 kept = raw.bytes[at];

		for (u32 value = 0; value < 256; value++) {
			raw.bytes[at] = (u8)value;
			refused += !plain_and_true(family, &raw, raw.length);
		}
		raw.bytes[at] = kept;
	}
	/* Version, length and protocol at least. */
	assert_true(refused > 3 * 200);
	for (u32 whole = 0; whole < raw.length; whole++) {
		raw.length = whole;
		assert_false(plain_and_true(family, &raw, whole));
	}
}

static void test_plain(void **state)
{
	struct raw raw;

	(void)state;
	expect_plain(AF_INET, with(ip4(6, ""), tcp), 40);
	expect_plain(AF_INET, with(ip4(17, ""), udp), 28);
	expect_plain(AF_INET6, with(ip6(6), tcp), 60);
	expect_plain(AF_INET6, with(ip6(17), udp), 48);

	raw = with(ip4(1, ""), echo);
	close_ip(&raw);
	assert_false(plain_and_true(AF_INET, &raw, raw.length));
	raw = with(ip4(6, "01010101"), tcp);
	close_ip(&raw);
	assert_false(plain_and_true(AF_INET, &raw, raw.length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols4),
		cmocka_unit_test(test_protocols6),
		cmocka_unit_test(test_foreign_icmp),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_extension_lies),
		cmocka_unit_test(test_many_extensions),
		cmocka_unit_test(test_long_extension),
		cmocka_unit_test(test_super),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
