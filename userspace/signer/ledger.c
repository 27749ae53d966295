// SPDX-License-Identifier: MIT
#include "ledger.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sodium.h>

#include "sha256.h"

#define MAGIC		"MERLONL1"
#define MAGIC_BYTES	8
#define CHAIN_BYTES	32
#define CHECK_BYTES	16
#define UNWRITTEN	32	/* zeros in a row: no document has them, and no digest is them */

struct frame {
	uint32_t type, header;
	uint64_t body;
	uint8_t check[CHECK_BYTES];
};

_Static_assert(sizeof(struct frame) == 32, "as ledger.h has it");

static void frame_check(const uint8_t chain[static CHAIN_BYTES], const struct frame *frame,
			uint8_t ret[static CHECK_BYTES])
{
	crypto_hash_sha256_state state;
	uint8_t digest[CHAIN_BYTES];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, chain, CHAIN_BYTES);
	crypto_hash_sha256_update(&state, (const uint8_t *)frame, offsetof(struct frame, check));
	crypto_hash_sha256_final(&state, digest);
	memcpy(ret, digest, CHECK_BYTES);
}

static void chain_next(const uint8_t chain[static CHAIN_BYTES], const struct frame *frame,
		       const struct ledger_record *record, uint8_t ret[static CHAIN_BYTES])
{
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, chain, CHAIN_BYTES);
	crypto_hash_sha256_update(&state, (const uint8_t *)frame, sizeof(*frame));
	crypto_hash_sha256_update(&state, record->header.data, record->header.length);
	crypto_hash_sha256_update(&state, record->body.data, record->body.length);
	crypto_hash_sha256_final(&state, ret);
}

/* ---------------------------------------------------------------- reading */

static bool has_unwritten(struct ml_bytes bytes)
{
	size_t zeros = 0;

	for (size_t i = 0; i < bytes.length; i++) {
		zeros = bytes.data[i] ? 0 : zeros + 1;
		if (zeros == UNWRITTEN)
			return true;
	}
	return false;
}

static int damaged(const struct ledger *ledger, const char *what, struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG,
			    "the ledger is damaged: record %llu, at byte %llu, %s; put back the newest copy of the ledger, and no older one",
			    (unsigned long long)ledger->records,
			    (unsigned long long)ledger->length, what);
}

static bool frame_in_range(const struct frame *frame)
{
	uint32_t type = le32toh(frame->type);

	return type >= LEDGER_BEGIN && type < __LEDGER_MAX &&
	       le32toh(frame->header) <= LEDGER_HEADER_MAX &&
	       le64toh(frame->body) <= LEDGER_BODY_MAX;
}

/* 1: a frame; 0: less than one, which was never finished. */
static int frame_read(const struct ledger *ledger, struct ml_bytes rest, struct frame *ret,
		      struct ml_error *error)
{
	uint8_t check[CHECK_BYTES];

	if (rest.length < sizeof(*ret))
		return 0;
	memcpy(ret, rest.data, sizeof(*ret));
	frame_check(ledger->chain, ret, check);
	if (!memcmp(check, ret->check, sizeof(check)) && frame_in_range(ret))
		return 1;
	if (has_unwritten((struct ml_bytes){ rest.data, sizeof(*ret) }))
		return 0;
	return damaged(ledger, "does not begin as a record does", error);
}

/* 1: a whole record, and @ledger is behind it; 0: an unfinished one. */
static int record_read(struct ledger *ledger, struct ml_bytes rest, struct ledger_record *ret,
		       struct ml_error *error)
{
	uint8_t chain[CHAIN_BYTES];
	struct frame frame;
	uint64_t size;
	int r;

	r = frame_read(ledger, rest, &frame, error);
	if (r <= 0)
		return r;
	size = sizeof(frame) + le32toh(frame.header) + le64toh(frame.body) + CHAIN_BYTES;
	if (size > rest.length)
		return 0;
	ret->type = le32toh(frame.type);
	ret->header = (struct ml_bytes){ rest.data + sizeof(frame), le32toh(frame.header) };
	ret->body = (struct ml_bytes){ ret->header.data + ret->header.length,
				       le64toh(frame.body) };
	chain_next(ledger->chain, &frame, ret, chain);
	if (memcmp(chain, rest.data + size - CHAIN_BYTES, CHAIN_BYTES) != 0) {
		/* Unfinished, if it is the last one. */
		if (size == rest.length && has_unwritten((struct ml_bytes){ rest.data, size }))
			return 0;
		return damaged(ledger, "was altered after it was written", error);
	}
	memcpy(ledger->chain, chain, CHAIN_BYTES);
	ledger->length += size;
	ledger->records++;
	return 1;
}

static int records_read(struct ledger *ledger, struct ml_bytes file, ledger_take *take, void *arg,
			struct ml_error *error)
{
	struct ledger_record record;
	int r;

	while (ledger->length < file.length) {
		r = record_read(ledger, (struct ml_bytes){ file.data + ledger->length,
							    file.length - ledger->length },
				&record, error);
		if (r <= 0)
			return r;
		r = take(arg, &record, error);
		if (r)
			return r;
	}
	return 0;
}

static int file_read(struct ledger *ledger, struct ml_bytes file, ledger_take *take, void *arg,
		     struct ml_error *error)
{
	size_t head = file.length < MAGIC_BYTES ? file.length : MAGIC_BYTES;

	ml_sha256(ledger->chain, (const uint8_t *)MAGIC, MAGIC_BYTES);
	if (memcmp(file.data, MAGIC, head) != 0)
		return ml_error_set(error, -EBADMSG, "the ledger is none, or damaged: its first "
				    "%d bytes are not \"" MAGIC "\"", MAGIC_BYTES);
	if (head < MAGIC_BYTES)
		return 0;
	ledger->length = MAGIC_BYTES;
	return records_read(ledger, file, take, arg, error);
}

/* ---------------------------------------------------------------- opening */

static int file_check(const struct ledger *ledger, uint64_t *ret_size, struct ml_error *error)
{
	struct stat status;

	if (fstat(ledger->fd, &status))
		return ml_error_set(error, -errno, "the ledger cannot be read: %s", strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 077)
		return ml_error_set(error, -EACCES, "the ledger must be a file of user %u, and of "
				    "mode 0600: it has mode %04o and is of user %u", geteuid(),
				    status.st_mode & 07777, status.st_uid);
	if (flock(ledger->fd, LOCK_EX | LOCK_NB))
		return ml_error_set(error, -EBUSY, "another signer uses this ledger");
	*ret_size = (uint64_t)status.st_size;
	return 0;
}

static int file_map(struct ledger *ledger, uint64_t size, ledger_take *take, void *arg,
		    struct ml_error *error)
{
	struct ml_bytes file = { (const uint8_t *)"", 0 };
	void *map;
	int r;

	if (size) {
		map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, ledger->fd, 0);
		if (map == MAP_FAILED)
			return ml_error_set(error, -errno, "the ledger cannot be read: %s",
					    strerror(errno));
		file = (struct ml_bytes){ map, size };
	}
	r = file_read(ledger, file, take, arg, error);
	if (size)
		munmap((void *)file.data, size);
	return r;
}

static int failed(const char *what, struct ml_error *error)
{
	int code = errno ? -errno : -EIO;

	return ml_error_set(error, code, "the ledger cannot be %s: %s", what, strerror(-code));
}

/* What was never finished goes, and a new file gets its first bytes. */
static int file_settle(struct ledger *ledger, int directory, uint64_t size,
		       struct ml_error *error)
{
	ledger->torn = size - ledger->length;
	if (ledger->torn && ftruncate(ledger->fd, (off_t)ledger->length))
		return failed("cut where its last record was never finished", error);
	if (lseek(ledger->fd, (off_t)ledger->length, SEEK_SET) < 0)
		return failed("written", error);
	if (!ledger->length && write(ledger->fd, MAGIC, MAGIC_BYTES) != MAGIC_BYTES)
		return failed("begun", error);
	if (!ledger->length)
		ledger->length = MAGIC_BYTES;
	if (fsync(ledger->fd) || fsync(directory))
		return failed("brought to the disk", error);
	return 0;
}

int ledger_open(int directory, const char *name, ledger_take *take, void *arg,
		struct ledger *ret, struct ml_error *error)
{
	struct ledger ledger = { 0 };
	uint64_t size = 0;
	int r;

	ledger.fd = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (ledger.fd < 0)
		return failed("opened", error);
	r = file_check(&ledger, &size, error);
	if (!r)
		r = file_map(&ledger, size, take, arg, error);
	if (!r)
		r = file_settle(&ledger, directory, size, error);
	if (r)
		close(ledger.fd);
	else
		*ret = ledger;
	return r;
}

void ledger_close(struct ledger *ledger)
{
	close(ledger->fd);
}

/* ---------------------------------------------------------------- writing */

static int write_all(int fd, struct iovec *parts, int count)
{
	ssize_t written;

	while (count) {
		written = writev(fd, parts, count);
		if (written < 0 && errno != EINTR)
			return -errno;
		for (; written > 0 && count; parts++, count--) {
			if ((size_t)written < parts->iov_len) {
				parts->iov_base = (uint8_t *)parts->iov_base + written;
				parts->iov_len -= (size_t)written;
				break;
			}
			written -= (ssize_t)parts->iov_len;
		}
		while (count && !parts->iov_len) {
			parts++;
			count--;
		}
	}
	return 0;
}

int ledger_append(struct ledger *ledger, const struct ledger_record *record,
		  struct ml_error *error)
{
	struct frame frame = {
		.type = htole32(record->type),
		.header = htole32((uint32_t)record->header.length),
		.body = htole64(record->body.length),
	};
	uint8_t chain[CHAIN_BYTES];
	struct iovec parts[] = {
		{ &frame, sizeof(frame) },
		{ (void *)record->header.data, record->header.length },
		{ (void *)record->body.data, record->body.length },
		{ chain, sizeof(chain) },
	};

	frame_check(ledger->chain, &frame, frame.check);
	chain_next(ledger->chain, &frame, record, chain);
	errno = -write_all(ledger->fd, parts, 4);
	if (errno || fdatasync(ledger->fd))
		return failed("written", error);
	memcpy(ledger->chain, chain, sizeof(chain));
	ledger->length += sizeof(frame) + record->header.length + record->body.length +
			  sizeof(chain);
	ledger->records++;
	return 0;
}
