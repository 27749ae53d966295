/* SPDX-License-Identifier: MIT */
/*
 * The state directory, which apply alone can read and write:
 *
 *   accepted.bundle    the last bundle that the kernel took
 *   candidate.bundle   one on its way there
 *   watermark          (epoch, serial) and floor that nothing goes below
 *   armed              what to arm after a reboot; absent: nothing
 *   pending-E-S.bundle verified, their not-before lies ahead
 *   processing         what is worked on: who is to blame if this process dies
 *   quarantine/        what it died of twice, by SHA-256
 *
 * Every file appears whole and fsynced under its name. What cannot be written
 * ends the process: a daemon that forgets must not acknowledge.
 */
#ifndef MERLOND_STORE_H
#define MERLOND_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "kernel.h"

#define STORE_ACCEPTED	"accepted.bundle"
#define STORE_CANDIDATE	"candidate.bundle"
#define STORE_NAME	64	/* bytes of any name in the directory, with NUL */
#define STORE_ATTEMPTS	2	/* deaths until a bundle is set aside */

struct store_arming {
	enum merlon_scope scope;	/* UNSPEC: nothing to arm */
	enum merlon_mode mode;
};

/* Takes the working directory. Sweeps what a death left half-written. */
void store_setup(void);

void store_read_watermark(struct ml_watermark *ret);
void store_write_watermark(const struct ml_watermark *watermark);
void store_read_arming(struct store_arming *ret);
void store_write_arming(const struct store_arming *arming);

void store_write(const char *name, struct ml_bytes bytes);
/* The same, for what may be refused yet: -ENOSPC and its like are returned. */
int store_try_write(const char *name, struct ml_bytes bytes, struct ml_error *error);
void store_rename(const char *from, const char *to);
/* Absent is well. */
void store_remove(const char *name);
/* The file, mapped; unmap with store_unmap(). -ENOENT: absent. */
int store_map(const char *name, struct ml_bytes *ret);
void store_unmap(struct ml_bytes bytes);

/* Names that hold pending bundles, ascending by (epoch, serial). Return: how many. */
size_t store_pending(char names[][STORE_NAME], size_t room);
void store_pending_name(uint64_t epoch, uint64_t serial, char ret[static STORE_NAME]);

/* ---- the crash journal (journal.c); digest: SHA-256 of the bundle file */

/* At start: sets aside what this process died of too often. */
void journal_setup(void);
/* Remembers, before anything is parsed, what is about to be parsed. */
int journal_begin(const uint8_t digest[static 32], struct ml_error *error);
/* That went well, or was refused: either way it was survived. */
void journal_end(void);
bool journal_condemns(const uint8_t digest[static 32], char ret_name[static 80]);
/* Keeps the bytes of a condemned bundle for whoever looks into it. */
void journal_keep(const uint8_t digest[static 32], struct ml_bytes bytes);
uint32_t journal_count(void);

#endif
