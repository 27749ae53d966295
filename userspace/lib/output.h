/* SPDX-License-Identifier: MIT */
/*
 * One way to answer, for people and for programs: a command says each thing
 * once, and it comes out as text with aligned columns or as one JSON document.
 *
 * Text: control characters in what is printed are shown as "\x1b" and the like
 * (names come from other machines, and a terminal obeys them); colours only on
 * a terminal, not when NO_COLOR is set and not empty, nor when TERM is "dumb".
 * JSON: keys stand in the order in which they were said.
 */
#ifndef ML_OUTPUT_H
#define ML_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

enum ml_colour {
	ML_PLAIN,
	ML_STRONG,	/* headings, names */
	ML_GOOD,	/* allowed, enforcing */
	ML_WARN,	/* observing, stale */
	ML_BAD,		/* denied, lockdown */
	ML_DIM,		/* said for completeness */
};

struct ml_output;

/* NULL: no memory. */
struct ml_output *ml_output_open(FILE *stream, bool json);
/**
 * ml_output_close - print what is not printed yet, and free
 * @output: may be NULL
 *
 * Return: 0, -ENOMEM (something could not be said), or the errno of writing.
 */
int ml_output_close(struct ml_output *output);
bool ml_output_is_json(const struct ml_output *output);

/* Forget what was said and is not printed yet. */
void ml_output_discard(struct ml_output *output);

/* What was said so far goes out now, as one line of JSON; for endless answers. */
void ml_output_flush(struct ml_output *output);

/* A part of the document; text shows nothing of it. @key is NULL within a list. */
void ml_output_object(struct ml_output *output, const char *key);
void ml_output_list(struct ml_output *output, const char *key);
void ml_output_end(struct ml_output *output);

/**
 * ml_output_field - one value under one name
 * @key: in JSON; NULL: in text alone
 * @value: the reference is taken
 * @label: in text; NULL: in JSON alone. Labels that follow each other are aligned
 */
void ml_output_field(struct ml_output *output, const char *key, json_t *value,
		     const char *label, enum ml_colour colour, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* A value for JSON alone; the reference is taken. @key is NULL within a list. */
void ml_output_value(struct ml_output *output, const char *key, json_t *value);

/* A line for people. */
void ml_output_say(struct ml_output *output, enum ml_colour colour, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Text as it is, newlines included: a template, a script. Nothing in JSON. */
void ml_output_raw(struct ml_output *output, const char *text);

struct ml_column {
	const char *key;	/* in JSON; NULL: in text alone */
	const char *title;	/* in text; NULL: in JSON alone */
	bool right;		/* numbers */
};

/**
 * ml_output_table - begin a table: a list of objects in JSON
 * @columns: must live until ml_output_table_end()
 *
 * As many cells as there are columns make a row.
 */
void ml_output_table(struct ml_output *output, const char *key,
		     const struct ml_column *columns, size_t count);
/* @value: the reference is taken. */
void ml_output_cell(struct ml_output *output, json_t *value, enum ml_colour colour,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
void ml_output_table_end(struct ml_output *output);

/* A JSON string of any bytes: what is not UTF-8 is shown as "\xff". NULL gives null. */
json_t *ml_output_text(const char *text);
/* A rule's id, as everywhere: sixteen hex digits. */
json_t *ml_output_id(uint64_t id);

#endif
