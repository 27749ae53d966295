/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which of the devices that a policy names has which ifindex: a small hash
 * with linear probing, read by packets and written under RTNL meanwhile.
 */
#ifndef MERLON_SLOTS_H
#define MERLON_SLOTS_H

#include <linux/compiler.h>
#include <linux/types.h>

#define MERLON_SLOTS		64	/* power of two, > 2 * the names of any policy */
#define MERLON_SLOT_GONE	(-1)	/* a slot whose device left; free, but no end */

/**
 * struct merlon_slots - devices by ifindex
 * @ifindex: of the device in this slot, or 0, or MERLON_SLOT_GONE. It stands at
 *	ifindex & (MERLON_SLOTS - 1) or, where that is taken, in the next free one
 * @number: what the device in this slot is; 0 while there is none
 */
struct merlon_slots {
	int ifindex[MERLON_SLOTS];
	u8 number[MERLON_SLOTS];
};

/**
 * merlon_slots_set - a device came, has another name, or goes
 * @slots: lockless readers may be at work
 * @ifindex: of the device
 * @number: what it is to the policy; 0: nothing, or it goes
 *
 * Under RTNL. A device that is nothing has no slot, so the slots suffice: at
 * most as many as there are names are in use at a time.
 *
 * ORDER: a slot's number is 0 while it has no device, so whoever sees the new
 * device with the old number sees nothing. A slot is not given to another
 * device while a packet of the one before can be in a hook: between the two
 * stands a grace period (unregistering has its own, renaming waits in device.c).
 */
void merlon_slots_set(struct merlon_slots *slots, int ifindex, u8 number);

/* Packet path: is there a slot for the device? One probe in the common case. */
static __always_inline bool merlon_slots_has(const struct merlon_slots *slots, int ifindex)
{
	size_t home = (u32)ifindex & (MERLON_SLOTS - 1);
	u32 i;
	int found;

	if (likely(READ_ONCE(slots->ifindex[home]) == ifindex))
		return true;
	OPTIMIZER_HIDE_VAR(ifindex);
	for (i = 0; i < MERLON_SLOTS; i++) {
		found = READ_ONCE(slots->ifindex[(ifindex + i) & (MERLON_SLOTS - 1)]);
		if (found == ifindex || !found)
			return found;
	}
	return false;
}

/* Packet path: what the device is, or 0. */
static __always_inline u8 merlon_slots_find(const struct merlon_slots *slots, int ifindex)
{
	u32 slot = ifindex & (MERLON_SLOTS - 1);
	u32 i;

	for (i = 0; i < MERLON_SLOTS; i++) {
		int found = READ_ONCE(slots->ifindex[slot]);

		if (found == ifindex)
			return READ_ONCE(slots->number[slot]);
		if (!found)
			break;
		slot = (slot + 1) & (MERLON_SLOTS - 1);
	}
	return 0;
}

#endif
