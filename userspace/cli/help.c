// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

const struct cli_command *cli_command_find(const char *name)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		if (!strcmp(cli_commands[i]->name, name))
			return cli_commands[i];
	}
	return NULL;
}

static bool in_group(const struct cli_command *command, const char *group)
{
	size_t length = strlen(group);

	return !strncmp(command->name, group, length) && command->name[length] == ' ';
}

bool cli_group_exists(const char *group)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		if (in_group(cli_commands[i], group))
			return true;
	}
	return false;
}

void cli_help_overview(FILE *stream, const char *group)
{
	fprintf(stream, "usage: merlon %s%sCOMMAND [options]\n\n", group ? group : "",
		group ? " " : "");
	if (!group)
		fputs("Kernel-enforced policy for WireGuard networks.\n\n", stream);
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *command = cli_commands[i];

		if (command->hidden || (group && !in_group(command, group)))
			continue;
		fprintf(stream, "  %-16s  %s\n", command->name, command->summary);
	}
	fputs("\nEvery command has --json and --help, and a page: man merlon.\n"
	      "Exit status: 0 yes, 1 no, 2 usage or failure.\n", stream);
}

static void option_print(FILE *stream, const struct cli_option *option)
{
	char left[64];
	int n = 0;

	if (option->letter)
		n = snprintf(left, sizeof(left), "-%c, ", option->letter);
	snprintf(left + n, sizeof(left) - (size_t)n, "--%s%s%s", option->name,
		 option->argument ? " " : "", option->argument ? option->argument : "");
	if (strlen(left) > 26)
		fprintf(stream, "  %s\n  %-26s  %s\n", left, "", option->help);
	else
		fprintf(stream, "  %-26s  %s\n", left, option->help);
}

void cli_help_command(FILE *stream, const struct cli_command *command)
{
	fprintf(stream, "usage: merlon %s [options]%s%s\n\n%c%s.\n", command->name,
		*command->operands ? " " : "", command->operands,
		command->summary[0] & ~0x20, command->summary + 1);
	if (command->notes)
		fprintf(stream, "%s\n", command->notes);
	fputc('\n', stream);
	for (const struct cli_option *o = command->options; o && o->name; o++)
		option_print(stream, o);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		option_print(stream, o);
}

static void join(struct cli *cli, char *name, size_t size)
{
	size_t n = 0;

	name[0] = '\0';
	for (unsigned int i = 0; i < cli->operand_count && n < size; i++)
		n += (size_t)snprintf(name + n, size - n, "%s%s", i ? " " : "",
				      cli->operands[i]);
}

/* The table itself: for tests of man pages and completion, and for whoever wraps this. */
static json_t *options_json(const struct cli_option *options)
{
	json_t *array = json_array();

	for (const struct cli_option *o = options; o && o->name; o++) {
		char letter[2] = { o->letter };

		json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:s}", "name", o->name,
			"letter", o->letter ? json_string(letter) : json_null(),
			"argument", ml_output_text(o->argument), "help", o->help));
	}
	return array;
}

static void table_json(struct ml_output *out)
{
	ml_output_value(out, "commonOptions", options_json(cli_common_options));
	ml_output_list(out, "commands");
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_command *command = cli_commands[i];

		ml_output_object(out, NULL);
		ml_output_value(out, "name", json_string(command->name));
		ml_output_value(out, "operands", json_string(command->operands));
		ml_output_value(out, "summary", json_string(command->summary));
		ml_output_value(out, "hidden", json_boolean(command->hidden));
		ml_output_value(out, "options", options_json(command->options));
		ml_output_end(out);
	}
	ml_output_end(out);
}

static int help_run(struct cli *cli)
{
	const struct cli_command *command;
	char name[64];

	join(cli, name, sizeof(name));
	command = cli_command_find(name);
	if (*name && !command && !cli_group_exists(name))
		return cli_failf(cli, "there is no command '%s'; see merlon help", name);
	if (cli->json)
		table_json(cli->output);
	else if (command)
		cli_help_command(stdout, command);
	else
		cli_help_overview(stdout, *name ? name : NULL);
	return CLI_YES;
}

const struct cli_command cli_help = {
	.name = "help", .operands = "[COMMAND]", .most = 2,
	.summary = "show the commands, or the options of one",
	.run = help_run,
};
