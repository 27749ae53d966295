/* SPDX-License-Identifier: MIT */
/* Every command, each defined in the file that runs it. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command cli_admin_create, cli_admin_list, cli_admin_login,
	cli_admin_logout, cli_admin_recover, cli_admin_remove, cli_admin_reset,
	cli_admin_role, cli_adopt, cli_apply, cli_arm, cli_audit_prove,
	cli_audit_show, cli_audit_verify, cli_completion,
	cli_disarm, cli_drops, cli_enrol, cli_explain, cli_help, cli_key_generate,
	cli_key_show, cli_leaks, cli_policy_check, cli_policy_compile, cli_policy_diff,
	cli_policy_renew, cli_policy_show, cli_policy_sign, cli_policy_test,
	cli_policy_verify, cli_rotate, cli_rules, cli_status, cli_trust_init, cli_version;

#endif
