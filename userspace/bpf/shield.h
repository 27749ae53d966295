/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What shield.bpf.c and merlon-shield both know; see man/merlon-shield.8. */
#ifndef SHIELD_H
#define SHIELD_H

#include <linux/types.h>

/**
 * struct shield_settings - constants of a loaded program
 * @step_ns: between two messages of a source at its rate
 * @slack_ns: by how much a source may be ahead of its rate: its burst, less one
 * @new_step_ns: as @step_ns, of sources that were never seen, together
 * @new_slack_ns: as @slack_ns, of those
 * @address6: where messages go that are looked at, if @only6
 * @address4: the same, if @only4; network byte order
 * @rate: that @step_ns comes from, messages per second; for status, as what follows
 * @burst: that @slack_ns comes from, messages
 * @new_rate: that @new_step_ns comes from, messages per second
 * @sources: that are remembered, at most
 * @port: UDP port, network byte order
 * @only4: IPv4 to other addresses than @address4 passes
 * @only6: IPv6 to other addresses than @address6 passes
 */
struct shield_settings {
	__u64 step_ns, slack_ns;
	__u64 new_step_ns, new_slack_ns;
	__u8 address6[16];
	__u32 address4;
	__u32 rate, burst, new_rate, sources;
	__u16 port;
	__u8 only4, only6;
};

/**
 * enum shield_outcome - what became of a message, other than data
 * @SHIELD_PASSED: a handshake message within the rate of its source
 * @SHIELD_LIMITED: above it: dropped
 * @SHIELD_POSTPONED: of a source never seen, while too many were: dropped; it
 *	passes when it is sent again after a second
 * @SHIELD_MALFORMED: no message of WireGuard's: dropped
 */
enum shield_outcome {
	SHIELD_PASSED,
	SHIELD_LIMITED,
	SHIELD_POSTPONED,
	SHIELD_MALFORMED,
	SHIELD_OUTCOMES,
};

struct shield_counters {
	__u64 packets[SHIELD_OUTCOMES];
};

#endif
