// SPDX-License-Identifier: MIT
/* What enrol makes on this machine: directories and keys, with their owners. */
#include "enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "locked.h"
#include "tls_key.h"
#include "wireguard_set.h"

int enrol_path(const char *directory, const char *name, char ret[static ENROL_PATH],
	       struct ml_error *error)
{
	if (snprintf(ret, ENROL_PATH, "%s/%s", directory, name) >= ENROL_PATH)
		return ml_error_set(error, -ENAMETOOLONG, "the path '%.80s…' is too long",
				    directory);
	return 0;
}

/* -------------------------------------------------------------- directories */

static int prepare_state(const char *path, struct ml_error *error)
{
	struct stat status;

	if (mkdir(path, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				    strerror(errno));
	if (stat(path, &status))
		return ml_error_set(error, -errno, "cannot look at '%s': %s", path,
				    strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid || status.st_mode & 077)
		return ml_error_set(error, -EACCES, "'%s' must be a directory that root alone "
				    "can get into: run 'chown root %s; chmod 0700 %s'", path,
				    path, path);
	return 0;
}

int enrol_lock(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, "enrol.lock", path, error);

	if (code)
		return code;
	enrol->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (enrol->lock < 0)
		return ml_error_set(error, -errno, "cannot write in '%s': %s", enrol->state_dir,
				    strerror(errno));
	if (flock(enrol->lock, LOCK_EX | LOCK_NB))
		return ml_error_set(error, -EBUSY, "another 'merlon enrol' or 'merlon rotate' is "
				    "at work: wait for it to end");
	return 0;
}

/* As root made it, it is given away; one of somebody else's is not. */
static int prepare_inbox(const struct enrol *enrol, struct ml_error *error)
{
	const char *path = enrol->inbox;
	struct stat status;

	if (mkdir(path, 0750) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				    strerror(errno));
	if (lstat(path, &status) || !S_ISDIR(status.st_mode))
		return ml_error_set(error, -ENOTDIR, "'%s' is no directory", path);
	if (!status.st_uid && lchown(path, enrol->uid, enrol->gid))
		return ml_error_set(error, -errno, "cannot give '%s' to user %ju: %s", path,
				    (uintmax_t)enrol->uid, strerror(errno));
	if (status.st_uid && status.st_uid != enrol->uid)
		return ml_error_set(error, -EACCES, "'%s' must belong to user %ju: run 'chown "
				    "%ju %s'", path, (uintmax_t)enrol->uid,
				    (uintmax_t)enrol->uid, path);
	return 0;
}

int enrol_prepare(struct enrol *enrol, struct ml_error *error)
{
	int code = prepare_state(enrol->state_dir, error);

	if (!code)
		code = enrol_lock(enrol, error);
	return code ? code : prepare_inbox(enrol, error);
}

/* --------------------------------------------------------- the courier's user */

/*
 * What lies in the courier's directory is written by its owner's rights: links that
 * he may have put there lead root nowhere.
 */
static int become(uid_t uid, gid_t gid, struct ml_error *error)
{
	/* Into root the user first, out of it the group. */
	if (uid ? setegid(gid) || seteuid(uid) : seteuid(uid) || setegid(gid))
		return ml_error_set(error, -errno, "cannot act as user %ju: %s", (uintmax_t)uid,
				    strerror(errno));
	return 0;
}

static void come_back(void)
{
	if (become(0, 0, NULL))
		abort();
}

static int courier_path(const struct enrol *enrol, const char *name,
			char ret[static ENROL_PATH], struct ml_error *error)
{
	char directory[ENROL_PATH];
	int code = enrol_path(enrol->inbox, ML_COURIER_DIR, directory, error);

	return code ? code : enrol_path(directory, name, ret, error);
}

static int make_courier_directory(const struct enrol *enrol, struct ml_error *error)
{
	struct stat status;
	char path[ENROL_PATH];
	int code = enrol_path(enrol->inbox, ML_COURIER_DIR, path, error);

	if (code)
		return code;
	if (mkdir(path, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				    strerror(errno));
	if (lstat(path, &status) || !S_ISDIR(status.st_mode) || status.st_uid != enrol->uid ||
	    status.st_mode & 077)
		return ml_error_set(error, -EACCES, "'%s' must be a directory of user %ju alone: "
				    "remove it", path, (uintmax_t)enrol->uid);
	return 0;
}

/* --------------------------------------------------------------------- keys */

static int identity(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_IDENTITY_FILE, path, error);

	if (code)
		return code;
	code = ml_secret_key_read(path, NULL, &enrol->identity, error);
	if (code != -ENOENT)
		return code;
	code = ml_secret_key_generate(&enrol->identity, error);
	return code ? code : ml_secret_key_write(path, enrol->identity, NULL, error);
}

static int wireguard(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = enrol_path(enrol->state_dir, ML_WIREGUARD_FILE, path, error);

	if (code)
		return code;
	code = ml_wireguard_key_read(path, &enrol->wireguard, error);
	if (code != -ENOENT)
		return code;
	code = ml_wireguard_key_make(path, error);
	return code ? code : ml_wireguard_key_read(path, &enrol->wireguard, error);
}

static int read_tls(struct enrol *enrol, const char *path, struct ml_error *error)
{
	size_t length;
	int fd, code = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);

	if (code)
		return code;
	enrol->tls_key = ml_locked_alloc(ML_PEM_MAX + 1, "a TLS key", error);
	code = enrol->tls_key ? ml_file_read_into(fd, path, enrol->tls_key, ML_PEM_MAX, &length,
						  error) : -ENOMEM;
	close(fd);
	if (!code)
		enrol->tls_key[length] = '\0';
	return code;
}

static int tls_as_user(struct enrol *enrol, const char *path, struct ml_error *error)
{
	int code = make_courier_directory(enrol, error);

	if (!code)
		code = read_tls(enrol, path, error);
	if (code != -ENOENT)
		return code;
	code = ml_tls_key_make(&enrol->tls_key, error);
	if (code)
		return code;
	return ml_file_write_new(path, enrol->tls_key, strlen(enrol->tls_key), 0600, error);
}

static int tls(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = courier_path(enrol, ML_TLS_KEY_FILE, path, error);

	if (!code)
		code = become(enrol->uid, enrol->gid, error);
	if (code)
		return code;
	code = tls_as_user(enrol, path, error);
	come_back();
	return code ? code : ml_tls_key_digest(enrol->tls_key, enrol->tls_digest, error);
}

int enrol_keys(struct enrol *enrol, struct ml_error *error)
{
	int code = identity(enrol, error);

	if (!code)
		code = wireguard(enrol, error);
	return code ? code : tls(enrol, error);
}

static int read_certificate(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	uint8_t *text;
	size_t length;
	int code = courier_path(enrol, ML_CERTIFICATE_FILE, path, error);

	if (!code)
		code = ml_file_read(path, ML_PEM_MAX, &text, &length, error);
	if (!code)
		enrol->certificate = (char *)text;
	return code;
}

int enrol_read_tls(struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = courier_path(enrol, ML_TLS_KEY_FILE, path, error);

	if (!code)
		code = become(enrol->uid, enrol->gid, error);
	if (code)
		return code;
	code = read_tls(enrol, path, error);
	if (!code)
		code = read_certificate(enrol, error);
	come_back();
	return code;
}

int enrol_write_certificate(const struct enrol *enrol, struct ml_error *error)
{
	char path[ENROL_PATH];
	int code = courier_path(enrol, ML_CERTIFICATE_FILE, path, error);

	if (!code)
		code = become(enrol->uid, enrol->gid, error);
	if (code)
		return code;
	code = ml_file_write_atomic(path, enrol->certificate, strlen(enrol->certificate), 0600,
				    error);
	come_back();
	return code;
}
