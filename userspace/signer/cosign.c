// SPDX-License-Identifier: MIT
/*
 * The audit log of the server, cosigned: what was signed is in the ledger before the
 * signature leaves, so that no later log can be another one, nor shorter.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request_private.h"
#include "strict.h"

#define WHAT	REQUEST_WHAT

int cosign_key(const struct signer *signer, struct ml_note_key *ret, struct ml_error *error)
{
	char name[ML_NOTE_NAME + 1];

	snprintf(name, sizeof(name), "merlon/%s/signer", signer->network);
	return ml_note_key_init(name, ML_NOTE_COSIGNATURE, &signer->public, ret, error);
}

/* Of this network; and, once one is known, no other than that one. */
static int log_judge(const struct signer *signer, const char *text, struct ml_note_key *ret,
		     struct ml_error *error)
{
	char name[ML_NOTE_NAME + 1];
	int r = ml_note_key_parse(text, ret, error);

	if (r)
		return ml_error_set(error, -EBADMSG, "the audit log's key is none");
	snprintf(name, sizeof(name), "merlon/%s/audit", signer->network);
	if (ret->type != ML_NOTE_ED25519 || strcmp(ret->name, name) != 0)
		return ml_error_set(error, -EXDEV, "the log is %s, not this network's: %s", ret->name, name);
	if (signer->has_log && memcmp(ret->public.key, signer->log.public.key, 32) != 0)
		return ml_error_set(error, -EKEYREJECTED, "the audit log has another key than the one that was cosigned: if its server was lost, run merlon-signer --forget-log");
	return 0;
}

void apply_checkpoint(struct signer *signer, const struct ml_note_key *log,
		      const struct ml_checkpoint *checkpoint, int64_t time)
{
	signer->log = *log;
	signer->has_log = true;
	signer->seen.size = checkpoint->size;
	signer->seen.root = checkpoint->root;
	if (time > signer->seen.time)
		signer->seen.time = time;
}

int cosign_forget(struct signer *signer, struct ml_error *error)
{
	int r = signer_record(signer, LEDGER_CHECKPOINT,
			      json_pack("{s:s, s:I}", "key", "", "time",
					(json_int_t)signer_now(signer)),
			      (struct ml_bytes){ NULL, 0 }, error);

	if (!r) {
		signer->has_log = false;
		signer->seen = (struct ml_cosigned){ .time = signer->seen.time };
	}
	return r;
}

/* What was cosigned already is signed again, and not written down again. */
static int remember(struct signer *signer, const struct ml_note_key *log, const char *key,
		    const struct ml_checkpoint *checkpoint, struct ml_bytes note,
		    struct ml_error *error)
{
	int64_t now = signer_now(signer);
	int r;

	if (signer->has_log && signer->seen.size == checkpoint->size)
		return 0;
	r = signer_record(signer, LEDGER_CHECKPOINT,
			  json_pack("{s:s, s:I}", "key", key, "time", (json_int_t)now), note, error);
	if (!r)
		apply_checkpoint(signer, log, checkpoint, now);
	return r;
}

static int cosign(const struct asking *asking, const char *key, struct ml_error *error)
{
	struct signer *signer = asking->signer;
	struct ml_note_key log, cosigner;
	struct ml_checkpoint checkpoint;
	struct ml_bytes text, note;
	char *line;
	int r = log_judge(signer, key, &log, error);

	if (!r)
		r = ml_cosign_judge(&signer->seen, &log, asking->blob, &checkpoint, &text, error);
	if (!r)
		r = cosign_key(signer, &cosigner, error);
	if (r)
		return r;
	note = (struct ml_bytes){ text.data, (size_t)(asking->blob.data + asking->blob.length - text.data) };
	r = remember(signer, &log, key, &checkpoint, note, error);
	if (!r)
		r = ml_note_sign(&cosigner, signer->key, text, signer->seen.time, &line, error);
	if (r)
		return r;
	asking->answer->header = json_pack("{s:s, s:I}", "line", line, "size",
					   (json_int_t)checkpoint.size);
	free(line);
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}

int request_cosign(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "key", "request" };
	const char *key;
	int r = request_keys(asking, keys, 2, true, error);

	if (!r)
		r = ml_strict_string(asking->header, WHAT, "key", &key, error);
	return r ? r : cosign(asking, key, error);
}
