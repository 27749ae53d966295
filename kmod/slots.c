// SPDX-License-Identifier: GPL-2.0
#include <linux/bug.h>

#include "slots.h"

/* The slot that has @wanted, or with MERLON_SLOT_GONE the first that is free; -1: none. */
static int find(const struct merlon_slots *slots, int ifindex, int wanted)
{
	u32 home = ifindex & (MERLON_SLOTS - 1);
	u32 i, slot;
	int found;

	for (i = 0; i < MERLON_SLOTS; i++) {
		slot = (home + i) & (MERLON_SLOTS - 1);
		found = slots->ifindex[slot];
		if (found == wanted || (!found && wanted == MERLON_SLOT_GONE))
			return slot;
		if (!found)
			break;
	}
	return -1;
}

void merlon_slots_set(struct merlon_slots *slots, int ifindex, u8 number)
{
	int slot = find(slots, ifindex, ifindex);

	if (!number) {
		if (slot < 0)
			return;
		WRITE_ONCE(slots->number[slot], 0);
		WRITE_ONCE(slots->ifindex[slot], MERLON_SLOT_GONE);
		return;
	}
	if (slot < 0)
		slot = find(slots, ifindex, MERLON_SLOT_GONE);
	if (WARN_ON_ONCE(slot < 0))
		return;
	WRITE_ONCE(slots->number[slot], number);
	WRITE_ONCE(slots->ifindex[slot], ifindex);
}
