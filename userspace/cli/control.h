/* SPDX-License-Identifier: MIT */
/* What commands do through merlond. */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "cli.h"
#include "daemon.h"
#include "kernel.h"

#define CONTROL_OPTIONS \
	{ "socket", 0, "FILE", "where merlond listens (default: " ML_DAEMON_SOCKET ")" }

/* Says what became of it, or fills @error. CLI_NO: refused; CLI_FAILURE: not asked. */
int control_apply(struct cli *cli, const char *path, enum merlon_state *ret_state,
		  struct ml_error *error);
void control_reply_fields(struct ml_output *out, const struct ml_daemon_reply *reply);

/*
 * What was armed or disarmed is kept for the next boot: merlond is told, and
 * where it does not run, disarming is noted in its place. Return: is it kept?
 */
bool control_keep_armed(const struct cli *cli, const struct ml_kernel_status *status);
bool control_keep_disarmed(const struct cli *cli);

#endif
