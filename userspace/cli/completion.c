// SPDX-License-Identifier: MIT
/*
 * Shell completion, written from the table of commands. completion/merlon.*
 * hold what this prints; a test compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

static FILE *to;	/* where the script goes */

static bool is_file(const char *argument)
{
	static const char *const files[] = { "FILE", "KEY", "DIR", "BUNDLE", "IMAGE", NULL };

	for (size_t i = 0; files[i]; i++) {
		if (strstr(argument, files[i]))
			return true;
	}
	return false;
}

/* "tunnels|everything": all that can be said. */
static bool is_choice(const char *argument)
{
	return strchr(argument, '|');
}

static void choices_print(const char *argument)
{
	fputc('\'', to);
	for (; *argument; argument++)
		fputc(*argument == '|' ? ' ' : *argument, to);
	fputc('\'', to);
}

/* The word of @name at @index (0 or 1), or "" */
static const char *word(const char *name, int index, char buffer[static 32])
{
	const char *space = strchr(name, ' ');

	if (index)
		snprintf(buffer, 32, "%s", space ? space + 1 : "");
	else
		snprintf(buffer, 32, "%.*s", (int)strcspn(name, " "), name);
	return buffer;
}

static bool group_seen(size_t before, const char *first)
{
	char other[32];

	for (size_t i = 0; i < before; i++) {
		if (!strcmp(word(cli_commands[i]->name, 0, other), first))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------- bash */

static const char bash_head[] =
	"# bash completion for merlon; written by `merlon completion bash`\n"
	"\n"
	"_merlon_options() {\n"
	"\tcase $1 in\n";

static const char bash_middle[] =
	"\tesac\n"
	"}\n"
	"\n"
	"_merlon_words() {\n"
	"\tcase $1 in\n";

static const char bash_files[] =
	"\tesac\n"
	"}\n"
	"\n"
	"# What an option takes: a file, one of some words, or something that nobody can guess.\n"
	"_merlon_argument() {\n"
	"\tcase $1 in\n";

static const char bash_tail[] =
	"\t*) return 1 ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"_merlon() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]-} second=${COMP_WORDS[2]-}\n"
	"\tlocal command argument\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_merlon_words '')\" -- \"$cur\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcommand=$first\n"
	"\tif [ -n \"$(_merlon_words \"$first\")\" ]; then\n"
	"\t\tif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_merlon_words \"$first\")\" -- \"$cur\")\n"
	"\t\t\treturn\n"
	"\t\tfi\n"
	"\t\t[ \"$first\" = help ] || command=\"$first $second\"\n"
	"\tfi\n"
	"\tif argument=$(_merlon_argument \"$command ${COMP_WORDS[COMP_CWORD - 1]}\"); then\n"
	"\t\tcase $argument in\n"
	"\t\tnone) ;;\n"
	"\t\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\t\t*) mapfile -t COMPREPLY < <(compgen -W \"$argument\" -- \"$cur\") ;;\n"
	"\t\tesac\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_merlon_options \"$command\")\" -- \"$cur\")\n"
	"\telse\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\tfi\n"
	"}\n"
	"complete -o filenames -F _merlon merlon\n";

static void bash_option_names(const struct cli_command *command)
{
	fprintf(to, "\t'%s') echo '", command->name);
	for (const struct cli_option *o = command->options; o && o->name; o++)
		fprintf(to, "--%s ", o->name);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		fprintf(to, "--%s%s", o->name, o[1].name ? " " : "");
	fputs("' ;;\n", to);
}

/* Words that may follow @first; for "" the first words of all commands. */
static void bash_words(const char *first)
{
	char one[32], two[32];
	const char *gap = "";

	fprintf(to, "\t'%s') echo '", first);
	for (size_t i = 0; cli_commands[i]; i++) {
		const char *name = cli_commands[i]->name;

		if (*first && strcmp(word(name, 0, one), first))
			continue;
		if (!*first && group_seen(i, word(name, 0, one)))
			continue;
		fprintf(to, "%s%s", gap, *first ? word(name, 1, two) : one);
		gap = " ";
	}
	fputs("' ;;\n", to);
}

static void bash_all_words(void)
{
	char first[32];

	bash_words("");
	for (size_t i = 0; cli_commands[i]; i++) {
		const char *name = cli_commands[i]->name;

		if (strchr(name, ' ') && !group_seen(i, word(name, 0, first)))
			bash_words(first);
	}
}

static void bash_arguments(const struct cli_command *command, bool files)
{
	const char *gap = "\t";

	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (!o->argument || is_choice(o->argument) || is_file(o->argument) != files)
			continue;
		fprintf(to, "%s'%s --%s'", gap, command->name, o->name);
		gap = " | ";
		if (o->letter)
			fprintf(to, "%s'%s -%c'", gap, command->name, o->letter);
	}
	if (*gap == ' ')
		fprintf(to, ") echo %s ;;\n", files ? "file" : "none");
}

static void bash_choices(const struct cli_command *command)
{
	for (const struct cli_option *o = command->options; o && o->name; o++) {
		if (!o->argument || !is_choice(o->argument))
			continue;
		fprintf(to, "\t'%s --%s'", command->name, o->name);
		if (o->letter)
			fprintf(to, " | '%s -%c'", command->name, o->letter);
		fputs(") echo ", to);
		choices_print(o->argument);
		fputs(" ;;\n", to);
	}
}

static void bash_print(void)
{
	fputs(bash_head, to);
	for (size_t i = 0; cli_commands[i]; i++)
		bash_option_names(cli_commands[i]);
	fputs(bash_middle, to);
	bash_all_words();
	fputs(bash_files, to);
	for (size_t i = 0; cli_commands[i]; i++) {
		bash_arguments(cli_commands[i], true);
		bash_arguments(cli_commands[i], false);
		bash_choices(cli_commands[i]);
	}
	fputs(bash_tail, to);
}

/* ------------------------------------------------------------------- fish */

static void quoted(const char *text)
{
	fputc('\'', to);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('\'', to);
}

static void fish_option(const char *condition, const struct cli_option *option)
{
	fprintf(to, "complete -c merlon -n '%s' -l %s", condition, option->name);
	if (option->letter)
		fprintf(to, " -s %c", option->letter);
	if (option->argument)
		fputs(is_file(option->argument) ? " -r -F" : " -x", to);
	if (option->argument && is_choice(option->argument)) {
		fputs(" -a ", to);
		choices_print(option->argument);
	}
	fputs(" -d ", to);
	quoted(option->help);
	fputc('\n', to);
}

static void fish_command(size_t index)
{
	const struct cli_command *command = cli_commands[index];
	char first[32], second[32], condition[128];

	word(command->name, 0, first);
	word(command->name, 1, second);
	if (*second && !group_seen(index, first))
		fprintf(to, "complete -c merlon -n __fish_use_subcommand -f -a %s\n", first);
	if (*second) {
		snprintf(condition, sizeof(condition),
			 "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s",
			 first, second);
		fprintf(to, "complete -c merlon -n '__fish_seen_subcommand_from %s' -a %s -d ",
		       first, second);
	} else {
		snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", first);
		fprintf(to, "complete -c merlon -n __fish_use_subcommand -f -a %s -d ", first);
	}
	quoted(command->summary);
	fputc('\n', to);
	for (const struct cli_option *o = command->options; o && o->name; o++)
		fish_option(condition, o);
}

static void fish_print(void)
{
	fputs("# fish completion for merlon; written by `merlon completion fish`\n", to);
	for (const struct cli_option *o = cli_common_options; o->name; o++)
		fprintf(to, "complete -c merlon -l %s -d '%s'\n", o->name, o->help);
	for (size_t i = 0; cli_commands[i]; i++)
		fish_command(i);
}

/* -------------------------------------------------------------------- zsh */

/* zsh runs bash's completion functions. */
static void zsh_print(void)
{
	fputs("#compdef merlon\n"
	     "# zsh completion for merlon; written by `merlon completion zsh`\n"
	     "autoload -U +X bashcompinit && bashcompinit\n\n", to);
	bash_print();
}

static const struct shell {
	const char *name;
	void (*print)(void);
} shells[] = {
	{ "bash", bash_print },
	{ "fish", fish_print },
	{ "zsh", zsh_print },
};

static int script_tell(struct cli *cli, const struct shell *shell)
{
	char *text = NULL;
	size_t length;

	to = open_memstream(&text, &length);
	if (!to)
		return cli_failf(cli, "out of memory");
	shell->print();
	fclose(to);
	ml_output_value(cli->output, "shell", json_string(shell->name));
	ml_output_value(cli->output, "script", json_string(text));
	ml_output_raw(cli->output, text);
	free(text);
	return CLI_YES;
}

static int completion_run(struct cli *cli)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (!strcmp(shells[i].name, cli_operand(cli, 0)))
			return script_tell(cli, &shells[i]);
	}
	return cli_failf(cli, "no completion for '%s': expected bash, fish or zsh",
			 cli_operand(cli, 0));
}

const struct cli_command cli_completion = {
	.name = "completion", .operands = "bash|fish|zsh", .least = 1, .most = 1,
	.summary = "print a completion script for a shell",
	.run = completion_run,
};
