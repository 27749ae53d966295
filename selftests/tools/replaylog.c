// SPDX-License-Identifier: MIT
/*
 * replaylog LOG			lists the writes that dm-log-writes logged, from 1 on:
 *					"NUMBER FLAGS", f: flush, u: FUA; or "NUMBER mark NAME"
 * replaylog LOG DISK FROM TO		makes writes FROM to TO once more, on DISK
 *
 * So DISK is what the disk would hold if the power failed behind write TO: the log has what
 * a flush waited for before that flush. The format is at the head of the kernel's
 * drivers/md/dm-log-writes.c; sectors are of the size that the first one says.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC	0x6a736677736872ull
#define FLUSH	1u
#define FUA	2u
#define DISCARD	4u
#define MARK	8u

struct super {
	uint64_t magic, version, entries;
	uint32_t sector;
} __attribute__((packed));

struct entry {
	uint64_t sector, sectors, flags, length;
};

static int log_fd, disk_fd = -1;
static struct super super;

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "replaylog: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(2);
}

static void read_at(void *to, size_t length, uint64_t from)
{
	if (pread(log_fd, to, length, (off_t)from) != (ssize_t)length)
		fail("the log");
}

static void super_read(const char *path)
{
	log_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log_fd < 0)
		fail(path);
	read_at(&super, sizeof(super), 0);
	super.sector = le32toh(super.sector);
	super.entries = le64toh(super.entries);
	errno = 0;
	if (le64toh(super.magic) != MAGIC || le64toh(super.version) != 1 || super.sector < 512)
		fail(path);
}

static void entry_read(uint64_t at, struct entry *ret)
{
	read_at(ret, sizeof(*ret), at);
	ret->sector = le64toh(ret->sector);
	ret->sectors = le64toh(ret->sectors);
	ret->flags = le64toh(ret->flags);
	ret->length = le64toh(ret->length);
}

static void entry_list(uint64_t number, uint64_t at, const struct entry *entry)
{
	char name[256] = "";

	if (entry->flags & MARK) {
		if (entry->length >= sizeof(name))
			fail("a mark");
		read_at(name, entry->length, at + sizeof(*entry));
		printf("%" PRIu64 " mark %s\n", number, name);
		return;
	}
	printf("%" PRIu64 " %s%s%s\n", number, entry->flags & FLUSH ? "f" : "",
	       entry->flags & FUA ? "u" : "", entry->flags & (FLUSH | FUA) ? "" : "-");
}

/* What is discarded may hold anything: it stays. */
static void entry_write(uint64_t at, const struct entry *entry)
{
	size_t length = entry->sectors * super.sector;
	char *data;

	if ((entry->flags & (MARK | DISCARD)) || !length)
		return;
	data = malloc(length);
	if (!data)
		fail("memory");
	read_at(data, length, at + super.sector);
	if (pwrite(disk_fd, data, length, (off_t)(entry->sector * super.sector)) != (ssize_t)length)
		fail("the disk");
	free(data);
}

int main(int argc, char **argv)
{
	uint64_t from = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t to = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	struct entry entry;
	uint64_t number, at;

	if (argc != 2 && argc != 5)
		return 2;
	super_read(argv[1]);
	if (argc == 5)
		disk_fd = open(argv[2], O_WRONLY | O_CLOEXEC);
	if (argc == 5 && (disk_fd < 0 || to > super.entries))
		fail(argv[2]);
	at = super.sector;
	for (number = 1; number <= super.entries; number++) {
		entry_read(at, &entry);
		if (argc == 2)
			entry_list(number, at, &entry);
		else if (number >= from && number <= to)
			entry_write(at, &entry);
		at += super.sector * (1 + (entry.flags & DISCARD ? 0 : entry.sectors));
	}
	return 0;
}
