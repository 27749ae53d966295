/* SPDX-License-Identifier: MIT */
/* What the tests of the store share. */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "store_private.h"

#define NOW	1767225600	/* of the fake clock */
#define NETWORK	"example-net"

/* A database of its own, which is there and empty, or has a new store. */
struct place {
	struct store_config config;
	char target[512];
};

extern enum store_kind test_kind;
extern char test_directory[256];

void place_make(struct place *place);
/* Of the other kind; needs both databases. */
void place_make_of(struct place *place, enum store_kind kind);
void store_make_new(struct place *place);
struct store *store_open_at(const struct place *place);
/* Somebody else with a connection to the database; must succeed. */
void raw(const struct place *place, const char *sql);
/* On the server, as its superuser (PostgreSQL). */
void raw_server(const char *sql);
long raw_number(const struct place *place, const char *sql);

struct ml_bytes bytes_of(const char *text);
/* Text of its own, for one leaf at a time. */
struct ml_bytes leaf_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* 32 bytes that are nobody else's. */
void key_of(const char *what, unsigned int number, uint8_t ret[static 32]);

void grant_make(struct store *store, const char *id, uint64_t uses);
/* @ret points to texts that live until the next call in this thread. */
void node_make(struct store_node *ret, const char *grant, unsigned int number);
/* A join of node-@number with a leaf that says so. */
int join(struct store *store, const char *grant, unsigned int number, struct ml_error *error);
/* What a backup says of everything that is stored. */
void state_of(struct store *store, uint8_t ret[static 32]);
int backup_file(const char *name);
void assert_store(int code, int want, const struct ml_error *error);
double seconds_now(void);

#define WORKS(call) do { \
	struct ml_error error = { 0 }; \
	int code_ = call; \
	if (code_) \
		fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #call, error.text); \
} while (0)
/* Refused with this code, and a sentence. */
#define REFUSED(want, call) do { \
	struct ml_error error = { 0 }; \
	int code_ = call; \
	if (code_ != (want) || !error.text[0]) \
		fail_msg("%s:%d: %s: %d (%s), not %d", __FILE__, __LINE__, #call, code_, \
			 error.text, want); \
} while (0)

#define TESTS(name) extern const struct CMUnitTest name[]; extern const size_t name##_count
TESTS(basic_tests);
TESTS(race_tests);
TESTS(crash_tests);
TESTS(deed_tests);
TESTS(row_tests);
TESTS(people_tests);
TESTS(copy_tests);
TESTS(promise_tests);
/* Of one database only: files, or a server. */
TESTS(file_tests);
TESTS(disk_tests);
TESTS(server_disk_tests);
TESTS(server_tests);
extern const char *test_server;
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
