// SPDX-License-Identifier: MIT
/* restore: a server of a backup, on a new machine or in the place of the one that is there. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "date.h"
#include "restore.h"

static const char usage[] =
"Usage: merlon-control restore [OPTION...] FILE\n"
"Verifies a backup, says what happened behind it, asks, and makes a server of it. What was\n"
"there stays beside it. The server must be stopped; the signer should run.\n"
"\n"
"      --check             verify only\n"
"      --key FILE          the server's audit.pub, from elsewhere: who must have signed it\n"
"      --force             do not ask whether to go back\n"
"      --passphrase-fd N   where to read the passphrase; otherwise systemd's credential\n"
"                          backup-passphrase, or it is asked for\n"
"      --config FILE       (" CONFIG_FILE "); written where there is none\n"
"      --user NAME         who the server is (" CONFIG_USER ")\n"
"  -h, --help\n";

enum { OPT_CHECK = 256, OPT_KEY, OPT_FORCE };

static const struct option options[] = {
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "passphrase-fd", required_argument, NULL, 'p' },
	{ "config", required_argument, NULL, 'c' },
	{ "user", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void show(const struct restore *restore)
{
	const struct backup_manifest *manifest = &restore->manifest;
	char created[ML_DATE_TEXT];

	printf("%s: network %s, %s, generation %lld.%lld, %lld audit entries, by merlon-control %s\n",
	       restore->file, manifest->network, ml_date_format(manifest->created, created),
	       (long long)manifest->epoch, (long long)manifest->serial,
	       (long long)manifest->audit_size, manifest->version);
}

static int run(struct restore *restore, bool check, struct ml_error *error)
{
	char before[CONFIG_PATH];
	int r = restore_open(restore, error);

	if (r)
		return r;
	show(restore);
	if (check)
		return 0;
	r = restore_run(restore, before, error);
	if (r)
		return r;
	printf("restored to %s\n", restore->config.directory);
	if (restore->kept)
		printf("kept         %" PRIu64 " audit entries from behind the backup\n", restore->kept);
	if (before[0])
		printf("before       %s: remove it when all is well\n", before);
	printf("next         systemctl start merlon-signer merlon-control\n");
	return 0;
}

int command_restore(int argc, char **argv)
{
	struct restore restore = { .config_file = CONFIG_FILE, .user = CONFIG_USER,
				   .passphrase_fd = -1 };
	struct ml_error error = { .text = "" };
	bool check = false;
	int option, r;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPT_CHECK: check = true; break;
		case OPT_KEY: restore.key_file = optarg; break;
		case OPT_FORCE: restore.force = true; break;
		case 'p': restore.passphrase_fd = atoi(optarg); break;
		case 'c': restore.config_file = optarg; break;
		case 'u': restore.user = optarg; break;
		case 'h': return fputs(usage, stdout) < 0 ? 2 : 0;
		default: return command_usage("restore", "wrong options");
		}
	}
	if (optind + 1 != argc)
		return command_usage("restore", "expected one file");
	restore.file = argv[optind];
	r = run(&restore, check, &error);
	restore_clean(&restore);
	return r ? command_failed(&error) : 0;
}
