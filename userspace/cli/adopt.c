// SPDX-License-Identifier: MIT
#include "adopt.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "control.h"
#include "date.h"
#include "file.h"
#include "live.h"
#include "passphrase.h"
#include "secret.h"
#include "service.h"
#include "signing.h"
#include "source.h"
#include "units.h"

#define DIRECTORY	"/etc/merlon"
/* On one machine, a longer life withholds nothing: who could revoke can also apply. */
#define LIFETIME_DAYS	90
#define LISTEN_SECONDS	10
#define START_SECONDS	15	/* until merlond must have come up */

struct adopt {
	struct cli *cli;
	const char *device, *directory;
	uint64_t listen;
	struct adopt_scene scene;
	struct ml_text draft;
	struct source source;		/* the draft, as a source */
	char policy[PATH_MAX], key[PATH_MAX], trust[PATH_MAX], bundles[PATH_MAX];
	char bundle[PATH_MAX];
	bool had_key, had_trust;
	struct ml_statement first;	/* epoch and serial alone */
};

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void path_join(const char *directory, const char *name, char ret[static PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s/%s", directory, name);
}

static void paths_fill(struct adopt *adopt)
{
	char name[ML_NAME_MAX + 32];

	path_join(adopt->directory, "policy.hujson", adopt->policy);
	path_join(adopt->directory, "policy.key", adopt->key);
	path_join(adopt->directory, "trust.json", adopt->trust);
	path_join(adopt->directory, "bundles", adopt->bundles);
	snprintf(name, sizeof(name), "bundles/%s.bundle", adopt->scene.node);
	path_join(adopt->directory, name, adopt->bundle);
}

/* ------------------------------------------------------------------ draft */

/* The draft must be a policy: if it is not, that is a mistake in here, and told as one. */
static int draft_make(struct adopt *adopt, struct ml_error *error)
{
	struct ml_error inner;

	adopt_draft(&adopt->scene, &adopt->draft);
	if (adopt->draft.failed)
		return ml_error_set(error, -ENOMEM, "out of memory");
	adopt->source.path = adopt->policy;
	if (ml_policy_parse(adopt->policy, adopt->draft.data, adopt->draft.length,
			    &adopt->source.policy, &inner))
		return ml_error_set(error, -EPROTO,
				    "the draft is not a valid policy (line %u: %.300s): please report this; --dry-run shows it",
				    inner.line, inner.text);
	return 0;
}

static int may_write(const struct adopt *adopt, struct ml_error *error)
{
	if (exists(adopt->policy))
		return ml_error_set(error, -EEXIST,
				    "%s exists, and is never overwritten: move it away, or see what would be drafted with --dry-run",
				    adopt->policy);
	if (exists(adopt->bundles))
		return ml_error_set(error, -EEXIST,
				    "%s exists: a policy was signed here before; move it away first",
				    adopt->bundles);
	return 0;
}

/* -------------------------------------------------------------- key, trust */

static int key_make(struct adopt *adopt, struct ml_secret_key **ret, struct ml_error *error)
{
	char *passphrase;
	int code;

	if (exists(adopt->key)) {
		adopt->had_key = true;
		return secret_open(adopt->cli, adopt->key, ret, error);
	}
	code = secret_choose(adopt->cli, adopt->key, &passphrase, error);
	if (code)
		return code;
	code = ml_secret_key_generate(ret, error);
	if (!code) {
		code = ml_secret_key_write(adopt->key, *ret, passphrase, error);
		if (code)
			ml_secret_key_free(*ret);
	}
	if (passphrase)
		ml_passphrase_free(passphrase);
	return code;
}

static bool trust_fits(const struct adopt *adopt, const struct ml_trust *trust,
		       const struct ml_public_key *key)
{
	bool known = false;

	for (size_t i = 0; i < trust->key_count; i++)
		known = known || !memcmp(&trust->keys[i], key, sizeof(*key));
	return known && !strcmp(trust->network, adopt->scene.network) &&
	       !strcmp(trust->node, adopt->scene.node);
}

static int trust_make(struct adopt *adopt, const struct ml_secret_key *key,
		      struct ml_error *error)
{
	struct ml_trust trust = { .key_count = 1 };
	struct ml_public_key public;
	int code;

	ml_secret_key_public(key, &public);
	if (exists(adopt->trust)) {
		adopt->had_trust = true;
		code = ml_trust_read(adopt->trust, &trust, error);
		if (code || trust_fits(adopt, &trust, &public))
			return code;
		return ml_error_set(error, -EEXIST,
				    "%s exists, and trusts another key, network or node: this machine belongs to a network already; move it away, or use --network and --node as it has them",
				    adopt->trust);
	}
	trust.keys[0] = public;
	strcpy(trust.network, adopt->scene.network);
	strcpy(trust.node, adopt->scene.node);
	return ml_trust_write(adopt->trust, &trust, error);
}

/* ------------------------------------------------------------------- sign */

/* A machine that had Merlon before takes nothing that is not above what it had. */
static int first_choose(struct adopt *adopt, struct ml_error *error)
{
	const char *directory = cli_option(adopt->cli, "state-dir");
	struct ml_kernel_status status = { 0 };
	struct ml_watermark watermark;
	struct ml_kernel *kernel;
	char path[PATH_MAX];
	int code;

	path_join(directory ? directory : ML_DAEMON_STATE_DIR, "watermark", path);
	code = ml_watermark_read(path, &watermark, error);
	if (code)
		return code;
	code = ml_kernel_open(&kernel, error);
	if (!code) {
		code = ml_kernel_status(kernel, &status, error);
		ml_kernel_close(kernel);
	}
	/* Without the module there is nothing that it had. */
	if (code && code != -ENOENT)
		return code;
	ml_watermark_next(&watermark, status.last_epoch, status.last_serial, &adopt->first);
	return 0;
}

static int sign(struct adopt *adopt, struct ml_secret_key *key, struct ml_error *error)
{
	struct signing signing = { .key = key };
	int code;

	strcpy(signing.statement.network, adopt->scene.network);
	signing.statement.epoch = adopt->first.epoch;
	signing.statement.serial = adopt->first.serial;
	signing.statement.issued = signing.statement.not_before = ml_date_now();
	signing.statement.expires = signing.statement.issued + LIFETIME_DAYS * 86400;
	code = signing_add_source(&signing, &adopt->source, NULL, error);
	if (!code)
		code = signing_write(&signing, adopt->bundles, error);
	signing_clean(&signing);	/* and the key */
	return code;
}

static int write_all(struct adopt *adopt, struct ml_error *error)
{
	struct ml_secret_key *key;
	int code;

	code = first_choose(adopt, error);
	if (code)
		return code;
	if (mkdir(adopt->directory, 0755) && errno != EEXIST)
		return ml_error_at(error, -errno, adopt->directory, 0, 0, "%s", strerror(errno));
	code = key_make(adopt, &key, error);
	if (code)
		return code;
	code = trust_make(adopt, key, error);
	if (code) {
		ml_secret_key_free(key);
		return code;
	}
	code = ml_file_write_new(adopt->policy, adopt->draft.data, adopt->draft.length, 0644,
				 error);
	if (code) {
		ml_secret_key_free(key);
		return code;
	}
	return sign(adopt, key, error);
}

/* -------------------------------------------------------------------- load */

/* merlond does not start before it has somebody to trust: now it has. */
static int daemon_wait(const struct adopt *adopt, struct ml_error *error)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	const char *socket = cli_option(adopt->cli, "socket");
	struct ml_daemon *daemon;
	struct ml_error ignored;
	int code = ml_daemon_open(socket, &daemon, error);

	if (code == -ENOENT || code == -ECONNREFUSED) {
		if (service_start(error))
			return -ENOENT;
		for (int i = 0; code && i < START_SECONDS * 5; i++) {
			nanosleep(&pause, NULL);
			code = ml_daemon_open(socket, &daemon, &ignored);
		}
		if (code)
			*error = ignored;
	}
	if (!code)
		ml_daemon_close(daemon);
	return code;
}

static int observe(struct adopt *adopt, struct ml_kernel *kernel, struct ml_error *error)
{
	struct ml_kernel_status status;
	struct sheet sheet;
	int code;

	code = ml_kernel_subscribe(kernel, error);
	if (!code)
		code = ml_kernel_arm(kernel, MERLON_SCOPE_TUNNELS, MERLON_MODE_OBSERVING, 0,
				     "merlon adopt", error);
	if (!code)
		code = ml_kernel_status(kernel, &status, error);
	if (code)
		return code;
	ml_output_value(adopt->cli->output, "kept",
			json_boolean(control_keep_armed(adopt->cli, &status)));
	ml_output_value(adopt->cli->output, "state", json_string(ml_state_name(status.state)));
	ml_output_say(adopt->cli->output, ML_GOOD,
		      "loaded and observing: everything is judged and counted, nothing dropped");
	code = sheet_open(&adopt->source, adopt->scene.node, &sheet, error);
	if (code || !adopt->listen)
		return code;
	cli_remark(adopt->cli, "(listening for %u s)", (unsigned int)adopt->listen);
	code = adopt_listen(adopt->cli, kernel, &sheet.ruleset, (unsigned int)adopt->listen,
			    error);
	sheet_close(&sheet);
	return code;
}

static int load(struct adopt *adopt, struct ml_error *error)
{
	enum merlon_state state;
	struct ml_kernel *kernel;
	int code;

	code = daemon_wait(adopt, error);
	if (!code)
		code = ml_kernel_open(&kernel, error);
	if (code)
		return code;
	code = control_apply(adopt->cli, adopt->bundle, &state, error) ? -EREMOTEIO : 0;
	if (!code)
		code = observe(adopt, kernel, error);
	ml_kernel_close(kernel);
	return code;
}

/* -------------------------------------------------------------------- tell */

static void tell_files(struct adopt *adopt)
{
	struct ml_output *out = adopt->cli->output;

	ml_output_field(out, "policy", ml_output_text(adopt->policy), "policy", ML_STRONG,
			"%s: a draft, read it", adopt->policy);
	ml_output_field(out, "key", ml_output_text(adopt->key), "key", ML_PLAIN, "%s%s%s",
			adopt->key, adopt->had_key ? "" : ", new",
			cli_option(adopt->cli, "no-passphrase") ? ", without passphrase" : "");
	ml_output_field(out, "trust", ml_output_text(adopt->trust), "trust", ML_PLAIN,
			"%s: node %s of network %s", adopt->trust, adopt->scene.node,
			adopt->scene.network);
	ml_output_field(out, "bundle", ml_output_text(adopt->bundle), "bundle", ML_PLAIN,
			"%s, valid for %d days", adopt->bundle, LIFETIME_DAYS);
	ml_output_value(out, "network", ml_output_text(adopt->scene.network));
	ml_output_value(out, "node", ml_output_text(adopt->scene.node));
	ml_output_field(out, "peers", json_integer((json_int_t)adopt->scene.peer_count), "peers",
			ML_PLAIN, "%zu", adopt->scene.peer_count);
}

static void tell_next(const struct adopt *adopt)
{
	struct ml_output *out = adopt->cli->output;
	char epoch[40] = "";

	if (adopt->first.epoch != 1)	/* which it is where nothing is said */
		snprintf(epoch, sizeof(epoch), " --epoch %" PRIu64, adopt->first.epoch);
	ml_output_say(out, ML_STRONG, "%s", "");
	ml_output_say(out, ML_STRONG, "Next:");
	ml_output_say(out, ML_PLAIN, "  merlon drops --follow          # what would be dropped, as it comes");
	ml_output_say(out, ML_PLAIN, "  $EDITOR %s", adopt->policy);
	ml_output_say(out, ML_PLAIN, "  merlon policy sign %s --key %s --network %s%s --lifetime %dd -o %s",
		      adopt->policy, adopt->key, adopt->scene.network, epoch, LIFETIME_DAYS,
		      adopt->bundles);
	ml_output_say(out, ML_PLAIN, "  merlon apply %s", adopt->bundle);
	ml_output_say(out, ML_PLAIN, "  merlon arm --confirm-within 5m # for real; undone unless: merlon arm --confirm");
	ml_output_say(out, ML_WARN, "Before %d days are over, or tunnel traffic stops: merlon policy renew %s --key %s --lifetime %dd, and apply.",
		      LIFETIME_DAYS, adopt->bundles, adopt->key, LIFETIME_DAYS);
}

/* --------------------------------------------------------------------- run */

static int dry_run(struct adopt *adopt)
{
	struct ml_output *out = adopt->cli->output;

	ml_output_value(out, "dryRun", json_true());
	ml_output_value(out, "policyFile", ml_output_text(adopt->policy));
	ml_output_value(out, "network", ml_output_text(adopt->scene.network));
	ml_output_value(out, "node", ml_output_text(adopt->scene.node));
	ml_output_value(out, "peers", json_integer((json_int_t)adopt->scene.peer_count));
	ml_output_value(out, "draft", ml_output_text(adopt->draft.data));
	ml_output_raw(out, adopt->draft.data);
	return CLI_YES;
}

static int adopt_do(struct adopt *adopt)
{
	struct ml_error error;

	if (may_write(adopt, &error))
		return cli_refuse(adopt->cli, &error);
	if (write_all(adopt, &error))
		return error.code == -EEXIST ? cli_refuse(adopt->cli, &error) :
					       cli_fail(adopt->cli, &error);
	tell_files(adopt);
	if (load(adopt, &error)) {
		cli_remark(adopt->cli, "The files are written; what is missing: merlon apply %s, and merlon arm --observe",
			   adopt->bundle);
		return cli_fail(adopt->cli, &error);
	}
	tell_next(adopt);
	return CLI_YES;
}

static int adopt_draft_and_do(struct adopt *adopt)
{
	struct ml_error error;
	int code;

	paths_fill(adopt);
	code = draft_make(adopt, &error);
	if (cli_option(adopt->cli, "dry-run") && adopt->draft.data && !adopt->draft.failed)
		return dry_run(adopt);
	return code ? cli_fail(adopt->cli, &error) : adopt_do(adopt);
}

static int adopt_run(struct cli *cli)
{
	const char *directory = cli_option(cli, "directory"), *listen = cli_option(cli, "listen");
	struct adopt *adopt = calloc(1, sizeof(*adopt));
	struct ml_error error;
	int status;

	if (!adopt)
		return cli_failf(cli, "out of memory");
	adopt->cli = cli;
	adopt->device = cli_operand(cli, 0);
	adopt->directory = directory ? directory : DIRECTORY;
	adopt->listen = LISTEN_SECONDS;
	if ((listen && units_number_parse("--listen", listen, 0, 3600, &adopt->listen, &error)) ||
	    adopt_scene_read(adopt->device, cli_option(cli, "network"), cli_option(cli, "node"),
			     &adopt->scene, &error))
		status = cli_fail(cli, &error);
	else
		status = adopt_draft_and_do(adopt);
	adopt_scene_clean(&adopt->scene);
	ml_text_clean(&adopt->draft);
	source_close(&adopt->source);
	free(adopt);
	return status;
}

static const struct cli_option adopt_options[] = {
	{ "dry-run", 0, NULL, "print the draft, change nothing" },
	{ "network", 0, "NAME", "what the network is called (default: the host's name)" },
	{ "node", 'n', "NODE", "what this machine is called in it (default: the host's name)" },
	{ "directory", 0, "DIR", "where to write (default: " DIRECTORY ")" },
	{ "listen", 0, "N", "seconds to listen for what would be dropped (default: 10)" },
	{ "no-passphrase", 0, NULL, "do not encrypt the new key" },
	SECRET_OPTIONS,
	CONTROL_OPTIONS,
	LIVE_OPTIONS,
	{ 0 },
};

const struct cli_command cli_adopt = {
	.name = "adopt", .operands = "DEVICE", .least = 1, .most = 1,
	.summary = "draft a policy for a WireGuard device, load it, drop nothing",
	.notes = "The draft lets each peer ping this machine and reach what it listens on. It is\n"
		 "signed with a new key, loaded, and armed in the mode that only observes.",
	.options = adopt_options,
	.run = adopt_run,
};
