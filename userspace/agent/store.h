/* SPDX-License-Identifier: MIT */
/*
 * The state directory, which apply alone can read and write:
 *
 *   accepted.bundle    the last bundle that the kernel took
 *   candidate.bundle   one on its way there
 *   watermark          (epoch, serial) and floor that nothing goes below
 *   armed              what to arm after a reboot; absent: nothing
 *   pending-E-S.bundle verified, their not-before lies ahead
 *   processing         what is worked on: who is to blame if this process dies;
 *                      a line each: SHA-256, crashes, unexplained deaths, worked
 *                      on now (0, 1), boot, epoch, serial (0: not verified yet)
 *   crashed, ending    notes of the supervisor: how apply ended; that it was to
 *   quarantine/        what it died of too often, by SHA-256
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
#define STORE_CRASHED	"crashed"
#define STORE_ENDING	"ending"
#define STORE_CRASHES	2	/* until a bundle is set aside */
#define STORE_DEATHS	5	/* of no known reason, until then */

struct store_arming {
	enum merlon_scope scope;	/* UNSPEC: nothing to arm */
	enum merlon_mode mode;
};

/* Takes the working directory. Sweeps what a death left half-written. */
void store_setup(void);

void store_read_watermark(struct ml_watermark *ret);
int store_try_write_watermark(const struct ml_watermark *watermark, struct ml_error *error);
void store_write_watermark(const struct ml_watermark *watermark);
void store_read_arming(struct store_arming *ret);
void store_write_arming(const struct store_arming *arming);

void store_write(const char *name, struct ml_bytes bytes);
/* The same, for what may be refused yet: -ENOSPC and its like are returned. */
int store_try_write(const char *name, struct ml_bytes bytes, struct ml_error *error);
void store_rename(const char *from, const char *to);
/* Absent is well. */
int store_try_remove(const char *name, struct ml_error *error);
void store_remove(const char *name);
/* The file, mapped; unmap with store_unmap(). -ENOENT: absent. */
int store_map(const char *name, struct ml_bytes *ret);
void store_unmap(struct ml_bytes bytes);

/* Names that hold pending bundles, ascending by (epoch, serial). Return: how many. */
size_t store_pending(char names[][STORE_NAME], size_t room);
bool store_pending_parse(const char *name, uint64_t *ret_epoch, uint64_t *ret_serial);
void store_pending_name(uint64_t epoch, uint64_t serial, char ret[static STORE_NAME]);

/* ---- the crash journal (journal.c); digest: SHA-256 of the bundle file */

/* At start, in boot @boot: sets aside what this process died of too often, unless
 * the kernel has it in force; then the bundle is accepted.bundle, and spared. */
void journal_setup(const char *boot, const struct ml_kernel_status *status,
		   const struct ml_watermark *watermark);
/* Remembers, before anything is parsed, what is about to be parsed. */
int journal_begin(const uint8_t digest[static 32], struct ml_error *error);
/* It is verified, and who it is: before the kernel gets it. */
int journal_name(uint64_t epoch, uint64_t serial, struct ml_error *error);
/* In force, and not to be looked at in this life. */
bool journal_spares(const uint8_t digest[static 32]);
/* That went well, or was refused: either way it was survived. */
void journal_end(void);
bool journal_condemns(const uint8_t digest[static 32], char ret_name[static 80]);
/* Keeps the bytes of a condemned bundle for whoever looks into it. */
void journal_keep(const uint8_t digest[static 32], struct ml_bytes bytes);
uint32_t journal_count(void);

#endif
