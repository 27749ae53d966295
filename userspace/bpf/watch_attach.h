/* SPDX-License-Identifier: MIT */
/* Putting the watch into the kernel, and taking it away. */
#ifndef WATCH_ATTACH_H
#define WATCH_ATTACH_H

#include "error.h"

/**
 * watch_attach - load the programs, attach and pin them
 * @cgroup: whose calls are watched, with all below
 *
 * Where there is a watch it is replaced, with no moment in between. Return: 0;
 * -ENOENT: @cgroup is none, or the module is not loaded.
 */
int watch_attach(const char *cgroup, struct ml_error *error);

/* -ENOENT: there is none. */
int watch_detach(struct ml_error *error);

#endif
