/* SPDX-License-Identifier: MIT */
/* Giving up what the server does not need. There is no way back from any of it. */
#ifndef MERLON_CONTROL_CONFINE_H
#define MERLON_CONTROL_CONFINE_H

#include <sys/types.h>

#include "error.h"

/* No core files, nobody else's tracing, no new rights; where root started it, @uid and @gid. */
int confine_rights(uid_t uid, gid_t gid, struct ml_error *error);

/*
 * From now on any system call but those of a server that runs ends it, all of its
 * threads, by SIGSYS: no programs, no new threads, no rights. Builds with sanitizers go
 * without: they need calls of their own.
 */
int confine_calls(struct ml_error *error);

#endif
