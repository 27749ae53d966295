/* SPDX-License-Identifier: MIT */
/* What a shield does, and has done. */
#ifndef SHIELD_STATUS_H
#define SHIELD_STATUS_H

#include "output.h"
#include "shield_place.h"

/* Everything there is to say of the shield at @place. */
int shield_status(const struct shield_place *place, struct ml_output *output,
		  struct ml_error *error);

#endif
