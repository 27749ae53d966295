// SPDX-License-Identifier: MIT
/*
 * Waking other processes. PostgreSQL has NOTIFY. For SQLite it is a file beside the
 * database that a writer touches behind its commit: the write-ahead log itself is
 * written before the commit can be seen, so who watched that could look too early.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_private.h"

static int wake_open(const char *path, char name[static 4096])
{
	snprintf(name, 4096, "%s-wake", path);
	return open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void store_sqlite_wake(const char *path)
{
	char name[4096];
	int fd = wake_open(path, name);

	if (fd < 0)
		return;		/* who sleeps looks at times, too */
	if (pwrite(fd, "\n", 1, 0) != 1)
		(void)futimens(fd, NULL);	/* no space is needed for that */
	close(fd);
}

static int file_read(struct store_watch *watch, bool *ret, struct ml_error *error)
{
	_Alignas(struct inotify_event) char events[4096];
	bool changed = false;

	(void)error;
	while (read(watch->fd, events, sizeof(events)) > 0)
		changed = true;
	*ret = changed;
	return 0;
}

static void file_close(struct store_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}

static int file_start(struct store_watch *watch, const char *path, struct ml_error *error)
{
	char name[4096];
	int fd = wake_open(path, name);

	if (fd < 0)
		return ml_error_set(error, -errno, "store: cannot open %s: %s", name,
				    strerror(errno));
	close(fd);
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0 ||
	    inotify_add_watch(watch->fd, name, IN_MODIFY | IN_ATTRIB) < 0)
		return ml_error_set(error, -errno, "store: cannot watch %s: %s", name,
				    strerror(errno));
	return 0;
}

static int file_watch(const char *target, struct store_watch **ret, struct ml_error *error)
{
	struct store_watch *watch = calloc(1, sizeof(*watch));
	char *path = realpath(target, NULL);
	int r;

	if (!watch || !path) {
		r = ml_error_set(error, -errno, "store %s: %s", target, strerror(errno));
		free(watch);
		free(path);
		return r;
	}
	*watch = (struct store_watch){ .fd = -1, .read = file_read, .close = file_close };
	r = file_start(watch, path, error);
	free(path);
	if (r) {
		file_close(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

int store_watch_open(const struct store_config *config, struct store_watch **ret,
		     struct ml_error *error)
{
	if (config->kind == STORE_POSTGRES)
		return store_pg_watch(config->target, ret, error);
	return file_watch(config->target, ret, error);
}

int store_watch_fd(const struct store_watch *watch)
{
	return watch->fd;
}

int store_watch_read(struct store_watch *watch, bool *ret_changed, struct ml_error *error)
{
	return watch->read(watch, ret_changed, error);
}

void store_watch_close(struct store_watch *watch)
{
	if (watch)
		watch->close(watch);
}
