/* SPDX-License-Identifier: MIT */
/*
 * What is done with the audit log beside writing it, by the thread that does: a copy to
 * syslog, and old entries go. Both by configuration ("syslog", "auditDays").
 */
#ifndef MERLON_CONTROL_UPKEEP_H
#define MERLON_CONTROL_UPKEEP_H

#include "bundle.h"
#include "error.h"

struct audit_log;
struct server;
struct store;
struct upkeep;

int upkeep_new(struct server *server, struct store *store, struct upkeep **ret,
	       struct ml_error *error);
void upkeep_free(struct upkeep *upkeep);
/* @leaf was written to the log, as entry @index. Never waits. */
void upkeep_written(struct upkeep *upkeep, uint64_t index, struct ml_bytes leaf);
/* Once a second or so. */
void upkeep_tick(struct upkeep *upkeep, struct audit_log *log, const char *directory);

#endif
