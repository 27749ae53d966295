/* SPDX-License-Identifier: MIT */
/* What the guard asks of a packet beside its addresses, as numbers (ruleset.h). */
#ifndef ML_CIRCUMSTANCES_H
#define ML_CIRCUMSTANCES_H

#include "ruleset.h"

struct ml_leaving {
	const char *device;	/* by which it leaves */
	bool has_user;		/* whom it is of; not so of what is forwarded */
	uint32_t user;
	const char *cgroup;	/* or NULL */
	bool outside;		/* of a connection that was opened from there */
};

/* Makes the circumstances the source of @packet, whose family is set. */
void ml_leaving_source(const struct ml_guard *guard, const struct ml_leaving *leaving,
		       struct ml_packet *packet);

#endif
