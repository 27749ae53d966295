// SPDX-License-Identifier: MIT
/* The HuJSON reader: values, places, errors, limits, and jansson as judge. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../fuzz/hujson_oracle.h"
#include "hujson.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct ml_hujson *parse(const char *text)
{
	struct ml_hujson *document = NULL;
	struct ml_error error = { 0 };
	char buffer[1024];

	if (ml_hujson_parse("f", text, strlen(text), &document, &error))
		fail_msg("%s: %s", text, ml_error_string(&error, buffer, sizeof(buffer)));
	return document;
}

static void assert_place(unsigned int line, unsigned int column, const void *where_line,
			 const void *where_column)
{
	assert_int_equal(*(const unsigned int *)where_line, line);
	assert_int_equal(*(const unsigned int *)where_column, column);
}

static void values_are_read(void **state)
{
	struct ml_hujson *document = parse(
		"{\"n\": null, \"t\": true, \"f\": false, \"i\": -12, \"r\": 1.5e3,\n"
		" \"s\": \"a\\n\\u00e9\\ud83d\\ude00\\/\", \"a\": [1, [], {}], \"\": 0}");
	const struct ml_hujson_value *root = ml_hujson_root(document);
	const struct ml_hujson_member *m = root->object.members;

	(void)state;
	assert_int_equal(root->type, ML_HUJSON_OBJECT);
	assert_int_equal(root->object.count, 8);
	assert_int_equal(m[0].value.type, ML_HUJSON_NULL);
	assert_true(m[1].value.boolean);
	assert_false(m[2].value.boolean);
	assert_int_equal(m[3].value.integer, -12);
	assert_true(m[4].value.real == 1500.0);
	assert_string_equal(m[5].value.string.text, "a\n\xc3\xa9\xf0\x9f\x98\x80/");
	assert_int_equal(m[5].value.string.length, 9);
	assert_int_equal(m[6].value.array.count, 3);
	assert_int_equal(m[7].key_length, 0);
	ml_hujson_free(document);
}

static void places_are_kept(void **state)
{
	struct ml_hujson *document = parse("// one\n{ /* two\nlines */ \"a\" : [\n\t1,\n\t\"\xc3\xa9\", 2,\n],}");
	const struct ml_hujson_value *root = ml_hujson_root(document);
	const struct ml_hujson_member *a = &root->object.members[0];
	const struct ml_hujson_value *items = a->value.array.items;

	(void)state;
	assert_place(2, 1, &root->line, &root->column);
	assert_place(3, 10, &a->line, &a->column);
	assert_place(3, 16, &a->value.line, &a->value.column);
	assert_place(4, 2, &items[0].line, &items[0].column);
	assert_place(5, 2, &items[1].line, &items[1].column);
	assert_place(5, 8, &items[2].line, &items[2].column);	/* columns are bytes */
	ml_hujson_free(document);
}

static void errors_have_places(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "f:1:1: unexpected end of the text, expected a value" },
		{ "{", "f:1:2: unexpected end of the text, expected a key in double quotes" },
		{ "[1 2]", "f:1:4: unexpected '2', expected ',' or ']'" },
		{ "[,]", "f:1:2: unexpected ',', expected a value" },
		{ "[1,,]", "f:1:4: unexpected ',', expected a value" },
		{ "{,}", "f:1:2: unexpected ',', expected a key in double quotes" },
		{ "{\"a\" 1}", "f:1:6: unexpected '1', expected ':' behind the key" },
		{ "{a: 1}", "f:1:2: unexpected 'a', expected a key in double quotes" },
		{ "[1]\n]", "f:2:1: unexpected ']', expected nothing behind the value" },
		{ "nul", "f:1:1: unexpected 'n', expected a value" },
		{ "nulls", "f:1:1: unexpected 'n', expected a value" },
		{ "/", "f:1:1: unexpected '/', expected a value or a comment" },
		{ "[1] /* x", "f:1:5: the comment does not end; expected '*/'" },
		{ "\"abc", "f:1:1: the string does not end; expected '\"'" },
		{ "\"\\\"", "f:1:1: the string does not end; expected '\"'" },
		{ "\"a\nb\"", "f:1:3: a control character in a string; write it as \\u00XX" },
		{ "\"\\x\"", "f:1:2: unknown escape; expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u" },
		{ "\"\\u12g4\"", "f:1:2: expected four hexadecimal digits behind \\u" },
		{ "\"\\u12", "f:1:1: the string does not end; expected '\"'" },
		{ "\"\\u0000\"", "f:1:2: \\u0000 cannot stand in a string" },
		{ "\"\\ud800\"", "f:1:2: half of a surrogate pair" },
		{ "\"\\ud800\\u0041\"", "f:1:2: half of a surrogate pair" },
		{ "\"\\udc00\"", "f:1:2: half of a surrogate pair" },
		{ "\"\xc0\xaf\"", "f:1:2: not UTF-8" },
		{ "// \xed\xa0\x80\n1", "f:1:4: not UTF-8" },
		{ "1 // \xff", "f:1:6: not UTF-8" },
		{ "\xef\xbb\xbf{}", "f:1:1: a byte order mark; save the file as UTF-8 without it" },
		{ "01", "f:1:2: a number does not begin with 0 and another digit" },
		{ "-", "f:1:2: unexpected end of the text, expected a digit" },
		{ "1.", "f:1:3: unexpected end of the text, expected a digit" },
		{ "1e+", "f:1:4: unexpected end of the text, expected a digit" },
		{ "+1", "f:1:1: unexpected '+', expected a value" },
		{ "9223372036854775808", "f:1:1: the number does not fit in 64 bits" },
		{ "[1e999]", "f:1:2: the number is too large" },
		{ "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}",
		  "f:3:2: the key \"a\" stands twice: first at line 1, column 2" },
		{ "{\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\":1,\"k6\":1,\"k7\":1,\"k8\":1,\"k2\":1,\"k1\":1}",
		  "f:1:58: the key \"k2\" stands twice: first at line 1, column 9" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct ml_hujson *document = NULL;
		struct ml_error error = { 0 };
		char buffer[1024];
		int err = ml_hujson_parse("f", cases[i].text, strlen(cases[i].text), &document, &error);

		assert_int_equal(err, -EINVAL);
		assert_int_equal(error.code, -EINVAL);
		assert_null(document);
		assert_string_equal(ml_error_string(&error, buffer, sizeof(buffer)), cases[i].error);
	}
}

static void plain_json_has_no_extras(void **state)
{
	static const char *const extras[] = {
		"[1,]", "{\"a\":1,}", "// x\n1", "1 // x", "/* x */ 1", "[1 /* x */]", "[1,/**/]",
	};
	struct ml_hujson *document = NULL;

	(void)state;
	for (size_t i = 0; i < LENGTH(extras); i++) {
		ml_hujson_free(parse(extras[i]));
		assert_int_equal(ml_json_parse("f", extras[i], strlen(extras[i]), &document, NULL),
				 -EINVAL);
	}
	assert_int_equal(ml_json_parse("f", "[1, {\"a\": []}]", 14, &document, NULL), 0);
	ml_hujson_free(document);
}

static void integers_reach_the_ends(void **state)
{
	struct ml_hujson *document = parse("[9223372036854775807, -9223372036854775808, -0]");
	const struct ml_hujson_value *items = ml_hujson_root(document)->array.items;

	(void)state;
	assert_true(items[0].integer == INT64_MAX);
	assert_true(items[1].integer == INT64_MIN);
	assert_true(items[2].integer == 0 && items[2].type == ML_HUJSON_INTEGER);
	ml_hujson_free(document);
}

static int nested(unsigned int depth)
{
	char text[2 * (ML_HUJSON_MAX_DEPTH + 2)];
	struct ml_hujson *document = NULL;
	struct ml_error error;
	int err;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	err = ml_hujson_parse("f", text, 2 * depth, &document, &error);
	ml_hujson_free(document);
	return err;
}

static void depth_is_limited(void **state)
{
	(void)state;
	assert_int_equal(nested(ML_HUJSON_MAX_DEPTH), 0);
	assert_int_equal(nested(ML_HUJSON_MAX_DEPTH + 1), -E2BIG);
}

static int string_of(size_t length)
{
	char *text = malloc(length + 2);
	struct ml_hujson *document = NULL;
	struct ml_error error;
	int err;

	assert_non_null(text);
	memset(text, 'x', length + 2);
	text[0] = text[length + 1] = '"';
	err = ml_hujson_parse("f", text, length + 2, &document, &error);
	ml_hujson_free(document);
	free(text);
	return err;
}

static void strings_are_limited(void **state)
{
	(void)state;
	assert_int_equal(string_of(ML_HUJSON_MAX_STRING), 0);
	assert_int_equal(string_of(ML_HUJSON_MAX_STRING + 1), -E2BIG);
}

static void values_are_limited(void **state)
{
	size_t length = 2 * (size_t)ML_HUJSON_MAX_VALUES + 1;
	char *text = malloc(length);
	struct ml_hujson *document = NULL;
	struct ml_error error;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = i % 2 ? '0' : ',';
	text[0] = '[';
	text[length - 1] = ']';
	assert_int_equal(ml_hujson_parse("f", text, length, &document, &error), -E2BIG);
	free(text);
}

static uint64_t random_state = 0x6d65726c6f6eULL;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

/* Pieces that meet at the seams of the grammar. */
static const char *const pieces[] = {
	"{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"",
	"1", "-1", "0", "1.5", "1e3", "1e999", "9223372036854775807", "9223372036854775808", "null",
	"true", "false", " ", "\n", "// x\n", "/* y */", "/*", "\"", "\\", "\xc3\xa9", "\xff", "\t",
	"\"c\":", "\"a\":", ",", "]", "}", "[", "{",
};

/* Text that grows from the grammar, so that much of it is accepted. */
static size_t grow(char *out, size_t room, unsigned int depth)
{
	static const char *const leaves[] = {
		"null", "true", "0", "-3", "2.5", "\"x\"", "\"\\u0041\\n\"", "\"\xc3\xa9\"", "1E2",
	};
	static const char *const blanks[] = { "", "", " ", "// c\n", "/* , ] */", "\n\t" };
	const char *leaf = leaves[random_below(LENGTH(leaves))];
	bool object = random_below(2);
	size_t used = 0, count = random_below(4);

	if (!depth || !random_below(3) || room < 64)
		return (size_t)snprintf(out, room, "%s", leaf);
	used += (size_t)snprintf(out + used, room - used, "%s", object ? "{" : "[");
	for (size_t i = 0; i < count && room - used > 128; i++) {
		used += (size_t)snprintf(out + used, room - used, "%s",
					 blanks[random_below(LENGTH(blanks))]);
		if (object)
			used += (size_t)snprintf(out + used, room - used, "\"k%u\":",
						 random_below(20) ? (unsigned int)i : 0);
		used += grow(out + used, room - used - 64, depth - 1);
		used += (size_t)snprintf(out + used, room - used, "%s%s",
					 blanks[random_below(LENGTH(blanks))],
					 i + 1 < count || random_below(3) == 0 ? "," : "");
	}
	used += (size_t)snprintf(out + used, room - used, "%s", object ? "}" : "]");
	return used;
}

static void mutate(char *text, size_t *length)
{
	size_t at = random_below((uint32_t)*length + 1);
	const char *piece = pieces[random_below(LENGTH(pieces))];
	size_t more = strlen(piece);

	switch (random_below(3)) {
	case 0:
		memmove(text + at + more, text + at, *length - at);
		memcpy(text + at, piece, more);
		*length += more;
		break;
	case 1:
		if (at < *length)
			memmove(text + at, text + at + 1, --*length - at);
		break;
	default:
		if (at < *length)
			text[at] = (char)random_below(256);
	}
}

static int parse_quietly(const char *text, size_t length)
{
	struct ml_hujson *document = NULL;
	int err = ml_hujson_parse("f", text, length, &document, NULL);

	ml_hujson_free(document);
	return err;
}

static void jansson_agrees(void **state)
{
	unsigned int accepted = 0;

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		char text[1024];
		size_t length = grow(text, 512, 5);
		const char *verdict;

		for (unsigned int j = random_below(4); j > 0; j--)
			mutate(text, &length);
		verdict = oracle_judge(text, length);
		if (verdict) {
			for (size_t j = 0; j < length; j++)
				print_error("%02x ", (unsigned char)text[j]);
			fail_msg("case %u: %s: %.*s", i, verdict, (int)length, text);
		}
		if (!parse_quietly(text, length))
			accepted++;
	}
	/* Both answers must be common, or the agreement says little. */
	assert_in_range(accepted, 40000, 160000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(places_are_kept),
		cmocka_unit_test(errors_have_places),
		cmocka_unit_test(plain_json_has_no_extras),
		cmocka_unit_test(integers_reach_the_ends),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(strings_are_limited),
		cmocka_unit_test(values_are_limited),
		cmocka_unit_test(jansson_agrees),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hujson", tests, NULL, NULL);
}
