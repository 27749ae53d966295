// SPDX-License-Identifier: MIT
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

size_t ml_checkpoint_format(const struct ml_checkpoint *checkpoint,
			    char ret[static ML_CHECKPOINT_TEXT])
{
	char root[ML_HASH_TEXT];

	return (size_t)snprintf(ret, ML_CHECKPOINT_TEXT, "%s\n%" PRIu64 "\n%s\n",
				checkpoint->origin, checkpoint->size,
				ml_hash_format(&checkpoint->root, root));
}

int ml_checkpoint_parse(struct ml_bytes text, struct ml_checkpoint *ret,
			struct ml_error *error)
{
	struct ml_bytes origin = { 0 }, size = { 0 }, root = { 0 };
	struct ml_checkpoint checkpoint = { 0 };

	if (!ml_line_take(&text, &origin) || !ml_line_take(&text, &size) ||
	    !ml_line_take(&text, &root) || text.length)
		return ml_error_set(error, -EBADMSG,
				    "checkpoint: has three lines: origin, size and root");
	if (!origin.length || origin.length > ML_NOTE_NAME)
		return ml_error_set(error, -EBADMSG, "checkpoint: its origin has 1 to %d bytes",
				    ML_NOTE_NAME);
	if (!ml_decimal_parse(size, ML_MERKLE_SIZE, &checkpoint.size))
		return ml_error_set(error, -EBADMSG, "checkpoint: its size is not a number");
	if (!ml_hash_parse(root, &checkpoint.root))
		return ml_error_set(error, -EBADMSG,
				    "checkpoint: its root is not the base64 of 32 bytes");
	memcpy(checkpoint.origin, origin.data, origin.length);
	*ret = checkpoint;
	return 0;
}

int ml_checkpoint_open(struct ml_bytes bytes, const struct ml_note_key *log,
		       struct ml_checkpoint *ret, struct ml_note *ret_note,
		       struct ml_error *error)
{
	struct ml_checkpoint checkpoint;
	struct ml_note note;
	int r;

	if (log->type != ML_NOTE_ED25519)
		return ml_error_set(error, -EINVAL, "%s is the key of a cosigner, not of a log",
				    log->name);
	r = ml_note_parse(bytes, &note, error);
	if (!r)
		r = ml_note_verify(&note, log, NULL, error);
	if (!r)
		r = ml_checkpoint_parse(note.text, &checkpoint, error);
	if (r)
		return r;
	if (strcmp(checkpoint.origin, log->name) != 0)
		return ml_error_set(error, -EKEYREJECTED,
				    "checkpoint: of another log than %s, though signed by its key",
				    log->name);
	*ret = checkpoint;
	if (ret_note)
		*ret_note = note;
	return 0;
}

int ml_checkpoint_sign(const struct ml_checkpoint *checkpoint, const struct ml_note_key *log,
		       const struct ml_secret_key *secret, char **ret, struct ml_error *error)
{
	char text[ML_CHECKPOINT_TEXT], *line, *note;
	struct ml_bytes bytes = { (const uint8_t *)text, 0 };
	int r;

	if (strcmp(checkpoint->origin, log->name) != 0 || log->type != ML_NOTE_ED25519)
		return ml_error_set(error, -EINVAL, "checkpoint: %s is not the key of the log %s",
				    log->name, checkpoint->origin);
	bytes.length = ml_checkpoint_format(checkpoint, text);
	r = ml_note_sign(log, secret, bytes, 0, &line, error);
	if (r)
		return r;
	r = asprintf(&note, "%s\n%s", text, line);
	free(line);
	if (r < 0)
		return ml_error_set(error, -ENOMEM, "checkpoint: out of memory");
	*ret = note;
	return 0;
}
