// SPDX-License-Identifier: MIT
/*
 * The inbox: "*.bundle", moved in by rename, so that a name is a whole file.
 * Accepted: the file is removed. Refused: renamed to "*.bundle.refused", for
 * whoever put it there. What may work later is tried again.
 */
#include "sync.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle_format.h"
#include "log.h"

#define RETRY_SECONDS 10

#define DONE ".done"

struct letter {
	char name[NAME_MAX + 1];
	dev_t device;
	ino_t inode;
};

/*
 * One letter at a time is opened, offered and done with: whoever may write here
 * must not fill this process's memory, which the two others live from as well.
 * What arrives meanwhile is found by the round after this one.
 */
static struct {
	struct event *again;	/* later: what could not be taken */
	struct event *next;	/* now: from the event loop, not from within a task */
	struct dirent **names;	/* of this round; taken up to @at */
	int count, at;
	bool news;		/* something arrived, or was left out: another round */
	bool away;		/* a letter is with apply */
} inbox;

/* ----------------------------------------------------------------- contents */

static int copy(int from, int to, off_t limit)
{
	static char buffer[64 << 10];
	off_t total = 0;
	ssize_t part;

	while ((part = read(from, buffer, sizeof(buffer))) > 0) {
		total += part;
		if (total > limit)
			return -E2BIG;
		if (write(to, buffer, (size_t)part) != part)
			return -ENOMEM;
	}
	return part < 0 ? -errno : 0;
}

/* Whether it looks like a bundle, before more of it is read than its headings. */
static int check_framing(int fd)
{
	char magic[ML_BUNDLE_MAGIC_BYTES];
	struct ml_bundle_header header;
	struct stat status;
	uint64_t at = sizeof(magic);
	uint32_t type;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > ML_BUNDLE_MAX_BYTES)
		return S_ISREG(status.st_mode) ? -E2BIG : -EINVAL;
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, ML_BUNDLE_MAGIC, sizeof(magic)) != 0)
		return -EBADMSG;
	for (type = ML_BUNDLE_ENVELOPE; type < __ML_BUNDLE_RECORD_MAX; type++) {
		if (pread(fd, &header, sizeof(header), (off_t)at) != sizeof(header) ||
		    le32toh(header.type) != type ||
		    le64toh(header.bytes) > (uint64_t)status.st_size)
			return -EBADMSG;
		at += sizeof(header) + le64toh(header.bytes) +
		      ml_bundle_padding(le64toh(header.bytes));
	}
	return at == (uint64_t)status.st_size ? 0 : -EBADMSG;
}

static int seal(int from)
{
	int fd = memfd_create("merlon-inbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int code = fd < 0 ? -errno : copy(from, fd, ML_BUNDLE_MAX_BYTES);

	if (!code && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
			   F_SEAL_WRITE))
		code = -errno;
	if (code && fd >= 0)
		close(fd);
	return code ? code : fd;
}

static int open_letter(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int code;

	if (fd < 0)
		return -errno;
	code = check_framing(fd);
	if (!code)
		code = seal(fd);
	close(fd);
	return code;
}

/*
 * What is taken away later must be what was looked at: so it is identified
 * first. Should another file take its name in between, that one comes back.
 */
static int identify(const char *name, struct letter *letter)
{
	struct stat status;

	if (lstat(name, &status))
		return -errno;
	snprintf(letter->name, sizeof(letter->name), "%s", name);
	letter->device = status.st_dev;
	letter->inode = status.st_ino;
	/* A link, a pipe or a device in the inbox is nobody's bundle. */
	return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

/* ------------------------------------------------------------------ outcome */

/*
 * Meanwhile another file may have been moved to the name. So the file is moved
 * out of the way first, then looked at; the wrong one is put back, which wakes
 * this process up to deliver it.
 */
static bool take_away(const struct letter *letter)
{
	struct stat status;

	if (rename(letter->name, DONE)) {
		if (errno != ENOENT)
			log_line(LOG_ERR, "inbox", "cannot move '%.80s': %s", letter->name,
				 strerror(errno));
		return false;
	}
	if (!lstat(DONE, &status) && status.st_ino == letter->inode &&
	    status.st_dev == letter->device)
		return true;
	renameat2(AT_FDCWD, DONE, AT_FDCWD, letter->name, RENAME_NOREPLACE);
	return false;
}

static void put_aside(const struct letter *letter, const char *why)
{
	char refused[NAME_MAX + 16];

	snprintf(refused, sizeof(refused), "%s.refused", letter->name);
	if (!take_away(letter))
		return;
	if (rename(DONE, refused) && rename(DONE, "long-name.refused"))
		unlink(DONE);
	log_line(LOG_WARNING, "inbox", "'%.80s' is put aside as '.refused': %.300s",
		 letter->name, why);
}

static bool may_work_later(int code)
{
	return code == -EBUSY || code == -ENOMEM || code == -EINTR || code == -ENOBUFS ||
	       code == -ENOSPC || code == -EDQUOT || code == -EIO || code == -EMFILE ||
	       code == -ENFILE;
}

static void try_again(void)
{
	const struct timeval later = { RETRY_SECONDS, 0 };

	event_add(inbox.again, &later);
}

static void go_on(void)
{
	const struct timeval now = { 0, 0 };

	event_add(inbox.next, &now);
}

static const char *why_not(int code)
{
	if (code == -EBADMSG)
		return "it is not a bundle, or not a whole one";
	if (code == -E2BIG)
		return "it is larger than any bundle";
	return strerror(-code);
}

static void delivered(struct task *task, const struct message_result *result)
{
	struct letter *letter = task->owner;

	if (may_work_later(result->code))
		try_again();
	else if (result->code && result->code != -EALREADY && result->code != -EAGAIN)
		put_aside(letter, result->sentence);
	else if (take_away(letter))
		unlink(DONE);
	free(letter);
	inbox.away = false;
	go_on();
}

/* Takes @letter. */
static void post(struct sync *sync, struct letter *letter, int fd)
{
	if (fd >= 0 && task_add(sync, MESSAGE_OFFER, fd, delivered, letter)) {
		inbox.away = true;
		return;
	}
	if (fd >= 0 || may_work_later(fd))
		try_again();
	else if (fd != -ENOENT)
		put_aside(letter, why_not(fd));
	free(letter);
}

static void deliver(struct sync *sync, const char *name)
{
	struct letter *letter = calloc(1, sizeof(*letter));
	int code;

	if (!letter) {
		try_again();
		return;
	}
	code = identify(name, letter);
	post(sync, letter, code ? code : open_letter(name));
}

/* ---------------------------------------------------------------- watching */

static int is_letter(const struct dirent *entry)
{
	return !fnmatch("*.bundle", entry->d_name, FNM_PERIOD);
}

static void end_round(void)
{
	int i;

	for (i = 0; i < inbox.count; i++)
		free(inbox.names[i]);
	free(inbox.names);
	inbox.names = NULL;
	inbox.count = inbox.at = 0;
}

static void begin_round(void)
{
	end_round();
	inbox.news = false;
	inbox.count = scandir(".", &inbox.names, is_letter, alphasort);
	if (inbox.count < 0)
		die("cannot read the inbox: %s", strerror(errno));
}

/* One letter, or a new round if there is reason for one; then it is its turn again. */
static void take_next(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (inbox.away)
		return;
	if (inbox.at == inbox.count && !inbox.news) {
		end_round();
		return;
	}
	if (inbox.at == inbox.count)
		begin_round();
	if (inbox.at < inbox.count)
		deliver(arg, inbox.names[inbox.at++]->d_name);
	go_on();
}

static void look(void)
{
	inbox.news = true;
	go_on();
}

static void scan_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	look();
}

static void take(const struct inotify_event *event)
{
	if (event->mask & (IN_IGNORED | IN_UNMOUNT))
		die("the inbox was removed");
	if (event->mask & IN_Q_OVERFLOW || (event->len && !fnmatch("*.bundle", event->name,
								  FNM_PERIOD)))
		look();
}

static void notified(evutil_socket_t fd, short what, void *arg)
{
	static char buffer[16 << 10] __attribute__((aligned(8)));
	const struct inotify_event *event;
	ssize_t length = read(fd, buffer, sizeof(buffer));
	ssize_t at;

	(void)what;
	(void)arg;
	for (at = 0; at < length; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const struct inotify_event *)(buffer + at);
		take(event);
	}
}

void inbox_start(struct sync *sync)
{
	/* Of a life before: whether it was done with is not known. */
	rename(DONE, "recovered.bundle");
	(void)sync;
	look();
}

void inbox_setup(struct sync *sync)
{
	struct event *event;
	int notify;

	notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (notify < 0 || inotify_add_watch(notify, ".", IN_MOVED_TO | IN_ONLYDIR) < 0)
		die("cannot watch the inbox: %s", strerror(errno));
	event = event_new(sync->base, notify, EV_READ | EV_PERSIST, notified, sync);
	inbox.again = evtimer_new(sync->base, scan_again, sync);
	inbox.next = evtimer_new(sync->base, take_next, sync);
	if (!event || !inbox.again || !inbox.next || event_add(event, NULL))
		die("out of memory");
}
