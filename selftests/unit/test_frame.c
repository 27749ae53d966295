/* SPDX-License-Identifier: MIT */
/*
 * What the frame parser makes of tags, SNAP and ARP, and of frames that end too
 * early. The kernel's source is included: what runs there is what is tested here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/frame.c"

#define ADDRESSES "020000000001020000000002"

static u32 put(u8 *to, const char *hex)
{
	unsigned int value;
	u32 length = 0;
	int used;

	while (sscanf(hex, " %2x%n", &value, &used) == 1) {
		to[length++] = (u8)value;
		hex += used;
	}
	return length;
}

/* In memory of just that size: reading beyond it is an error of its own. */
static struct merlon_frame parse(const char *hex, u32 cut)
{
	u8 all[256] = { 0 };
	u32 have = put(all, hex) - cut;
	u8 *copy = malloc(have ? have : 1);
	struct merlon_frame frame;

	memcpy(copy, all, have);
	frame = merlon_frame_parse(copy, have);
	free(copy);
	return frame;
}

static void assert_carries(const char *hex, u16 ethertype, u16 payload)
{
	struct merlon_frame frame = parse(hex, 0);

	assert_int_equal(frame.ethertype, ethertype);
	if (ethertype)
		assert_int_equal(frame.payload, payload);
}

static void frames(void **state)
{
	(void)state;
	assert_carries(ADDRESSES "0800", 0x0800, 14);
	assert_carries(ADDRESSES "86dd 60", 0x86dd, 14);
	assert_carries(ADDRESSES "8100 0005 0806", 0x0806, 18);
	assert_carries(ADDRESSES "88a8 0005 8100 0006 0800", 0x0800, 22);
	assert_carries(ADDRESSES "8100 0005 8100 0006 8100 0007 0800", 0, 0);
	assert_carries(ADDRESSES "0026 aaaa03 000000 0800 45", 0x0800, 22);
	assert_carries(ADDRESSES "8100 0005 0026 aaaa03 000000 0800 45", 0x0800, 26);
	assert_carries(ADDRESSES "0026 aaaa03 00000c 2000 45", 0, 0);
	assert_carries(ADDRESSES "0026 424203 0000000000", 0, 0);
}

/* No shorter one carries anything else, and nothing is read that is not there. */
static void truncated(void **state)
{
	static const char *const whole[] = {
		ADDRESSES "0800", ADDRESSES "8100 0005 0806",
		ADDRESSES "88a8 0005 8100 0006 0800", ADDRESSES "0026 aaaa03 000000 0800",
	};
	u8 bytes[64];
	u32 i, cut, length;

	(void)state;
	for (i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		length = put(bytes, whole[i]);
		for (cut = 1; cut <= length; cut++)
			assert_int_equal(parse(whole[i], cut).ethertype, 0);
	}
}

static bool arp(const char *hex, u32 cut, struct merlon_arp *ret)
{
	u8 bytes[64] = { 0 };
	u32 have = put(bytes, hex) - cut;
	u8 *copy = malloc(have ? have : 1);
	bool fine;

	memcpy(copy, bytes, have);
	fine = merlon_arp_parse(copy, have, ret);
	free(copy);
	return fine;
}

static void arps(void **state)
{
	static const char request[] =
		"0001 0800 06 04 0001 020000000001 c0000201 000000000000 c0000202";
	static const u8 sender[4] = { 192, 0, 2, 1 }, target[4] = { 192, 0, 2, 2 };
	struct merlon_arp ret;
	u32 cut;

	(void)state;
	assert_true(arp(request, 0, &ret));
	assert_true(ret.request);
	assert_memory_equal(&ret.sender, sender, 4);
	assert_memory_equal(&ret.target, target, 4);
	for (cut = 1; cut <= MERLON_ARP_BYTES; cut++)
		assert_false(arp(request, cut, &ret));
	assert_true(arp("0001 0800 06 04 0002 020000000001 c0000201 020000000002 c0000202", 0,
			&ret));
	assert_false(ret.request);
	/* reverse ARP, another hardware, another protocol, other lengths */
	assert_false(arp("0001 0800 06 04 0003 020000000001 c0000201 020000000002 c0000202", 0,
			 &ret));
	assert_false(arp("0006 0800 06 04 0001 020000000001 c0000201 020000000002 c0000202", 0,
			 &ret));
	assert_false(arp("0001 86dd 06 04 0001 020000000001 c0000201 020000000002 c0000202", 0,
			 &ret));
	assert_false(arp("0001 0800 06 10 0001 020000000001 c0000201 020000000002 c0000202", 0,
			 &ret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(truncated),
		cmocka_unit_test(arps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
