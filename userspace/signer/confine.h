/* SPDX-License-Identifier: MIT */
/* Giving up what the signer does not need. There is no way back from any of it. */
#ifndef SIGNER_CONFINE_H
#define SIGNER_CONFINE_H

#include <sys/types.h>

/*
 * No core files, nobody else's tracing, no new rights. Where it was started by
 * root: @directory becomes the root, and @uid the user, without other groups.
 */
void confine(int directory, uid_t uid, gid_t gid);

/*
 * From now on any system call but those of a signer that runs ends it, by SIGSYS: no
 * files but the ledger that is open, no sockets but those that come in. Builds with
 * sanitizers go without: they need calls of their own.
 */
void confine_calls(void);

#endif
