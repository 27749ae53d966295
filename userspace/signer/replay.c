// SPDX-License-Identifier: MIT
/*
 * The ledger, read again. The chain says that it is what was written; here each
 * record is judged once more, by what came before it: a ledger that somebody made
 * up brings nobody in, as long as he has not the keys.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "date.h"
#include "dsse.h"
#include "extension.h"
#include "join.h"
#include "prefix.h"
#include "rotation.h"
#include "signer.h"
#include "statement.h"
#include "strict.h"

#define WHAT "the ledger"

static int header_time(const json_t *header, int64_t *ret, struct ml_error *error)
{
	return ml_strict_number(header, WHAT, "time", 0, ML_DATE_MAX, ret, error);
}

static int only_time(const json_t *header, int64_t *ret, struct ml_error *error)
{
	static const char *const keys[] = { "time" };
	int r;

	r = ml_strict_keys(header, WHAT, keys, 1, error);
	return r ? r : header_time(header, ret, error);
}

/* ------------------------------------------------------------------ begin */

static int replay_begin(struct signer *signer, const json_t *header, struct ml_error *error)
{
	static const char *const keys[] = { "network", "root", "time" };
	char network[ML_NAME_MAX + 1] = "";
	uint8_t digest[32] = { 0 };
	int64_t time;
	int r;

	r = ml_strict_keys(header, WHAT, keys, 3, error);
	if (!r)
		r = ml_strict_name(header, WHAT, "network", network, error);
	if (!r)
		r = ml_strict_hash(header, WHAT, "root", digest, error);
	if (!r)
		r = header_time(header, &time, error);
	if (!r && signer->network[0] && strcmp(signer->network, network) != 0)
		r = ml_error_set(error, -EXDEV, "the ledger is of network \"%s\", and not of \"%s\"",
				 network, signer->network);
	if (!r && signer->network[0] && memcmp(signer->root_digest, digest, sizeof(digest)) != 0)
		r = ml_error_set(error, -EXDEV, "the ledger began with another root document");
	if (r)
		return r;
	memcpy(signer->network, network, sizeof(network));
	memcpy(signer->root_digest, digest, sizeof(digest));
	return 0;
}

/* -------------------------------------------------------------- documents */

static int replay_root(struct signer *signer, const json_t *header, struct ml_bytes body,
		       struct ml_error *error)
{
	struct ml_root root;
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = judge_root(signer, body, &root, error);
	return r ? r : apply_root(signer, &root);
}

static int replay_policy(struct signer *signer, const json_t *header, struct ml_bytes body,
			 struct ml_error *error)
{
	struct ml_policy_document document;
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = judge_policy(signer, body, &document, error);
	return r ? r : apply_policy(signer, &document);
}

static int replay_grant(struct signer *signer, const json_t *header, struct ml_bytes body,
			struct ml_error *error)
{
	struct ml_grant grant;
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = judge_grant(signer, body, time, &grant, error);
	return r ? r : apply_grant(signer, &grant, body);
}

static int replay_rotation(struct signer *signer, const json_t *header, struct ml_bytes body,
			   struct ml_error *error)
{
	struct ml_rotation rotation;
	struct signer_node *node;
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = judge_rotation(signer, body, &rotation, &node, error);
	if (!r)
		apply_rotation(signer, node, &rotation);
	return r;
}

static int replay_extension(struct signer *signer, const json_t *header, struct ml_bytes body,
			    struct ml_error *error)
{
	struct ml_extension extension;
	struct signer_node *node;
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = judge_extension(signer, body, &extension, &node, error);
	if (!r)
		apply_extension(signer, node, &extension);
	return r;
}

static int addresses_parse(const struct signer *signer, const json_t *header,
			   struct admission *ret, struct ml_error *error)
{
	json_t *list, *item;
	size_t i;
	int r;

	r = ml_strict_array(header, WHAT, "addresses", &list, error);
	if (r)
		return r;
	if (!json_array_size(list) || json_array_size(list) > 2)
		return ml_error_set(error, -EBADMSG, WHAT ": a node has one address, or two");
	json_array_foreach(list, i, item) {
		if (!json_is_string(item) || ml_prefix_parse(json_string_value(item), &ret->addresses[i]) ||
		    !ml_prefix_is_host(&ret->addresses[i]))
			return ml_error_set(error, -EBADMSG, WHAT ": an address is none");
		if (!allot_is_free(signer, &ret->addresses[i], ret->time))
			return ml_error_set(error, -EBADMSG, WHAT ": gives the address %s twice",
					    json_string_value(item));
	}
	ret->address_count = json_array_size(list);
	return 0;
}

static int replay_join(struct signer *signer, const json_t *header, struct ml_bytes body,
		       struct ml_error *error)
{
	static const char *const keys[] = { "addresses", "time" };
	struct admission admission = { .time = 0 };
	struct ml_join join;
	int r;

	r = ml_strict_keys(header, WHAT, keys, 2, error);
	if (!r)
		r = header_time(header, &admission.time, error);
	if (!r)
		r = addresses_parse(signer, header, &admission, error);
	if (!r)
		r = judge_join(signer, body, admission.time, &join, &admission.grant, error);
	return r ? r : apply_join(signer, &join, body, &admission);
}

static int replay_revoke(struct signer *signer, const json_t *header, struct ml_error *error)
{
	static const char *const keys[] = { "grant", "node", "time" };
	struct signer_grant *grant = NULL;
	struct signer_node *node = NULL;
	const char *id, *name;
	int r;

	r = ml_strict_keys(header, WHAT, keys, 3, error);
	if (!r)
		r = ml_strict_string(header, WHAT, "grant", &id, error);
	if (!r)
		r = ml_strict_string(header, WHAT, "node", &name, error);
	if (r)
		return r;
	node = *name ? find_node(signer, name) : NULL;
	grant = *id ? find_grant(signer, id) : NULL;
	if (!node == !grant)
		return ml_error_set(error, -EBADMSG, WHAT ": revokes what it does not know");
	if (node)
		apply_revoke_node(signer, node);
	else
		apply_revoke_grant(signer, grant);
	return 0;
}

/* ------------------------------------------------------------ generations */

static int statement_read(const struct signer *signer, struct ml_bytes body,
			  struct ml_statement *ret, struct ml_error *error)
{
	const struct ml_role_keys *role = &signer->root.roles[ML_ROLE_SIGNING];
	const struct ml_dsse_want want = {
		.type = ML_STATEMENT_TYPE,
		.keys = role->keys,
		.key_count = role->count,
		.threshold = 1,
		.canonical = true,
	};
	struct ml_dsse found;
	int r;

	r = ml_dsse_verify(body.data, body.length, &want, &found, error);
	if (r)
		return r;
	r = ml_statement_parse(found.payload, found.payload_length, ret, error);
	free(found.payload);
	return r;
}

static int replay_generation(struct signer *signer, const json_t *header, struct ml_bytes body,
			     struct ml_error *error)
{
	struct ml_statement statement = { .epoch = 0 };
	int64_t time;
	int r;

	r = only_time(header, &time, error);
	if (!r)
		r = statement_read(signer, body, &statement, error);
	if (!r && strcmp(statement.network, signer->network) != 0)
		r = ml_error_set(error, -EXDEV, WHAT ": has a generation of network \"%s\"",
				 statement.network);
	if (!r && (statement.epoch < signer->statement.epoch ||
		   (statement.epoch == signer->statement.epoch &&
		    statement.serial <= signer->statement.serial)))
		r = ml_error_set(error, -EBADMSG, WHAT ": generation %llu.%llu does not rise",
				 (unsigned long long)statement.epoch,
				 (unsigned long long)statement.serial);
	return r ? r : apply_statement(signer, &statement, body);
}

/* ------------------------------------------------------------- audit log */

/* That each extends the one before was proved when it came; the chain says that it did. */
static int replay_checkpoint(struct signer *signer, const json_t *header, struct ml_bytes body,
			     struct ml_error *error)
{
	static const char *const keys[] = { "key", "time" };
	struct ml_checkpoint checkpoint;
	struct ml_note_key log;
	const char *key;
	int64_t time;
	int r;

	r = ml_strict_keys(header, WHAT, keys, 2, error);
	if (!r)
		r = header_time(header, &time, error);
	if (!r)
		r = ml_strict_string(header, WHAT, "key", &key, error);
	if (r)
		return r;
	if (!*key) {
		signer->has_log = false;
		signer->seen = (struct ml_cosigned){ .time = signer->seen.time };
		return 0;
	}
	r = ml_note_key_parse(key, &log, error);
	if (!r)
		r = ml_checkpoint_open(body, &log, &checkpoint, NULL, error);
	if (!r && signer->has_log && checkpoint.size < signer->seen.size)
		r = ml_error_set(error, -EBADMSG, WHAT ": the audit log becomes shorter");
	if (!r)
		apply_checkpoint(signer, &log, &checkpoint, time);
	return r;
}

/* ------------------------------------------------------------------ whole */

static int replay_typed(struct signer *signer, const struct ledger_record *record,
			const json_t *header, struct ml_error *error)
{
	switch (record->type) {
	case LEDGER_BEGIN:
		return replay_begin(signer, header, error);
	case LEDGER_ROOT:
		return replay_root(signer, header, record->body, error);
	case LEDGER_POLICY:
		return replay_policy(signer, header, record->body, error);
	case LEDGER_GRANT:
		return replay_grant(signer, header, record->body, error);
	case LEDGER_ROTATION:
		return replay_rotation(signer, header, record->body, error);
	case LEDGER_JOIN:
		return replay_join(signer, header, record->body, error);
	case LEDGER_REVOKE:
		return replay_revoke(signer, header, error);
	case LEDGER_GENERATION:
		return replay_generation(signer, header, record->body, error);
	case LEDGER_CHECKPOINT:
		return replay_checkpoint(signer, header, record->body, error);
	case LEDGER_EXTENSION:
		return replay_extension(signer, header, record->body, error);
	case __LEDGER_MAX:
		break;
	}
	return ml_error_set(error, -EBADMSG, WHAT ": has a record of a later version: use the signer that wrote it, or a newer one");
}

int replay_record(void *arg, const struct ledger_record *record, struct ml_error *error)
{
	struct signer *signer = arg;
	bool first = !signer->ledger.records++;
	struct ml_error inner = { 0 };
	json_t *header = NULL;
	int r;

	r = ml_strict_load(record->header.data, record->header.length, WHAT, &header, &inner);
	if (!r && first != (record->type == LEDGER_BEGIN))
		r = ml_error_set(&inner, -EBADMSG, "does not begin as a ledger does");
	if (!r)
		r = replay_typed(signer, record, header, &inner);
	json_decref(header);
	if (!r)
		return 0;
	return ml_error_set(error, r, "record %llu of the ledger does not hold: %s",
			    (unsigned long long)signer->ledger.records,
			    inner.text[0] ? inner.text : strerror(-r));
}
