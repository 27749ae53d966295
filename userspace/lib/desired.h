/* SPDX-License-Identifier: MIT */
/*
 * The WireGuard device that a bundle asks for: from the config of its leaf
 * (ml_policy_node_json() in policy.h), which is signed, and checked all the same.
 */
#ifndef ML_DESIRED_H
#define ML_DESIRED_H

#include "bundle.h"
#include "device.h"
#include "error.h"

#define ML_DESIRED_PEERS	(1u << 18)	/* as many nodes as a policy may have */
#define ML_DESIRED_PREFIXES	(1u << 20)	/* allowed IPs of all peers together */

/* What is in the bundle, and is not done: for the log. */
struct ml_desired_gaps {
	size_t keyless;		/* peers without a publicKey: they cannot be peers yet */
	size_t named;		/* peers whose endpoint is a name, which nobody looks up here */
};

/**
 * ml_desired_read - the device of a verified leaf
 * @leaf: all of it; what is in it beside `config` is the caller's business
 * @ret: in order (ml_device_sort()); ml_device_clean() frees it; untouched on failure
 * @ret_gaps: may be NULL
 *
 * The device is the node's own tunnel; its addresses have length 32 or 128. A peer
 * with a default route is an exit: the default route of a family is the first's
 * that the bundle names in `exit`, or else the first's by name, if the scope is
 * `everything` and the node is no exit itself; all other allowed IPs of 0.0.0.0/0
 * and ::/0 are left out. Routes are all allowed IPs.
 *
 * Endpoints are refused in ranges that cannot be reached by the network below:
 * loopback, multicast, unspecified, IPv4 inside of IPv6, and what is reached by the
 * tunnel itself: the node's addresses and all allowed IPs but default routes.
 *
 * Return: 0; -EBADMSG: malformed, or what is above is refused; -E2BIG; -ENOMEM.
 */
int ml_desired_read(struct ml_bytes leaf, struct ml_device *ret,
		    struct ml_desired_gaps *ret_gaps, struct ml_error *error);

#endif
