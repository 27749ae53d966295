/* SPDX-License-Identifier: MIT */
/*
 * Entries of the audit log, as whoever reads it sees them: one line of JSON each,
 * without a newline, with these keys, all of them and no other:
 *
 *	{"actor":"…","details":{…},"endpoint":"…","event_type":"…","level":"AUDIT",
 *	 "reason":"…","salt":"…","source_ip":"…","timestamp":"…","user_agent":"…"}
 *
 * Sorted keys, no spaces, ASCII alone: every other character is \uXXXX, DEL too.
 * So no terminal and no log file can be made to obey what stands in it. Invalid
 * UTF-8 became U+FFFD, what was too long ends with U+2026. "details" has numbers
 * and texts alone. "salt" is random: once an entry is pruned, its hash, which
 * stays, tells nobody what was in it. What does not apply is "".
 */
#ifndef ML_AUDIT_ENTRY_H
#define ML_AUDIT_ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bundle.h"
#include "error.h"
#include "tiles.h"

#define ML_AUDIT_LEAF_MAX	32768	/* bytes of an entry */
#define ML_AUDIT_TYPE_MAX	32	/* bytes of "event_type": a-z, '_' and '.' */
#define ML_AUDIT_TIME_TEXT	40	/* room for "2026-01-31T12:00:00.000000Z" */
#define ML_AUDIT_TYPE_PRUNE	"log.prune"	/* details: "minimum", the first entry that stays */

struct ml_audit_entry {
	json_t *json;		/* owns what the others point to */
	int64_t time;		/* microseconds since 1970, UTC */
	const char *type, *actor, *source, *user_agent, *endpoint, *reason;
	const json_t *details;
};

/**
 * ml_audit_entry_parse - an entry, strictly
 * @ret: ml_audit_entry_clean()
 *
 * Types and details that are not known are taken: a newer server wrote them.
 * Return: 0; -EBADMSG, -E2BIG, -ENOMEM.
 */
int ml_audit_entry_parse(struct ml_bytes bytes, struct ml_audit_entry *ret,
			 struct ml_error *error);
void ml_audit_entry_clean(struct ml_audit_entry *entry);

/**
 * ml_audit_verify - is this the audit log with @root? (ml_tiles_verify())
 * @entry: is given each entry that is there, in order; what it returns, if not 0,
 *	ends the walk. NULL: nobody
 *
 * Moreover every entry must be one, and entries may be missing only where one of
 * those that are left says that they were pruned.
 */
int ml_audit_verify(struct ml_tiles *tiles, const struct ml_merkle_hash *root,
		    int (*entry)(void *arg, uint64_t index, const struct ml_audit_entry *entry,
				 struct ml_error *error),
		    void *arg, struct ml_tiles_verdict *ret, struct ml_error *error);

/* The text of an entry's JSON, or of a value of it; malloc()ed, NULL: no memory. */
char *ml_audit_dump(const json_t *json, size_t *ret_length);

/* Of @text at most @limit bytes, whatever is in it; NULL is "". NULL: no memory. */
json_t *ml_audit_text(const char *text, size_t limit);

/* @time from 0 to the end of 9999, in microseconds. Returns @ret. */
const char *ml_audit_time_format(int64_t time, char ret[static ML_AUDIT_TIME_TEXT]);
int64_t ml_audit_time_now(void);

#endif
