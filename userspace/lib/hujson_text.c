// SPDX-License-Identifier: MIT
#include "hujson_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void ml_hujson_text_init(struct ml_hujson_text *text, const char *file, const char *begin,
			 size_t length, struct ml_error *error)
{
	text->file = file;
	text->begin = begin;
	text->next = begin;
	text->line_begin = begin;
	text->end = begin + length;
	text->line = 1;
	text->error = error;
}

void ml_hujson_place(const struct ml_hujson_text *text, unsigned int *line, unsigned int *column)
{
	*line = text->line;
	*column = (unsigned int)(text->next - text->line_begin) + 1;
}

static int fail_here(const struct ml_hujson_text *text, const char *what)
{
	unsigned int line, column;

	ml_hujson_place(text, &line, &column);
	return ml_error_at(text->error, -EINVAL, text->file, line, column, "%s", what);
}

int ml_hujson_unexpected(const struct ml_hujson_text *text, const char *expected)
{
	char found[32] = "end of the text";
	char what[96];
	unsigned char c;

	if (text->next < text->end) {
		c = (unsigned char)*text->next;
		if (c > ' ' && c < 0x7f)
			snprintf(found, sizeof(found), "'%c'", c);
		else
			snprintf(found, sizeof(found), "byte 0x%02x", c);
	}
	snprintf(what, sizeof(what), "unexpected %s, expected %s", found, expected);
	return fail_here(text, what);
}

int ml_hujson_fail(const struct ml_hujson_text *text, const struct ml_hujson_value *value,
		   const char *what)
{
	return ml_error_at(text->error, -EINVAL, text->file, value->line, value->column, "%s", what);
}

int ml_hujson_limit(const struct ml_hujson_text *text, unsigned int limit, const char *of)
{
	unsigned int line, column;
	char what[96];

	ml_hujson_place(text, &line, &column);
	snprintf(what, sizeof(what), "more than %u %s", limit, of);
	return ml_error_at(text->error, -E2BIG, text->file, line, column, "%s", what);
}

/*
 * Bytes of the UTF-8 sequence at @s, or 0. The second byte's range depends on
 * the first: that excludes overlong forms, surrogates and what lies beyond
 * U+10FFFF.
 */
static unsigned int utf8_sequence(const unsigned char *s, size_t left)
{
	unsigned char low = 0x80, high = 0xbf;
	unsigned int length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (left < length)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (unsigned int i = 2; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void line_end(struct ml_hujson_text *text)
{
	text->line++;
	text->line_begin = text->next + 1;
}

int ml_hujson_utf8_check(struct ml_hujson_text *text)
{
	struct ml_hujson_text at = *text;

	while (at.next < at.end) {
		unsigned int length = utf8_sequence((const unsigned char *)at.next,
						    (size_t)(at.end - at.next));

		if (!length)
			return fail_here(&at, "not UTF-8");
		if (*at.next == '\n')
			line_end(&at);
		at.next += length;
	}
	if (text->end - text->next >= 3 && !memcmp(text->next, "\xef\xbb\xbf", 3))
		return fail_here(text, "a byte order mark; save the file as UTF-8 without it");
	return 0;
}

static void line_comment_skip(struct ml_hujson_text *text)
{
	const char *newline = memchr(text->next, '\n', (size_t)(text->end - text->next));

	text->next = newline ? newline : text->end;
}

static int block_comment_skip(struct ml_hujson_text *text)
{
	const struct ml_hujson_text begin = *text;

	for (text->next += 2; text->end - text->next >= 2; text->next++) {
		if (text->next[0] == '*' && text->next[1] == '/') {
			text->next += 2;
			return 0;
		}
		if (*text->next == '\n')
			line_end(text);
	}
	return fail_here(&begin, "the comment does not end; expected '*/'");
}

static int comment_skip(struct ml_hujson_text *text)
{
	char second = text->end - text->next >= 2 ? text->next[1] : '\0';

	if (text->plain)
		return ml_hujson_unexpected(text, "JSON without comments");
	if (second == '*')
		return block_comment_skip(text);
	if (second != '/')
		return ml_hujson_unexpected(text, "a value or a comment");
	line_comment_skip(text);
	return 0;
}

int ml_hujson_space(struct ml_hujson_text *text)
{
	int err;

	while (text->next < text->end) {
		switch (*text->next) {
		case '\n':
			line_end(text);
			/* fall through */
		case ' ':
		case '\t':
		case '\r':
			text->next++;
			break;
		case '/':
			err = comment_skip(text);
			if (err)
				return err;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

bool ml_hujson_take(struct ml_hujson_text *text, char wanted)
{
	if (text->next == text->end || *text->next != wanted)
		return false;
	text->next++;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ml_hujson_word(struct ml_hujson_text *text, const char *word)
{
	size_t length = strlen(word), left = (size_t)(text->end - text->next);

	if (left < length || memcmp(text->next, word, length) != 0)
		return false;
	if (left > length && is_letter(text->next[length]))
		return false;
	text->next += length;
	return true;
}

int ml_hujson_string_measure(struct ml_hujson_text *text, size_t *ret_room)
{
	struct ml_hujson_text at = *text;

	for (at.next++; at.next < at.end && *at.next != '"'; at.next++) {
		if ((unsigned char)*at.next < 0x20)
			return fail_here(&at, "a control character in a string; write it as \\u00XX");
		if (*at.next == '\\' && at.end - at.next >= 2 && (unsigned char)at.next[1] >= 0x20)
			at.next++;
	}
	if (at.next == at.end)
		return fail_here(text, "the string does not end; expected '\"'");
	*ret_room = (size_t)(at.next - text->next) - 1;
	if (*ret_room > ML_HUJSON_MAX_STRING)
		return ml_hujson_limit(text, ML_HUJSON_MAX_STRING, "bytes in a string");
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits behind "\u", which is next; -1: they are not digits. */
static int32_t unit_decode(const struct ml_hujson_text *text)
{
	int32_t unit = 0;

	if (text->end - text->next < 6 || text->next[0] != '\\' || text->next[1] != 'u')
		return -1;
	for (unsigned int i = 2; i < 6; i++) {
		int digit = hex_digit(text->next[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static size_t utf8_encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* "\uXXXX", or two of them that are one character. Never longer than its source. */
static int unicode_escape(struct ml_hujson_text *text, char **out)
{
	const struct ml_hujson_text begin = *text;
	int32_t unit = unit_decode(text), low;
	uint32_t code = (uint32_t)unit;

	if (unit < 0)
		return fail_here(text, "expected four hexadecimal digits behind \\u");
	if (!unit)
		return fail_here(text, "\\u0000 cannot stand in a string");
	text->next += 6;
	if (unit >= 0xd800 && unit < 0xe000) {
		low = unit_decode(text);
		if (unit >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
			return fail_here(&begin, "half of a surrogate pair");
		text->next += 6;
		code = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	}
	*out += utf8_encode(code, *out);
	return 0;
}

static int escape_decode(struct ml_hujson_text *text, char **out)
{
	static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (text->next[1] == 'u')
		return unicode_escape(text, out);
	name = text->next[1] ? strchr(names, text->next[1]) : NULL;
	if (!name)
		return fail_here(text, "unknown escape; expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
	*(*out)++ = meanings[name - names];
	text->next += 2;
	return 0;
}

int ml_hujson_string_decode(struct ml_hujson_text *text, char *buffer, size_t *ret_length)
{
	char *out = buffer;
	int err;

	text->next++;
	while (*text->next != '"') {
		if (*text->next != '\\') {
			*out++ = *text->next++;
			continue;
		}
		err = escape_decode(text, &out);
		if (err)
			return err;
	}
	text->next++;
	*out = '\0';
	*ret_length = (size_t)(out - buffer);
	return 0;
}

static size_t digits_skip(struct ml_hujson_text *text)
{
	const char *begin = text->next;

	while (text->next < text->end && *text->next >= '0' && *text->next <= '9')
		text->next++;
	return (size_t)(text->next - begin);
}

static int exponent_scan(struct ml_hujson_text *text)
{
	if (!ml_hujson_take(text, 'e') && !ml_hujson_take(text, 'E'))
		return 0;
	if (!ml_hujson_take(text, '+'))
		ml_hujson_take(text, '-');
	return digits_skip(text) ? 0 : ml_hujson_unexpected(text, "a digit");
}

int ml_hujson_number_scan(struct ml_hujson_text *text, size_t *ret_length, bool *ret_integer)
{
	const char *begin = text->next, *fraction;

	ml_hujson_take(text, '-');
	if (!ml_hujson_take(text, '0') && !digits_skip(text))
		return ml_hujson_unexpected(text, "a digit");
	if (text->next < text->end && *text->next >= '0' && *text->next <= '9')
		return fail_here(text, "a number does not begin with 0 and another digit");
	fraction = text->next;
	if (ml_hujson_take(text, '.') && !digits_skip(text))
		return ml_hujson_unexpected(text, "a digit");
	if (exponent_scan(text))
		return -EINVAL;
	*ret_length = (size_t)(text->next - begin);
	*ret_integer = text->next == fraction;
	return 0;
}

int ml_hujson_integer_decode(const char *digits, size_t length, int64_t *ret)
{
	bool negative = digits[0] == '-';
	int64_t value = 0;

	for (size_t i = negative; i < length; i++) {
		int64_t digit = digits[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
		    (negative ? __builtin_sub_overflow(value, digit, &value) :
				__builtin_add_overflow(value, digit, &value)))
			return -ERANGE;
	}
	*ret = value;
	return 0;
}
