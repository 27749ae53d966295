// SPDX-License-Identifier: MIT
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What was brought must not draw on a terminal. */
static void disarm(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void line_write(int level, const char *event, const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	disarm(text);
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s: %s\n", level, event, text);
	else
		fprintf(stderr, "merlon-signer: %s: %s\n", event, text);
}

void log_line(int level, const char *event, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_write(level, event, format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_write(LOG_CRIT, "died", format, args);
	va_end(args);
	_exit(1);
}
