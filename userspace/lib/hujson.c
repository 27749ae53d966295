// SPDX-License-Identifier: MIT
#include "hujson.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hujson_text.h"
#include "policy_arena.h"
#include "policy_text.h"

struct ml_hujson {
	struct ml_arena arena;
	struct ml_hujson_value root;
};

/* Members of the containers that are open; an array uses only the values. */
struct stack {
	struct ml_hujson_member *items;
	size_t count, room;
};

struct parser {
	struct ml_hujson_text text;
	struct ml_arena *arena;
	struct stack stack;
	size_t values;
	unsigned int depth;
	locale_t c_locale;	/* numbers have a decimal point, wherever we are */
};

static int value_parse(struct parser *parser, struct ml_hujson_value *ret);

static int no_memory(struct parser *parser)
{
	return ml_error_set(parser->text.error, -ENOMEM, "out of memory");
}

static int stack_push(struct parser *parser, const struct ml_hujson_member *member)
{
	struct stack *stack = &parser->stack;

	if (stack->count == stack->room) {
		size_t room = stack->room ? 2 * stack->room : 64;
		struct ml_hujson_member *items;

		items = reallocarray(stack->items, room, sizeof(*items));
		if (!items)
			return no_memory(parser);
		stack->items = items;
		stack->room = room;
	}
	stack->items[stack->count++] = *member;
	return 0;
}

static int string_parse(struct parser *parser, const char **ret, size_t *ret_length)
{
	size_t room;
	char *buffer;
	int err;

	err = ml_hujson_string_measure(&parser->text, &room);
	if (err)
		return err;
	buffer = ml_arena_alloc(parser->arena, room + 1);
	if (!buffer)
		return no_memory(parser);
	err = ml_hujson_string_decode(&parser->text, buffer, ret_length);
	if (err)
		return err;
	*ret = buffer;
	return 0;
}

static int real_parse(struct parser *parser, const char *digits, size_t length,
		      struct ml_hujson_value *ret)
{
	char *copy = strndup(digits, length);

	if (!copy)
		return no_memory(parser);
	ret->type = ML_HUJSON_REAL;
	ret->real = strtod_l(copy, NULL, parser->c_locale);
	free(copy);
	if (isinf(ret->real))
		return ml_hujson_fail(&parser->text, ret, "the number is too large");
	return 0;
}

static int number_parse(struct parser *parser, struct ml_hujson_value *ret)
{
	const char *digits = parser->text.next;
	size_t length;
	bool integer;
	int err;

	err = ml_hujson_number_scan(&parser->text, &length, &integer);
	if (err)
		return err;
	if (!integer)
		return real_parse(parser, digits, length, ret);
	ret->type = ML_HUJSON_INTEGER;
	if (ml_hujson_integer_decode(digits, length, &ret->integer))
		return ml_hujson_fail(&parser->text, ret, "the number does not fit in 64 bits");
	return 0;
}

static int word_parse(struct parser *parser, struct ml_hujson_value *ret)
{
	static const struct {
		const char *word;
		uint8_t type;
		bool boolean;
	} words[] = {
		{ "null", ML_HUJSON_NULL, false },
		{ "true", ML_HUJSON_BOOL, true },
		{ "false", ML_HUJSON_BOOL, false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!ml_hujson_word(&parser->text, words[i].word))
			continue;
		ret->type = words[i].type;
		ret->boolean = words[i].boolean;
		return 0;
	}
	return ml_hujson_unexpected(&parser->text, "a value");
}

/* Behind an element: 1 one more follows, 0 closed, or an error. */
static int separator_parse(struct parser *parser, char close)
{
	struct ml_hujson_text *text = &parser->text;
	int err = ml_hujson_space(text);

	if (err)
		return err;
	if (ml_hujson_take(text, close))
		return 0;
	if (!ml_hujson_take(text, ','))
		return ml_hujson_unexpected(text, close == ']' ? "',' or ']'" : "',' or '}'");
	err = ml_hujson_space(text);
	if (err)
		return err;
	return !text->plain && ml_hujson_take(text, close) ? 0 : 1;
}

/* Takes the opening bracket; 1: an element follows, 0: it is empty. */
static int container_open(struct parser *parser, char close)
{
	int err;

	parser->text.next++;
	if (++parser->depth > ML_HUJSON_MAX_DEPTH)
		return ml_hujson_limit(&parser->text, ML_HUJSON_MAX_DEPTH,
				       "arrays and objects inside each other");
	err = ml_hujson_space(&parser->text);
	if (err)
		return err;
	return ml_hujson_take(&parser->text, close) ? 0 : 1;
}

static int array_close(struct parser *parser, size_t base, struct ml_hujson_value *ret)
{
	size_t count = parser->stack.count - base;
	struct ml_hujson_value *items;

	items = ml_arena_alloc(parser->arena, count * sizeof(*items));
	if (!items)
		return no_memory(parser);
	for (size_t i = 0; i < count; i++)
		items[i] = parser->stack.items[base + i].value;
	parser->stack.count = base;
	parser->depth--;
	ret->array.items = items;
	ret->array.count = count;
	return 0;
}

static int array_parse(struct parser *parser, struct ml_hujson_value *ret)
{
	struct ml_hujson_member member = { 0 };
	size_t base = parser->stack.count;
	int more;

	ret->type = ML_HUJSON_ARRAY;
	more = container_open(parser, ']');
	while (more > 0) {
		more = value_parse(parser, &member.value);
		if (!more)
			more = stack_push(parser, &member);
		if (!more)
			more = separator_parse(parser, ']');
	}
	return more ? more : array_close(parser, base, ret);
}

static int member_compare(const void *a, const void *b)
{
	const struct ml_hujson_member *x = *(const struct ml_hujson_member *const *)a;
	const struct ml_hujson_member *y = *(const struct ml_hujson_member *const *)b;
	int order = strcmp(x->key, y->key);

	return order ? order : x < y ? -1 : x > y;
}

static int duplicate_report(struct parser *parser, const struct ml_hujson_member *first,
			    const struct ml_hujson_member *second)
{
	char key[80];

	snprintf(key, sizeof(key), "%s", second->key);
	ml_text_printable(key);
	return ml_error_at(parser->text.error, -EINVAL, parser->text.file, second->line,
			   second->column, "the key \"%s\" stands twice: first at line %u, column %u",
			   key, first->line, first->column);
}

static int duplicates_find_few(struct parser *parser, const struct ml_hujson_member *members,
			       size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(members[i].key, members[j].key))
				return duplicate_report(parser, &members[j], &members[i]);
	return 0;
}

static int duplicates_find(struct parser *parser, const struct ml_hujson_member *members,
			   size_t count)
{
	const struct ml_hujson_member **sorted, *first = NULL, *second = NULL;

	if (count <= 8)
		return duplicates_find_few(parser, members, count);
	sorted = reallocarray(NULL, count, sizeof(const struct ml_hujson_member *));
	if (!sorted)
		return no_memory(parser);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &members[i];
	qsort(sorted, count, sizeof(const struct ml_hujson_member *), member_compare);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0 || (second && second < sorted[i]))
			continue;
		first = sorted[i - 1];
		second = sorted[i];
	}
	free(sorted);
	return second ? duplicate_report(parser, first, second) : 0;
}

static int object_close(struct parser *parser, size_t base, struct ml_hujson_value *ret)
{
	size_t count = parser->stack.count - base;
	struct ml_hujson_member *members;

	members = ml_arena_copy(parser->arena, count ? parser->stack.items + base : NULL,
				count * sizeof(*members));
	if (!members)
		return no_memory(parser);
	parser->stack.count = base;
	parser->depth--;
	ret->object.members = members;
	ret->object.count = count;
	return duplicates_find(parser, members, count);
}

static int member_parse(struct parser *parser, struct ml_hujson_member *ret)
{
	struct ml_hujson_text *text = &parser->text;
	int err;

	ml_hujson_place(text, &ret->line, &ret->column);
	if (text->next == text->end || *text->next != '"')
		return ml_hujson_unexpected(text, "a key in double quotes");
	err = string_parse(parser, &ret->key, &ret->key_length);
	if (!err)
		err = ml_hujson_space(text);
	if (err)
		return err;
	if (!ml_hujson_take(text, ':'))
		return ml_hujson_unexpected(text, "':' behind the key");
	return value_parse(parser, &ret->value);
}

static int object_parse(struct parser *parser, struct ml_hujson_value *ret)
{
	struct ml_hujson_member member = { 0 };
	size_t base = parser->stack.count;
	int more;

	ret->type = ML_HUJSON_OBJECT;
	more = container_open(parser, '}');
	while (more > 0) {
		more = member_parse(parser, &member);
		if (!more)
			more = stack_push(parser, &member);
		if (!more)
			more = separator_parse(parser, '}');
	}
	return more ? more : object_close(parser, base, ret);
}

static int value_begin(struct parser *parser, struct ml_hujson_value *ret)
{
	int err = ml_hujson_space(&parser->text);

	if (err)
		return err;
	*ret = (struct ml_hujson_value){ 0 };
	ml_hujson_place(&parser->text, &ret->line, &ret->column);
	if (++parser->values > ML_HUJSON_MAX_VALUES)
		return ml_hujson_limit(&parser->text, ML_HUJSON_MAX_VALUES, "values");
	if (parser->text.next == parser->text.end)
		return ml_hujson_unexpected(&parser->text, "a value");
	return 0;
}

static int value_parse(struct parser *parser, struct ml_hujson_value *ret)
{
	int err = value_begin(parser, ret);

	if (err)
		return err;
	switch (*parser->text.next) {
	case '{':
		return object_parse(parser, ret);
	case '[':
		return array_parse(parser, ret);
	case '"':
		ret->type = ML_HUJSON_STRING;
		return string_parse(parser, &ret->string.text, &ret->string.length);
	case '-':
	case '0' ... '9':
		return number_parse(parser, ret);
	default:
		return word_parse(parser, ret);
	}
}

static int document_parse(struct parser *parser, struct ml_hujson *document)
{
	int err = ml_hujson_utf8_check(&parser->text);

	if (!err)
		err = value_parse(parser, &document->root);
	if (!err)
		err = ml_hujson_space(&parser->text);
	if (err)
		return err;
	if (parser->text.next != parser->text.end)
		return ml_hujson_unexpected(&parser->text, "nothing behind the value");
	return 0;
}

static int text_parse(const char *file, const char *text, size_t length, bool plain,
		      struct ml_hujson **ret, struct ml_error *error)
{
	struct parser parser = { 0 };
	struct ml_hujson *document = calloc(1, sizeof(*document));
	int err;

	if (!document)
		return ml_error_set(error, -ENOMEM, "out of memory");
	parser.arena = &document->arena;
	ml_hujson_text_init(&parser.text, file, text, length, error);
	parser.text.plain = plain;
	parser.c_locale = newlocale(LC_ALL_MASK, "C", NULL);
	if (parser.c_locale) {
		err = document_parse(&parser, document);
		freelocale(parser.c_locale);
	} else {
		err = no_memory(&parser);
	}
	free(parser.stack.items);
	if (err)
		ml_hujson_free(document);
	else
		*ret = document;
	return err;
}

int ml_hujson_parse(const char *file, const char *text, size_t length,
		    struct ml_hujson **ret, struct ml_error *error)
{
	return text_parse(file, text, length, false, ret, error);
}

int ml_json_parse(const char *file, const char *text, size_t length,
		  struct ml_hujson **ret, struct ml_error *error)
{
	return text_parse(file, text, length, true, ret, error);
}

const struct ml_hujson_value *ml_hujson_root(const struct ml_hujson *document)
{
	return &document->root;
}

void ml_hujson_free(struct ml_hujson *document)
{
	if (!document)
		return;
	ml_arena_clean(&document->arena);
	free(document);
}

const char *ml_hujson_type_name(const struct ml_hujson_value *value)
{
	static const char *const names[] = {
		[ML_HUJSON_NULL] = "null",
		[ML_HUJSON_BOOL] = "a boolean",
		[ML_HUJSON_INTEGER] = "a number",
		[ML_HUJSON_REAL] = "a number",
		[ML_HUJSON_STRING] = "a string",
		[ML_HUJSON_ARRAY] = "an array",
		[ML_HUJSON_OBJECT] = "an object",
	};

	return names[value->type];
}
