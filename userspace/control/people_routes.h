/* SPDX-License-Identifier: MIT */
/* What the routes of people have in common. */
#ifndef MERLON_CONTROL_PEOPLE_ROUTES_H
#define MERLON_CONTROL_PEOPLE_ROUTES_H

#include <stdint.h>
#include <stdio.h>

/* As the audit log names an administrator. Returns @ret. */
static inline const char *people_actor(const char *name, char ret[static 129])
{
	snprintf(ret, 129, "admin:%.120s", name);
	return ret;
}

#endif
