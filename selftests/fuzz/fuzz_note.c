// SPDX-License-Identifier: MIT
/*
 * Signed notes, keys, checkpoints and requests for a cosignature from strangers.
 * The first byte chooses: even, the others are the text; odd, edits of a good
 * request (its tail is a good checkpoint). Only the log's own words may be taken
 * for signed, and only an honest continuation for one to cosign.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "keys.h"

static struct ml_note_key key;
static struct ml_checkpoint checkpoint = { .origin = "fuzz.example/log", .size = 1 };
static char *good;
static size_t good_length, note_offset;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[32] = { 1 };
	struct ml_public_key public;
	struct ml_secret_key *secret;
	char *note;

	(void)argc;
	(void)argv;
	if (ml_keys_setup(NULL) || ml_secret_key_from_seed(seed, &secret, NULL))
		abort();
	ml_secret_key_public(secret, &public);
	ml_merkle_leaf("x", 1, &checkpoint.root);
	if (ml_note_key_init(checkpoint.origin, ML_NOTE_ED25519, &public, &key, NULL) ||
	    ml_checkpoint_sign(&checkpoint, &key, secret, &note, NULL) ||
	    ml_cosign_request(0, NULL, 0, note, &good, NULL))
		abort();
	good_length = strlen(good);
	note_offset = good_length - strlen(note);
	free(note);
	ml_secret_key_free(secret);
	return 0;
}

static void check_same(const struct ml_checkpoint *found)
{
	if (found->size != checkpoint.size || strcmp(found->origin, checkpoint.origin) ||
	    memcmp(&found->root, &checkpoint.root, sizeof(found->root)))
		abort();
}

static void open_note(struct ml_bytes bytes)
{
	struct ml_error error = { 0 };
	struct ml_checkpoint found;
	struct ml_note note;
	char *text;
	int r = ml_checkpoint_open(bytes, &key, &found, NULL, &error);

	if (!r)
		check_same(&found);
	else if (error.code != r || !error.text[0])
		abort();
	if (ml_note_parse(bytes, &note, NULL))
		return;
	if (!ml_checkpoint_parse(note.text, &found, NULL)) {
		char again[ML_CHECKPOINT_TEXT];

		/* A checkpoint has one text. */
		if (ml_checkpoint_format(&found, again) != note.text.length ||
		    memcmp(again, note.text.data, note.text.length))
			abort();
	}
	if (!ml_note_without(&note, &key, &text, NULL))
		free(text);
}

static void judge(struct ml_bytes bytes)
{
	const struct ml_cosigned nothing = { 0 };
	struct ml_error error = { 0 };
	struct ml_checkpoint found;
	struct ml_bytes text;
	int r = ml_cosign_judge(&nothing, &key, bytes, &found, &text, &error);

	if (!r)
		check_same(&found);
	else if (error.code != r || !error.text[0])
		abort();
}

static void read_key(const char *text)
{
	char again[ML_NOTE_KEY_TEXT];
	struct ml_note_key found;

	if (ml_note_key_parse(text, &found, NULL))
		return;
	ml_note_key_format(&found, again);
	if (strcmp(again, text))
		abort();
}

/* Triples: where (two bytes) and what to put there; a byte of 255 cuts instead. */
static size_t edit(char *text, const uint8_t *data, size_t size)
{
	size_t length = good_length;

	memcpy(text, good, good_length + 1);
	for (; size >= 3; data += 3, size -= 3) {
		size_t at = (data[0] | data[1] << 8) % good_length;

		if (data[2] == 255)
			length = at;
		else
			text[at] = (char)data[2];
	}
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + good_length + 1);
	size_t length = size - 1, skip = 0;

	if (!size || !text) {
		free(text);
		return 0;
	}
	if (data[0] & 1) {
		length = edit(text, data + 1, size - 1);
		skip = note_offset < length ? note_offset : 0;
	} else {
		memcpy(text, data + 1, length);
	}
	text[length] = '\0';
	judge((struct ml_bytes){ (uint8_t *)text, length });
	open_note((struct ml_bytes){ (uint8_t *)text + skip, length - skip });
	read_key(text);
	free(text);
	return 0;
}
