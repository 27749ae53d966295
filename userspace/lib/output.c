// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH 8

struct cell {
	char *label;		/* of a field */
	char *text;
	enum ml_colour colour;
};

struct ml_output {
	FILE *stream;
	bool json, colours, failed;
	json_t *stack[DEPTH];	/* the document first; borrowed but for that */
	size_t depth;
	struct cell *cells;	/* fields not printed yet, or a table's cells */
	size_t count, room;
	const struct ml_column *columns;	/* NULL: no table is open */
	size_t width;		/* columns of it */
	json_t *rows, *row;	/* borrowed */
};

static const char *const colour_codes[] = {
	[ML_PLAIN] = "",
	[ML_STRONG] = "\033[1m",
	[ML_GOOD] = "\033[32m",
	[ML_WARN] = "\033[33m",
	[ML_BAD] = "\033[31m",
	[ML_DIM] = "\033[2m",
};

static bool wants_colours(FILE *stream)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no && *no) || (term && !strcmp(term, "dumb")))
		return false;
	return isatty(fileno(stream));
}

struct ml_output *ml_output_open(FILE *stream, bool json)
{
	struct ml_output *output = calloc(1, sizeof(*output));

	if (!output)
		return NULL;
	output->stream = stream;
	output->json = json;
	output->colours = !json && wants_colours(stream);
	output->stack[0] = json_object();
	if (!output->stack[0]) {
		free(output);
		return NULL;
	}
	return output;
}

bool ml_output_is_json(const struct ml_output *output)
{
	return output->json;
}

/* ------------------------------------------------------------------- text */

/* Length of the character at @text if it may be shown as it is, else 0. */
static size_t printable(const unsigned char *text)
{
	static const unsigned char lead[] = { 0, 0, 0xc2, 0xe0, 0xf0 };
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (length == 1)
		return text[0] >= 0x20 && text[0] != 0x7f;
	if (text[0] < lead[length] || text[0] > 0xf4)
		return 0;
	if (text[0] == 0xc2 && text[1] < 0xa0)	/* C1 controls */
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static char *clean(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	char *ret = malloc(strlen(text) * 4 + 1), *to = ret;
	size_t length;

	if (!ret)
		return NULL;
	while (*at) {
		length = printable(at);
		if (length) {
			memcpy(to, at, length);
			to += length;
			at += length;
		} else {
			to += sprintf(to, "\\x%02x", *at++);
		}
	}
	*to = '\0';
	return ret;
}

__attribute__((format(printf, 1, 0)))
static char *clean_format(const char *format, va_list args)
{
	char *text, *ret;

	if (vasprintf(&text, format, args) < 0)
		return NULL;
	ret = clean(text);
	free(text);
	return ret;
}

static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void put(struct ml_output *output, const char *text, enum ml_colour colour,
		size_t width, bool right)
{
	size_t length = characters(text);
	int gap = length < width ? (int)(width - length) : 0;
	bool colours = output->colours && colour != ML_PLAIN;

	fprintf(output->stream, "%*s%s%s%s%*s", right ? gap : 0, "",
		colours ? colour_codes[colour] : "", text,
		colours ? "\033[0m" : "", right ? 0 : gap, "");
}

static void cells_clear(struct ml_output *output)
{
	for (size_t i = 0; i < output->count; i++) {
		free(output->cells[i].label);
		free(output->cells[i].text);
	}
	output->count = 0;
}

/* Takes @text, which may be NULL: no memory. */
static void cell_add(struct ml_output *output, const char *label, char *text,
		     enum ml_colour colour)
{
	struct cell *grown;

	if (output->count == output->room) {
		grown = realloc(output->cells, (output->room * 2 + 16) * sizeof(*grown));
		if (!grown) {
			free(text);
			output->failed = true;
			return;
		}
		output->cells = grown;
		output->room = output->room * 2 + 16;
	}
	output->cells[output->count] = (struct cell){
		.label = label ? strdup(label) : NULL, .text = text, .colour = colour,
	};
	output->count++;
	if (!text || (label && !output->cells[output->count - 1].label))
		output->failed = true;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void fields_print(struct ml_output *output)
{
	size_t width = 0, length;

	if (output->columns)
		return;
	for (size_t i = 0; i < output->count; i++) {
		length = characters(or_empty(output->cells[i].label));
		width = length > width ? length : width;
	}
	for (size_t i = 0; i < output->count; i++) {
		put(output, or_empty(output->cells[i].label), ML_DIM, width + 2, false);
		put(output, or_empty(output->cells[i].text), output->cells[i].colour, 0, false);
		fputc('\n', output->stream);
	}
	cells_clear(output);
}

void ml_output_say(struct ml_output *output, enum ml_colour colour, const char *format, ...)
{
	va_list args;
	char *text;

	if (output->json)
		return;
	fields_print(output);
	va_start(args, format);
	text = clean_format(format, args);
	va_end(args);
	if (!text) {
		output->failed = true;
		return;
	}
	put(output, text, colour, 0, false);
	fputc('\n', output->stream);
	free(text);
}

void ml_output_raw(struct ml_output *output, const char *text)
{
	if (output->json)
		return;
	fields_print(output);
	fputs(text, output->stream);
}

/* ------------------------------------------------------------------- JSON */

json_t *ml_output_text(const char *text)
{
	json_t *ret;
	char *shown;

	if (!text)
		return json_null();
	ret = json_string(text);
	if (ret)
		return ret;
	shown = clean(text);
	ret = shown ? json_string(shown) : NULL;
	free(shown);
	return ret;
}

json_t *ml_output_id(uint64_t id)
{
	return json_sprintf("%016llx", (unsigned long long)id);
}

/* Takes @value, which may be NULL: no memory. Return: @value, now borrowed. */
static json_t *json_put(struct ml_output *output, const char *key, json_t *value)
{
	json_t *top = output->stack[output->depth];
	int failed = key ? json_object_set_new(top, key, value) :
			   json_array_append_new(top, value);

	if (failed)
		output->failed = true;
	return failed ? NULL : value;
}

static void descend(struct ml_output *output, const char *key, json_t *value)
{
	json_t *part = json_put(output, key, value);

	/* A part that could not be made: what is said of it goes to the part above. */
	if (!part)
		part = output->stack[output->depth];
	if (output->depth + 1 < DEPTH)
		output->stack[++output->depth] = part;
	else
		output->failed = true;
}

void ml_output_object(struct ml_output *output, const char *key)
{
	descend(output, key, json_object());
}

void ml_output_list(struct ml_output *output, const char *key)
{
	descend(output, key, json_array());
}

void ml_output_end(struct ml_output *output)
{
	if (output->depth)
		output->depth--;
}

void ml_output_value(struct ml_output *output, const char *key, json_t *value)
{
	json_put(output, key, value);
}

void ml_output_field(struct ml_output *output, const char *key, json_t *value,
		     const char *label, enum ml_colour colour, const char *format, ...)
{
	va_list args;

	if (key)
		json_put(output, key, value);
	else
		json_decref(value);
	if (!label || output->json)
		return;
	va_start(args, format);
	cell_add(output, label, clean_format(format, args), colour);
	va_end(args);
}

/* ------------------------------------------------------------------ table */

void ml_output_table(struct ml_output *output, const char *key,
		     const struct ml_column *columns, size_t count)
{
	fields_print(output);
	output->rows = json_put(output, key, json_array());
	output->columns = columns;
	output->width = count;
	output->row = NULL;
}

void ml_output_cell(struct ml_output *output, json_t *value, enum ml_colour colour,
		    const char *format, ...)
{
	const struct ml_column *column = &output->columns[output->count % output->width];
	va_list args;

	if (column == output->columns) {
		output->row = json_object();
		if (!output->rows || json_array_append_new(output->rows, output->row))
			output->failed = true;
	}
	if (!column->key)
		json_decref(value);
	else if (json_object_set_new(output->row, column->key, value))
		output->failed = true;
	va_start(args, format);
	cell_add(output, NULL, column->title ? clean_format(format, args) : strdup(""), colour);
	va_end(args);
}

static size_t column_width(const struct ml_output *output, size_t column)
{
	size_t width = characters(output->columns[column].title), length;

	for (size_t i = column; i < output->count; i += output->width) {
		length = characters(or_empty(output->cells[i].text));
		width = length > width ? length : width;
	}
	return width;
}

/* The last column that text shows: nothing is padded behind it. */
static size_t last_column(const struct ml_output *output)
{
	size_t last = output->width;

	while (last && !output->columns[last - 1].title)
		last--;
	return last;
}

static void row_print(struct ml_output *output, const struct cell *row, const size_t *widths)
{
	size_t last = last_column(output);

	for (size_t i = 0; i < last; i++) {
		const struct ml_column *column = &output->columns[i];
		bool pad = column->right || i + 1 < last;

		if (!column->title)
			continue;
		put(output, row ? or_empty(row[i].text) : column->title,
		    row ? row[i].colour : ML_DIM, pad ? widths[i] : 0, column->right);
		fputs(i + 1 < last ? "  " : "\n", output->stream);
	}
}

static void table_print(struct ml_output *output)
{
	size_t *widths = calloc(output->width, sizeof(*widths));

	if (!widths) {
		output->failed = true;
		return;
	}
	for (size_t i = 0; i < output->width; i++) {
		if (output->columns[i].title)
			widths[i] = column_width(output, i);
	}
	row_print(output, NULL, widths);
	for (size_t i = 0; i + output->width <= output->count; i += output->width)
		row_print(output, output->cells + i, widths);
	free(widths);
}

void ml_output_table_end(struct ml_output *output)
{
	if (!output->json && output->count)
		table_print(output);
	cells_clear(output);
	output->columns = NULL;
	output->rows = output->row = NULL;
}

/* -------------------------------------------------------------------- end */

static void document_print(struct ml_output *output, size_t flags)
{
	if (!json_object_size(output->stack[0]))
		return;
	if (json_dumpf(output->stack[0], output->stream, flags | JSON_ENSURE_ASCII))
		output->failed = true;
	fputc('\n', output->stream);
}

void ml_output_flush(struct ml_output *output)
{
	if (output->json)
		document_print(output, JSON_COMPACT);
	else
		fields_print(output);
	json_object_clear(output->stack[0]);
	output->depth = 0;
	fflush(output->stream);
}

void ml_output_discard(struct ml_output *output)
{
	cells_clear(output);
	json_object_clear(output->stack[0]);
	output->depth = 0;
	output->columns = NULL;
	output->rows = output->row = NULL;
}

int ml_output_close(struct ml_output *output)
{
	int ret = 0;

	if (!output)
		return 0;
	if (output->json)
		document_print(output, JSON_INDENT(2));
	else
		fields_print(output);
	errno = 0;
	if (fflush(output->stream) || ferror(output->stream))
		ret = errno ? -errno : -EIO;
	else if (output->failed)
		ret = -ENOMEM;
	cells_clear(output);
	free(output->cells);
	json_decref(output->stack[0]);
	free(output);
	return ret;
}
