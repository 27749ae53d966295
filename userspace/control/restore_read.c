// SPDX-License-Identifier: MIT
/* The first reading of a backup: is it whole, who made it, of which network? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "restore.h"
#include "tiles.h"

struct reading {
	struct restore *restore;
	uint64_t seen;			/* a bit for each of backup_files */
	bool store, manifest;
};

static int foreign(const char *name, struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG, "backup: it holds a part \"%s\", which merlon-control does not write",
			    name);
}

/* -1: none of them */
static int file_index(const char *name)
{
	for (size_t i = 0; i < backup_file_count; i++)
		if (!strcmp(backup_files[i].name, name))
			return (int)i;
	return -1;
}

static int skip(struct backup_in *in, uint64_t length, struct ml_error *error)
{
	static uint8_t buffer[64 << 10];
	int r = 0;

	while (length && !r) {
		size_t part = length < sizeof(buffer) ? length : sizeof(buffer);

		r = backup_in_read(in, buffer, part, error);
		length -= part;
	}
	sodium_memzero(buffer, sizeof(buffer));
	return r;
}

/* A small part, whole, with a NUL behind it. */
static int take(struct backup_in *in, const char *name, uint64_t length, uint8_t **ret,
		struct ml_error *error)
{
	int r;

	if (length > BACKUP_FILE_MAX)
		return ml_error_set(error, -EBADMSG, "backup: its part \"%s\" is too long", name);
	*ret = malloc(length + 1);
	if (!*ret)
		return ml_error_set(error, -ENOMEM, "out of memory");
	r = backup_in_read(in, *ret, length, error);
	(*ret)[length] = '\0';
	if (r)
		free(*ret);
	return r;
}

static int key_take(struct reading *reading, const char *name, uint64_t length,
		    struct ml_error *error)
{
	uint8_t *text;
	int r = take(reading->restore->in, name, length, &text, error);

	if (r)
		return r;
	text[strcspn((char *)text, "\n")] = '\0';
	r = ml_note_key_parse((char *)text, &reading->restore->key, error);
	free(text);
	return r;
}

static int state_take(struct reading *reading, const char *name, uint64_t length,
		      struct ml_error *error)
{
	int index = file_index(name);

	if (index < 0 || reading->seen & 1ull << index)
		return foreign(name, error);
	reading->seen |= 1ull << index;
	if (!strcmp(name, "audit.pub"))
		return key_take(reading, name, length, error);
	return skip(reading->restore->in, length, error);
}

static int audit_take(struct reading *reading, const char *path, uint64_t length,
		      struct ml_error *error)
{
	struct ml_tile tile;

	if (strcmp(path, "checkpoint") != 0 && strcmp(path, "cosigned") != 0 &&
	    !ml_tile_path_parse(path, &tile))
		return foreign(path, error);
	return skip(reading->restore->in, length, error);
}

/* ------------------------------------------------------------------- manifest */

static bool complete(const struct reading *reading)
{
	for (size_t i = 0; i < backup_file_count; i++)
		if (backup_files[i].needed && !(reading->seen & 1ull << i))
			return false;
	return reading->store && reading->restore->config_text;
}

static int manifest_judge(struct reading *reading, struct ml_bytes envelope,
			  struct ml_error *error)
{
	struct restore *restore = reading->restore;
	struct backup_manifest *manifest = &restore->manifest;
	uint8_t digest[32];
	int r;

	if (!complete(reading))
		return ml_error_set(error, -EBADMSG, "backup: a part that it needs is missing");
	backup_in_digest(restore->in, digest);
	r = backup_manifest_verify(envelope, &restore->key.public, manifest, error);
	if (r)
		return r;
	if (memcmp(digest, manifest->digest, 32) != 0)
		return ml_error_set(error, -EBADMSG, "backup: its parts are not those that the server signed");
	if (strcmp(manifest->network, restore->head.network) != 0)
		return ml_error_set(error, -EXDEV, "backup: it is of network \"%s\" inside, and \"%s\" outside",
				    manifest->network, restore->head.network);
	return 0;
}

static int manifest_take(struct reading *reading, const char *name, uint64_t length,
			 struct ml_error *error)
{
	uint8_t *bytes;
	int r = take(reading->restore->in, name, length, &bytes, error);

	if (r)
		return r;
	r = manifest_judge(reading, (struct ml_bytes){ bytes, length }, error);
	free(bytes);
	reading->manifest = !r;
	return r;
}

/* ---------------------------------------------------------------------- parts */

static int config_take(struct reading *reading, const char *name, uint64_t length,
		       struct ml_error *error)
{
	struct restore *restore = reading->restore;

	if (restore->config_text)
		return foreign(name, error);
	restore->config_length = length;
	return take(restore->in, name, length, &restore->config_text, error);
}

static int part_take(struct reading *reading, const char *name, uint64_t length,
		     struct ml_error *error)
{
	if (reading->manifest)
		return foreign(name, error);
	if (!strcmp(name, BACKUP_CONFIG))
		return config_take(reading, name, length, error);
	if (!strncmp(name, BACKUP_STATE, strlen(BACKUP_STATE)))
		return state_take(reading, name + strlen(BACKUP_STATE), length, error);
	if (!strncmp(name, BACKUP_AUDIT, strlen(BACKUP_AUDIT)))
		return audit_take(reading, name + strlen(BACKUP_AUDIT), length, error);
	if (!strcmp(name, BACKUP_MANIFEST))
		return manifest_take(reading, name, length, error);
	if (strcmp(name, BACKUP_STORE) != 0 || reading->store)
		return foreign(name, error);
	reading->store = true;
	return skip(reading->restore->in, length, error);
}

int restore_verify(struct restore *restore, struct ml_error *error)
{
	struct reading reading = { .restore = restore };
	char name[BACKUP_PART_NAME];
	uint64_t length;
	int r;

	do {
		r = backup_in_part(restore->in, name, &length, error);
		if (r > 0)
			r = part_take(&reading, name, length, error) ? error->code : 1;
	} while (r > 0);
	if (!r && !reading.manifest)
		r = ml_error_set(error, -EBADMSG, "backup: nobody signed it");
	return r;
}
