/* SPDX-License-Identifier: MIT */
/*
 * The kernel module, as a program sees it: linux/merlon.h over libmnl. All
 * calls block; a refusal of the kernel comes back as its errno with the
 * sentence that it sent.
 */
#ifndef ML_KERNEL_H
#define ML_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/merlon.h>

#include "error.h"

struct ml_kernel;	/* a socket; one thread at a time */

/* -ENOENT: merlon.ko is not loaded; -EPERM. */
int ml_kernel_open(struct ml_kernel **ret, struct ml_error *error);
void ml_kernel_close(struct ml_kernel *kernel);

struct ml_kernel_status {
	enum merlon_state state;
	enum merlon_scope scope;	/* UNSPEC while disarmed */
	enum merlon_mode mode;
	bool has_generation;
	uint64_t epoch, serial, lifetime_ms;
	uint64_t last_epoch, last_serial;
	uint64_t max_lifetime_ms;
	uint8_t digest[MERLON_DIGEST_BYTES];
	uint32_t image_bytes, rules, guard_rules, pairs, hosts, confirm_s;
	uint32_t holes;			/* MERLON_HOLE_*; scope EVERYTHING */
	uint64_t memory;
	uint64_t passed[__MERLON_REASON_MAX], denied[__MERLON_REASON_MAX];
	char module_version[32];
};

int ml_kernel_status(struct ml_kernel *kernel, struct ml_kernel_status *ret,
		     struct ml_error *error);
/* @confirm_s: 0 for good. @why: goes to the kernel log; may be NULL for arm. */
int ml_kernel_arm(struct ml_kernel *kernel, enum merlon_scope scope, enum merlon_mode mode,
		  uint32_t confirm_s, const char *why, struct ml_error *error);
int ml_kernel_confirm(struct ml_kernel *kernel, struct ml_error *error);
int ml_kernel_disarm(struct ml_kernel *kernel, const char *why, struct ml_error *error);

struct ml_kernel_generation {
	uint64_t epoch, serial, lifetime_ms;
	uint8_t digest[MERLON_DIGEST_BYTES];
};

/* LOAD_BEGIN, LOAD_CHUNKs, LOAD_COMMIT; returns when the kernel has published. */
int ml_kernel_load(struct ml_kernel *kernel, const struct ml_kernel_generation *generation,
		   const void *image, size_t length, struct ml_error *error);
int ml_kernel_renew(struct ml_kernel *kernel, const struct ml_kernel_generation *generation,
		    struct ml_error *error);

struct ml_kernel_rule {
	uint64_t id, packets, bytes;
	uint8_t action;
};

/* Calls @each for every rule in force; stops and returns what @each returns if not 0. */
int ml_kernel_rules(struct ml_kernel *kernel,
		    int (*each)(const struct ml_kernel_rule *rule, void *arg), void *arg,
		    struct ml_error *error);

struct ml_packet;	/* ruleset.h */

struct ml_kernel_answer {
	enum merlon_action action;
	enum merlon_reason reason;
	uint64_t rule_id;	/* 0: no rule */
	uint32_t source_class, destination_class, service;
	uint64_t epoch, serial;
};

/* -ENOENT: no generation in force. */
int ml_kernel_explain(struct ml_kernel *kernel, const struct ml_packet *packet,
		      struct ml_kernel_answer *ret, struct ml_error *error);

struct ml_kernel_event {
	uint8_t command;	/* MERLON_CMD_DROP_EVENT or MERLON_CMD_STATE_EVENT */
	/* DROP_EVENT */
	enum merlon_reason reason;
	enum merlon_hook hook;
	enum merlon_action action;
	uint64_t rule_id;
	bool observed, reply;
	uint16_t ethertype;	/* of a frame; 0: not said, or not understood */
	uint8_t family;		/* 0: not IP, and nothing that follows is known */
	uint8_t protocol;
	uint8_t source[16], destination[16];
	uint16_t source_port, selector;
	uint32_t length;
	uint64_t suppressed;
	char device_in[16], device_out[16];
	/* STATE_EVENT */
	struct ml_kernel_status status;
};

/* Joins the events group. Poll the descriptor, then read one event (-EAGAIN: none). */
int ml_kernel_subscribe(struct ml_kernel *kernel, struct ml_error *error);
int ml_kernel_fd(const struct ml_kernel *kernel);
int ml_kernel_event_read(struct ml_kernel *kernel, struct ml_kernel_event *ret,
			 struct ml_error *error);

const char *ml_state_name(enum merlon_state state);	/* "enforcing" */

/* Of MERLON_HOLE_*, by its bit's number: "pktgen"; what that is, and what to do. */
#define ML_HOLES 5
const char *ml_hole_name(unsigned int bit);
const char *ml_hole_advice(unsigned int bit);
const char *ml_reason_name(enum merlon_reason reason);	/* "no rule" → "no-rule" */
const char *ml_action_name(enum merlon_action action);
const char *ml_scope_name(enum merlon_scope scope);
const char *ml_mode_name(enum merlon_mode mode);
const char *ml_hook_name(enum merlon_hook hook);

#endif
