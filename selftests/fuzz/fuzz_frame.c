/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an Ethernet frame and as an ARP packet. What holds:
 *
 *   what a frame carries starts inside of what was given
 *   more bytes behind what was needed change nothing
 *   nothing is read that was not given (the sanitizers judge)
 */
#include <stdint.h>
#include <stdlib.h>

#include "../../kmod/frame.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool condition)
{
	if (!condition)
		abort();
}

static void check_frame(const u8 *data, u32 size)
{
	struct merlon_frame frame = merlon_frame_parse(data, size), again;

	if (!frame.ethertype)
		return;
	hold(frame.payload >= 14 && frame.payload <= size);
	hold(frame.payload <= MERLON_FRAME_BYTES);
	again = merlon_frame_parse(data, frame.payload);
	hold(again.ethertype == frame.ethertype && again.payload == frame.payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct merlon_arp arp;
	u8 *copy;

	if (size > 256)
		return 0;
	copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	check_frame(copy, (u32)size);
	if (merlon_arp_parse(copy, (u32)size, &arp))
		hold(size >= MERLON_ARP_BYTES);
	free(copy);
	return 0;
}
