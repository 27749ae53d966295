// SPDX-License-Identifier: MIT
/*
 * Entries of the audit log, bundles of them, and names of tiles, from a directory
 * that somebody else wrote; and texts that somebody else sent. What is taken for an
 * entry is one line of ASCII and has one form; what a text becomes is, too.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit_entry.h"
#include "keys.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return ml_keys_setup(NULL);
}

static void need_ascii(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			abort();
}

static void read_entry(struct ml_bytes bytes)
{
	struct ml_error error = { 0 };
	struct ml_audit_entry entry;
	char time[ML_AUDIT_TIME_TEXT];
	int r = ml_audit_entry_parse(bytes, &entry, &error);

	if (r) {
		if (error.code != r || !error.text[0])
			abort();
		return;
	}
	need_ascii((const char *)bytes.data, bytes.length);
	if (strcmp(ml_audit_time_format(entry.time, time),
		   json_string_value(json_object_get(entry.json, "timestamp"))))
		abort();
	ml_audit_entry_clean(&entry);
}

static void read_text(const char *text, size_t limit)
{
	json_t *json = ml_audit_text(text, limit);
	size_t length;
	char *dump;

	if (!json || json_string_length(json) > limit)
		abort();
	dump = ml_audit_dump(json, &length);
	if (!dump || length != strlen(dump))
		abort();
	need_ascii(dump, length);
	free(dump);
	json_decref(json);
}

static void read_path(const char *path)
{
	char again[ML_TILE_PATH];
	struct ml_tile tile;

	if (ml_tile_path_parse(path, &tile) && strcmp(ml_tile_path(&tile, again), path))
		abort();
}

static void read_bundle(const uint8_t *data, size_t size, unsigned int width)
{
	struct ml_bytes entries[ML_TILE_WIDTH];
	size_t total = 0;
	unsigned int i;

	if (ml_tile_bundle_split(data, size, width, entries))
		return;
	for (i = 0; i < width; i++)
		total += 2 + entries[i].length;
	if (total != size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	read_entry((struct ml_bytes){ data + 1, size - 1 });
	read_text(text, 3 + data[0]);
	read_path(text);
	read_bundle(data + 1, size - 1, 1 + data[0]);
	free(text);
	return 0;
}
