/* SPDX-License-Identifier: MIT */
/* Giving up what a process does not need. There is no way back from any of it. */
#ifndef MERLOND_PRIVILEGE_H
#define MERLOND_PRIVILEGE_H

#include <stdint.h>
#include <sys/types.h>

/* The directory becomes the root and working directory. */
void privilege_enclose(int directory);

/*
 * Another user (or the same), no other groups, and of the capabilities only
 * those of @keep (bits 1 << CAP_*): effective and permitted, never inherited.
 * Nothing that is executed gets more.
 */
void privilege_drop(uid_t uid, gid_t gid, uint64_t keep);

/*
 * From now on any other system call than those of this process ends it, by
 * SIGSYS. Builds with sanitizers go without: those need calls of their own.
 */
enum filter_role {
	FILTER_SUPERVISOR,
	FILTER_APPLY,
	FILTER_SYNC,
	FILTER_COURIER,		/* sync, on a node that is enrolled */
};
void filter_install(enum filter_role role);

#endif
