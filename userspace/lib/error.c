// SPDX-License-Identifier: MIT
#include "error.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 6, 0)))
static void error_fill(struct ml_error *error, int code, const char *file,
		       unsigned int line, unsigned int column,
		       const char *format, va_list args)
{
	char text[sizeof(error->text)];

	/* The arguments may point into @error itself. */
	vsnprintf(text, sizeof(text), format, args);
	snprintf(error->file, sizeof(error->file), "%s", file ? file : "");
	memcpy(error->text, text, sizeof(text));
	error->code = code;
	error->line = line;
	error->column = column;
}

int ml_error_set(struct ml_error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	error_fill(error, code, NULL, 0, 0, format, args);
	va_end(args);
	return code;
}

int ml_error_at(struct ml_error *error, int code, const char *file,
		unsigned int line, unsigned int column, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	error_fill(error, code, file, line, column, format, args);
	va_end(args);
	return code;
}

const char *ml_error_string(const struct ml_error *error, char *buffer, size_t size)
{
	if (error->file[0] && error->line)
		snprintf(buffer, size, "%s:%u:%u: %s", error->file, error->line,
			 error->column, error->text);
	else if (error->file[0])
		snprintf(buffer, size, "%s: %s", error->file, error->text);
	else
		snprintf(buffer, size, "%s", error->text);
	return buffer;
}
