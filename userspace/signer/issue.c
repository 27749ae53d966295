// SPDX-License-Identifier: MIT
/* Generations: all nodes, under one signature. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer.h"

int issue_ready(const struct signer *signer, struct ml_error *error)
{
	int r;

	r = judge_time(signer, signer_now(signer), error);
	if (r)
		return r;
	if (!ml_root_has_key(&signer->root, ML_ROLE_SIGNING, &signer->public))
		return ml_error_set(error, -EAGAIN, "version %llu of the root document does not name this "
				    "signer's key in its role \"signing\": bring one that does",
				    (unsigned long long)signer->root.version);
	if (!signer->has_policy)
		return ml_error_set(error, -EAGAIN, "there is no policy yet: sign one and bring it");
	if (signer->policy.epoch != signer->root.epoch)
		return ml_error_set(error, -EAGAIN, "the policy is of epoch %llu, and the root document "
				    "began epoch %llu: sign the policy again, for that epoch",
				    (unsigned long long)signer->policy.epoch,
				    (unsigned long long)signer->root.epoch);
	return 0;
}

static int policy_whole(const struct signer *signer, int64_t now, struct ml_policy **ret,
			struct ml_error *error)
{
	struct enrolled enrolled;
	int r;

	r = enrolled_fill(signer, now, &enrolled, error);
	if (r)
		return r;
	r = ml_policy_parse_with("policy", signer->policy.source, signer->policy.source_length,
				 &enrolled.list, ret, error);
	enrolled_clean(&enrolled);
	return r;
}

static int generation_make(const struct signer *signer, int64_t now, struct ml_generation **ret,
			   struct ml_error *error)
{
	struct ml_policy *policy;
	int r;

	r = policy_whole(signer, now, &policy, error);
	if (r)
		return r;
	if (ml_policy_node_count(policy))
		r = ml_generation_build(policy, signer->network, signer->generation,
					signer->blocks, ret, error);
	else
		r = ml_error_set(error, -EAGAIN, "there is no node yet: nothing to sign");
	ml_policy_free(policy);
	return r;
}

static struct ml_statement statement_next(const struct signer *signer, int64_t now)
{
	struct ml_statement next = {
		.epoch = signer->root.epoch,
		.serial = signer->statement.serial + 1,
		.issued = now,
		.not_before = now,
		.expires = now + SIGNER_LIFETIME,
	};

	memcpy(next.network, signer->network, sizeof(next.network));
	return next;
}

/* ----------------------------------------------------------------- traces */

/* Both lists are in the order of names: what is in one alone is new, or gone. */
static int traces_merge(struct signer *signer, const struct ml_generation *generation,
			uint64_t serial)
{
	size_t room = signer->trace_count + generation->count, count = 0, i = 0, j = 0;
	struct signer_trace *merged = calloc(room + 1, sizeof(*merged));

	if (!merged)
		return -ENOMEM;
	while (i < signer->trace_count || j < generation->count) {
		const struct ml_generation_node *node = &generation->nodes[j];
		int order = i == signer->trace_count ? 1 : j == generation->count ? -1 :
			    strcmp(signer->traces[i].name, node->name);
		struct signer_trace *trace = &merged[count++];

		if (order <= 0)
			*trace = signer->traces[i++];
		else
			snprintf(trace->name, sizeof(trace->name), "%s", node->name);
		if (order > 0 || (order < 0) != trace->gone || (!order && node->changed))
			trace->serial = serial;
		trace->gone = order < 0;
		j += order >= 0;
	}
	free(signer->traces);
	signer->traces = merged;
	signer->trace_count = count;
	return 0;
}

static void generation_keep(struct signer *signer, struct ml_generation *generation)
{
	ml_generation_free(signer->generation);
	signer->generation = generation;
	if (!signer->since)
		signer->since = signer->statement.serial;
}

/* ------------------------------------------------------------------ whole */

static int generation_sign(struct signer *signer, int64_t now,
			   const struct ml_generation *generation, struct ml_error *error)
{
	struct ml_statement statement = statement_next(signer, now);
	struct ml_bytes envelope;
	uint8_t *bytes;
	int r;

	r = ml_statement_sign_tree(&statement, generation->tree, signer->key, &bytes,
				   &envelope.length, error);
	if (r)
		return r;
	envelope.data = bytes;
	r = signer_record(signer, LEDGER_GENERATION,
			  json_pack("{s:I}", "time", (json_int_t)statement.issued), envelope, error);
	if (!r && (apply_statement(signer, &statement, envelope) ||
		   traces_merge(signer, generation, statement.serial)))
		r = ml_error_set(error, -EIO, "out of memory behind the ledger");
	free(bytes);
	return r;
}

/* Who has ended at @now is not in it, and `issued` is @now: so ends_next() knows. */
int issue(struct signer *signer, struct ml_error *error)
{
	int64_t now = signer_now(signer);
	struct ml_generation *generation;
	int r;

	r = issue_ready(signer, error);
	if (!r)
		r = generation_make(signer, now, &generation, error);
	if (r)
		return r;
	r = generation_sign(signer, now, generation, error);
	if (r)
		ml_generation_free(generation);
	else
		generation_keep(signer, generation);
	return r;
}

/* Nothing may have been accepted since: else its leaves are others, and a new one is due. */
int issue_remake(struct signer *signer, struct ml_error *error)
{
	struct ml_generation *generation;
	struct ml_merkle_hash root;
	int r;

	r = generation_make(signer, signer_now(signer), &generation, error);
	if (r)
		return r;
	ml_merkle_tree_root(generation->tree, &root);
	if (memcmp(root.bytes, signer->statement.root, sizeof(root.bytes)) != 0 ||
	    traces_merge(signer, generation, signer->statement.serial)) {
		ml_generation_free(generation);
		return ml_error_set(error, -ESTALE, "the newest generation cannot be made again: a new one is due");
	}
	generation_keep(signer, generation);
	return 0;
}
