// SPDX-License-Identifier: MIT
/* What goes wrong is told on standard error: a sentence, or with --json an object. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static json_t *error_json(const struct ml_error *error)
{
	json_t *object = json_object();

	json_object_set_new(object, "message", ml_output_text(error->text));
	if (error->file[0])
		json_object_set_new(object, "file", ml_output_text(error->file));
	if (error->line) {
		json_object_set_new(object, "line", json_integer(error->line));
		json_object_set_new(object, "column", json_integer(error->column));
	}
	return object;
}

static void complain(struct cli *cli, const struct ml_error *error)
{
	struct ml_output *output = ml_output_open(stderr, cli->json);
	char text[sizeof(error->file) + sizeof(error->text) + 32];

	ml_error_string(error, text, sizeof(text));
	if (!output) {
		fputs("merlon: out of memory\n", stderr);
		return;
	}
	if (cli->json)
		ml_output_value(output, "error", error_json(error));
	else
		ml_output_say(output, ML_PLAIN, "merlon: %s", text);
	ml_output_close(output);
}

int cli_fail(struct cli *cli, const struct ml_error *error)
{
	complain(cli, error);
	return CLI_FAILURE;
}

int cli_refuse(struct cli *cli, const struct ml_error *error)
{
	complain(cli, error);
	return CLI_NO;
}

__attribute__((format(printf, 2, 0)))
static void complain_format(struct cli *cli, const char *format, va_list args)
{
	struct ml_error error = { .code = -EINVAL };

	vsnprintf(error.text, sizeof(error.text), format, args);
	complain(cli, &error);
}

int cli_failf(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_format(cli, format, args);
	va_end(args);
	return CLI_FAILURE;
}

int cli_refusef(struct cli *cli, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_format(cli, format, args);
	va_end(args);
	return CLI_NO;
}

void cli_remark(const struct cli *cli, const char *format, ...)
{
	struct ml_output *output;
	char text[1024];
	va_list args;

	if (cli->json)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	output = ml_output_open(stderr, false);
	if (!output)
		return;
	ml_output_say(output, ML_PLAIN, "%s", text);
	ml_output_close(output);
}

int cli_judge(struct cli *cli, const struct ml_error *error)
{
	switch (error->code) {
	case -EINVAL:
	case -EOPNOTSUPP:
	case -E2BIG:
	case -EBADMSG:
	case -EKEYREJECTED:
	case -EXDEV:
	case -ESTALE:
	case -ETIME:
		return cli_refuse(cli, error);
	default:
		return cli_fail(cli, error);
	}
}
