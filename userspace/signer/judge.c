// SPDX-License-Identifier: MIT
/* May it be accepted? What the ledger is judged by as well as what is brought. */
#include <errno.h>
#include <string.h>

#include "extension.h"
#include "join.h"
#include "rotation.h"
#include "signer.h"

int judge_time(const struct signer *signer, int64_t now, struct ml_error *error)
{
	if (!signer->has_root)
		return ml_error_set(error, -EAGAIN, "there is no root document yet: bring the first one");
	return ml_root_judge(&signer->root, signer->floor, now, error);
}

int judge_root(struct signer *signer, struct ml_bytes envelope, struct ml_root *ret,
	       struct ml_error *error)
{
	struct ml_root root;
	int r;

	if (signer->has_root)
		return ml_root_succeed(&signer->root, envelope, ret, error);
	r = ml_root_first(envelope, signer->root_digest, &root, error);
	if (!r && strcmp(root.network, signer->network) != 0)
		r = ml_error_set(error, -EXDEV, "the root document is for network \"%s\", and this is \"%s\"",
				 root.network, signer->network);
	if (!r)
		*ret = root;
	return r;
}

static int policy_check_version(const struct signer *signer,
				const struct ml_policy_document *document, struct ml_error *error)
{
	if (!signer->has_policy || document->epoch > signer->policy.epoch ||
	    document->version > signer->policy.version)
		return 0;
	return ml_error_set(error, -ESTALE,
			    "policy document: has version %llu, and version %llu is in force: give it a higher one",
			    (unsigned long long)document->version,
			    (unsigned long long)signer->policy.version);
}

int judge_policy(struct signer *signer, struct ml_bytes envelope,
		 struct ml_policy_document *ret, struct ml_error *error)
{
	struct ml_policy_document document;
	int r;

	r = ml_policy_document_verify(&signer->root, envelope, &document, error);
	if (r)
		return r;
	r = policy_check_version(signer, &document, error);
	if (r)
		ml_policy_document_clean(&document);
	else
		*ret = document;
	return r;
}

int judge_grant(struct signer *signer, struct ml_bytes envelope, int64_t now,
		struct ml_grant *ret, struct ml_error *error)
{
	struct ml_grant grant;
	int r;

	r = ml_grant_verify(&signer->root, envelope, &grant, error);
	if (!r)
		r = ml_grant_judge(&grant, signer->floor, now, error);
	if (!r && find_grant(signer, grant.id))
		r = ml_error_set(error, -EEXIST,
				 "grant: its one-time key has another grant already: make a new key");
	if (!r)
		*ret = grant;
	return r;
}

static int grant_check_left(const struct signer_grant *grant, struct ml_error *error)
{
	if (grant->revoked)
		return ml_error_set(error, -EKEYREJECTED, "grant: it was revoked: ask for a new key");
	if (grant->used >= grant->grant.uses)
		return ml_error_set(error, -EKEYREJECTED,
				    "grant: it was for %u node%s, which joined: ask for a new key",
				    grant->grant.uses, grant->grant.uses == 1 ? "" : "s");
	return 0;
}

int judge_keys(const struct signer *signer, const struct signer_node *of,
	       const struct ml_public_key *identity, const uint8_t wireguard[static 32],
	       struct ml_error *error)
{
	for (size_t i = 0; i < signer->node_count; i++) {
		const struct signer_node *node = &signer->nodes[i];

		if (node == of)
			continue;
		if (node->revoked)
			continue;
		if (!memcmp(node->identity.key, identity->key, sizeof(identity->key)))
			return ml_error_set(error, -EEXIST, "its identity key is that of node \"%s\": "
					    "make a new one, or have that node revoked", node->name);
		if (!memcmp(node->wireguard, wireguard, 32))
			return ml_error_set(error, -EEXIST, "its WireGuard key is that of node \"%s\": "
					    "make a new one, or have that node revoked", node->name);
	}
	return 0;
}

static int signer_check(const struct signer *signer, const char *wanted, struct ml_error *error)
{
	if (!strcmp(signer->key_id, wanted))
		return 0;
	return ml_error_set(error, -EKEYREJECTED, "its proof is for another signer, %.16s…, and this one "
			    "is %.16s…: ask for a new challenge", wanted, signer->key_id);
}

/* The signer's own key may be another one when the ledger is read: then no proof can be opened. */
static int join_check_proof(const struct signer *signer, const struct ml_join *join,
			    const struct ml_grant *grant, struct ml_error *error)
{
	int r;

	if (!signer->base)
		return 0;
	r = signer_check(signer, join->signer, error);
	return r ? r : ml_join_check_proof(join, grant, signer->key, error);
}

static int join_judge_by(struct signer *signer, struct ml_bytes envelope, int64_t now,
			 const struct signer_grant *kept, struct ml_join *ret,
			 struct ml_error *error)
{
	const struct ml_fresh fresh = { .nonce = NULL };
	struct ml_join join = { .time = 0 };
	struct ml_grant grant;
	int r;

	r = grant_check_left(kept, error);
	if (!r)
		r = ml_grant_verify(&signer->root, kept->envelope, &grant, error);
	if (!r)
		r = ml_grant_judge(&grant, signer->floor, now, error);
	if (!r)
		r = ml_join_verify(envelope, &grant, &fresh, &join, error);
	if (!r)
		r = join_check_proof(signer, &join, &grant, error);
	if (!r)
		r = judge_keys(signer, NULL, &join.identity, join.wireguard, error);
	if (!r && find_node(signer, join.name))
		r = ml_error_set(error, -EEXIST,
				 "the name \"%s\" is taken by a node that joined before: choose another one, or have that node revoked, or renewed where it has expired",
				 join.name);
	if (!r)
		*ret = join;
	return r;
}

int judge_join(struct signer *signer, struct ml_bytes envelope, int64_t now,
	       struct ml_join *ret, size_t *ret_grant, struct ml_error *error)
{
	const struct signer_grant *kept;
	struct ml_join join;
	int r;

	r = ml_join_peek(envelope, &join, error);
	if (r)
		return r;
	if (strcmp(join.network, signer->network) != 0)
		return ml_error_set(error, -EXDEV, "join: is for network \"%s\", and this is \"%s\"",
				    join.network, signer->network);
	kept = find_grant(signer, join.grant);
	if (!kept)
		return ml_error_set(error, -ENOENT, "join: no grant %.16s… is known here: bring it first",
				    join.grant);
	*ret_grant = (size_t)(kept - signer->grants);
	return join_judge_by(signer, envelope, now, kept, ret, error);
}

static void node_known(const struct signer *signer, const struct signer_node *node,
		       struct ml_known_node *ret)
{
	memcpy(ret->network, signer->network, sizeof(ret->network));
	memcpy(ret->node, node->name, sizeof(ret->node));
	ret->identity = node->identity;
	ret->counter = node->counter;
}

int judge_rotation(struct signer *signer, struct ml_bytes envelope, struct ml_rotation *ret,
		   struct signer_node **ret_node, struct ml_error *error)
{
	struct ml_rotation rotation;
	struct ml_known_node known;
	struct signer_node *node;
	int r;

	r = ml_rotation_peek(envelope, &rotation, error);
	if (r)
		return r;
	node = find_node(signer, rotation.node);
	if (!node)
		return ml_error_set(error, -ENOENT, "rotation: no node \"%s\" is in the network",
				    rotation.node);
	node_known(signer, node, &known);
	r = ml_rotation_verify(envelope, &known, &rotation, error);
	if (!r && signer->base)
		r = signer_check(signer, rotation.signer, error);
	if (!r && signer->base)
		r = ml_rotation_check_proof(&rotation, &known, signer->key, error);
	if (!r)
		r = judge_keys(signer, node, &rotation.identity, rotation.wireguard, error);
	if (r)
		return r;
	*ret = rotation;
	*ret_node = node;
	return 0;
}

static int extension_check(const struct signer *signer, const struct ml_extension *extension,
			   const struct signer_node *node, struct ml_error *error)
{
	if (strcmp(signer->grants[node->grant].grant.id, extension->grant) != 0)
		return ml_error_set(error, -ENOENT, "extension: the node \"%s\" of that grant has left: sign one for the node that has its name now",
				    node->name);
	if (!memcmp(node->extension, extension->digest, sizeof(node->extension)))
		return ml_error_set(error, -EALREADY, "extension: it was taken before");
	if (extension->time <= node->extended)
		return ml_error_set(error, -ESTALE, "extension: the node \"%s\" has one that was signed later, or in the same second: sign another",
				    node->name);
	return 0;
}

int judge_extension(struct signer *signer, struct ml_bytes envelope, struct ml_extension *ret,
		    struct signer_node **ret_node, struct ml_error *error)
{
	struct signer_node *node;
	int r;

	r = ml_extension_verify(&signer->root, envelope, ret, error);
	if (r)
		return r;
	node = find_node(signer, ret->node);
	if (!node)
		return ml_error_set(error, -ENOENT, "extension: no node \"%s\" is in the network",
				    ret->node);
	*ret_node = node;
	return extension_check(signer, ret, node, error);
}
