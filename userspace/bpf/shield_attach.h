/* SPDX-License-Identifier: MIT */
/* Putting a shield at a device, and taking it away. */
#ifndef SHIELD_ATTACH_H
#define SHIELD_ATTACH_H

#include "shield.h"
#include "shield_place.h"

/**
 * shield_attach - load the program and put it at the device of @place
 * @settings: the times in it are worked out here from the rates
 *
 * Where a shield is there it is replaced, between two packets. Return: 0;
 * -EBUSY: the device has another XDP program.
 */
int shield_attach(const struct shield_place *place, const struct shield_settings *settings,
		  struct ml_error *error);

/* -ENOENT: there is none. */
int shield_detach(const struct shield_place *place, struct ml_error *error);

#endif
