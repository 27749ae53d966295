/* SPDX-License-Identifier: MIT */
/*
 * Death between two changes of the disk: these take the place of the C library's
 * calls in the program that includes them. From power_arm() on each call that
 * changes something is counted; at the N-th the process is killed by SIGKILL before
 * it is made. With POWER_LOST, moreover, everything is undone that no fsync() has
 * made safe: files that were not synced are emptied, and names that were made,
 * changed or removed in a directory that was not synced are as they were before.
 */
#ifndef POWER_H
#define POWER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum power { POWER_KILLED, POWER_LOST };

#define POWER_DEEDS 512
#define POWER_PATH 256

/* What was done to a name, and is not safe yet. */
struct power_deed {
	enum { POWER_RENAME, POWER_MKDIR, POWER_UNLINK, POWER_RMDIR, POWER_FILE } what;
	bool safe;
	char path[POWER_PATH];	/* the name that changed */
	char before[POWER_PATH];	/* what had it; "" for nothing */
	ino_t inode;		/* of a FILE: its content */
};

static struct {
	bool armed;
	enum power how;
	unsigned long at, count;
	char attic[POWER_PATH];	/* where what is replaced is kept */
	size_t deed_count;
	struct power_deed deeds[POWER_DEEDS];
} power;

static inline void power_path(int fd, const char *name, char ret[static POWER_PATH])
{
	char link[64], place[POWER_PATH] = "";

	if (name && (*name == '/' || fd == AT_FDCWD)) {
		snprintf(ret, POWER_PATH, "%s", name);
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, place, sizeof(place) - 1) < 0)
		abort();
	if (!name || !strcmp(name, "."))
		snprintf(ret, POWER_PATH, "%s", place);
	else if (snprintf(ret, POWER_PATH, "%s/%s", place, !strncmp(name, "./", 2) ? name + 2 : name) >=
		 POWER_PATH)
		abort();
}

static inline struct power_deed *power_deed(int what, int fd, const char *name)
{
	struct power_deed *deed = &power.deeds[power.deed_count++];

	if (power.deed_count == POWER_DEEDS)
		abort();
	memset(deed, 0, sizeof(*deed));
	deed->what = what;
	power_path(fd, name, deed->path);
	return deed;
}

/* Keeps what stands under the deed's name. */
static inline void power_keep(struct power_deed *deed)
{
	snprintf(deed->before, POWER_PATH, "%.200s/%zu", power.attic, power.deed_count);
	if (link(deed->path, deed->before))
		deed->before[0] = '\0';
}

static inline int power_remove(const char *path, const struct stat *st, int flag,
			       struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void power_undo(const struct power_deed *deed)
{
	switch (deed->what) {
	case POWER_RENAME:
	case POWER_UNLINK:
		if (deed->before[0])
			syscall(SYS_rename, deed->before, deed->path);
		else
			syscall(SYS_unlink, deed->path);
		break;
	case POWER_MKDIR:
		nftw(deed->path, power_remove, 16, FTW_DEPTH | FTW_PHYS);
		break;
	case POWER_RMDIR:
		syscall(SYS_mkdir, deed->path, 0750);
		break;
	case POWER_FILE:
		break;
	}
}

static inline int power_empty(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	size_t i;

	(void)ftw;
	for (i = 0; flag == FTW_F && i < power.deed_count; i++)
		if (power.deeds[i].what == POWER_FILE && !power.deeds[i].safe &&
		    power.deeds[i].inode == st->st_ino && truncate(path, 0))
			abort();
	return 0;
}

/* The power goes off now, whatever the process has been told. */
static inline void power_off(const char *root)
{
	size_t i;

	power.armed = false;
	if (power.how != POWER_LOST)
		return;
	nftw(root, power_empty, 16, FTW_PHYS);
	for (i = power.deed_count; i--;)
		if (!power.deeds[i].safe)
			power_undo(&power.deeds[i]);
}

static inline void __attribute__((noreturn)) power_die(const char *root)
{
	power_off(root);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static char power_root[POWER_PATH];

static inline void power_arm(const char *root, const char *attic, enum power how,
			     unsigned long at)
{
	memset(&power, 0, sizeof(power));
	snprintf(power_root, sizeof(power_root), "%s", root);
	snprintf(power.attic, sizeof(power.attic), "%s", attic);
	power.how = how;
	power.at = at;
	power.armed = true;
}

static inline void power_count(void)
{
	if (power.armed && ++power.count == power.at)
		power_die(power_root);
}

/* --------------------------------------------------------------- the calls */

ssize_t write(int fd, const void *data, size_t length);
ssize_t write(int fd, const void *data, size_t length)
{
	if (power.armed && length > 1 && fd > 2) {
		power_count();
		/* Half of it is on its way. */
		if (power.count + 1 == power.at)
			length /= 2;
	}
	return syscall(SYS_write, fd, data, length);
}

static inline ino_t power_inode(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		abort();
	return st.st_ino;
}

int fsync(int fd)
{
	char path[POWER_PATH];
	size_t i, length;
	int r;

	power_count();
	r = (int)syscall(SYS_fsync, fd);
	if (!power.armed || r)
		return r;
	power_path(fd, NULL, path);
	length = strlen(path);
	for (i = 0; i < power.deed_count; i++) {
		struct power_deed *deed = &power.deeds[i];
		const char *slash = strrchr(deed->path, '/');

		if (deed->what == POWER_FILE ? deed->inode == power_inode(fd) :
		    (size_t)(slash - deed->path) == length && !strncmp(deed->path, path, length))
			deed->safe = true;
	}
	return 0;
}

int openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;
	int fd;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (flags & O_CREAT)
		power_count();
	fd = (int)syscall(SYS_openat, at, path, flags, mode);
	if (fd >= 0 && power.armed && flags & O_CREAT)
		power_deed(POWER_FILE, at, path)->inode = power_inode(fd);
	return fd;
}

static inline int power_rename(int from_at, const char *from, int to_at, const char *to,
			       unsigned int flags)
{
	power_count();
	if (power.armed)
		power_keep(power_deed(POWER_RENAME, to_at, to));
	return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return power_rename(from_at, from, to_at, to, 0);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags)
{
	return power_rename(from_at, from, to_at, to, flags);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	int r;

	power_count();
	r = (int)syscall(SYS_mkdirat, at, path, mode);
	if (!r && power.armed)
		power_deed(POWER_MKDIR, at, path);
	return r;
}

int unlinkat(int at, const char *path, int flags)
{
	struct stat st;
	int r;

	/* Looking whether something is there changes nothing. */
	if (!power.armed || fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW))
		return (int)syscall(SYS_unlinkat, at, path, flags);
	power_count();
	if (!(flags & AT_REMOVEDIR))
		power_keep(power_deed(POWER_UNLINK, at, path));
	r = (int)syscall(SYS_unlinkat, at, path, flags);
	if (!r && flags & AT_REMOVEDIR)
		power_deed(POWER_RMDIR, at, path);
	return r;
}

#endif
