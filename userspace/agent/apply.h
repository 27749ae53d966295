/* SPDX-License-Identifier: MIT */
/* What the files of the process apply share. */
#ifndef MERLOND_APPLY_H
#define MERLOND_APPLY_H

#include "agent.h"
#include "bundle.h"
#include "daemon.h"
#include "kernel.h"
#include "message.h"

struct apply {
	struct agent *agent;
	struct ml_kernel *kernel;
	struct ml_watermark watermark;
	bool has_accepted;		/* the next two are of the last accepted bundle */
	struct ml_statement accepted;
	enum merlon_scope bundle_scope;
	struct message_generation pending[MESSAGE_PENDING];
	uint32_t pending_count;
};

/* ---- accept.c: from bytes to a generation in force, and remembered */

/* A bundle that sync offers. The codes are those that daemon.h promises. */
int accept_offer(struct apply *apply, struct ml_bytes file, struct ml_error *error);
/* The watermark rises to what the kernel had: before anything is looked at. */
void accept_catch_up(struct apply *apply);
/* Finishes what a death left undone; then the last accepted bundle, if the
 * kernel has none or an older one. */
void accept_restore(struct apply *apply);
/* Applies what is pending and due. Return: when the next one is (0: none). */
int64_t accept_due(struct apply *apply);

/* ---- enrolled.c: of a node that is enrolled: its root, its identity */

/* At start: can the identity key be read? */
void enrolled_check(const struct agent *agent);
/* {"roots":[…]}, from the one behind the last on: the last of them, once it is written. */
int enrolled_roots(struct apply *apply, struct ml_bytes text, struct ml_error *error);
/* Does the root let this generation in now? -ETIME, -ESTALE, -ENOENT; 0: not enrolled */
int enrolled_judge(const struct apply *apply, const struct ml_statement *statement,
		   struct ml_error *error);
/* @ret: the envelope, as text. */
int enrolled_sign(const struct apply *apply, const struct message_signing *what,
		  char ret[static MESSAGE_SIGNED], struct ml_error *error);

/* ---- arming.c: what survives a reboot */

/* At start: a kernel that is disarmed is armed as it was before. */
void arming_restore(struct apply *apply);
/* Somebody armed or disarmed: what the kernel does now is what shall be kept. */
int arming_learn(struct apply *apply, struct ml_error *error);

/* ---- report.c */

/* The kernel's state; a kernel that does not answer is an anomaly. */
void report_kernel(struct apply *apply, struct ml_kernel_status *ret);
void report_fill(struct apply *apply, struct message_result *ret);
/* One line for systemctl status, when it is another than the last. */
void report_status(struct apply *apply);
/* Once a minute: old documents, a kernel that is not as it should be. */
void report_health(struct apply *apply);
/* When a statement ends: earlier in the kernel than signed, if that was too long. */
int64_t report_expires(const struct ml_statement *statement,
		       const struct ml_kernel_status *status);
/* "2026-11-22 04:00:00 UTC" */
#define REPORT_DATE 32
const char *report_date(int64_t seconds, char ret[static REPORT_DATE]);

#endif
