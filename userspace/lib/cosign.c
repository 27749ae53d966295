// SPDX-License-Identifier: MIT
/* What a log sends to its cosigner, and whether that may sign. */
#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "sha256.h"

int ml_cosign_request(uint64_t old, const struct ml_merkle_hash *proof, size_t proof_length,
		      const char *note, char **ret, struct ml_error *error)
{
	size_t size = 64 + proof_length * ML_HASH_TEXT + strlen(note), at, i;
	char *text = malloc(size);

	if (!text)
		return ml_error_set(error, -ENOMEM, "cosigning: out of memory");
	at = (size_t)snprintf(text, size, "old %" PRIu64 "\n", old);
	for (i = 0; i < proof_length; i++) {
		ml_hash_format(&proof[i], text + at);
		at += ML_HASH_TEXT - 1;
		text[at++] = '\n';
	}
	snprintf(text + at, size - at, "\n%s", note);
	*ret = text;
	return 0;
}

struct request {
	uint64_t old;
	struct ml_merkle_hash proof[ML_MERKLE_DEPTH];
	size_t proof_length;
	struct ml_bytes note;
};

static int no_request(struct ml_error *error, const char *why)
{
	return ml_error_set(error, -EBADMSG, "not a request for a cosignature: %s", why);
}

static int request_parse(struct ml_bytes bytes, struct request *ret, struct ml_error *error)
{
	struct ml_bytes line = { 0 };

	if (bytes.length > ML_COSIGN_REQUEST_MAX)
		return no_request(error, "too long");
	if (!ml_line_take(&bytes, &line) || line.length < 4 || memcmp(line.data, "old ", 4) != 0 ||
	    !ml_decimal_parse((struct ml_bytes){ line.data + 4, line.length - 4 }, ML_MERKLE_SIZE,
			      &ret->old))
		return no_request(error, "its first line is not \"old SIZE\"");
	for (ret->proof_length = 0;; ret->proof_length++) {
		if (!ml_line_take(&bytes, &line))
			return no_request(error, "it ends within the proof");
		if (!line.length)
			break;
		if (ret->proof_length == ML_MERKLE_DEPTH)
			return no_request(error, "its proof has more than 63 hashes");
		if (!ml_hash_parse(line, &ret->proof[ret->proof_length]))
			return no_request(error, "a line of its proof is not the base64 of 32 bytes");
	}
	ret->note = bytes;
	return 0;
}

static int judge_size(const struct ml_cosigned *seen, uint64_t old, uint64_t size,
		      struct ml_error *error)
{
	if (size < seen->size)
		return ml_error_set(error, -ESTALE,
				    "the log has %" PRIu64 " entries, and had %" PRIu64 " already: it was rolled back, as by an old backup; nothing is signed until those are there again",
				    size, seen->size);
	if (old != seen->size)
		return ml_error_set(error, -ESTALE,
				    "the proof is from %" PRIu64 " entries on, and %" PRIu64 " were seen: make it from there",
				    old, seen->size);
	return 0;
}

int ml_cosign_judge(const struct ml_cosigned *seen, const struct ml_note_key *log,
		    struct ml_bytes request, struct ml_checkpoint *ret,
		    struct ml_bytes *ret_text, struct ml_error *error)
{
	struct ml_merkle_hash old_root = seen->root;
	struct ml_checkpoint checkpoint = { 0 };
	struct request parsed;
	struct ml_note note;
	int r;

	r = request_parse(request, &parsed, error);
	if (!r)
		r = ml_checkpoint_open(parsed.note, log, &checkpoint, &note, error);
	if (!r)
		r = judge_size(seen, parsed.old, checkpoint.size, error);
	if (r)
		return r;
	if (!seen->size)
		ml_sha256(old_root.bytes, NULL, 0);
	r = ml_merkle_verify_extends(seen->size, &old_root, checkpoint.size, &checkpoint.root,
				     parsed.proof, parsed.proof_length, error);
	if (r)
		return r;
	*ret = checkpoint;
	*ret_text = note.text;
	return 0;
}
