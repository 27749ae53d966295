// SPDX-License-Identifier: MIT
#include "policy_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct ml_text *text, size_t more)
{
	size_t room = text->room ? text->room : 256;
	char *data;

	if (text->failed)
		return false;
	while (room - text->length <= more)
		room *= 2;
	if (room == text->room)
		return true;
	data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void ml_text_add_bytes(struct ml_text *text, const char *more, size_t length)
{
	if (!text_reserve(text, length))
		return;
	memcpy(text->data + text->length, more, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void ml_text_add(struct ml_text *text, const char *more)
{
	ml_text_add_bytes(text, more, strlen(more));
}

void ml_text_format(struct ml_text *text, const char *format, ...)
{
	char buffer[256];
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	ml_text_add(text, buffer);
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static void escape_add(struct ml_text *text, unsigned char c)
{
	char escape[8];

	snprintf(escape, sizeof(escape), c < 0x20 ? "\\u%04x" : "\\%c", c);
	ml_text_add(text, escape);
}

void ml_text_json(struct ml_text *text, const char *string)
{
	size_t plain = 0;

	ml_text_add_bytes(text, "\"", 1);
	while (*string) {
		while (string[plain] && !needs_escape((unsigned char)string[plain]))
			plain++;
		ml_text_add_bytes(text, string, plain);
		string += plain;
		plain = 0;
		if (*string)
			escape_add(text, (unsigned char)*string++);
	}
	ml_text_add_bytes(text, "\"", 1);
}

void ml_text_clean(struct ml_text *text)
{
	free(text->data);
	*text = (struct ml_text){ 0 };
}

static size_t sequence_length(unsigned char lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

static bool is_continued(const char *text, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* What came from a parser is UTF-8; only a limit of a format can have cut it. */
void ml_text_printable(char *text)
{
	char *out = text;

	while (*text) {
		size_t length = sequence_length((unsigned char)*text);

		if (!is_continued(text, length)) {
			text++;
			while (((unsigned char)*text & 0xc0) == 0x80)
				text++;
			continue;
		}
		for (size_t i = 0; i < length; i++)
			out[i] = text[i];
		if ((unsigned char)*out < ' ' || *out == 0x7f)
			*out = '?';
		out += length;
		text += length;
	}
	*out = '\0';
}
