// SPDX-License-Identifier: MIT
#include "store_file.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	"MERLONS1"

struct head {
	uint32_t type, zero;
	uint64_t bytes;
};

static int torn(struct ml_error *error)
{
	return ml_error_set(error, -EBADMSG,
			    "backup: it is torn or altered, or is no backup: nothing of it was used; take another copy");
}

static int file_begin(int fd, const char *mode, struct store_file *ret, struct ml_error *error)
{
	struct store_file file = { 0 };
	int copy;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return ml_error_set(error, -errno, "backup: not a file: %s", strerror(errno));
	copy = dup(fd);
	if (copy >= 0)
		file.stream = fdopen(copy, mode);
	if (!file.stream) {
		if (copy >= 0)
			close(copy);
		return store_no_memory(error);
	}
	crypto_hash_sha256_init(&file.hash);
	*ret = file;
	return 0;
}

void store_file_close(struct store_file *file)
{
	if (file->stream)
		fclose(file->stream);
	store_free(file->content);
	*file = (struct store_file){ 0 };
}

/* ------------------------------------------------------------------ writing */

static int put(struct store_file *file, const void *data, size_t length,
	       struct ml_error *error)
{
	crypto_hash_sha256_update(&file->hash, data, length);
	if (!length || fwrite(data, length, 1, file->stream) == 1)
		return 0;
	return ml_error_set(error, -errno, "backup: cannot write it: %s", strerror(errno));
}

int store_file_create(int fd, struct store_file *ret, struct ml_error *error)
{
	struct store_file file;
	int r;

	if (ftruncate(fd, 0))
		return ml_error_set(error, -errno, "backup: cannot write it: %s",
				    strerror(errno));
	r = file_begin(fd, "wb", &file, error);
	if (r)
		return r;
	r = put(&file, MAGIC, 8, error);
	if (r)
		store_file_close(&file);
	else
		*ret = file;
	return r;
}

int store_file_write(struct store_file *file, enum store_record type, const void *content,
		     size_t length, struct ml_error *error)
{
	struct head head = { htole32(type), 0, htole64(length) };
	int r;

	r = put(file, &head, sizeof(head), error);
	return r ? r : put(file, content, length, error);
}

static int put_cell(struct store_file *file, const struct store_cell *cell,
		    struct ml_error *error)
{
	uint64_t number = htole64(cell->type == 'i' ? (uint64_t)cell->number :
						      cell->bytes.length);
	int r;

	r = put(file, &cell->type, 1, error);
	if (!r && cell->type)
		r = put(file, &number, 8, error);
	if (!r && cell->type && cell->type != 'i')
		r = put(file, cell->bytes.data, cell->bytes.length, error);
	return r;
}

int store_file_write_row(struct store_file *file, const char *columns,
			 const struct store_cell *cells, struct ml_error *error)
{
	struct head head = { htole32(STORE_RECORD_ROW), 0, 0 };
	uint64_t length = 0;
	size_t i;
	int r;

	for (i = 0; columns[i]; i++)
		length += !cells[i].type ? 1 : cells[i].type == 'i' ? 9 :
			  9 + cells[i].bytes.length;
	head.bytes = htole64(length);
	r = put(file, &head, sizeof(head), error);
	for (i = 0; !r && columns[i]; i++)
		r = put_cell(file, &cells[i], error);
	return r;
}

int store_file_finish(struct store_file *file, uint8_t ret_digest[static 32],
		      struct ml_error *error)
{
	uint8_t digest[32];

	crypto_hash_sha256_final(&file->hash, digest);
	if (fwrite(digest, 32, 1, file->stream) != 1 || fflush(file->stream) ||
	    fsync(fileno(file->stream)))
		return ml_error_set(error, -errno, "backup: cannot write it: %s",
				    strerror(errno));
	memcpy(ret_digest, digest, 32);
	return 0;
}

/* ------------------------------------------------------------------ reading */

static int get(struct store_file *file, void *ret, uint64_t length, struct ml_error *error)
{
	if (length > file->left)
		return torn(error);
	if (length && fread(ret, length, 1, file->stream) != 1)
		return torn(error);
	file->left -= length;
	crypto_hash_sha256_update(&file->hash, ret, length);
	return 0;
}

static int open_any(int fd, struct store_file *ret, struct ml_error *error)
{
	struct stat status;
	int r;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_size < 40)
		return torn(error);
	r = file_begin(fd, "rb", ret, error);
	if (!r)
		ret->left = status.st_size - 32;
	return r;
}

int store_file_open(int fd, struct store_file *ret, struct ml_error *error)
{
	struct store_file file;
	char magic[8];
	int r;

	r = open_any(fd, &file, error);
	if (r)
		return r;
	r = get(&file, magic, 8, error);
	if (!r && memcmp(magic, MAGIC, 8) != 0)
		r = torn(error);
	if (r)
		store_file_close(&file);
	else
		*ret = file;
	return r;
}

static int make_room(struct store_file *file, uint64_t bytes, struct ml_error *error)
{
	if (bytes < file->room)
		return 0;
	if (bytes > file->left)
		return torn(error);
	store_free(file->content);
	file->room = bytes + 4096;
	file->content = store_alloc(file->room);
	if (file->content)
		return 0;
	file->room = 0;
	return store_no_memory(error);
}

int store_file_read(struct store_file *file, enum store_record *ret_type,
		    struct ml_bytes *ret, struct ml_error *error)
{
	struct head head;
	uint64_t bytes;
	int r;

	r = get(file, &head, sizeof(head), error);
	if (r)
		return r;
	bytes = le64toh(head.bytes);
	r = head.zero ? torn(error) : make_room(file, bytes, error);
	if (!r)
		r = get(file, file->content, bytes, error);
	if (r)
		return r;
	*ret_type = le32toh(head.type);
	*ret = (struct ml_bytes){ file->content, bytes };
	return 0;
}

/* Takes a cell off the front of @rest. */
static bool cell_of(struct ml_bytes *rest, char column, struct store_cell *ret)
{
	size_t used = 1;
	uint64_t number;

	if (!rest->length || (rest->data[0] && rest->data[0] != column))
		return false;
	*ret = (struct store_cell){ .type = (char)rest->data[0] };
	if (ret->type) {
		if (rest->length < 9)
			return false;
		memcpy(&number, rest->data + 1, 8);
		number = le64toh(number);
		used = 9;
		if (column == 'i')
			ret->number = (int64_t)number;
		else if (number > rest->length - 9)
			return false;
		else
			ret->bytes = (struct ml_bytes){ rest->data + 9, number };
		used += ret->bytes.length;
	}
	rest->data += used;
	rest->length -= used;
	return true;
}

int store_file_row(struct ml_bytes content, const char *columns, struct store_cell *ret,
		   struct ml_error *error)
{
	size_t i;

	for (i = 0; columns[i]; i++)
		if (!cell_of(&content, columns[i], &ret[i]))
			return torn(error);
	return content.length ? torn(error) : 0;
}

int store_file_check(struct store_file *file, uint8_t ret_digest[static 32],
		     struct ml_error *error)
{
	uint8_t want[32], digest[32];

	crypto_hash_sha256_final(&file->hash, digest);
	if (file->left || fread(want, 32, 1, file->stream) != 1 ||
	    fgetc(file->stream) != EOF || memcmp(want, digest, 32) != 0)
		return torn(error);
	memcpy(ret_digest, digest, 32);
	return 0;
}

int store_file_check_all(int fd, uint8_t ret_digest[static 32], struct ml_error *error)
{
	uint8_t part[16384];
	struct store_file file;
	int r;

	r = open_any(fd, &file, error);
	if (r)
		return r;
	while (!r && file.left)
		r = get(&file, part, file.left < sizeof(part) ? file.left : sizeof(part), error);
	if (!r)
		r = store_file_check(&file, ret_digest, error);
	store_file_close(&file);
	return r;
}
