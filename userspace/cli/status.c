// SPDX-License-Identifier: MIT
/* status: what the kernel does, and what merlond knows. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "control.h"
#include "date.h"
#include "generation.h"
#include "live.h"
#include "unheld.h"
#include "units.h"
#include "warnings.h"

static enum ml_colour state_colour(const struct ml_kernel_status *status)
{
	switch (status->state) {
	case MERLON_STATE_ENFORCING:
		return ML_GOOD;
	case MERLON_STATE_OBSERVING:
		return ML_WARN;
	default:
		return ML_BAD;
	}
}

static const char *state_sentence(const struct ml_kernel_status *status)
{
	switch (status->state) {
	case MERLON_STATE_DISARMED:
		return "nothing is judged: merlon arm";
	case MERLON_STATE_OBSERVING:
		return status->has_generation ? "judged and counted, nothing dropped" :
						"no generation: everything would be dropped";
	case MERLON_STATE_LOCKDOWN:
		return "armed without a generation, all of the scope is dropped: merlon apply BUNDLE";
	case MERLON_STATE_EXPIRED:
		return "the generation is too old, all of the scope is dropped: apply a renewal";
	case MERLON_STATE_ENFORCING:
		return "what the policy denies does not pass";
	default:
		return "";
	}
}

static void state_fields(struct ml_output *out, const struct ml_kernel_status *status)
{
	const char *state = ml_state_name(status->state);
	bool armed = status->state != MERLON_STATE_DISARMED;

	ml_output_field(out, "state", json_string(state), "state", state_colour(status),
			"%s: %s", state, state_sentence(status));
	ml_output_value(out, "scope", armed ? json_string(ml_scope_name(status->scope)) :
					      json_null());
	ml_output_value(out, "mode", armed ? json_string(ml_mode_name(status->mode)) :
					     json_null());
	if (armed)
		ml_output_field(out, NULL, NULL, "scope", ML_PLAIN, "%s",
				ml_scope_name(status->scope));
	ml_output_value(out, "confirmSeconds", status->confirm_s ?
			json_integer(status->confirm_s) : json_null());
	if (status->confirm_s)
		ml_output_field(out, NULL, NULL, "not confirmed", ML_WARN,
				"undone in %u s, unless you say: merlon arm --confirm",
				status->confirm_s);
}

static void generation_part(struct ml_output *out, const struct ml_kernel_status *status)
{
	char left[UNITS_TEXT], size[UNITS_TEXT];

	if (!status->has_generation) {
		ml_output_field(out, "generation", json_null(), "generation", ML_BAD, "none");
		return;
	}
	units_duration_format((int64_t)(status->lifetime_ms / 1000), left);
	ml_output_object(out, "generation");
	ml_output_value(out, "epoch", json_integer((json_int_t)status->epoch));
	ml_output_value(out, "serial", json_integer((json_int_t)status->serial));
	ml_output_field(out, "lifetimeSeconds",
			json_integer((json_int_t)(status->lifetime_ms / 1000)), "generation",
			status->lifetime_ms ? ML_STRONG : ML_BAD, "%" PRIu64 ".%" PRIu64 ", %s%s",
			status->epoch, status->serial, status->lifetime_ms ? "valid for " : "expired",
			status->lifetime_ms ? left : "");
	generation_digest_field(out, "sha256", "image", status->digest);
	ml_output_value(out, "imageBytes", json_integer(status->image_bytes));
	ml_output_value(out, "rules", json_integer(status->rules));
	ml_output_value(out, "guardRules", json_integer(status->guard_rules));
	ml_output_value(out, "pairs", json_integer(status->pairs));
	ml_output_value(out, "hosts", json_integer(status->hosts));
	ml_output_field(out, "memory", json_integer((json_int_t)status->memory), "holds",
			ML_PLAIN, "%u rules, %u of the guard, %u hosts, %u pairs in %s",
			status->rules, status->guard_rules, status->hosts, status->pairs,
			units_bytes_format(status->memory, size));
	ml_output_end(out);
}

static const struct ml_column count_columns[] = {
	{ "reason", "REASON", false },
	{ "passed", "PASSED", true },
	{ "denied", "DENIED", true },
};

static void counts_part(struct ml_output *out, const struct ml_kernel_status *status)
{
	ml_output_table(out, "counters", count_columns, 3);
	for (int i = 1; i < __MERLON_REASON_MAX; i++) {
		if (!status->passed[i] && !status->denied[i])
			continue;
		ml_output_cell(out, json_string(ml_reason_name(i)), ML_PLAIN, "%s",
			       ml_reason_name(i));
		ml_output_cell(out, json_integer((json_int_t)status->passed[i]), ML_PLAIN,
			       "%" PRIu64, status->passed[i]);
		ml_output_cell(out, json_integer((json_int_t)status->denied[i]),
			       status->denied[i] ? ML_BAD : ML_PLAIN, "%" PRIu64,
			       status->denied[i]);
	}
	ml_output_table_end(out);
}

static void kernel_part(struct ml_output *out, const struct ml_kernel_status *status)
{
	state_fields(out, status);
	unheld_by_guards(out, status);
	unheld_by_watch(out);
	generation_part(out, status);
	ml_output_object(out, "last");
	ml_output_value(out, "epoch", json_integer((json_int_t)status->last_epoch));
	ml_output_value(out, "serial", json_integer((json_int_t)status->last_serial));
	ml_output_end(out);
	ml_output_field(out, "module", json_string(status->module_version), "module", ML_PLAIN,
			"merlon.ko %s", status->module_version);
}

/* ----------------------------------------------------------------- merlond */

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "?";
}

static void armed_field(struct ml_output *out, const json_t *json)
{
	const json_t *armed = json_object_get(json, "armed");

	if (json_is_object(armed))
		ml_output_field(out, NULL, NULL, "after a reboot", ML_PLAIN, "armed, %s, %s",
				text_of(armed, "scope"), text_of(armed, "mode"));
	else
		ml_output_field(out, NULL, NULL, "after a reboot", ML_WARN, "not armed");
}

static void tunnel_field(struct ml_output *out, const json_t *tunnel)
{
	const char *device = text_of(tunnel, "device"), *problem = text_of(tunnel, "problem");

	if (!tunnel)
		return;
	if (problem[0])
		ml_output_field(out, NULL, NULL, "tunnel", ML_BAD, "%s: %s", device, problem);
	else if (device[0])
		ml_output_field(out, NULL, NULL, "tunnel", ML_PLAIN, "%s, %" JSON_INTEGER_FORMAT
				" peers", device,
				json_integer_value(json_object_get(tunnel, "peers")));
}

#define ENDS_SOON	(7 * 86400)

static void membership_field(struct ml_output *out, const json_t *server)
{
	int64_t ends = json_integer_value(json_object_get(server, "membershipEnds"));
	int64_t left = ends - ml_date_now();
	char text[UNITS_TEXT];

	if (ends)
		ml_output_field(out, NULL, NULL, "membership",
				left > ENDS_SOON ? ML_PLAIN : left > 0 ? ML_WARN : ML_BAD, "%s %s",
				left > 0 ? "ends" : "ended", units_time_format(ends, text));
}

static void server_field(struct ml_output *out, const json_t *server)
{
	const char *url = text_of(server, "url"), *problem = text_of(server, "problem");

	if (server && problem[0])
		ml_output_field(out, NULL, NULL, "server", ML_WARN, "%s", problem);
	else if (server)
		ml_output_field(out, NULL, NULL, "server", ML_PLAIN, "%s", url);
}

static void daemon_fields(struct ml_output *out, const json_t *json, bool forgotten)
{
	int64_t expires = json_integer_value(json_object_get(json, "expires"));
	size_t pending = json_array_size(json_object_get(json, "pending"));
	int64_t quarantined = json_integer_value(json_object_get(json, "quarantined"));
	char text[UNITS_TEXT];

	ml_output_field(out, NULL, NULL, "merlond", ML_PLAIN, "%s, node %s of %s",
			text_of(json, "version"), text_of(json, "node"), text_of(json, "network"));
	/* merlond remembers what the kernel has forgotten: that expires for nobody. */
	if (expires && !forgotten)
		ml_output_field(out, NULL, NULL, "expires",
				expires > ml_date_now() ? ML_PLAIN : ML_BAD, "%s",
				units_time_format(expires, text));
	if (json_is_true(json_object_get(json, "stale")))
		ml_output_field(out, NULL, NULL, "stale", ML_WARN,
				"nobody has renewed the policy for more than three days");
	if (pending)
		ml_output_field(out, NULL, NULL, "pending", ML_PLAIN,
				"%zu waiting for their day", pending);
	if (quarantined)
		ml_output_field(out, NULL, NULL, "set aside", ML_WARN,
				"%" PRId64 " bundles that merlond died of", quarantined);
	tunnel_field(out, json_object_get(json, "tunnel"));
	server_field(out, json_object_get(json, "server"));
	membership_field(out, json_object_get(json, "server"));
	armed_field(out, json);
}

static void daemon_part(struct cli *cli, const struct ml_daemon_reply *reply,
			const struct ml_kernel_status *status, const struct ml_error *error)
{
	struct ml_output *out = cli->output;

	if (reply->json) {
		ml_output_value(out, "daemon", json_incref(reply->json));
		daemon_fields(out, reply->json, status->state == MERLON_STATE_DISARMED &&
						!status->has_generation);
		return;
	}
	ml_output_value(out, "daemon", json_null());
	ml_output_field(out, NULL, NULL, "merlond", ML_BAD, "%s", error->text);
}

static void ask_daemon(const struct cli *cli, struct ml_daemon_reply *ret,
		       struct ml_error *error)
{
	struct ml_daemon *daemon;

	if (ml_daemon_open(cli_option(cli, "socket"), &daemon, error))
		return;
	ml_daemon_status(daemon, ret, error);
	ml_daemon_close(daemon);
}

static int ask_kernel(struct ml_kernel_status *ret, struct ml_error *error)
{
	struct ml_kernel *kernel;
	int code = ml_kernel_open(&kernel, error);

	if (code)
		return code;
	code = ml_kernel_status(kernel, ret, error);
	ml_kernel_close(kernel);
	return code;
}

/* Who may not ask the kernel, but merlond, is told what merlond says of it. */
static void from_daemon(const struct ml_daemon_reply *reply, struct ml_kernel_status *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->state = reply->state;
	ret->scope = reply->scope;
	ret->mode = reply->mode;
	ret->epoch = reply->epoch;
	ret->serial = reply->serial;
	ret->has_generation = reply->serial != 0;
}

static bool holds(const struct ml_kernel_status *status)
{
	return status->has_generation && (status->state == MERLON_STATE_ENFORCING ||
					  status->state == MERLON_STATE_OBSERVING);
}

/* The bundle in force, where it can be read. */
static void warnings_part(struct cli *cli, const struct ml_kernel_status *status)
{
	const char *directory = cli_option(cli, "state-dir"), *texts[WARNINGS_OF_LEAF];
	size_t count = 0;
	json_t *list = json_array();
	struct ml_error ignored;
	struct source source;
	char path[4200];

	snprintf(path, sizeof(path), "%s/" LIVE_ACCEPTED, directory ? directory : ML_DAEMON_STATE_DIR);
	if (status->has_generation && !source_open(path, NULL, &source, &ignored)) {
		if (!source.policy && !memcmp(source.bundle.image_digest, status->digest,
					      sizeof(status->digest)))
			count = warnings_of_leaf(source.bundle.leaf, status->scope, texts);
		source_close(&source);
	}
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_string(texts[i]));
		ml_output_field(cli->output, NULL, NULL, "warning", ML_WARN, "%s", texts[i]);
	}
	ml_output_value(cli->output, "warnings", list);
}

static int status_run(struct cli *cli)
{
	struct ml_daemon_reply reply = { 0 };
	struct ml_error error, daemon_error;
	struct ml_kernel_status status;
	int code = ask_kernel(&status, &error);

	ask_daemon(cli, &reply, &daemon_error);
	if (code && !reply.json)
		return cli_fail(cli, &error);
	if (code) {
		from_daemon(&reply, &status);
		state_fields(cli->output, &status);
	} else {
		kernel_part(cli->output, &status);
		warnings_part(cli, &status);
	}
	daemon_part(cli, &reply, &status, &daemon_error);
	if (!code) {
		ml_output_say(cli->output, ML_PLAIN, "%s", "");
		counts_part(cli->output, &status);
	}
	ml_daemon_reply_clean(&reply);
	return holds(&status) ? CLI_YES : CLI_NO;
}

static const struct cli_option status_options[] = {
	CONTROL_OPTIONS,
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_status = {
	.name = "status", .operands = "",
	.summary = "show state, generation, counters",
	.notes = "Exit status 0: a generation is in force (enforcing, or observing); 1: none is.",
	.options = status_options,
	.run = status_run,
};
