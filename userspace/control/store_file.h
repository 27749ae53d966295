/* SPDX-License-Identifier: MIT */
/*
 * A backup as a stream of records behind a magic, with a SHA-256 over all of it at the
 * end. docs/formats.md has it byte by byte.
 */
#ifndef MERLON_CONTROL_STORE_FILE_H
#define MERLON_CONTROL_STORE_FILE_H

#include <stdio.h>

#include <sodium.h>

#include "store_private.h"

enum store_record {
	STORE_RECORD_HEADER = 1,	/* JSON */
	STORE_RECORD_TABLE,		/* its name */
	STORE_RECORD_ROW,		/* cells */
	STORE_RECORD_END,		/* how many rows there were */
};

/* What a header says besides what is told of a backup. */
struct store_header {
	struct store_backup backup;
	int64_t born, sequenced, term;	/* of the row of `network` */
};

struct store_file {
	FILE *stream;
	crypto_hash_sha256_state hash;
	uint64_t left;		/* reading: bytes before the digest */
	uint8_t *content;	/* reading: of the last record */
	size_t room;
};

/* @fd stays the caller's. From its beginning; writing: whatever it held is cut. */
int store_file_create(int fd, struct store_file *ret, struct ml_error *error);
int store_file_open(int fd, struct store_file *ret, struct ml_error *error);
void store_file_close(struct store_file *file);

int store_file_write(struct store_file *file, enum store_record type, const void *content,
		     size_t length, struct ml_error *error);
int store_file_write_row(struct store_file *file, const char *columns,
			 const struct store_cell *cells, struct ml_error *error);
/* The digest behind it all; synced. */
int store_file_finish(struct store_file *file, uint8_t ret_digest[static 32],
		      struct ml_error *error);

/* @ret is valid until the next one. -EBADMSG */
int store_file_read(struct store_file *file, enum store_record *ret_type,
		    struct ml_bytes *ret, struct ml_error *error);
/* The cells point into @content. -EBADMSG: not of @columns */
int store_file_row(struct ml_bytes content, const char *columns, struct store_cell *ret,
		   struct ml_error *error);
/* Nothing is left, and the digest fits. */
int store_file_check(struct store_file *file, uint8_t ret_digest[static 32],
		     struct ml_error *error);
/* Skips to the end, without a look at what is in there, and checks that. */
int store_file_check_all(int fd, uint8_t ret_digest[static 32], struct ml_error *error);

#endif
