// SPDX-License-Identifier: MIT
/*
 * The crash journal. Before a bundle is looked at, its digest is written down,
 * and struck out afterwards: what still stands there at start is what a process
 * before died of, and how often. A bundle that it died of STORE_ATTEMPTS times
 * is set aside, and never looked at again. Suspects stand side by side, so that
 * a good bundle in between acquits none but itself.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define PROCESSING "processing"
#define QUARANTINE "quarantine"
#define KEPT_BYTES (16u << 20)	/* of one condemned bundle; a longer one is marked only */
#define PENDING_SCANNED 64
#define SUSPECTS 16

struct suspect {
	char digest[65];
	uint32_t attempts;
};

/* The oldest first. */
static struct {
	struct suspect list[SUSPECTS];
	size_t count;
	char current[65];
} journal;

static void name_of(const char *digest, char ret[static 80])
{
	snprintf(ret, 80, QUARANTINE "/%.64s", digest);
}

#define LINE 80			/* "HEX N\n" */
#define TEXT (SUSPECTS * LINE)

static void read_suspects(void)
{
	struct suspect *suspect = journal.list;
	char text[TEXT + 1];
	struct ml_bytes bytes;
	char *line, *rest = text;

	if (store_map(PROCESSING, &bytes) == -ENOENT)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(bytes.length < TEXT ? bytes.length : TEXT),
		 bytes.data ? (const char *)bytes.data : "");
	store_unmap(bytes);
	while ((line = strsep(&rest, "\n")) && suspect < journal.list + SUSPECTS)
		if (sscanf(line, "%64[0-9a-f] %u", suspect->digest, &suspect->attempts) == 2)
			suspect++;
	journal.count = (size_t)(suspect - journal.list);
}

static int write_suspects(struct ml_error *error)
{
	char text[TEXT];
	size_t length = 0, i;

	if (!journal.count) {
		store_remove(PROCESSING);
		return 0;
	}
	for (i = 0; i < journal.count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s %u\n",
					   journal.list[i].digest, journal.list[i].attempts);
	return store_try_write(PROCESSING, (struct ml_bytes){ (const uint8_t *)text, length },
			       error);
}

static void must_write_suspects(void)
{
	struct ml_error error;

	if (write_suspects(&error))
		die("%s", error.text);
}

static struct suspect *find_suspect(const char *digest)
{
	size_t i;

	for (i = 0; i < journal.count; i++)
		if (!strcmp(journal.list[i].digest, digest))
			return &journal.list[i];
	return NULL;
}

static void strike_out(struct suspect *suspect)
{
	size_t behind = journal.count - (size_t)(suspect - journal.list) - 1;

	memmove(suspect, suspect + 1, behind * sizeof(*suspect));
	journal.count--;
}

static struct suspect *add_suspect(const char *digest)
{
	struct suspect *suspect;

	if (journal.count == SUSPECTS)
		strike_out(journal.list);
	suspect = &journal.list[journal.count++];
	memset(suspect, 0, sizeof(*suspect));
	memcpy(suspect->digest, digest, sizeof(suspect->digest));
	return suspect;
}

/* --------------------------------------------------------------- quarantine */

static bool file_has(const char *name, const char *digest)
{
	uint8_t actual[crypto_hash_sha256_BYTES];
	char text[65];
	struct ml_bytes bytes;

	if (store_map(name, &bytes) == -ENOENT)
		return false;
	crypto_hash_sha256(actual, bytes.data, bytes.length);
	store_unmap(bytes);
	sodium_bin2hex(text, sizeof(text), actual, sizeof(actual));
	return !strcmp(text, digest);
}

static void mark(const char *name)
{
	store_write(name, (struct ml_bytes){ NULL, 0 });
}

/* A bundle of our own is moved; of one that was offered the name is marked. */
static void set_aside(const char *digest)
{
	char names[PENDING_SCANNED + 2][STORE_NAME] = { STORE_CANDIDATE, STORE_ACCEPTED };
	size_t count = 2 + store_pending(names + 2, PENDING_SCANNED);
	bool moved = false;
	char aside[80];
	size_t i;

	name_of(digest, aside);
	for (i = 0; i < count; i++) {
		if (!file_has(names[i], digest))
			continue;
		store_rename(names[i], aside);
		moved = true;
	}
	if (!moved)
		mark(aside);
	log_line(LOG_CRIT, "quarantined", "a bundle ended this process %d times and is set "
		 "aside: %s", STORE_ATTEMPTS, aside);
}

bool journal_condemns(const uint8_t digest[static 32], char ret_name[static 80])
{
	char text[65];

	sodium_bin2hex(text, sizeof(text), digest, 32);
	name_of(text, ret_name);
	return !access(ret_name, F_OK);
}

void journal_keep(const uint8_t digest[static 32], struct ml_bytes bytes)
{
	struct stat status;
	char name[80];

	if (!journal_condemns(digest, name) || bytes.length > KEPT_BYTES)
		return;
	if (!stat(name, &status) && status.st_size == 0)
		store_write(name, bytes);
}

uint32_t journal_count(void)
{
	DIR *directory = opendir(QUARANTINE);
	const struct dirent *entry;
	uint32_t count = 0;

	while (directory && (entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	if (directory)
		closedir(directory);
	return count;
}

/* ------------------------------------------------------------------ journal */

void journal_setup(void)
{
	struct suspect *suspect = journal.list;

	if (mkdir(QUARANTINE, 0700) && errno != EEXIST)
		die("cannot make '%s' in the state directory: %s", QUARANTINE,
		    strerror(errno));
	read_suspects();
	while (suspect < journal.list + journal.count) {
		log_line(LOG_WARNING, "died-before", "this process died over bundle %.16s "
			 "before, times: %u", suspect->digest, suspect->attempts);
		if (suspect->attempts >= STORE_ATTEMPTS) {
			set_aside(suspect->digest);
			strike_out(suspect);
			must_write_suspects();
		} else {
			suspect++;
		}
	}
}

int journal_begin(const uint8_t digest[static 32], struct ml_error *error)
{
	struct suspect *suspect;

	sodium_bin2hex(journal.current, sizeof(journal.current), digest, 32);
	suspect = find_suspect(journal.current);
	if (!suspect)
		suspect = add_suspect(journal.current);
	suspect->attempts++;
	return write_suspects(error);
}

void journal_end(void)
{
	struct suspect *suspect = find_suspect(journal.current);

	if (suspect)
		strike_out(suspect);
	must_write_suspects();
}
