// SPDX-License-Identifier: MIT
/* arm, arm --confirm, disarm: the administrator's word to the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "circumstances.h"
#include "commands.h"
#include "control.h"
#include "describe.h"
#include "live.h"
#include "session.h"
#include "unheld.h"
#include "units.h"

/* ------------------------------------------------------------------- kept */

/* merlond does not run, so nobody else writes there. */
static int keep_myself(const struct cli *cli, enum merlon_scope scope, enum merlon_mode mode,
		       struct ml_error *error)
{
	const char *directory = cli_option(cli, "state-dir");
	char path[4200];

	snprintf(path, sizeof(path), "%s/" ML_DAEMON_ARMED_FILE,
		 directory ? directory : ML_DAEMON_STATE_DIR);
	/* Nothing was ever kept where there is no directory. */
	if (scope == MERLON_SCOPE_UNSPEC && access(path, F_OK) && errno == ENOENT)
		return 0;
	return ml_armed_write(path, scope, mode, error);
}

bool control_keep_armed(const struct cli *cli, const struct ml_kernel_status *status)
{
	struct ml_daemon *daemon;
	struct ml_error error;
	int code;

	code = ml_daemon_open(cli_option(cli, "socket"), &daemon, &error);
	if (!code) {
		code = ml_daemon_armed(daemon, status->scope, status->mode, NULL, &error);
		ml_daemon_close(daemon);
	} else if (code == -ENOENT || code == -ECONNREFUSED) {
		code = keep_myself(cli, status->scope, status->mode, &error);
	}
	if (code)
		cli_remark(cli, "Not kept: after a reboot this machine will not be armed (%s).",
			   error.text);
	return !code;
}

bool control_keep_disarmed(const struct cli *cli)
{
	struct ml_daemon *daemon;
	struct ml_error error;
	int code;

	code = ml_daemon_open(cli_option(cli, "socket"), &daemon, &error);
	if (!code) {
		code = ml_daemon_disarmed(daemon, NULL, &error);
		ml_daemon_close(daemon);
	} else if (code == -ENOENT || code == -ECONNREFUSED) {
		code = keep_myself(cli, MERLON_SCOPE_UNSPEC, MERLON_MODE_UNSPEC, &error);
	}
	if (code)
		cli_remark(cli, "Not kept: after a reboot this machine will be armed again (%s).",
			   error.text);
	return !code;
}

/* ------------------------------------------------------- what must not be cut */

struct plan {
	enum merlon_scope scope;
	enum merlon_mode mode;
	uint32_t confirm_s;
	bool force;
};

static int refuse_cut(const struct session *session, const char *why, struct ml_error *error)
{
	char client[DESCRIBE_TEXT], server[DESCRIBE_TEXT];

	describe_address(NULL, session->family, session->client, client);
	describe_address(NULL, session->family, session->server, server);
	return ml_error_set(error, -EPERM,
			    "this would cut your own SSH connection, %s → %s tcp:%u%s%s: %s. Allow it in the policy, or say --force",
			    client, server, session->server_port, *session->device ? " by " : "",
			    session->device, why);
}

/* NULL: not in the policy, as far as it is known. */
static const struct ml_tunnel *tunnel_find(const struct live *live, const char *device)
{
	for (size_t i = 0; i < live->ruleset->tunnel_count; i++) {
		if (!strcmp(live->ruleset->tunnels[i].name, device))
			return &live->ruleset->tunnels[i];
	}
	return NULL;
}

static int check_rule(const struct live *live, const struct session *session,
		      struct ml_error *error)
{
	struct ml_packet packet = {
		.family = session->family, .protocol = 6, .selector = session->server_port,
	};
	struct ml_kernel_answer answer;
	char why[80];
	int code;

	memcpy(packet.source, session->client, 16);
	memcpy(packet.destination, session->server, 16);
	code = ml_kernel_explain(live->kernel, &packet, &answer, error);
	if (code)
		return code;
	if (answer.action == MERLON_ACTION_ALLOW)
		return 0;
	snprintf(why, sizeof(why), answer.rule_id ? "rule %016llx denies it" :
		 "no rule speaks of it", (unsigned long long)answer.rule_id);
	return refuse_cut(session, why, error);
}

/*
 * Do its answers leave beside the tunnel? As far as the bundle in force says:
 * what a user or a control group alone may is not counted on.
 */
static bool is_let_out(const struct live *live, const struct session *session)
{
	const struct ml_guard *guard = live->ruleset ? live->ruleset->guard : NULL;
	const struct ml_leaving leaving = { .device = session->way, .outside = true };
	struct ml_packet packet = {
		.family = session->family, .protocol = 6, .selector = session->server_port,
	};
	size_t winner;

	if (!guard)
		return false;
	memcpy(packet.destination, session->client, 16);
	ml_leaving_source(guard, &leaving, &packet);
	ml_ruleset_match(&guard->rules, &packet, &winner, NULL, NULL);
	return winner != SIZE_MAX && guard->rules.rules[winner].action == MERLON_ACTION_ALLOW;
}

static int check_beside(const struct live *live, const struct plan *plan,
			const struct session *session, struct ml_error *error)
{
	if (plan->scope != MERLON_SCOPE_EVERYTHING || is_let_out(live, session))
		return 0;
	return refuse_cut(session, live->ruleset ?
			  "it does not come by a tunnel, and no allowance of the guard lets its answers out (as ssh-from:PREFIX does)" :
			  "it does not come by a tunnel, and what the policy allows is not known", error);
}

static int check_session(const struct live *live, const struct plan *plan,
			 struct ml_error *error)
{
	const struct ml_tunnel *tunnel;
	struct session session;

	if (!session_find(&session))
		return 0;
	if (!*session.device)
		return check_beside(live, plan, &session, error);
	tunnel = live->ruleset ? tunnel_find(live, session.device) : NULL;
	if (tunnel && tunnel->ignored)
		return 0;
	if (live->ruleset && !tunnel)
		return refuse_cut(&session, "the policy does not name the device", error);
	return check_rule(live, &session, error);
}

static int check_generation(const struct ml_kernel_status *status, struct ml_error *error)
{
	if (status->has_generation && status->lifetime_ms)
		return 0;
	return ml_error_set(error, -ENOENT,
			    "the kernel holds no valid generation: armed now, everything in the scope would be dropped. Apply a bundle first (merlon apply BUNDLE; the last one will do), or say --force");
}

static int check_disk(const struct plan *plan, struct ml_error *error)
{
	const char *disk = plan->scope == MERLON_SCOPE_EVERYTHING ? session_network_root() : NULL;

	if (!disk)
		return 0;
	return ml_error_set(error, -EPERM,
			    "/ is on %s, reached over the network, and would be cut off: name the allowance root-disk in the policy, and say --force",
			    disk);
}

static int check_all(const struct live *live, const struct plan *plan, struct ml_error *error)
{
	int code;

	if (plan->force || plan->mode == MERLON_MODE_OBSERVING)
		return 0;
	code = check_generation(&live->status, error);
	if (!code)
		code = check_session(live, plan, error);
	return code ? code : check_disk(plan, error);
}

/* -------------------------------------------------------------------- arm */

static int scope_parse(const char *text, enum merlon_scope *ret, struct ml_error *error)
{
	*ret = MERLON_SCOPE_TUNNELS;
	if (!text)
		return 0;
	for (*ret = 1; *ret <= MERLON_SCOPE_MAX; ++*ret) {
		if (!strcmp(text, ml_scope_name(*ret)))
			return 0;
	}
	return ml_error_set(error, -EINVAL, "--scope is '%s': expected tunnels or everything",
			    text);
}

static int plan_read(const struct cli *cli, struct plan *ret, struct ml_error *error)
{
	const char *within = cli_option(cli, "confirm-within");
	int64_t seconds = 0;
	int code;

	code = scope_parse(cli_option(cli, "scope"), &ret->scope, error);
	if (!code && within)
		code = units_duration_parse(within, &seconds, error);
	if (code)
		return code;
	if (seconds > 86400)
		return ml_error_set(error, -EINVAL, "--confirm-within is %s: at most 24h", within);
	ret->mode = cli_option(cli, "observe") ? MERLON_MODE_OBSERVING : MERLON_MODE_ENFORCING;
	ret->confirm_s = (uint32_t)seconds;
	ret->force = cli_option(cli, "force") != NULL;
	return 0;
}

static int reason_check(const char *reason, struct ml_error *error)
{
	if (!reason || strlen(reason) < MERLON_REASON_TEXT_BYTES)
		return 0;
	return ml_error_set(error, -EINVAL, "--reason is longer than %u bytes",
			    MERLON_REASON_TEXT_BYTES - 1);
}

static void arm_answer(struct cli *cli, const struct ml_kernel_status *status, bool confirmed,
		       bool kept)
{
	struct ml_output *out = cli->output;
	const char *state = ml_state_name(status->state);

	ml_output_value(out, "state", json_string(state));
	ml_output_value(out, "scope", json_string(ml_scope_name(status->scope)));
	ml_output_value(out, "mode", json_string(ml_mode_name(status->mode)));
	ml_output_value(out, "confirmSeconds", status->confirm_s ?
			json_integer(status->confirm_s) : json_null());
	ml_output_value(out, "kept", json_boolean(kept));
	ml_output_say(out, status->state == MERLON_STATE_ENFORCING ? ML_GOOD : ML_WARN,
		      "armed: %s, scope %s", state, ml_scope_name(status->scope));
	if (confirmed)
		ml_output_say(out, ML_GOOD, "confirmed: stays armed%s",
			      kept ? ", also after a reboot" : "");
	if (status->confirm_s)
		ml_output_say(out, ML_WARN,
			      "The kernel undoes it in %u s, unless you say: merlon arm --confirm",
			      status->confirm_s);
	if (status->scope == MERLON_SCOPE_EVERYTHING) {
		unheld_by_guards(out, status);
		unheld_by_watch(out);
	}
	if (status->state == MERLON_STATE_OBSERVING)
		ml_output_say(out, ML_PLAIN, "What would be dropped: merlon drops --follow");
}

/* What the kernel makes of it is asked again: that is what is reported and kept. */
static int report_armed(struct cli *cli, struct ml_kernel *kernel, bool confirmed,
			struct ml_error *error)
{
	struct ml_kernel_status status;
	bool kept = false;
	int code = ml_kernel_status(kernel, &status, error);

	if (code)
		return code;
	if (!status.confirm_s) {
		kept = control_keep_armed(cli, &status);
		code = ml_kernel_status(kernel, &status, error);
	}
	if (!code)
		arm_answer(cli, &status, confirmed, kept);
	return code;
}

static bool names_more_than_confirm(const struct cli *cli)
{
	static const char *const fine[] = { "confirm", "socket", "state-dir", "json" };
	size_t known = 0;

	for (size_t i = 0; i < cli->value_count; i++) {
		for (size_t j = 0; j < sizeof(fine) / sizeof(fine[0]); j++)
			known += !strcmp(cli->values[i].option->name, fine[j]);
	}
	return known < cli->value_count;
}

static int confirm(struct cli *cli)
{
	struct ml_kernel *kernel;
	struct ml_error error;
	int code;

	if (names_more_than_confirm(cli))
		return cli_failf(cli, "--confirm keeps what was armed: it goes with no other option");
	if (ml_kernel_open(&kernel, &error))
		return cli_fail(cli, &error);
	code = ml_kernel_confirm(kernel, &error);
	if (code == -ESRCH) {
		ml_kernel_close(kernel);
		return cli_refuse(cli, &error);
	}
	if (!code)
		code = report_armed(cli, kernel, true, &error);
	ml_kernel_close(kernel);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static int arm(struct cli *cli, const struct plan *plan, const char *reason)
{
	struct ml_error error;
	struct live live;
	int code;

	if (live_open(cli, &live, &error))
		return cli_fail(cli, &error);
	if (check_all(&live, plan, &error)) {
		live_close(&live);
		return cli_refuse(cli, &error);
	}
	code = ml_kernel_arm(live.kernel, plan->scope, plan->mode, plan->confirm_s, reason,
			     &error);
	if (!code)
		code = report_armed(cli, live.kernel, false, &error);
	live_close(&live);
	return code == -EOPNOTSUPP ? cli_refuse(cli, &error) :
	       code ? cli_fail(cli, &error) : CLI_YES;
}

static int arm_run(struct cli *cli)
{
	const char *reason = cli_option(cli, "reason");
	struct ml_error error;
	struct plan plan = { .force = false };

	if (cli_option(cli, "confirm"))
		return confirm(cli);
	if (plan_read(cli, &plan, &error) || reason_check(reason, &error))
		return cli_fail(cli, &error);
	return arm(cli, &plan, reason);
}

static const struct cli_option arm_options[] = {
	{ "scope", 0, "tunnels|everything", "tunnels (default): only tunnel traffic is judged; everything: all" },
	{ "observe", 0, NULL, "judge, count and report; drop nothing" },
	{ "confirm-within", 0, "DURATION", "undone by the kernel unless confirmed by then, as 5m" },
	{ "confirm", 0, NULL, "keep what was armed with --confirm-within" },
	{ "reason", 0, "TEXT", "goes to the kernel log" },
	{ "force", 0, NULL, "even if it cuts your own connection, or everything" },
	CONTROL_OPTIONS,
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_arm = {
	.name = "arm", .operands = "",
	.summary = "make the policy real",
	.notes = "Refused (exit status 1) where there is no valid generation, or where it would cut\n"
		 "the SSH connection that you are using.",
	.options = arm_options,
	.run = arm_run,
};

/* ----------------------------------------------------------------- disarm */

static int kernel_disarm(const char *reason, bool *ret_loaded, struct ml_error *error)
{
	struct ml_kernel *kernel;
	int code = ml_kernel_open(&kernel, error);

	*ret_loaded = code != -ENOENT;
	if (code)
		return code == -ENOENT ? 0 : code;
	code = ml_kernel_disarm(kernel, reason, error);
	ml_kernel_close(kernel);
	return code;
}

static int disarm_run(struct cli *cli)
{
	const char *reason = cli_option(cli, "reason");
	struct ml_error error;
	bool loaded, kept;

	if (!reason || !*reason)
		return cli_failf(cli, "say why: --reason TEXT, which is logged");
	if (reason_check(reason, &error) || kernel_disarm(reason, &loaded, &error))
		return cli_fail(cli, &error);
	/* Without the module there is no kernel log of it. */
	if (!loaded)
		syslog(LOG_AUTH | LOG_WARNING, "merlon: disarmed by user %d: %s", (int)getuid(),
		       reason);
	kept = control_keep_disarmed(cli);
	ml_output_value(cli->output, "state", json_string("disarmed"));
	ml_output_value(cli->output, "moduleLoaded", json_boolean(loaded));
	ml_output_value(cli->output, "kept", json_boolean(kept));
	ml_output_say(cli->output, ML_WARN, "disarmed: nothing is judged%s",
		      loaded ? "" : " (merlon.ko is not loaded)");
	return CLI_YES;
}

static const struct cli_option disarm_options[] = {
	{ "reason", 0, "TEXT", "why; goes to the kernel log" },
	CONTROL_OPTIONS,
	{ "state-dir", 0, "DIR", "merlond's, where that does not run (default: "
	  ML_DAEMON_STATE_DIR ")" },
	{ 0 },
};

const struct cli_command cli_disarm = {
	.name = "disarm", .operands = "",
	.summary = "let everything pass again",
	.options = disarm_options,
	.run = disarm_run,
};
