// SPDX-License-Identifier: MIT
/*
 * init: a new network. ORDER: everything of the server's user, then the keys, then the
 * signer's ledger, and the configuration last: without it nothing is used.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "audit.h"
#include "authority.h"
#include "commands.h"
#include "init.h"
#include "passphrase.h"

static const char usage[] =
"Usage: merlon-control init --network NAME --url https://HOST[:PORT] [OPTION...]\n"
"A new network: authority, certificates, store, audit log, configuration; and, where no\n"
"--root is given, the keys of all roles and the signer's ledger, on this machine.\n"
"\n"
"      --network NAME        of 1 to 64 of a-z, 0-9, '.', '_' and '-'\n"
"      --url URL             where nodes find this server\n"
"      --listen ADDRESS      as 192.0.2.1:443 or [::]:443; may be said again (0.0.0.0:443, [::]:443)\n"
"      --root FILE           the first root document, signed: its keys are elsewhere\n"
"      --passphrase-fd N     where to read the passphrase that seals the keys of root, policy and\n"
"                            membership; otherwise it is asked for\n"
"      --no-passphrase       seal none of them: for credentials and machines without a person\n"
"      --keys DIR            where the keys go (" INIT_KEYS ")\n"
"      --store WHERE         sqlite, or postgres:CONNECTION (sqlite)\n"
"      --directory DIR       of state (" CONFIG_DIRECTORY ")\n"
"      --config FILE         (" CONFIG_FILE ")\n"
"      --user NAME           who the server is (" CONFIG_USER ")\n"
"      --admin-socket PATH   (" CONFIG_ADMIN ")\n"
"      --signer-socket PATH  (" CONFIG_SIGNER ")\n"
"      --signer-directory DIR of the ledger (" INIT_SIGNER ")\n"
"      --signer-user NAME    (" INIT_SIGNER_USER ")\n"
"      --signer-program FILE (" INIT_SIGNER_PROGRAM ")\n"
"  -h, --help\n";

enum { OPT_NETWORK = 256, OPT_URL, OPT_LISTEN, OPT_ROOT, OPT_PASSPHRASE, OPT_UNSEALED, OPT_KEYS, OPT_STORE,
       OPT_DIRECTORY, OPT_USER, OPT_ADMIN, OPT_SIGNER_SOCKET, OPT_SIGNER_DIRECTORY,
       OPT_SIGNER_USER, OPT_SIGNER_PROGRAM };

static const struct option options[] = {
	{ "network", required_argument, NULL, OPT_NETWORK },
	{ "url", required_argument, NULL, OPT_URL },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "passphrase-fd", required_argument, NULL, OPT_PASSPHRASE },
	{ "no-passphrase", no_argument, NULL, OPT_UNSEALED },
	{ "keys", required_argument, NULL, OPT_KEYS },
	{ "store", required_argument, NULL, OPT_STORE },
	{ "directory", required_argument, NULL, OPT_DIRECTORY },
	{ "config", required_argument, NULL, 'c' },
	{ "user", required_argument, NULL, OPT_USER },
	{ "admin-socket", required_argument, NULL, OPT_ADMIN },
	{ "signer-socket", required_argument, NULL, OPT_SIGNER_SOCKET },
	{ "signer-directory", required_argument, NULL, OPT_SIGNER_DIRECTORY },
	{ "signer-user", required_argument, NULL, OPT_SIGNER_USER },
	{ "signer-program", required_argument, NULL, OPT_SIGNER_PROGRAM },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool copy(char *to, size_t size)
{
	return (size_t)snprintf(to, size, "%s", optarg) < size;
}

static bool listen_add(struct config *config)
{
	if (config->listen_count == CONFIG_LISTEN)
		return false;
	return copy(config->listen[config->listen_count++], sizeof(config->listen[0]));
}

static bool option_take(struct init *to, int option)
{
	struct config *config = &to->config;

	switch (option) {
	case OPT_NETWORK: return copy(config->network, sizeof(config->network));
	case OPT_URL: return copy(config->url, sizeof(config->url));
	case OPT_LISTEN: return listen_add(config);
	case OPT_ROOT: to->root = optarg; return true;
	case OPT_PASSPHRASE: to->passphrase_fd = atoi(optarg); return true;
	case OPT_UNSEALED: to->unsealed = true; return true;
	case OPT_KEYS: to->keys = optarg; return true;
	case OPT_STORE: return copy(config->store, sizeof(config->store));
	case OPT_DIRECTORY: return copy(config->directory, sizeof(config->directory) - 128);
	case 'c': to->file = optarg; return true;
	case OPT_USER: to->user = optarg; return true;
	case OPT_ADMIN: return copy(config->admin_socket, sizeof(config->admin_socket));
	case OPT_SIGNER_SOCKET: return copy(config->signer_socket, sizeof(config->signer_socket));
	case OPT_SIGNER_DIRECTORY: to->signer_directory = optarg; return true;
	case OPT_SIGNER_USER: to->signer_user = optarg; return true;
	case OPT_SIGNER_PROGRAM: to->signer_program = optarg; return true;
	default: return false;
	}
}

static int given_check(struct init *init)
{
	struct config *config = &init->config;

	if (!ml_name_valid(config->network))
		return command_usage("init", "--network: " ML_NAME_RULE);
	if (!ml_url_valid(config->url))
		return command_usage("init", "--url must be as https://merlon.example.net");
	if (strcmp(config->store, "sqlite") != 0 && strncmp(config->store, "postgres:", 9) != 0)
		return command_usage("init", "--store is sqlite, or postgres: and what libpq takes");
	if (!config->listen_count) {
		strcpy(config->listen[0], "0.0.0.0:443");
		strcpy(config->listen[1], "[::]:443");
		config->listen_count = 2;
	}
	config->hosted = !init->root;
	config_host(config->url, config->host);
	return 0;
}

static void show(const struct init *init)
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), init->first.digest, sizeof(init->first.digest));
	printf("network      %s\nurl          %s\nroot         version %llu, %s\n",
	       init->config.network, init->config.url, (unsigned long long)init->first.version, hex);
	if (init->config.hosted)
		printf("trust        hosted, this server can invent\n"
		       "keys         %s: take root, policy and membership off this machine, and keep copies\n",
		       init->keys);
	else
		printf("trust        separate keys: this server can withhold, not invent\n"
		       "signer       merlon-signer --network %s --root-digest %s\n",
		       init->config.network, hex);
	printf("next         systemctl enable --now merlon-signer merlon-control\n");
}

int command_init(int argc, char **argv)
{
	struct init init = { .file = CONFIG_FILE, .keys = INIT_KEYS, .user = CONFIG_USER,
			     .passphrase_fd = -1, .signer_directory = INIT_SIGNER,
			     .signer_user = INIT_SIGNER_USER, .signer_program = INIT_SIGNER_PROGRAM };
	struct ml_error error = { .text = "" };
	int option, r;

	strcpy(init.config.directory, CONFIG_DIRECTORY);
	strcpy(init.config.admin_socket, CONFIG_ADMIN);
	strcpy(init.config.signer_socket, CONFIG_SIGNER);
	strcpy(init.config.store, "sqlite");
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) < 0 ? 2 : 0;
		if (!option_take(&init, option))
			return command_usage("init", "wrong options");
	}
	if (optind < argc)
		return command_usage("init", "takes no arguments");
	r = given_check(&init);
	if (r)
		return r;
	r = init_network(&init, &error);
	if (r)
		return command_failed(&error);
	show(&init);
	return 0;
}
