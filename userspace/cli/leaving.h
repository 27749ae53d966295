/* SPDX-License-Identifier: MIT */
/* explain --leaving: what the guard says of a packet that leaves by a device. */
#ifndef CLI_LEAVING_H
#define CLI_LEAVING_H

#include "cli.h"

int leaving_run(struct cli *cli);

#endif
