// SPDX-License-Identifier: MIT
#include "commands.h"

const struct cli_command *const cli_commands[] = {
	&cli_completion,
	&cli_version,
	&cli_help,
	NULL,
};
