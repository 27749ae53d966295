// SPDX-License-Identifier: MIT
/* enrol: this machine becomes a node, by a key string */
#include "enrol.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "date.h"
#include "file.h"
#include "locked.h"
#include "passphrase.h"
#include "service.h"

#define CREDENTIAL "merlon-key"

/* --------------------------------------------------------------- key string */

static int from_file(const char *path, char **ret, struct ml_error *error)
{
	int fd, code = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);

	if (code)
		return code;
	code = ml_passphrase_read_fd(fd, ret, error);
	close(fd);
	return code;
}

/* Of systemd (LoadCredential=merlon-key:…). 1: there is none. */
static int from_credential(char **ret, struct ml_error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[ENROL_PATH];

	if (!directory || enrol_path(directory, CREDENTIAL, path, error) ||
	    access(path, F_OK))
		return 1;
	return from_file(path, ret, error);
}

/* Never argv, where every process of the machine could read it. */
static int key_text(const struct cli *cli, char **ret, struct ml_error *error)
{
	const char *file = cli_option(cli, "key-file");
	int code;

	if (file && strcmp(file, "-"))
		return from_file(file, ret, error);
	code = file ? 1 : from_credential(ret, error);
	if (code <= 0)
		return code;
	if (file || !isatty(STDIN_FILENO))
		return ml_passphrase_read_fd(STDIN_FILENO, ret, error);
	return ml_passphrase_ask("Key (merlon-key-1:…): ", ret, error);
}

static int key_read(struct enrol *enrol, struct ml_error *error)
{
	char *text;
	int code = key_text(enrol->cli, &text, error);

	if (code)
		return code;
	code = ml_key_string_parse(text, strlen(text), &enrol->key, error);
	ml_passphrase_free(text);
	return code;
}

/* ------------------------------------------------------------------ beginning */

/* No core file and no debugger: there will be keys in here. */
static int close_process(struct ml_error *error)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return ml_error_set(error, -errno, "this process cannot be kept out of core "
				    "files: %s", strerror(errno));
	umask(077);
	return 0;
}

static int find_user(struct enrol *enrol, struct ml_error *error)
{
	const char *name = cli_option(enrol->cli, "user");
	const struct passwd *user = getpwnam(name ? name : ML_DAEMON_USER);

	if (geteuid())
		return ml_error_set(error, -EPERM, "only root can do that: a node's keys are root's");
	if (!user && !name)
		user = getpwnam("nobody");	/* as merlond does */
	if (!user || !user->pw_uid)
		return ml_error_set(error, -ENOENT, "there is no user '%s' that merlond's "
				    "unprivileged half could be", name ? name : ML_DAEMON_USER);
	enrol->uid = user->pw_uid;
	enrol->gid = user->pw_gid;
	return 0;
}

/* The host's name, made fit: its first part, what is no letter or digit as '-'. */
static void name_of_host(char ret[static ML_NAME_MAX + 1])
{
	char host[256] = "";
	size_t i;

	gethostname(host, sizeof(host) - 1);
	snprintf(ret, ML_NAME_MAX + 1, "%.*s", (int)strcspn(host, "."), host);
	for (i = 0; ret[i]; i++)
		ret[i] = (char)(isalnum((unsigned char)ret[i]) ?
				tolower((unsigned char)ret[i]) : '-');
}

static int find_name(struct enrol *enrol, struct ml_error *error)
{
	const char *name = cli_option(enrol->cli, "name");

	if (!name)
		name_of_host(enrol->name);
	else if (ml_name_valid(name))
		strcpy(enrol->name, name);
	if (!ml_name_valid(enrol->name))
		return ml_error_set(error, -EINVAL, "say what the node is called: --name NAME ("
				    ML_NAME_RULE ")");
	return 0;
}

int enrol_begin(struct enrol *enrol, struct ml_error *error)
{
	const struct cli *cli = enrol->cli;
	const char *state_dir = cli_option(cli, "state-dir"), *inbox = cli_option(cli, "inbox");
	int code = close_process(error);

	enrol->state_dir = state_dir ? state_dir : ML_DAEMON_STATE_DIR;
	enrol->inbox = inbox ? inbox : ML_DAEMON_INBOX;
	enrol->lock = -1;
	return code ? code : find_user(enrol, error);
}

/* 1: it is not enrolled yet. */
static int already(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_ENROLLED_FILE, path, error);

	if (code)
		return code;
	code = ml_enrolment_read(path, &enrol->enrolment, error);
	if (code)
		return code == -ENOENT ? 1 : code;
	return ml_error_set(error, -EALREADY, "this machine is node '%s' of network '%s' already "
			    "(%s)", enrol->enrolment.node, enrol->enrolment.network, path);
}

/* ---------------------------------------------------------------------- whole */

void enrol_end(struct enrol *enrol)
{
	ml_client_free(enrol->client);
	ml_secret_key_free(enrol->one_time);
	ml_secret_key_free(enrol->identity);
	ml_key_string_free(enrol->key);
	if (enrol->wireguard)
		ml_locked_free(enrol->wireguard);
	if (enrol->tls_key)
		ml_locked_free(enrol->tls_key);
	free(enrol->certificate);
	if (enrol->lock >= 0)
		close(enrol->lock);
}

static int do_all(struct enrol *enrol, struct ml_error *error)
{
	int code = enrol_begin(enrol, error);

	if (!code)
		code = find_name(enrol, error);
	if (!code)
		code = enrol_prepare(enrol, error);
	if (!code)
		code = already(enrol, error);
	if (code <= 0)
		return code;
	code = key_read(enrol, error);
	if (!code)
		code = enrol_connect(enrol, error);
	if (!code)
		code = enrol_roots(enrol, error);
	if (!code)
		code = enrol_keys(enrol, error);
	if (!code)
		code = enrol_join(enrol, error);
	return code ? code : enrol_finish(enrol, error);
}

static void answer(struct enrol *enrol)
{
	const struct ml_enrolment *enrolment = &enrol->enrolment;
	struct ml_output *out = enrol->cli->output;
	bool active = !strcmp(enrol->state, "active");
	char date[ML_DATE_TEXT];

	ml_output_field(out, "node", json_string(enrolment->node), "node", ML_STRONG, "%s",
			enrolment->node);
	ml_output_field(out, "network", json_string(enrolment->network), "network", ML_PLAIN,
			"%s", enrolment->network);
	ml_output_field(out, "state", json_string(enrol->state), "state",
			active ? ML_GOOD : ML_WARN, "%s", active ? "active: it is in" :
			"pending: an administrator has to let it in");
	ml_output_field(out, "server", json_string(enrolment->url), "server", ML_PLAIN, "%s",
			enrolment->url);
	ml_date_format(enrol->until, date);
	ml_output_field(out, "certificateExpires", json_integer(enrol->until), "certificate",
			ML_PLAIN, "until %s, renewed by merlond", date);
}

static void start_daemon(struct cli *cli)
{
	struct ml_error error;

	if (cli_option(cli, "no-start"))
		return;
	if (service_start(&error))
		cli_remark(cli, "%s", error.text);
	if (!access(ML_DAEMON_TRUST, F_OK))
		cli_remark(cli, ML_DAEMON_TRUST " says nothing any more: the network's root does");
}

static int enrol_run(struct cli *cli)
{
	struct enrol enrol = { .cli = cli };
	struct ml_error error;
	int code = do_all(&enrol, &error);

	if (!code)
		answer(&enrol);
	enrol_end(&enrol);
	if (!code)
		start_daemon(cli);
	if (code == -EALREADY || code == -EACCES || code == -EKEYREJECTED)
		return cli_refuse(cli, &error);
	return code ? cli_fail(cli, &error) : CLI_YES;
}

static const struct cli_option enrol_options[] = {
	{ "name", 'n', "NAME", "what this node is called (default: the host's name)" },
	{ "key-file", 'f', "FILE", "read the key from this file, which nobody else may read; - is standard input" },
	{ "no-start", 0, NULL, "do not have systemd start merlond" },
	{ "state-dir", 0, "DIR", "merlond's (default: " ML_DAEMON_STATE_DIR ")" },
	{ "inbox", 0, "DIR", "merlond's (default: " ML_DAEMON_INBOX ")" },
	{ "user", 0, "NAME", "who merlond's unprivileged half is (default: " ML_DAEMON_USER ")" },
	{ 0 },
};

const struct cli_command cli_enrol = {
	.name = "enrol", .operands = "",
	.summary = "make this machine a node of a network, by a one-time key",
	.notes = "The key is asked for at the terminal, or read from standard input, from --key-file, or\n"
		 "from systemd's credential " CREDENTIAL ". Killed or cut off on its way, it can be run again.",
	.options = enrol_options,
	.run = enrol_run,
};
