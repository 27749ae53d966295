// SPDX-License-Identifier: MIT
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"
#include "keys.h"

static int version_run(struct cli *cli)
{
	ml_output_value(cli->output, "version", json_string(MERLON_VERSION));
	ml_output_say(cli->output, ML_PLAIN, "merlon %s", MERLON_VERSION);
	return CLI_YES;
}

const struct cli_command cli_version = {
	.name = "version", .operands = "",
	.summary = "show the version of this program",
	.run = version_run,
};

/* The command that @argv begins with; *@ret_words: how many words its name has. */
static const struct cli_command *command_match(int argc, char **argv, int *ret_words)
{
	const struct cli_command *found = NULL;
	char name[64];

	if (argc >= 2) {
		snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
		found = cli_command_find(name);
		*ret_words = 2;
	}
	if (!found && argc >= 1) {
		found = strchr(argv[0], ' ') ? NULL : cli_command_find(argv[0]);
		*ret_words = 1;
	}
	return found;
}

/* The first word of a group, and none of its commands behind it. */
static int group_alone(struct cli *cli, int argc, char **argv)
{
	if (cli->json && (argc == 1 || !strcmp(argv[1], "--json")))
		return cli_failf(cli, "'merlon %s' needs a command behind it; see merlon help %s",
				 argv[0], argv[0]);
	if (argc > 1 && strcmp(argv[1], "--help") && strcmp(argv[1], "-h"))
		return cli_failf(cli, "there is no command '%s %s'; see merlon help %s", argv[0],
				 argv[1], argv[0]);
	cli_help_overview(argc > 1 ? stdout : stderr, argv[0]);
	return argc > 1 ? CLI_YES : CLI_FAILURE;
}

static int unknown(struct cli *cli, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		cli->json |= !strcmp(argv[i], "--json");
	if (argc && cli_group_exists(argv[0]))
		return group_alone(cli, argc, argv);
	if (argc)
		return cli_failf(cli, "there is no command '%s'; see merlon help", argv[0]);
	if (cli->json)
		return cli_failf(cli, "say which command; see merlon help");
	cli_help_overview(stderr, NULL);
	return CLI_FAILURE;
}

static int command_run(struct cli *cli)
{
	struct ml_error error;
	int status, failed;

	if (cli_option(cli, "help")) {
		cli_help_command(stdout, cli->command);
		return CLI_YES;
	}
	if (ml_keys_setup(&error))
		return cli_fail(cli, &error);
	cli->output = ml_output_open(stdout, cli->json);
	if (!cli->output)
		return cli_failf(cli, "out of memory");
	status = cli->command->run(cli);
	if (status == CLI_FAILURE)
		ml_output_discard(cli->output);
	failed = ml_output_close(cli->output);
	if (failed)
		return cli_failf(cli, "the answer could not be written: %s", strerror(-failed));
	return status;
}

/* Before the command: --json, --help and --version. Return: words taken, or -1: done. */
static int leading_options(struct cli *cli, int argc, char **argv)
{
	int n = 0;

	for (; n < argc && argv[n][0] == '-'; n++) {
		if (!strcmp(argv[n], "--json")) {
			cli->json = true;
		} else if (!strcmp(argv[n], "--help") || !strcmp(argv[n], "-h")) {
			cli_help_overview(stdout, NULL);
			return -1;
		} else if (!strcmp(argv[n], "--version")) {
			printf("merlon %s\n", MERLON_VERSION);
			return -1;
		} else {
			break;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct cli cli;
	int words = 0, taken;

	setlocale(LC_CTYPE, "C.UTF-8");
	taken = leading_options(&cli, argc - 1, argv + 1);
	if (taken < 0)
		return CLI_YES;
	argv += taken + 1;
	argc -= taken + 1;
	cli.command = command_match(argc, argv, &words);
	if (!cli.command)
		return unknown(&cli, argc, argv);
	/* getopt passes over the first word: the last word of the name stands there. */
	if (cli_options_parse(&cli, argc - words + 1, argv + words - 1))
		return CLI_FAILURE;
	return command_run(&cli);
}
