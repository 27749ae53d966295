// SPDX-License-Identifier: MIT
#include "commands.h"

const struct cli_command *const cli_commands[] = {
	&cli_adopt,
	&cli_status,
	&cli_rules,
	&cli_explain,
	&cli_drops,
	&cli_leaks,
	&cli_apply,
	&cli_arm,
	&cli_disarm,
	&cli_policy_check,
	&cli_policy_test,
	&cli_policy_compile,
	&cli_policy_sign,
	&cli_policy_renew,
	&cli_policy_verify,
	&cli_policy_show,
	&cli_policy_diff,
	&cli_key_generate,
	&cli_key_show,
	&cli_trust_init,
	&cli_completion,
	&cli_version,
	&cli_help,
	NULL,
};
