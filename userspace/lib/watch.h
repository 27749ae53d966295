/* SPDX-License-Identifier: MIT */
/*
 * What merlon-watch has left in the kernel, and what it has seen: read without
 * libbpf, from its pins.
 */
#ifndef ML_WATCH_H
#define ML_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "watch_map.h"

#define ML_WATCH_ROOT	"/sys/fs/bpf/merlon-watch"
#define ML_WATCH_LACKS	3	/* of ml_watch_lacks(), at most */

/**
 * struct ml_watch - is it there, and what could it do here
 * @attached: it is; else @settings is zero
 * @settings: what it does
 * @may_ask: the module's BTF is there, by which calls can be refused
 * @has_cgroups: there is a unified hierarchy of control groups
 * @has_lsm: BPF is one of the kernel's security modules
 */
struct ml_watch {
	bool attached;
	struct ml_watch_settings settings;
	bool may_ask, has_cgroups, has_lsm;
};

struct ml_watch_row {
	struct ml_leak_key key;
	struct ml_leak leak;
};

/* -EACCES: only root can tell; -EPROTO: it is of another version. */
int ml_watch_get(struct ml_watch *ret, struct ml_error *error);

/* What it does not do here, in sentences. Return: how many. */
size_t ml_watch_lacks(const struct ml_watch *watch, const char *ret[static ML_WATCH_LACKS]);

/* Does the list of security modules, as the kernel gives it, name BPF? */
bool ml_watch_names_bpf(const char *modules);

/* Where the unified hierarchy is, "" where there is none. */
const char *ml_watch_cgroups(void);

/* The cookie of this process's network namespace. */
int ml_watch_netns(uint64_t *ret, struct ml_error *error);

/**
 * ml_watch_rows - what has been seen in a network namespace
 * @netns: its cookie
 * @ret: malloc()ed, ascending by key
 *
 * Return: 0; -ENOENT: there is no watch.
 */
int ml_watch_rows(uint64_t netns, struct ml_watch_row **ret, size_t *ret_count,
		  struct ml_error *error);

/* The one with that key among @count ascending rows, or NULL. */
const struct ml_watch_row *ml_watch_find(const struct ml_watch_row *rows, size_t count,
					 const struct ml_leak_key *key);

#endif
