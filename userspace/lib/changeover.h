/* SPDX-License-Identifier: MIT */
/*
 * From what a device has to what it shall have, in two steps with the publication
 * of a policy between them: `before` takes away, `after` gives. At no moment does
 * an address belong to a peer that did not have it before, or will not have it
 * afterwards; nor is there a route or an address of the device that is not in both.
 *
 * ORDER: it is not enough to take a prefix from the peer that loses it. Allowed
 * IPs are looked up by the longest prefix: 192.0.2.9/32 taken from one peer falls
 * to another that has 192.0.2.0/24, who could then speak, while the policy of
 * before is in force, with the voice of 192.0.2.9; and a 192.0.2.9/32 that comes
 * new is that other peer's until it is given. So prefixes on their way belong to
 * *nobody*: a peer whose secret key nobody has, that is there for as long as a
 * change-over takes. WireGuard moves a prefix from peer to peer in one step, so
 * that what stays is never interrupted. In `before`:
 *
 *   1. prefixes that leave a peer, or come under somebody else's cover → nobody
 *   2. peers that go are removed; routes and addresses that go
 *
 * and in `after` all prefixes to their peers, then nobody is removed, by which
 * what it still had falls to whom it belongs now.
 */
#ifndef ML_CHANGEOVER_H
#define ML_CHANGEOVER_H

#include "device.h"

/* SHA-256 of "merlon: nobody has the secret of this key". */
extern const uint8_t ml_nobody[32];

/* One peer, in the order of its fields. */
struct ml_peer_change {
	uint8_t key[32];
	bool remove;		/* the peer, and nothing else is to be done */
	bool create;		/* may be made; otherwise it must be there */
	struct ml_endpoint endpoint;	/* family 0: as it is */
	struct ml_prefixes allowed;	/* more; taken from whoever has them */
};

struct ml_changes {
	struct ml_peer_change *peers;	/* in this order */
	size_t peer_count, peer_room;
	struct ml_prefixes routes, addresses;
};

struct ml_changeover {
	struct ml_changes before, after;	/* taken away; given */
};

/**
 * ml_changeover_plan - what is to be done
 * @actual: what the kernel has, also half way through another change-over
 * @wanted: what it shall have; does not have ml_nobody
 * @previous: what the generation in force wanted, or NULL
 * @ret: free with ml_changeover_clean(); untouched on failure
 *
 * An endpoint is set where the kernel knows none, or where @wanted has another
 * than @previous: one that it has learnt is kept. The latter is done in `before`,
 * so that it is not forgotten should this process end after the publication; an
 * endpoint permits nothing.
 * All three are in order (ml_device_sort()); no prefix has two peers. Linear,
 * but for sorting.
 * Return: 0, -ENOMEM.
 */
int ml_changeover_plan(const struct ml_device *actual, const struct ml_device *wanted,
		       const struct ml_device *previous, struct ml_changeover *ret);
void ml_changeover_clean(struct ml_changeover *changeover);

bool ml_changes_empty(const struct ml_changes *changes);

#endif
