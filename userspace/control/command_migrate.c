// SPDX-License-Identifier: MIT
/* migrate: the store's schema, to the version that this program wants, or an older one's. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "owner.h"

static const char usage[] =
"Usage: merlon-control migrate [--to VERSION] [--config FILE]\n"
"Brings the store to this program's schema, in one step or not at all; the server must be\n"
"stopped. --to: down to an older program's, which loses what that does not know.\n";

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int migrate(const char *config_file, int to, int *ret_from, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;
	struct config config;
	struct stat status;
	int r = config_read(config_file, &config, error);

	if (r)
		return r;
	if (stat(config.directory, &status))
		return ml_error_set(error, -errno, "%s: %s", config.directory, strerror(errno));
	r = owner_become(status.st_uid, status.st_gid, error);
	if (r)
		return r;
	config_store(&config, target, &where);
	return store_migrate(&where, to, ret_from, error);
}

int command_migrate(int argc, char **argv)
{
	const char *config = CONFIG_FILE;
	int option, from, to = STORE_VERSION;
	struct ml_error error;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 't': to = atoi(optarg); break;
		case 'c': config = optarg; break;
		case 'h': return fputs(usage, stdout) < 0 ? 2 : 0;
		default: return command_usage("migrate", "wrong options");
		}
	}
	if (optind < argc)
		return command_usage("migrate", "takes no arguments");
	if (to < 1 || to > STORE_VERSION)
		return command_usage("migrate", "--to: from 1 to %d", STORE_VERSION);
	if (migrate(config, to, &from, &error))
		return command_failed(&error);
	printf("schema %d, and was %d\n", to, from);
	return 0;
}
