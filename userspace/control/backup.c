// SPDX-License-Identifier: MIT
/*
 * ORDER: the files, the audit log, and the store last, so that the store holds every
 * entry that the log has; the server starts with a log that lacks some of them.
 */
#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "audit.h"
#include "file.h"

const struct backup_file backup_files[] = {
	{ "audit.key", true, 0600 }, { "audit.pub", true, 0644 },
	{ "authority.key", true, 0600 }, { "authority.pem", true, 0644 },
	{ "server.key", true, 0600 }, { "server.pem", true, 0644 },
	{ "totp.key", false, 0600 },
};
const size_t backup_file_count = sizeof(backup_files) / sizeof(backup_files[0]);

struct making {
	const struct config *config;
	struct backup_out *out;
	struct store *store;
	struct ml_secret_key *key;
	struct backup_manifest manifest;
};

static int bytes_put(struct backup_out *out, const char *name, const void *data, size_t length,
		     struct ml_error *error)
{
	int r = backup_out_part(out, name, length, error);

	return r ? r : backup_out_write(out, data, length, error);
}

static int file_put(struct making *making, const struct backup_file *file, struct ml_error *error)
{
	char path[CONFIG_PATH], name[BACKUP_PART_NAME];
	size_t length;
	uint8_t *data;
	int r;

	config_path(making->config, file->name, path);
	r = ml_file_read(path, BACKUP_FILE_MAX, &data, &length, error);
	if (r)
		return r == -ENOENT && !file->needed ? 0 : r;
	snprintf(name, sizeof(name), BACKUP_STATE "%.80s", file->name);
	r = bytes_put(making->out, name, data, length, error);
	sodium_memzero(data, length);
	free(data);
	return r;
}

static int files_put(struct making *making, struct ml_error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < backup_file_count; i++)
		r = file_put(making, &backup_files[i], error);
	return r;
}

/* ---------------------------------------------------------------------- store */

static int copy_out(struct backup_out *out, int fd, const char *name, struct ml_error *error)
{
	static uint8_t buffer[64 << 10];
	struct stat status;
	ssize_t part = 0;
	int r;

	if (fstat(fd, &status) || lseek(fd, 0, SEEK_SET) < 0)
		return ml_error_set(error, -errno, "cannot read the copy of the store: %s",
				    strerror(errno));
	r = backup_out_part(out, name, (uint64_t)status.st_size, error);
	while (!r && (part = read(fd, buffer, sizeof(buffer))) > 0)
		r = backup_out_write(out, buffer, (size_t)part, error);
	if (!r && part < 0)
		r = ml_error_set(error, -errno, "cannot read the copy of the store: %s",
				 strerror(errno));
	return r;
}

/* It has no name, and lies beside the store, which holds the same secrets. */
static int store_put(struct making *making, struct ml_error *error)
{
	struct store_backup copy;
	int fd = open(making->config->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return ml_error_set(error, -errno, "cannot make a file in '%s': %s",
				    making->config->directory, strerror(errno));
	r = store_backup(making->store, fd, making->manifest.created, &copy, error);
	if (!r)
		r = copy_out(making->out, fd, BACKUP_STORE, error);
	close(fd);
	if (r)
		return r;
	making->manifest.audit_size = (int64_t)copy.audit_size;
	making->manifest.epoch = (int64_t)copy.epoch;
	making->manifest.serial = (int64_t)copy.serial;
	return 0;
}

/* ------------------------------------------------------------------- manifest */

static int manifest_put(struct making *making, struct ml_error *error)
{
	struct backup_manifest *manifest = &making->manifest;
	uint8_t *envelope;
	size_t length;
	int r;

	snprintf(manifest->network, sizeof(manifest->network), "%s", making->config->network);
	snprintf(manifest->version, sizeof(manifest->version), "%s", MERLON_VERSION);
	backup_out_digest(making->out, manifest->digest);
	r = backup_manifest_sign(manifest, making->key, &envelope, &length, error);
	if (r)
		return r;
	r = bytes_put(making->out, BACKUP_MANIFEST, envelope, length, error);
	free(envelope);
	return r;
}

static int parts_put(struct making *making, struct ml_bytes config_file, struct ml_error *error)
{
	int r = bytes_put(making->out, BACKUP_CONFIG, config_file.data, config_file.length, error);

	if (!r)
		r = files_put(making, error);
	if (!r)
		r = backup_audit(making->config, making->out, error);
	if (!r)
		r = store_put(making, error);
	return r ? r : manifest_put(making, error);
}

static int store_get(const struct config *config, struct store **ret, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;

	config_store(config, target, &where);
	return store_open(&where, config->network, ret, error);
}

static int making_open(struct making *making, int fd, const char *passphrase,
		       struct ml_error *error)
{
	struct backup_head head = { .created = making->manifest.created };
	char path[CONFIG_PATH];
	int r;

	snprintf(head.network, sizeof(head.network), "%s", making->config->network);
	config_path(making->config, "audit.key", path);
	r = ml_secret_key_read(path, NULL, &making->key, error);
	if (!r)
		r = store_get(making->config, &making->store, error);
	return r ? r : backup_out_new(fd, &head, passphrase, &making->out, error);
}

int backup_make(const struct config *config, struct ml_bytes config_file, int fd,
		const char *passphrase, struct backup_manifest *ret, uint8_t ret_file[static 32],
		struct ml_error *error)
{
	struct making making = { .config = config, .manifest.created = time(NULL) };
	int r = making_open(&making, fd, passphrase, error);

	if (!r)
		r = parts_put(&making, config_file, error);
	if (!r)
		r = backup_out_end(making.out, ret_file, error);
	if (!r)
		*ret = making.manifest;
	backup_out_free(making.out);
	store_close(making.store);
	ml_secret_key_free(making.key);
	return r;
}

/* ----------------------------------------------------------------- telling of it */

int backup_tell(const struct config *config, const char *name,
		const struct backup_manifest *manifest, const uint8_t file[static 32],
		struct ml_error *error)
{
	static const struct audit_form form = { .addresses = AUDIT_ADDRESS_WHOLE };
	char actor[32];
	const struct audit_event event = {
		.type = AUDIT_BACKUP_CREATE, .time = (int64_t)time(NULL) * 1000000, .actor = actor,
		.details = { .file = name, .digest = file, .size = manifest->audit_size,
			     .epoch = manifest->epoch, .serial = manifest->serial } };
	struct store *store;
	struct ml_bytes leaf;
	uint8_t *bytes;
	int r = store_get(config, &store, error);

	if (r)
		return r;
	snprintf(actor, sizeof(actor), "uid:%u", getuid());
	r = audit_leaf(&form, &event, &bytes, &leaf.length, error);
	if (!r) {
		leaf.data = bytes;
		r = store_audit_append(store, leaf, NULL, error);
		free(bytes);
	}
	store_close(store);
	return r;
}
