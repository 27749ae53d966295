// SPDX-License-Identifier: MIT
/*
 * The cosigner's memory of one log: six lines, the last the SHA-256 of the others,
 * so that damage is noticed. docs/formats.md has it.
 */
#include "audit_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "lines.h"
#include "sha256.h"

#define MAGIC		"merlon-cosigned 1"
#define STATE_TEXT	(ML_NOTE_NAME + 256)

static void state_digest(const char *text, size_t length, struct ml_merkle_hash *ret)
{
	ml_sha256(ret->bytes, (const uint8_t *)text, length);
}

static size_t state_format(const struct ml_note_key *log, const struct ml_cosigned *seen,
			   char ret[static STATE_TEXT])
{
	char root[ML_HASH_TEXT], check[ML_HASH_TEXT];
	struct ml_merkle_hash digest;
	int length;

	length = snprintf(ret, STATE_TEXT, MAGIC "\n%s\n%" PRIu64 "\n%s\n%" PRId64 "\n", log->name,
			  seen->size, ml_hash_format(&seen->root, root), seen->time);
	state_digest(ret, (size_t)length, &digest);
	length += snprintf(ret + length, STATE_TEXT - (size_t)length, "%s\n",
			   ml_hash_format(&digest, check));
	return (size_t)length;
}

static bool line_is(struct ml_bytes line, const char *text)
{
	return line.length == strlen(text) && !memcmp(line.data, text, line.length);
}

static bool state_parse(struct ml_bytes bytes, const struct ml_note_key *log,
			struct ml_cosigned *ret)
{
	struct ml_bytes rest = bytes, lines[6] = { { 0 } };
	struct ml_cosigned seen;
	struct ml_merkle_hash digest, found;
	uint64_t time = 0;
	size_t i;

	for (i = 0; i < 6; i++)
		if (!ml_line_take(&rest, &lines[i]))
			return false;
	state_digest((const char *)bytes.data, (size_t)(lines[5].data - bytes.data), &digest);
	if (rest.length || !line_is(lines[0], MAGIC) || !line_is(lines[1], log->name) ||
	    !ml_decimal_parse(lines[2], ML_MERKLE_SIZE, &seen.size) ||
	    !ml_hash_parse(lines[3], &seen.root) ||
	    !ml_decimal_parse(lines[4], INT64_MAX, &time) || !ml_hash_parse(lines[5], &found) ||
	    memcmp(found.bytes, digest.bytes, sizeof(found.bytes)) != 0)
		return false;
	seen.time = (int64_t)time;
	*ret = seen;
	return true;
}

int audit_cosign_init(const char *path, const struct ml_note_key *log, struct ml_error *error)
{
	const struct ml_cosigned nothing = { 0 };
	char text[STATE_TEXT];
	size_t length = state_format(log, &nothing, text);

	return ml_file_write_new(path, text, length, 0600, error);
}

int audit_cosign_seen(const char *path, const struct ml_note_key *log, struct ml_cosigned *ret,
		      struct ml_error *error)
{
	size_t length;
	uint8_t *text;
	bool good;
	int r;

	r = ml_file_read_guarded(path, ML_FILE_OWN, STATE_TEXT, &text, &length, error);
	if (r == -ENOENT)
		return ml_error_set(error, r,
				    "%s: there is no memory of what was cosigned, and without it another history could be signed: restore it, or begin anew on purpose",
				    path);
	if (r)
		return r;
	good = state_parse((struct ml_bytes){ text, length }, log, ret);
	free(text);
	if (!good)
		return ml_error_set(error, -EBADMSG,
				    "%s: damaged, or of another log than %s: it is not known what was cosigned; restore it from a copy",
				    path, log->name);
	return 0;
}

static int remember(const char *path, const struct ml_note_key *log,
		    const struct ml_cosigned *seen, struct ml_error *error)
{
	char text[STATE_TEXT];
	size_t length = state_format(log, seen, text);

	return ml_file_write_atomic(path, text, length, 0600, error);
}

int audit_cosign(const char *path, const struct ml_note_key *log,
		 const struct ml_note_key *cosigner, const struct ml_secret_key *secret,
		 struct ml_bytes request, int64_t now, char **ret_line,
		 struct ml_error *error)
{
	struct ml_checkpoint checkpoint;
	struct ml_cosigned seen;
	struct ml_bytes text;
	char *line;
	int r;

	r = audit_cosign_seen(path, log, &seen, error);
	if (!r)
		r = ml_cosign_judge(&seen, log, request, &checkpoint, &text, error);
	if (r)
		return r;
	/* Who reads the times of two cosignatures takes the later for the newer log. */
	seen.time = now > seen.time ? now : seen.time;
	seen.size = checkpoint.size;
	seen.root = checkpoint.root;
	r = ml_note_sign(cosigner, secret, text, seen.time, &line, error);
	if (r)
		return r;
	r = remember(path, log, &seen, error);
	if (r)
		free(line);
	else
		*ret_line = line;
	return r;
}
