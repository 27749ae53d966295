// SPDX-License-Identifier: MIT
/* Documents of those who rule: root, policy, grants, revocations. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dsse.h"
#include "extension.h"
#include "sha256.h"
#include "signer.h"

static int give(json_t *answer, json_t **ret, struct ml_error *error)
{
	if (!answer)
		return ml_error_set(error, -ENOMEM, "out of memory");
	*ret = answer;
	return 0;
}

static json_t *time_header(int64_t now)
{
	return json_pack("{s:I}", "time", (json_int_t)now);
}

/* ------------------------------------------------------------------- root */

static bool root_is_known(const struct signer *signer, struct ml_bytes envelope)
{
	struct ml_root root;

	return signer->has_root && !ml_root_peek(envelope, &root, NULL) &&
	       !memcmp(root.digest, signer->root.digest, sizeof(root.digest));
}

static int root_answer(const struct signer *signer, json_t **ret, struct ml_error *error)
{
	return give(json_pack("{s:I, s:I}", "version", (json_int_t)signer->root.version, "epoch",
			      (json_int_t)signer->root.epoch), ret, error);
}

/* One that has expired is taken: it vouches for its successor. Nothing else is, under it. */
int accept_root(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		struct ml_error *error)
{
	struct ml_root root;
	int r;

	if (root_is_known(signer, envelope))
		return root_answer(signer, ret, error);
	r = judge_root(signer, envelope, &root, error);
	if (!r)
		r = signer_record(signer, LEDGER_ROOT, time_header(signer_now(signer)), envelope,
				  error);
	if (!r)
		r = apply_root(signer, &root);
	return r ? r : root_answer(signer, ret, error);
}

/* ----------------------------------------------------------------- policy */

/* It must hold for the nodes that are in, and its own tests must pass with them. */
static int policy_try(const struct signer *signer, const struct ml_policy_document *document,
		      struct ml_error *error)
{
	struct enrolled enrolled;
	struct ml_policy *policy;
	int r;

	r = enrolled_fill(signer, signer_now(signer), &enrolled, error);
	if (r)
		return r;
	r = ml_policy_parse_with("policy", document->source, document->source_length,
				 &enrolled.list, &policy, error);
	enrolled_clean(&enrolled);
	if (r)
		return r;
	r = ml_policy_test(policy, NULL, NULL, error);
	ml_policy_free(policy);
	return r == -EPERM ? -EINVAL : r;
}

static int policy_answer(const struct signer *signer, json_t **ret, struct ml_error *error)
{
	return give(json_pack("{s:I, s:I}", "version", (json_int_t)signer->policy.version, "epoch",
			      (json_int_t)signer->policy.epoch), ret, error);
}

static bool policy_is_known(const struct signer *signer, struct ml_bytes envelope)
{
	uint8_t digest[32], *payload;
	size_t length;

	if (!signer->has_policy || signer->policy.epoch != signer->root.epoch ||
	    ml_dsse_peek(envelope.data, envelope.length, ML_POLICY_TYPE, &payload, &length, NULL))
		return false;
	ml_sha256(digest, payload, length);
	free(payload);
	return !memcmp(digest, signer->policy.digest, sizeof(digest));
}

static int policy_install(struct signer *signer, struct ml_bytes envelope,
			  struct ml_policy_document *document, int64_t now,
			  struct ml_error *error)
{
	struct ml_policy *base;
	int r;

	r = enrolled_base(signer, document, &base, error);
	if (r)
		return r;
	r = signer_record(signer, LEDGER_POLICY, time_header(now), envelope, error);
	if (r) {
		ml_policy_free(base);
		return r;
	}
	ml_policy_free(signer->base);
	signer->base = base;
	return apply_policy(signer, document);
}

int accept_policy(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		  struct ml_error *error)
{
	struct ml_policy_document document;
	int64_t now = signer_now(signer);
	int r;

	r = judge_time(signer, now, error);
	if (!r && policy_is_known(signer, envelope))
		return policy_answer(signer, ret, error);
	if (!r)
		r = judge_policy(signer, envelope, &document, error);
	if (r)
		return r;
	r = policy_try(signer, &document, error);
	if (!r)
		r = policy_install(signer, envelope, &document, now, error);
	if (r) {
		ml_policy_document_clean(&document);
		return r;
	}
	return policy_answer(signer, ret, error);
}

/* ----------------------------------------------------------------- grants */

static int grant_answer(const struct signer_grant *grant, json_t **ret, struct ml_error *error)
{
	return give(json_pack("{s:s, s:I, s:I}", "grant", grant->grant.id, "uses",
			      (json_int_t)grant->grant.uses, "used", (json_int_t)grant->used),
		    ret, error);
}

int accept_grant(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		 struct ml_error *error)
{
	const struct signer_grant *known;
	int64_t now = signer_now(signer);
	struct ml_grant grant;
	int r;

	r = judge_time(signer, now, error);
	if (!r)
		r = ml_grant_peek(envelope, &grant, error);
	if (r)
		return r;
	known = find_grant(signer, grant.id);
	if (known && !memcmp(known->grant.digest, grant.digest, sizeof(grant.digest)))
		return grant_answer(known, ret, error);
	r = judge_grant(signer, envelope, now, &grant, error);
	if (!r)
		r = signer_record(signer, LEDGER_GRANT, time_header(now), envelope, error);
	if (!r)
		r = apply_grant(signer, &grant, envelope);
	return r ? r : grant_answer(find_grant(signer, grant.id), ret, error);
}

/* ------------------------------------------------------------- extensions */

static int extension_answer(const struct signer_node *node, json_t **ret, struct ml_error *error)
{
	return give(json_pack("{s:I, s:s}", "expires", (json_int_t)node->ends, "node", node->name),
		    ret, error);
}

int accept_extension(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		     struct ml_error *error)
{
	int64_t now = signer_now(signer);
	struct ml_extension extension;
	struct signer_node *node;
	int r;

	r = judge_time(signer, now, error);
	if (!r)
		r = judge_extension(signer, envelope, &extension, &node, error);
	if (r == -EALREADY)
		return extension_answer(node, ret, error);
	if (!r && extension.expires && extension.expires <= now)
		r = ml_error_set(error, -ETIME, "extension: its day is over already: sign another");
	if (!r)
		r = signer_record(signer, LEDGER_EXTENSION, time_header(now), envelope, error);
	if (r)
		return r;
	apply_extension(signer, node, &extension);
	return extension_answer(node, ret, error);
}

/* ------------------------------------------------------------ revocations */

static int revoke_record(struct signer *signer, const char *node, const char *grant,
			 struct ml_error *error)
{
	json_t *header = json_pack("{s:s, s:s, s:I}", "grant", grant ? grant : "", "node",
				   node ? node : "", "time", (json_int_t)signer_now(signer));

	return signer_record(signer, LEDGER_REVOKE, header, (struct ml_bytes){ NULL, 0 }, error);
}

static int revoke_node(struct signer *signer, const char *name, struct ml_error *error)
{
	struct signer_node *node = find_node(signer, name);
	int r;

	if (!node) {
		for (size_t i = 0; i < signer->node_count; i++)
			if (!strcmp(signer->nodes[i].name, name))
				return 0;	/* revoked before */
		return ml_error_set(error, -ENOENT, "no node \"%.64s\" ever joined", name);
	}
	r = revoke_record(signer, name, NULL, error);
	if (!r)
		apply_revoke_node(signer, node);
	return r;
}

static int revoke_grant(struct signer *signer, const char *id, struct ml_error *error)
{
	struct signer_grant *grant = find_grant(signer, id);
	int r;

	if (!grant)
		return ml_error_set(error, -ENOENT, "no grant %.16s… is known here", id);
	if (grant->revoked)
		return 0;
	r = revoke_record(signer, NULL, id, error);
	if (!r)
		apply_revoke_grant(signer, grant);
	return r;
}

int accept_revoke(struct signer *signer, const char *node, const char *grant, json_t **ret,
		  struct ml_error *error)
{
	int r;

	r = node ? revoke_node(signer, node, error) : revoke_grant(signer, grant, error);
	return r ? r : give(json_pack("{s:s}", node ? "node" : "grant", node ? node : grant), ret,
			    error);
}
