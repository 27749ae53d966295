// SPDX-License-Identifier: MIT
/* apply: a bundle goes to merlond, and from there to the kernel. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands.h"
#include "control.h"
#include "file.h"
#include "warnings.h"

void control_reply_fields(struct ml_output *out, const struct ml_daemon_reply *reply)
{
	ml_output_value(out, "epoch", json_integer((json_int_t)reply->epoch));
	ml_output_value(out, "serial", json_integer((json_int_t)reply->serial));
	ml_output_value(out, "state", json_string(ml_state_name(reply->state)));
	ml_output_value(out, "sentence", ml_output_text(reply->sentence));
}

static void applied(struct ml_output *out, const char *path,
		    const struct ml_daemon_reply *reply, int code)
{
	bool enforcing = reply->state == MERLON_STATE_ENFORCING;

	ml_output_value(out, "applied", json_true());
	ml_output_value(out, "already", json_boolean(code == -EALREADY));
	ml_output_value(out, "file", ml_output_text(path));
	control_reply_fields(out, reply);
	ml_output_say(out, enforcing ? ML_GOOD : ML_WARN,
		      "generation %" PRIu64 ".%" PRIu64 " %s; this machine is %s",
		      reply->epoch, reply->serial,
		      code ? "was in the kernel already" : "is in the kernel",
		      ml_state_name(reply->state));
}

/* adopt, which arms by itself, says what comes next in its own words. */
static void tell_next(struct ml_output *out)
{
	ml_output_say(out, ML_PLAIN, "Nothing is judged until it is armed: merlon arm --observe shows what would be dropped;");
	ml_output_say(out, ML_PLAIN, "merlon arm --confirm-within 5m makes it real.");
}

int control_apply(struct cli *cli, const char *path, enum merlon_state *ret_state,
		  struct ml_error *error)
{
	struct ml_daemon_reply reply = { 0 };
	struct ml_daemon *daemon;
	struct ml_bytes bundle;
	uint8_t *bytes;
	int code, status;

	if (ml_daemon_open(cli_option(cli, "socket"), &daemon, error))
		return CLI_FAILURE;
	if (ml_file_read(path, ML_BUNDLE_MAX_BYTES, &bytes, &bundle.length, error)) {
		ml_daemon_close(daemon);
		return CLI_FAILURE;
	}
	bundle.data = bytes;
	code = ml_daemon_apply(daemon, bundle, &reply, error);
	if (!code || code == -EALREADY) {
		applied(cli->output, path, &reply, code);
		warnings_of_bundle(cli, bundle);
		*ret_state = reply.state;
		status = CLI_YES;
	} else {
		/* A refusal is an answer; a client that may not ask has none. */
		status = reply.json && code != -EPERM && code != -EACCES ? CLI_NO : CLI_FAILURE;
	}
	ml_daemon_reply_clean(&reply);
	free(bytes);
	ml_daemon_close(daemon);
	return status;
}

static int apply_run(struct cli *cli)
{
	enum merlon_state state = MERLON_STATE_UNSPEC;
	struct ml_error error;
	int status = control_apply(cli, cli_operand(cli, 0), &state, &error);

	if (status == CLI_NO)
		return cli_refuse(cli, &error);
	if (status)
		return cli_fail(cli, &error);
	if (state == MERLON_STATE_DISARMED)
		tell_next(cli->output);
	return CLI_YES;
}

static const struct cli_option apply_options[] = {
	CONTROL_OPTIONS,
	{ 0 },
};

const struct cli_command cli_apply = {
	.name = "apply", .operands = "BUNDLE", .least = 1, .most = 1,
	.summary = "hand a bundle to merlond, and wait until it is in force",
	.notes = "Returns when the kernel has acknowledged. Exit status 1: refused, or kept until its\n"
		 "not-before; what was in force stays.",
	.options = apply_options,
	.run = apply_run,
};
