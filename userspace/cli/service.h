/* SPDX-License-Identifier: MIT */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include "error.h"

/* Has systemd (re)start merlond, over D-Bus. -ENOENT: no systemd here, or no such unit. */
int service_start(struct ml_error *error);

#endif
