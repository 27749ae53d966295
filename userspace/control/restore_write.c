// SPDX-License-Identifier: MIT
/* The second reading: files, where the server that is to be has its directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"
#include "restore.h"

struct writing {
	struct restore *restore;
	struct audit_files audit;
	bool store;
};

static int part_read(struct writing *writing, uint64_t length, uint8_t **ret,
		     struct ml_error *error)
{
	int r;

	if (length > STORE_BLOB_MAX)
		return ml_error_set(error, -EBADMSG, "backup: a part is too long");
	*ret = malloc(length + 1);
	if (!*ret)
		return ml_error_set(error, -ENOMEM, "out of memory");
	r = backup_in_read(writing->restore->in, *ret, length, error);
	if (r)
		free(*ret);
	return r;
}

static int state_write(struct writing *writing, const char *name, uint64_t length,
		       struct ml_error *error)
{
	char path[CONFIG_PATH];
	uint8_t *data;
	size_t i;
	int r = part_read(writing, length, &data, error);

	if (r)
		return r;
	for (i = 0; i < backup_file_count - 1; i++)
		if (!strcmp(backup_files[i].name, name))
			break;
	config_path(&writing->restore->staged, backup_files[i].name, path);
	r = ml_file_write_new(path, data, length, backup_files[i].mode, error);
	sodium_memzero(data, length);
	free(data);
	return r;
}

static int audit_write(struct writing *writing, const char *path, uint64_t length,
		       struct ml_error *error)
{
	uint8_t *data;
	int r = part_read(writing, length, &data, error);

	if (r)
		return r;
	r = audit_files_write(&writing->audit, path, data, length, error);
	free(data);
	return r;
}

/* ---------------------------------------------------------------------- store */

static int store_copy(struct writing *writing, int fd, uint64_t length, struct ml_error *error)
{
	static uint8_t buffer[64 << 10];
	int r = 0;

	while (length && !r) {
		size_t part = length < sizeof(buffer) ? length : sizeof(buffer);

		r = backup_in_read(writing->restore->in, buffer, part, error);
		if (!r && write(fd, buffer, part) != (ssize_t)part)
			r = ml_error_set(error, -EIO, "cannot write the copy of the store: %s",
					 strerror(errno));
		length -= part;
	}
	return r;
}

static int store_write(struct writing *writing, uint64_t length, struct ml_error *error)
{
	struct restore *restore = writing->restore;
	char target[CONFIG_PATH];
	struct store_config where;
	struct store_backup copy;
	int fd = open(restore->staged.directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return ml_error_set(error, -errno, "cannot make a file in '%s': %s",
				    restore->staged.directory, strerror(errno));
	r = store_copy(writing, fd, length, error);
	config_store(&restore->staged, target, &where);
	if (!r)
		r = store_restore(&where, restore->manifest.network, fd, &copy, error);
	close(fd);
	writing->store = !r;
	if (r == -EEXIST && where.kind == STORE_POSTGRES)
		return ml_error_set(error, r, "the database has a store already: keep it or drop it (DROP SCHEMA merlon CASCADE), then restore again");
	return r;
}

/* ---------------------------------------------------------------------- parts */

static int part_write(struct writing *writing, const char *name, uint64_t length,
		      struct ml_error *error)
{
	uint8_t *data;
	int r;

	if (!strncmp(name, BACKUP_STATE, strlen(BACKUP_STATE)))
		return state_write(writing, name + strlen(BACKUP_STATE), length, error);
	if (!strncmp(name, BACKUP_AUDIT, strlen(BACKUP_AUDIT)))
		return audit_write(writing, name + strlen(BACKUP_AUDIT), length, error);
	if (!strcmp(name, BACKUP_STORE))
		return store_write(writing, length, error);
	r = part_read(writing, length, &data, error);
	if (!r)
		free(data);
	return r;
}

/* Is it what was judged? The file may have been changed between the two readings. */
static int parts_write(struct writing *writing, struct ml_error *error)
{
	struct restore *restore = writing->restore;
	char name[BACKUP_PART_NAME] = "";
	uint8_t digest[32] = { 0 };
	uint64_t length;
	int r = backup_in_rewind(restore->in, error);

	while (!r) {
		r = backup_in_part(restore->in, name, &length, error);
		if (r <= 0)
			break;
		backup_in_digest(restore->in, digest);
		r = part_write(writing, name, length, error);
	}
	if (!r && (strcmp(name, BACKUP_MANIFEST) != 0 ||
		   memcmp(digest, restore->manifest.digest, 32) != 0))
		r = ml_error_set(error, -EBADMSG, "backup: it changed while it was read: nothing of it was used");
	return r;
}

static int all_sync(const char *directory, struct ml_error *error)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0 || syncfs(fd))
		r = ml_error_set(error, -errno, "cannot write '%s' to disk: %s", directory,
				 strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

int restore_write(struct restore *restore, struct ml_error *error)
{
	struct writing writing = { .restore = restore };
	char path[CONFIG_PATH];
	int r;

	config_path(&restore->staged, "audit", path);
	if (mkdir(path, 0700))
		return ml_error_set(error, -errno, "cannot make '%s': %s", path, strerror(errno));
	r = audit_files_open(path, &writing.audit, error);
	if (r)
		return r;
	r = parts_write(&writing, error);
	if (!r)
		r = audit_files_sync(&writing.audit, error);
	audit_files_close(&writing.audit);
	return r ? r : all_sync(restore->staged.directory, error);
}
