// SPDX-License-Identifier: MIT
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request_private.h"
#include "strict.h"

#define WHAT REQUEST_WHAT

int request_keys(const struct asking *asking, const char *const *keys, size_t count, bool blob,
		 struct ml_error *error)
{
	if (!blob && asking->blob.length)
		return ml_error_set(error, -EBADMSG, WHAT ": this one has no blob");
	return ml_strict_keys(asking->header, WHAT, keys, count, error);
}

/* ----------------------------------------------------------------- submit */

static int ask_submit(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "kind", "request" };
	static const struct {
		const char *kind;
		int (*accept)(struct signer *signer, struct ml_bytes envelope, json_t **ret,
			      struct ml_error *error);
	} kinds[] = {
		{ "extension", accept_extension }, { "grant", accept_grant }, { "join", accept_join }, { "policy", accept_policy },
		{ "root", accept_root }, { "rotation", accept_rotation },
	};
	const char *kind;
	int r;

	r = request_keys(asking, keys, 2, true, error);
	if (!r)
		r = ml_strict_string(asking->header, WHAT, "kind", &kind, error);
	if (r)
		return r;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].kind, kind))
			return kinds[i].accept(asking->signer, asking->blob,
					       &asking->answer->header, error);
	return ml_error_set(error, -EBADMSG, WHAT ": kind \"%.32s\" is none of root, policy, grant, join, rotation and extension",
			    kind);
}

static int ask_revoke(const struct asking *asking, struct ml_error *error)
{
	static const char *const of_node[] = { "node", "request" };
	static const char *const of_grant[] = { "grant", "request" };
	bool node = json_object_get(asking->header, "node");
	const char *text;
	int r;

	r = request_keys(asking, node ? of_node : of_grant, 2, false, error);
	if (!r)
		r = ml_strict_string(asking->header, WHAT, node ? "node" : "grant", &text, error);
	if (r)
		return r;
	return accept_revoke(asking->signer, node ? text : NULL, node ? NULL : text,
			     &asking->answer->header, error);
}

/* ------------------------------------------------------------- generation */

static json_t *node_json(const struct ml_generation_node *node, size_t index)
{
	return json_pack("{s:I, s:o, s:o, s:s, s:o}", "index", (json_int_t)index,
			 "image", ml_strict_hash_json(node->image->sha256),
			 "leaf", ml_strict_hash_json(node->leaf->sha256), "name", node->name,
			 "rules", ml_strict_hash_json(node->rules->sha256));
}

/* What is other than it was at serial @since; all, where nobody remembers that. */
static int lists_fill(const struct signer *signer, uint64_t since, json_t *nodes, json_t *gone)
{
	const struct ml_generation *generation = signer->generation;
	bool full = since < signer->since;
	size_t index = 0;

	for (size_t i = 0; i < signer->trace_count; i++) {
		const struct signer_trace *trace = &signer->traces[i];
		int r = 0;

		if (full ? !trace->gone : trace->serial > since)
			r = trace->gone ? json_array_append_new(gone, json_string(trace->name)) :
					  json_array_append_new(nodes,
						node_json(&generation->nodes[index], index));
		if (r)
			return -ENOMEM;
		index += !trace->gone;
	}
	return 0;
}

static int generation_give(const struct asking *asking, uint64_t since, struct ml_error *error)
{
	struct signer *signer = asking->signer;
	json_t *nodes = json_array(), *gone = json_array();

	if (!nodes || !gone || lists_fill(signer, since, nodes, gone)) {
		json_decref(nodes);
		json_decref(gone);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	asking->answer->header = json_pack(
		"{s:I, s:I, s:b, s:o, s:o, s:I, s:I}",
		"ends", (json_int_t)signer->ends_version,
		"epoch", (json_int_t)signer->statement.epoch,
		"full", since < signer->since, "gone", gone, "nodes", nodes,
		"serial", (json_int_t)signer->statement.serial,
		"treeSize", (json_int_t)signer->statement.tree_size);
	asking->answer->parts[0] = signer->envelope;
	asking->answer->part_count = 1;
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}

static int ask_generation(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "request", "since", "wait" };
	const json_t *wait = json_object_get(asking->header, "wait");
	int64_t since = 0;
	int r;

	r = request_keys(asking, keys, 3, false, error);
	if (!r)
		r = ml_strict_number(asking->header, WHAT, "since", 0, INT64_MAX, &since, error);
	if (!r && !json_is_boolean(wait))
		r = ml_error_set(error, -EBADMSG, WHAT ": \"wait\" must be true or false");
	if (r)
		return r;
	if (json_is_true(wait) && (!asking->signer->generation ||
				   asking->signer->statement.serial <= (uint64_t)since)) {
		asking->answer->wait = true;
		return 0;
	}
	if (asking->signer->generation)
		return generation_give(asking, (uint64_t)since, error);
	r = issue_ready(asking->signer, error);
	return r ? r : ml_error_set(error, -EAGAIN, "there is no generation yet");
}

/* ----------------------------------------------------------------- blocks */

static int block_add(const struct asking *asking, const json_t *item, uint64_t *total,
		     json_t *lengths, struct ml_error *error)
{
	const struct ml_block *block;
	uint8_t digest[32];

	if (!json_is_string(item) || !ml_strict_hex32(json_string_value(item), digest))
		return ml_error_set(error, -EBADMSG, WHAT ": a digest is 64 lower-case hex digits");
	block = ml_blocks_find(asking->signer->blocks, digest);
	if (!block)
		return ml_error_set(error, -ENOENT, "no block %.16s… is of the newest generation",
				    json_string_value(item));
	if (asking->answer->part_count && *total + block->length > ANSWER_BLOCKS_MAX)
		return 1;
	*total += block->length;
	asking->answer->parts[asking->answer->part_count++] =
		(struct ml_bytes){ block->data, block->length };
	if (json_array_append_new(lengths, json_integer((json_int_t)block->length)))
		return ml_error_set(error, -ENOMEM, "out of memory");
	return 0;
}

static int ask_blocks(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "digests", "request" };
	json_t *digests, *item, *lengths;
	uint64_t total = 0;
	size_t i;
	int r;

	r = request_keys(asking, keys, 2, false, error);
	if (!r)
		r = ml_strict_array(asking->header, WHAT, "digests", &digests, error);
	if (r)
		return r;
	if (json_array_size(digests) > REQUEST_DIGESTS_MAX)
		return ml_error_set(error, -E2BIG, WHAT ": more than %d digests", REQUEST_DIGESTS_MAX);
	lengths = json_array();
	json_array_foreach(digests, i, item) {
		r = block_add(asking, item, &total, lengths, error);
		if (r)
			break;
	}
	if (r < 0) {
		json_decref(lengths);
		return r;
	}
	asking->answer->header = json_pack("{s:o}", "lengths", lengths);
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}

/* ----------------------------------------------------------------- status */

static json_t *status_json(const struct signer *signer)
{
	struct ml_error waiting = { .text = "" };

	if (issue_ready(signer, &waiting) == 0)
		waiting.text[0] = '\0';
	return json_pack(
		"{s:i, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
		"active", (int)(signer->active - ends_count(signer, signer_now(signer))),
		"blockBytes", (json_int_t)ml_blocks_bytes(signer->blocks),
		"cosigned", (json_int_t)signer->seen.size,
		"epoch", (json_int_t)signer->statement.epoch,
		"expires", (json_int_t)signer->statement.expires,
		"issued", (json_int_t)signer->statement.issued,
		"key", signer->key_id, "network", signer->network,
		"now", (json_int_t)signer_now(signer),
		"policyVersion", (json_int_t)(signer->has_policy ? signer->policy.version : 0),
		"records", (json_int_t)signer->ledger.records,
		"rootEpoch", (json_int_t)(signer->has_root ? signer->root.epoch : 0),
		"rootExpires", (json_int_t)(signer->has_root ? signer->root.expires : 0),
		"rootVersion", (json_int_t)(signer->has_root ? signer->root.version : 0),
		"serial", (json_int_t)signer->statement.serial,
		"waiting", waiting.text);
}

static int ask_status(const struct asking *asking, struct ml_error *error)
{
	static const char *const keys[] = { "request" };
	int r;

	r = request_keys(asking, keys, 1, false, error);
	if (r)
		return r;
	asking->answer->header = status_json(asking->signer);
	return asking->answer->header ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
}

/* ------------------------------------------------------------------ whole */

static int ask(const struct asking *asking, struct ml_error *error)
{
	static const struct {
		const char *name;
		int (*ask)(const struct asking *asking, struct ml_error *error);
	} requests[] = {
		{ "blocks", ask_blocks }, { "cosign", request_cosign }, { "ends", request_ends },
		{ "generation", ask_generation },
		{ "ledger", request_ledger }, { "revoke", ask_revoke },
		{ "status", ask_status }, { "submit", ask_submit },
	};
	const char *name;
	int r;

	r = ml_strict_string(asking->header, WHAT, "request", &name, error);
	if (r)
		return r;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(requests[i].name, name))
			return requests[i].ask(asking, error);
	return ml_error_set(error, -EBADMSG, WHAT ": \"%.32s\" is none of blocks, cosign, ends, generation, ledger, revoke, status and submit",
			    name);
}

static int answer_finish(struct answer *answer, int r, const struct ml_error *error)
{
	const char *code = r ? strerrorname_np(-r) : NULL;

	if (answer->wait)
		return 0;
	if (r) {
		json_decref(answer->header);
		answer->part_count = 0;
		answer->header = json_pack("{s:s, s:s}", "code", code ? code : "EIO", "error",
					   error->text);
	}
	if (!answer->header || json_object_set_new(answer->header, "ok", json_boolean(!r)))
		return -ENOMEM;
	return 0;
}

int request_answer(struct signer *signer, struct ml_bytes header, struct ml_bytes blob,
		   struct answer *ret, struct ml_error *error)
{
	struct asking asking = { .signer = signer, .blob = blob, .answer = ret };
	json_t *json = NULL;
	int r;

	ret->header = NULL;
	ret->part_count = 0;
	ret->wait = false;
	r = ml_strict_load(header.data, header.length, WHAT, &json, error);
	asking.header = json;
	if (!r)
		r = ask(&asking, error);
	json_decref(json);
	if (r == -EIO || r == -ENOMEM)
		return r;
	if (answer_finish(ret, r, error))
		return ml_error_set(error, -ENOMEM, "out of memory");
	return 0;
}
