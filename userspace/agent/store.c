// SPDX-License-Identifier: MIT
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "file.h"
#include "log.h"

#define WATERMARK "watermark"

static void sync_directory(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		die("cannot sync the state directory: %s", strerror(errno));
	close(fd);
}

/* ------------------------------------------------------------------- files */

int store_try_write(const char *name, struct ml_bytes bytes, struct ml_error *error)
{
	int code = ml_file_write_atomic(name, bytes.data, bytes.length, 0600, error);

	if (code)
		ml_error_set(error, code, "cannot write the state directory: %s",
			     strerror(-code));
	return code;
}

void store_write(const char *name, struct ml_bytes bytes)
{
	struct ml_error error;

	if (store_try_write(name, bytes, &error))
		die("%s", error.text);
}

void store_rename(const char *from, const char *to)
{
	if (rename(from, to))
		die("cannot rename '%s' in the state directory: %s", from, strerror(errno));
	sync_directory();
}

int store_try_remove(const char *name, struct ml_error *error)
{
	if (!unlink(name))
		sync_directory();
	else if (errno != ENOENT)
		return ml_error_set(error, -errno, "cannot remove '%s' from the state "
				    "directory: %s", name, strerror(errno));
	return 0;
}

void store_remove(const char *name)
{
	struct ml_error error;

	if (store_try_remove(name, &error))
		die("%s", error.text);
}

/* An empty file maps to no bytes, which no parser takes for a bundle. */
int store_map(const char *name, struct ml_bytes *ret)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat status;
	void *map = NULL;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode))
		die("cannot read '%s' in the state directory: %s", name, strerror(errno));
	if (status.st_size)
		map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		die("cannot map '%s': %s", name, strerror(errno));
	close(fd);
	ret->data = map;
	ret->length = (size_t)status.st_size;
	return 0;
}

void store_unmap(struct ml_bytes bytes)
{
	if (bytes.length)
		munmap((void *)bytes.data, bytes.length);
}

/* ---------------------------------------------------------------- watermark */

void store_read_watermark(struct ml_watermark *ret)
{
	struct ml_error error;

	memset(ret, 0, sizeof(*ret));
	if (ml_watermark_read(WATERMARK, ret, &error))
		die("cannot read the watermark: %s", error.text);
}

int store_try_write_watermark(const struct ml_watermark *watermark, struct ml_error *error)
{
	return ml_watermark_write(WATERMARK, watermark, error);
}

void store_write_watermark(const struct ml_watermark *watermark)
{
	struct ml_error error;

	if (store_try_write_watermark(watermark, &error))
		die("cannot write the watermark: %s", error.text);
}

/* ------------------------------------------------------------------- arming */

void store_read_arming(struct store_arming *ret)
{
	struct ml_error error;

	if (ml_armed_read(ML_DAEMON_ARMED_FILE, &ret->scope, &ret->mode, &error))
		die("the state directory: %s", error.text);
}

void store_write_arming(const struct store_arming *arming)
{
	struct ml_error error;

	if (ml_armed_write(ML_DAEMON_ARMED_FILE, arming->scope, arming->mode, &error))
		die("the state directory: %s", error.text);
}

/* ------------------------------------------------------------------ pending */

void store_pending_name(uint64_t epoch, uint64_t serial, char ret[static STORE_NAME])
{
	/* Twenty digits: the order of names is the order of generations. */
	snprintf(ret, STORE_NAME, "pending-%020" PRIu64 "-%020" PRIu64 ".bundle", epoch,
		 serial);
}

bool store_pending_parse(const char *name, uint64_t *ret_epoch, uint64_t *ret_serial)
{
	return sscanf(name, "pending-%20" SCNu64 "-%20" SCNu64 ".bundle", ret_epoch,
		      ret_serial) == 2;
}

static int is_pending(const struct dirent *entry)
{
	return !fnmatch("pending-*.bundle", entry->d_name, 0) &&
	       strlen(entry->d_name) < STORE_NAME;
}

size_t store_pending(char names[][STORE_NAME], size_t room)
{
	struct dirent **found;
	int count = scandir(".", &found, is_pending, alphasort);
	size_t taken = 0;
	int i;

	if (count < 0)
		die("cannot read the state directory: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		if (taken < room)
			strcpy(names[taken++], found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return taken;
}

/* -------------------------------------------------------------------- setup */

static int is_left_over(const struct dirent *entry)
{
	return !fnmatch(".*.tmp", entry->d_name, FNM_PERIOD);
}

static void sweep(void)
{
	struct dirent **found;
	int count = scandir(".", &found, is_left_over, NULL);
	int i;

	if (count < 0)
		die("cannot read the state directory: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		unlink(found[i]->d_name);
		free(found[i]);
	}
	free(found);
}

void store_setup(void)
{
	sweep();
}
