// SPDX-License-Identifier: MIT
#include "audit_syslog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"

/* ------------------------------------------------------------------- format */

/* Characters that a header field may have: printable ASCII (RFC 5424, 6). */
static void put_field(FILE *out, const char *text, size_t most)
{
	size_t i;

	for (i = 0; text && text[i] && i < most; i++)
		fputc(text[i] > ' ' && text[i] <= '~' ? text[i] : '?', out);
	if (!i)
		fputc('-', out);
	fputc(' ', out);
}

/* RFC 5424, 6.3.3: '"', '\' and ']' behind a backslash. @text is ASCII already. */
static void put_value(FILE *out, const char *text, size_t length)
{
	for (; length; text++, length--) {
		if (*text == '"' || *text == '\\' || *text == ']')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* As the entry has it, escapes and all, without the quotes. */
static int put_parameter(FILE *out, const struct ml_audit_entry *entry, const char *name)
{
	const json_t *value = json_object_get(entry->json, name);
	size_t length;
	char *text;

	if (!json_string_length(value))
		return 0;
	text = ml_audit_dump(value, &length);
	if (!text)
		return -ENOMEM;
	fprintf(out, " %s=\"", name);
	put_value(out, text + 1, length - 2);
	fputc('"', out);
	free(text);
	return 0;
}

static int put_data(FILE *out, const struct ml_audit_entry *entry, uint64_t index)
{
	static const char *const names[] = {
		"actor", "endpoint", "reason", "source_ip", "user_agent",
	};
	size_t i;
	int r = 0;

	fprintf(out, "[" AUDIT_SYSLOG_ID " index=\"%" PRIu64 "\"", index);
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !r; i++)
		r = put_parameter(out, entry, names[i]);
	fputs("] ", out);
	return r;
}

static int put_message(FILE *out, const struct audit_syslog_from *from, uint64_t index,
		       const struct ml_audit_entry *entry, struct ml_bytes bytes)
{
	char time[ML_AUDIT_TIME_TEXT];
	int r;

	fprintf(out, "<%d>1 %s ", AUDIT_SYSLOG_FACILITY * 8 + audit_severity_of(entry->type),
		ml_audit_time_format(entry->time, time));
	put_field(out, from->host, 255);
	put_field(out, from->program, 48);
	put_field(out, from->process, 128);
	put_field(out, entry->type, 32);
	r = put_data(out, entry, index);
	fwrite(bytes.data, 1, bytes.length, out);
	return r;
}

/* The length comes first, and is known last. */
static int frame(char *message, size_t length, char **ret, size_t *ret_length)
{
	char *framed;
	int n = asprintf(&framed, "%zu %s", length, message);

	if (n < 0)
		return -ENOMEM;
	*ret = framed;
	*ret_length = (size_t)n;
	return 0;
}

int audit_syslog_format(const struct audit_syslog_from *from, uint64_t index,
			struct ml_bytes entry, char **ret, size_t *ret_length,
			struct ml_error *error)
{
	struct ml_audit_entry parsed;
	char *message = NULL;
	size_t length;
	FILE *out;
	int r;

	r = ml_audit_entry_parse(entry, &parsed, error);
	if (r)
		return r;
	out = open_memstream(&message, &length);
	r = out ? put_message(out, from, index, &parsed, entry) : -ENOMEM;
	if (out && fclose(out))
		r = -ENOMEM;
	if (!r)
		r = frame(message, length, ret, ret_length);
	free(message);
	ml_audit_entry_clean(&parsed);
	return r ? ml_error_set(error, r, "audit log: no memory for syslog") : 0;
}
