/* SPDX-License-Identifier: MIT */
/*
 * Commands that root runs: what the server is to read belongs to its user from the first
 * moment. Whoever is not root works as himself.
 */
#ifndef MERLON_CONTROL_OWNER_H
#define MERLON_CONTROL_OWNER_H

#include <sys/types.h>

#include "error.h"

/* As root: the user's, with effective rights alone; back by owner_become(getuid(), getgid()). */
int owner_become(uid_t uid, gid_t gid, struct ml_error *error);
/* Of the user @name; where the caller is not root, of the caller. */
int owner_find(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct ml_error *error);
/* A directory for @uid alone; one that is there is given to him. */
int owner_directory(const char *path, uid_t uid, gid_t gid, struct ml_error *error);

#endif
