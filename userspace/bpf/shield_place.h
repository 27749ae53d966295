/* SPDX-License-Identifier: MIT */
/*
 * Where a shield is kept, so that it outlives the command: a directory of the
 * bpf file system for each device, named by its network namespace and index
 * (names of devices change, and may hold a dot, which that file system refuses):
 *
 *	/sys/fs/bpf/merlon-shield/4026531840-2/{link,settings,counters,sources}
 */
#ifndef SHIELD_PLACE_H
#define SHIELD_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "pins.h"

#define SHIELD_ROOT	"/sys/fs/bpf/merlon-shield"
#define SHIELD_PIN	PINS_PATH

/**
 * struct shield_place - one device's
 * @device: its name, or where the device is gone ""
 * @path: the directory, which need not be there
 * @ifindex: of the device
 */
struct shield_place {
	char device[16];
	char path[96];
	unsigned int ifindex;
};

/* @name in @place; returns @buffer. */
const char *shield_pin(const struct shield_place *place, const char *name,
		       char buffer[static SHIELD_PIN]);

/**
 * shield_lock - one command at a time, until the process ends
 *
 * Removes what devices left that are gone.
 */
int shield_lock(struct ml_error *error);

/* -ENODEV: there is no such device here; -EINVAL: it is not Ethernet. */
int shield_find(const char *device, struct shield_place *ret, struct ml_error *error);

/* The link of @place as a file descriptor; -ENOENT: none. */
int shield_link(const struct shield_place *place, struct ml_error *error);

/* Takes the pins of @place out. */
int shield_remove(const struct shield_place *place, struct ml_error *error);

/**
 * shield_each - every shield of this network namespace
 * @visit: stops at what is not 0
 */
int shield_each(int (*visit)(const struct shield_place *place, void *arg, struct ml_error *error),
		void *arg, struct ml_error *error);

#endif
