/* SPDX-License-Identifier: MIT */
/*
 * Pins: what a command leaves in the bpf file system, so that it outlives it.
 * Names of pins hold no dot: that file system refuses it.
 */
#ifndef PINS_H
#define PINS_H

#include "error.h"

#define PINS_PATH	384	/* room for the path of a pin */

/* @name in @directory; returns @buffer. */
const char *pins_path(const char *directory, const char *name, char buffer[static PINS_PATH]);

/**
 * pins_lock - one command at a time, until the process ends
 * @root: directory of the bpf file system; made where it is not there
 *
 * -EPERM: not root; -ENOENT: no such file system.
 */
int pins_lock(const char *root, struct ml_error *error);

/* Something is pinned as @name, in place of what was there. */
int pins_put(const char *directory, const char *name, int fd, struct ml_error *error);

/* From @from to @to, in place of what was there. */
int pins_settle(const char *directory, const char *from, const char *to,
		struct ml_error *error);

/* Takes the pins out, and the directory. */
int pins_remove(const char *directory, struct ml_error *error);

#endif
