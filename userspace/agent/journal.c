// SPDX-License-Identifier: MIT
/*
 * The crash journal. Before a bundle is looked at, its digest is written down,
 * and struck out afterwards: what is still worked on at start is what a process
 * before died over. Suspects stand side by side, so that a good bundle in
 * between acquits none but itself.
 *
 * Which deaths count? The supervisor survives apply, sees how it died, and
 * leaves a note in the directory where it crashed (STORE_CRASHED: by a signal
 * that a process brings upon itself) or where an end was asked for before
 * (STORE_ENDING). So
 *
 *   - a crash is the bundle's work: STORE_CRASHES of them, and it is set aside;
 *   - a death that nobody explains (SIGKILL, whoever sent it: an administrator,
 *     the watchdog, a limit of memory) can be the bundle's too, which may be
 *     what takes all the memory, or never ends: but it takes STORE_DEATHS of
 *     them in one boot;
 *   - a death that was asked for, one of die(), which is in order and says why,
 *     and one of another boot (the power went) say nothing about the bundle.
 *
 * What the kernel holds is never set aside, whatever happened: packets were
 * judged by it, so no older generation may be loaded in its place. It was
 * verified, or it would not be there; only its dates are not known until it is
 * looked at again, which the start after this one does.
 */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "sha256.h"

#define PROCESSING "processing"
#define QUARANTINE "quarantine"
#define KEPT_BYTES (16u << 20)	/* of one condemned bundle; a longer one is marked only */
#define PENDING_SCANNED 64
#define SUSPECTS 16

#define BOOT_ID 37		/* bytes, with NUL */

struct suspect {
	char digest[65];
	uint32_t crashes;
	uint32_t deaths;	/* unexplained, in this boot */
	bool working;		/* it is looked at now */
	char boot[BOOT_ID];	/* in which that was so last */
	uint64_t epoch, serial;	/* 0: not verified yet */
};

/* The oldest first. */
static struct {
	struct suspect list[SUSPECTS];
	size_t count;
	char current[65];
	char boot[BOOT_ID];
	char spared[65];	/* condemned, but in force: not to be looked at today */
} journal;

static void name_of(const char *digest, char ret[static 80])
{
	snprintf(ret, 80, QUARANTINE "/%.64s", digest);
}

#define LINE 192		/* "HEX CRASHES DEATHS WORKING BOOT EPOCH SERIAL\n" */
#define TEXT (SUSPECTS * LINE)

static bool read_suspect(const char *line, struct suspect *ret)
{
	unsigned int working;

	memset(ret, 0, sizeof(*ret));
	if (sscanf(line, "%64[0-9a-f] %u %u %u %36s %" SCNu64 " %" SCNu64, ret->digest,
		   &ret->crashes, &ret->deaths, &working, ret->boot, &ret->epoch,
		   &ret->serial) != 7)
		return false;
	ret->working = working;
	return true;
}

static int write_suspect(const struct suspect *suspect, char ret[static LINE])
{
	return snprintf(ret, LINE, "%s %u %u %u %s %" PRIu64 " %" PRIu64 "\n", suspect->digest,
			suspect->crashes, suspect->deaths, suspect->working, suspect->boot,
			suspect->epoch, suspect->serial);
}

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
		if (read_suspect(line, suspect))
			suspect++;
	journal.count = (size_t)(suspect - journal.list);
}

static int write_suspects(struct ml_error *error)
{
	char text[TEXT];
	size_t length = 0, i;

	if (!journal.count)
		return store_try_remove(PROCESSING, error);
	for (i = 0; i < journal.count; i++)
		length += (size_t)write_suspect(&journal.list[i], text + length);
	return store_try_write(PROCESSING, (struct ml_bytes){ (const uint8_t *)text, length },
			       error);
}

/* A disk that is full or cannot be written is no reason to leave the kernel alone. */
static void try_write_suspects(void)
{
	struct ml_error error;

	if (write_suspects(&error))
		log_line(LOG_WARNING, "journal", "the crash journal is not kept: %s",
			 error.text);
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
	ml_sha256(actual, bytes.data, bytes.length);
	store_unmap(bytes);
	sodium_bin2hex(text, sizeof(text), actual, sizeof(actual));
	return !strcmp(text, digest);
}

static void mark(const char *name)
{
	struct ml_error error;

	if (store_try_write(name, (struct ml_bytes){ NULL, 0 }, &error))
		log_line(LOG_ERR, "journal", "cannot mark a bundle: %s", error.text);
}

/* A bundle of our own is moved; of one that was offered the name is marked. */
static void set_aside(const struct suspect *suspect)
{
	const char *digest = suspect->digest;
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
	log_line(LOG_CRIT, "quarantined", "a bundle ended this process %u times and is set "
		 "aside: %s", suspect->crashes + suspect->deaths, aside);
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

static bool took_note(const char *name)
{
	struct ml_error error;

	if (access(name, F_OK))
		return false;
	store_try_remove(name, &error);
	return true;
}

/* What of the process before is told against @suspect. */
static void count_death(struct suspect *suspect, bool crashed, bool excused)
{
	if (strcmp(suspect->boot, journal.boot))
		suspect->deaths = 0;
	if (!suspect->working)
		return;
	if (crashed)
		suspect->crashes++;
	else if (!excused && !strcmp(suspect->boot, journal.boot))
		suspect->deaths++;
	else
		return;
	log_line(LOG_WARNING, "died-before", "this process died over bundle %.16s before: "
		 "%u crashes, %u times for no reason known", suspect->digest,
		 suspect->crashes, suspect->deaths);
}

static bool is_condemned(const struct suspect *suspect)
{
	return suspect->crashes >= STORE_CRASHES || suspect->deaths >= STORE_DEATHS;
}

/* One that was never verified in this life may still be the one accepted before. */
static bool is_in_force(const struct suspect *suspect, const struct ml_kernel_status *status,
			const struct ml_watermark *watermark)
{
	uint64_t epoch = suspect->epoch, serial = suspect->serial;

	if (!serial && file_has(STORE_ACCEPTED, suspect->digest)) {
		epoch = watermark->epoch;
		serial = watermark->serial;
	}
	return serial && status->has_generation && epoch == status->epoch &&
	       serial == status->serial;
}

/* The candidate counts as accepted: see ORDER in accept.c. */
static void spare(const struct suspect *suspect)
{
	if (file_has(STORE_CANDIDATE, suspect->digest))
		store_rename(STORE_CANDIDATE, STORE_ACCEPTED);
	strcpy(journal.spared, suspect->digest);
	log_line(LOG_CRIT, "spared", "this process died over the bundle that is in force, "
		 "%.16s: it stays, and is not looked at until the next start", suspect->digest);
}

static void judge_suspects(const struct ml_kernel_status *status,
			   const struct ml_watermark *watermark)
{
	struct suspect *suspect = journal.list;

	while (suspect < journal.list + journal.count) {
		suspect->working = false;
		if (!is_condemned(suspect)) {
			suspect++;
			continue;
		}
		if (is_in_force(suspect, status, watermark))
			spare(suspect);
		else
			set_aside(suspect);
		strike_out(suspect);
	}
}

void journal_setup(const char *boot, const struct ml_kernel_status *status,
		   const struct ml_watermark *watermark)
{
	bool crashed = took_note(STORE_CRASHED), excused = took_note(STORE_ENDING);
	size_t i;

	snprintf(journal.boot, sizeof(journal.boot), "%s", boot);
	if (mkdir(QUARANTINE, 0700) && errno != EEXIST)
		log_line(LOG_ERR, "journal", "cannot make '%s' in the state directory: %s",
			 QUARANTINE, strerror(errno));
	read_suspects();
	if (!journal.count)
		return;
	for (i = 0; i < journal.count; i++)
		count_death(&journal.list[i], crashed, excused);
	judge_suspects(status, watermark);
	try_write_suspects();
}

int journal_begin(const uint8_t digest[static 32], struct ml_error *error)
{
	struct suspect *suspect;
	int code;

	sodium_bin2hex(journal.current, sizeof(journal.current), digest, 32);
	suspect = find_suspect(journal.current);
	if (!suspect)
		suspect = add_suspect(journal.current);
	suspect->working = true;
	memcpy(suspect->boot, journal.boot, sizeof(suspect->boot));
	code = write_suspects(error);
	if (code)
		suspect->working = false;
	return code;
}

int journal_name(uint64_t epoch, uint64_t serial, struct ml_error *error)
{
	struct suspect *suspect = find_suspect(journal.current);

	if (!suspect || (suspect->epoch == epoch && suspect->serial == serial))
		return 0;
	suspect->epoch = epoch;
	suspect->serial = serial;
	return write_suspects(error);
}

void journal_end(void)
{
	struct suspect *suspect = find_suspect(journal.current);

	if (suspect)
		strike_out(suspect);
	try_write_suspects();
}

bool journal_spares(const uint8_t digest[static 32])
{
	char text[65];

	sodium_bin2hex(text, sizeof(text), digest, 32);
	return !strcmp(text, journal.spared);
}
