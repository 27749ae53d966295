// SPDX-License-Identifier: MIT
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define LONG_ONLY 256	/* codes of options without a letter start here */

const struct cli_option cli_common_options[] = {
	{ "json", 0, NULL, "answer in JSON; errors too, on standard error" },
	{ "help", 'h', NULL, "show this, and end" },
	{ 0 },
};

/* getopt's two tables, made from ours. */
struct tables {
	struct option longs[40];
	char shorts[80];
	const struct cli_option *options[40];
	int count;
};

static void tables_add(struct tables *tables, const struct cli_option *option)
{
	int n = tables->count++;
	char *end = tables->shorts + strlen(tables->shorts);

	tables->options[n] = option;
	tables->longs[n] = (struct option){
		.name = option->name,
		.has_arg = option->argument ? required_argument : no_argument,
		.val = LONG_ONLY + n,
	};
	if (option->letter) {
		*end++ = option->letter;
		if (option->argument)
			*end++ = ':';
	}
}

static void tables_fill(struct tables *tables, const struct cli_command *command)
{
	memset(tables, 0, sizeof(*tables));
	strcpy(tables->shorts, ":");
	for (const struct cli_option *o = command->options; o && o->name; o++)
		tables_add(tables, o);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		tables_add(tables, o);
}

static const struct cli_option *tables_find(const struct tables *tables, int code)
{
	for (int i = 0; i < tables->count; i++) {
		if (code == LONG_ONLY + i || code == tables->options[i]->letter)
			return tables->options[i];
	}
	return NULL;
}

static int misused(struct cli *cli, int code, char **argv)
{
	const char *word = argv[optind - 1];

	/* It may stand behind what was misused. */
	for (char **rest = argv + 1; *rest; rest++)
		cli->json |= !strcmp(*rest, "--json");

	if (code == ':')
		return cli_failf(cli, "%s needs an argument; see merlon %s --help", word,
				 cli->command->name);
	if (optopt >= LONG_ONLY)
		return cli_failf(cli, "%s takes no argument; see merlon %s --help", word,
				 cli->command->name);
	if (optopt)
		return cli_failf(cli, "'merlon %s' has no option -%c; see merlon %s --help",
				 cli->command->name, optopt, cli->command->name);
	return cli_failf(cli, "'merlon %s' has no option %s; see merlon %s --help",
			 cli->command->name, word, cli->command->name);
}

/* getopt takes "--js" for "--json"; a script that used that would break one day. */
static bool abbreviated(const struct cli_option *option, const char *word)
{
	size_t length = strcspn(word, "=");

	return !strncmp(word, "--", 2) && word[2] &&
	       (strlen(option->name) != length - 2 ||
		strncmp(option->name, word + 2, length - 2));
}

static int take(struct cli *cli, const struct cli_option *option)
{
	if (cli->value_count == CLI_VALUES)
		return cli_failf(cli, "more than %d options", CLI_VALUES);
	cli->values[cli->value_count++] = (struct cli_value){
		.option = option, .text = option->argument ? optarg : "",
	};
	if (!strcmp(option->name, "json"))
		cli->json = true;
	return CLI_YES;
}

static int operands_check(struct cli *cli)
{
	const struct cli_command *command = cli->command;

	if (cli_option(cli, "help"))
		return CLI_YES;
	if (cli->operand_count < command->least)
		return cli_failf(cli, "'merlon %s' needs more: usage: merlon %s [options] %s",
				 command->name, command->name, command->operands);
	if (cli->operand_count > command->most)
		return cli_failf(cli, "'%s' is too much: usage: merlon %s [options] %s",
				 cli->operands[command->most], command->name,
				 command->operands);
	return CLI_YES;
}

int cli_options_parse(struct cli *cli, int argc, char **argv)
{
	const struct cli_option *option;
	struct tables tables;
	int code;

	tables_fill(&tables, cli->command);
	opterr = 0;
	while ((code = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		const char *word = argv[optind - 1];

		option = tables_find(&tables, code);
		if (!option)
			return misused(cli, code, argv);
		/* --name VALUE: the word is the value, the name stands before it. */
		if (code >= LONG_ONLY && option->argument && optarg == word)
			word = argv[optind - 2];
		if (code >= LONG_ONLY && abbreviated(option, word))
			return cli_failf(cli, "'merlon %s' has no option %s; did you mean --%s?",
					 cli->command->name, word, option->name);
		if (take(cli, option))
			return CLI_FAILURE;
	}
	cli->operands = argv + optind;
	cli->operand_count = (unsigned int)(argc - optind);
	return operands_check(cli);
}

const char *cli_option(const struct cli *cli, const char *name)
{
	for (size_t i = cli->value_count; i--;) {
		if (!strcmp(cli->values[i].option->name, name))
			return cli->values[i].text;
	}
	return NULL;
}

const char *cli_option_next(const struct cli *cli, const char *name, size_t *cursor)
{
	while (*cursor < cli->value_count) {
		const struct cli_value *value = &cli->values[(*cursor)++];

		if (!strcmp(value->option->name, name))
			return value->text;
	}
	return NULL;
}

const char *cli_operand(const struct cli *cli, unsigned int index)
{
	return index < cli->operand_count ? cli->operands[index] : NULL;
}
