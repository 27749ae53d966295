// SPDX-License-Identifier: MIT
/* What a person calls the values of linux/merlon.h. */
#include "kernel.h"

#define COUNT(names) (sizeof(names) / sizeof((names)[0]))

static const char *name_of(const char *const *names, size_t count, unsigned int value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

const char *ml_state_name(enum merlon_state state)
{
	static const char *const names[] = {
		[MERLON_STATE_UNSPEC] = "none",
		[MERLON_STATE_DISARMED] = "disarmed",
		[MERLON_STATE_OBSERVING] = "observing",
		[MERLON_STATE_LOCKDOWN] = "lockdown",
		[MERLON_STATE_ENFORCING] = "enforcing",
		[MERLON_STATE_EXPIRED] = "expired",
	};

	_Static_assert(COUNT(names) == __MERLON_STATE_MAX, "a state has no name");
	return name_of(names, COUNT(names), state);
}

const char *ml_reason_name(enum merlon_reason reason)
{
	static const char *const names[] = {
		[MERLON_REASON_UNSPEC] = "none",
		[MERLON_REASON_RULE] = "rule",
		[MERLON_REASON_NO_RULE] = "no-rule",
		[MERLON_REASON_LOCKDOWN] = "lockdown",
		[MERLON_REASON_EXPIRED] = "expired",
		[MERLON_REASON_UNKNOWN_TUNNEL] = "unknown-tunnel",
		[MERLON_REASON_SPOOFED] = "spoofed",
		[MERLON_REASON_HEADER] = "header",
		[MERLON_REASON_FRAGMENT] = "fragment",
		[MERLON_REASON_NOT_OPENED] = "not-opened",
		[MERLON_REASON_TRANSLATED] = "translated",
		[MERLON_REASON_OFF_TUNNEL] = "off-tunnel",
		[MERLON_REASON_BYPASS] = "bypass",
		[MERLON_REASON_GUARD] = "guard",
		[MERLON_REASON_SHADOW] = "shadow",
	};

	_Static_assert(COUNT(names) == __MERLON_REASON_MAX, "a reason has no name");
	return name_of(names, COUNT(names), reason);
}

const char *ml_action_name(enum merlon_action action)
{
	static const char *const names[] = {
		[MERLON_ACTION_UNSPEC] = "none",
		[MERLON_ACTION_ALLOW] = "allow",
		[MERLON_ACTION_DROP] = "drop",
		[MERLON_ACTION_REJECT] = "reject",
	};

	_Static_assert(COUNT(names) == __MERLON_ACTION_MAX, "an action has no name");
	return name_of(names, COUNT(names), action);
}

const char *ml_scope_name(enum merlon_scope scope)
{
	static const char *const names[] = {
		[MERLON_SCOPE_UNSPEC] = "none",
		[MERLON_SCOPE_TUNNELS] = "tunnels",
		[MERLON_SCOPE_EVERYTHING] = "everything",
	};

	_Static_assert(COUNT(names) == __MERLON_SCOPE_MAX, "a scope has no name");
	return name_of(names, COUNT(names), scope);
}

const char *ml_mode_name(enum merlon_mode mode)
{
	static const char *const names[] = {
		[MERLON_MODE_UNSPEC] = "none",
		[MERLON_MODE_OBSERVING] = "observing",
		[MERLON_MODE_ENFORCING] = "enforcing",
	};

	_Static_assert(COUNT(names) == __MERLON_MODE_MAX, "a mode has no name");
	return name_of(names, COUNT(names), mode);
}

const char *ml_hook_name(enum merlon_hook hook)
{
	static const char *const names[] = {
		[MERLON_HOOK_UNSPEC] = "none",
		[MERLON_HOOK_PREROUTING] = "prerouting",
		[MERLON_HOOK_INPUT] = "input",
		[MERLON_HOOK_FORWARD] = "forward",
		[MERLON_HOOK_POSTROUTING] = "postrouting",
		[MERLON_HOOK_EGRESS] = "egress",
		[MERLON_HOOK_INGRESS] = "ingress",
	};

	_Static_assert(COUNT(names) == __MERLON_HOOK_MAX, "a hook has no name");
	return name_of(names, COUNT(names), hook);
}

#define HOLE(name) __builtin_ctz(MERLON_HOLE_##name)

static const struct {
	const char *name, *advice;
} holes[ML_HOLES] = {
	[HOLE(PKTGEN)] = {
		"pktgen", "what pktgen sends, which was loaded before: modprobe -r pktgen",
	},
	[HOLE(NETCONSOLE)] = {
		"netconsole",
		"what netconsole sends, which was loaded before: modprobe -r netconsole",
	},
	[HOLE(AF_XDP)] = {
		"af-xdp", "what an AF_XDP socket sends, which is bound to a device here: ss --xdp",
	},
	[HOLE(XDP)] = {
		"xdp", "what XDP programs redirect (merlon-shield's does not): bpftool net",
	},
	[HOLE(TC)] = {
		"tc", "what tc redirects (mirred, BPF): tc filter show, bpftool net",
	},
};

const char *ml_hole_name(unsigned int bit)
{
	return bit < ML_HOLES ? holes[bit].name : "unknown";
}

const char *ml_hole_advice(unsigned int bit)
{
	return bit < ML_HOLES ? holes[bit].advice : "what this program does not know yet";
}
