/* SPDX-License-Identifier: MIT */
/* What no hook of Merlon's can hold on this machine, for people who arm it. */
#ifndef UNHELD_H
#define UNHELD_H

#include "kernel.h"
#include "output.h"

/* "holes", a list of names, and a line for each: what sends past every guard now. */
void unheld_by_guards(struct ml_output *out, const struct ml_kernel_status *status);

/* "watch": what merlon-watch cannot do here, or that it is not there. */
void unheld_by_watch(struct ml_output *out);

#endif
