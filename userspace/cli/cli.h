/* SPDX-License-Identifier: MIT */
/*
 * The frame of `merlon`: a table of commands, each with its options, from
 * which parsing, --help, shell completion and the tests of the man pages come.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "output.h"

/* Exit status. */
#define CLI_YES		0
#define CLI_NO		1
#define CLI_FAILURE	2	/* usage, or the question could not be answered */

#define CLI_VALUES	256	/* options of one invocation, repeated ones included */

struct cli_option {
	const char *name;	/* --name */
	char letter;		/* -n, or 0 */
	const char *argument;	/* what stands for it in help, as "FILE"; NULL: a flag */
	const char *help;
};

struct cli;

struct cli_command {
	const char *name;	/* "policy check" */
	const char *operands;	/* as "FILE [NODE]"; "" for none */
	unsigned int least, most;	/* how many of them */
	const char *summary;	/* one line, no full stop */
	const char *notes;	/* more, for --help; NULL: nothing */
	const struct cli_option *options;	/* ended by a NULL name; NULL: none */
	bool hidden;		/* not in the overview */
	int (*run)(struct cli *cli);	/* CLI_* */
};

struct cli_value {
	const struct cli_option *option;
	const char *text;
};

struct cli {
	const struct cli_command *command;
	struct ml_output *output;
	bool json;
	char **operands;
	unsigned int operand_count;
	struct cli_value values[CLI_VALUES];
	size_t value_count;
};

/* table.c: ended by NULL, in the order of the overview */
extern const struct cli_command *const cli_commands[];
/* --json and --help, which every command has */
extern const struct cli_option cli_common_options[];

/* options.c */
/* Words of the command's name are not in @argv any more. CLI_YES, or CLI_FAILURE: said. */
int cli_options_parse(struct cli *cli, int argc, char **argv);
/* The last value given to --@name; "" for a flag; NULL: not given. */
const char *cli_option(const struct cli *cli, const char *name);
/* The values of a repeated option one by one; *@cursor starts at 0. NULL: no more. */
const char *cli_option_next(const struct cli *cli, const char *name, size_t *cursor);
/* Operand @index, or NULL. */
const char *cli_operand(const struct cli *cli, unsigned int index);

/* complain.c: errors, on standard error; JSON with --json */
int cli_fail(struct cli *cli, const struct ml_error *error);	/* CLI_FAILURE */
int cli_failf(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int cli_refuse(struct cli *cli, const struct ml_error *error);	/* CLI_NO */
int cli_refusef(struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* CLI_NO where @error says that the content is bad, CLI_FAILURE where it could not be judged. */
int cli_judge(struct cli *cli, const struct ml_error *error);
/* A remark for people, on standard error; nothing with --json. */
void cli_remark(const struct cli *cli, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* help.c */
void cli_help_overview(FILE *stream, const char *group);	/* NULL: all */
void cli_help_command(FILE *stream, const struct cli_command *command);
const struct cli_command *cli_command_find(const char *name);
bool cli_group_exists(const char *group);

#endif
