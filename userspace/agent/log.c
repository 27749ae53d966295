// SPDX-License-Identifier: MIT
#include "log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

static struct {
	int socket;
	const char *process;
	bool verbose;
	bool journal;
} out = { .socket = -1, .process = "merlond" };

/* systemd says which socket it gave us as standard error; a redirection differs. */
static bool on_journal(void)
{
	const char *named = getenv("JOURNAL_STREAM");
	char actual[64];
	struct stat status;

	if (!named || fstat(STDERR_FILENO, &status))
		return false;
	snprintf(actual, sizeof(actual), "%ju:%ju", (uintmax_t)status.st_dev,
		 (uintmax_t)status.st_ino);
	return !strcmp(named, actual);
}

void log_setup(int socket, const char *process, bool verbose)
{
	out.socket = socket;
	out.process = process;
	out.verbose = verbose;
	out.journal = on_journal();
}

/* ------------------------------------------------------------------ journal */

#define FIELDS 9

struct entry {
	char text[FIELDS][MESSAGE_TEXT + 32];
	struct iovec parts[FIELDS];
	int count;
};

static void __attribute__((format(printf, 2, 3)))
entry_add(struct entry *entry, const char *format, ...)
{
	char *text = entry->text[entry->count];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(entry->text[0]), format, args);
	va_end(args);
	entry->parts[entry->count].iov_base = text;
	entry->parts[entry->count].iov_len = strlen(text);
	entry->count++;
}

static void write_journal(const char *process, const struct message_log *line)
{
	struct entry entry = { .count = 0 };

	entry_add(&entry, "MESSAGE=%s", line->text);
	entry_add(&entry, "PRIORITY=%d", line->level);
	entry_add(&entry, "SYSLOG_IDENTIFIER=merlond");
	entry_add(&entry, "MERLON_PROCESS=%s", process);
	entry_add(&entry, "MERLON_EVENT=%s", line->event);
	if (line->epoch || line->serial) {
		entry_add(&entry, "MERLON_EPOCH=%" PRIu64, line->epoch);
		entry_add(&entry, "MERLON_SERIAL=%" PRIu64, line->serial);
	}
	if (line->digest[0])
		entry_add(&entry, "MERLON_DIGEST=%s", line->digest);
	if (line->code)
		entry_add(&entry, "MERLON_ERRNO=%d", -line->code);
	sd_journal_sendv(entry.parts, entry.count);
}

static void write_stderr(const char *process, const struct message_log *line)
{
	static const char *const levels[] = {
		"emergency", "alert", "critical", "error", "warning", "notice", "info",
		"debug",
	};

	fprintf(stderr, "merlond[%s]: %s: %s: %s\n", process, levels[line->level],
		line->event, line->text);
}

/* A compromised sync must not draw on an administrator's terminal. */
static void disarm_text(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void log_write(const char *process, const struct message_log *line)
{
	struct message_log clean = *line;

	if (clean.level < LOG_CRIT || clean.level > LOG_DEBUG)
		clean.level = LOG_WARNING;
	if (clean.level == LOG_DEBUG && !out.verbose)
		return;
	disarm_text(clean.text);
	disarm_text(clean.event);
	disarm_text(clean.digest);
	if (out.journal)
		write_journal(process, &clean);
	else
		write_stderr(process, &clean);
}

/* -------------------------------------------------------------------- lines */

static void hand_over(int level, const struct message_log *fields, const char *event,
		      const char *format, va_list args)
{
	struct message_log line = { .level = 0 };

	if (fields)
		line = *fields;
	line.level = level;
	snprintf(line.event, sizeof(line.event), "%s", event);
	vsnprintf(line.text, sizeof(line.text), format, args);
	if (out.socket < 0)
		log_write(out.process, &line);
	else
		message_send(out.socket, MESSAGE_LOG, 0, &line, -1);
}

void log_line(int level, const char *event, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hand_over(level, NULL, event, format, args);
	va_end(args);
}

void log_fields(int level, const struct message_log *fields, const char *event,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hand_over(level, fields, event, format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hand_over(LOG_CRIT, NULL, "died", format, args);
	va_end(args);
	_exit(1);
}
