// SPDX-License-Identifier: MIT
/*
 * The ledger wins: what the signer let in, turned out and counted, and the store does not
 * know, because it was restored from a backup or is a standby that had fallen behind. Where
 * both agree, as they do else, nothing is written.
 */
#include "admit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "admit_private.h"
#include "grant.h"
#include "join.h"
#include "server.h"
#include "signer_client.h"
#include "signer_ledger.h"
#include "store.h"
#include "strict.h"

#define METHOD "ledger"

struct taking {
	struct server *server;
	struct store *store;
	struct signer_client *signer;
	bool settle;		/* the second time: uses and revocations of grants */
};

/* --------------------------------------------------------------------- grants */

static int grant_add(struct taking *taking, const struct signer_ledger_grant *grant,
		     struct ml_error *error)
{
	uint8_t id[32] = { 0 };
	const struct audit_event event = { .type = AUDIT_KEY_CREATE,
					   .details = { .method = METHOD, .grant = id } };
	struct store_grant stored = { .id = grant->id, .envelope = grant->envelope,
				      .added = time(NULL) };
	struct ml_grant inside;
	struct ml_bytes leaf;
	int r = ml_grant_peek(grant->envelope, &inside, error);

	if (r)
		return r;
	stored.uses = inside.uses;
	stored.expires = inside.expires;
	ml_strict_hex32(grant->id, id);
	r = admit_leaf(taking->server, &event, &leaf, error);
	if (r)
		return r;
	r = store_grant_add(taking->store, &stored, leaf, error);
	admit_leaf_free(&leaf);
	return r;
}

static int grant_change(struct taking *taking, const struct signer_ledger_grant *grant,
			enum audit_type type, uint64_t left, struct ml_error *error)
{
	uint8_t id[32] = { 0 };
	const struct audit_event event = { .type = type,
					   .details = { .method = METHOD, .grant = id,
							.uses = (int64_t)left } };
	struct ml_bytes leaf;
	int r;

	ml_strict_hex32(grant->id, id);
	r = admit_leaf(taking->server, &event, &leaf, error);
	if (r)
		return r;
	r = type == AUDIT_KEY_REVOKE ? store_grant_revoke(taking->store, grant->id, leaf, error) :
		store_grant_settle(taking->store, grant->id, left, leaf, error);
	admit_leaf_free(&leaf);
	return r == -EALREADY ? 0 : r;
}

static int grant_settle(struct taking *taking, const struct signer_ledger_grant *grant,
			const struct store_grant *stored, struct ml_error *error)
{
	struct ml_grant inside;
	uint64_t left;
	int r = ml_grant_peek(grant->envelope, &inside, error);

	if (r)
		return r;
	left = inside.uses > grant->used ? inside.uses - grant->used : 0;
	if (stored->uses > left)
		r = grant_change(taking, grant, AUDIT_CONFIG_CHANGE, left, error);
	if (!r && grant->revoked && !stored->revoked)
		r = grant_change(taking, grant, AUDIT_KEY_REVOKE, 0, error);
	return r;
}

/* Uses are counted behind the nodes: a node that is added takes one. */
static int grant_take(void *arg, const struct signer_ledger_grant *grant, struct ml_error *error)
{
	struct taking *taking = arg;
	struct store_grant stored;
	int r = store_grant_get(taking->store, grant->id, &stored, error);

	if (r == -ENOENT)
		return taking->settle ? 0 : grant_add(taking, grant, error);
	if (r)
		return r;
	if (taking->settle)
		r = grant_settle(taking, grant, &stored, error);
	store_free(stored.memory);
	return r;
}

/* ---------------------------------------------------------------------- nodes */

static void tags_join(const struct ml_grant *grant, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < grant->tag_count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? "," : "",
					 grant->tags[i]);
}

/* As it joined, and as the same join sent again would find it; but its certificate is lost. */
static int node_consume(struct taking *taking, const struct signer_ledger_node *node,
			const struct ml_join *join, const struct ml_grant *grant,
			struct ml_error *error)
{
	static const char answer[] = "{}";
	char tags[ML_GRANT_TAGS * (ML_GRANT_TAG_MAX + 1)];
	const struct audit_event event = { .type = AUDIT_NODE_ENROL,
					   .details = { .node = node->name, .method = METHOD,
							.tags = tags, .owner = grant->owner } };
	struct store_node row = { .name = node->name, .tags = tags, .owner = grant->owner,
				  .addresses = "", .state = STORE_NODE_PENDING,
				  .has_certificate = true, .grant = node->grant,
				  .added = time(NULL) };
	int64_t when = row.added < grant->expires ? row.added : grant->expires - 1;
	struct store_answer stored;
	struct ml_bytes leaf;
	int r;

	tags_join(grant, tags, sizeof(tags));
	memcpy(row.identity, node->identity, sizeof(row.identity));
	memcpy(row.wireguard, node->wireguard, sizeof(row.wireguard));
	memcpy(row.certificate, join->tls_key, sizeof(row.certificate));
	r = admit_leaf(taking->server, &event, &leaf, error);
	if (r)
		return r;
	r = store_grant_consume(taking->store, &row, node->envelope,
				(struct ml_bytes){ (const uint8_t *)answer, strlen(answer) }, when,
				leaf, &stored, error);
	admit_leaf_free(&leaf);
	if (!r)
		store_free(stored.memory);
	return r;
}

static int node_add(struct taking *taking, const struct signer_ledger_node *node,
		    const struct ml_join *join, struct ml_error *error)
{
	struct store_grant stored;
	struct ml_grant grant;
	int r = store_grant_get(taking->store, node->grant, &stored, error);

	if (r)
		return r;
	r = ml_grant_peek(stored.envelope, &grant, error);
	store_free(stored.memory);
	if (!r)
		r = node_consume(taking, node, join, &grant, error);
	if (!r)
		r = admit_join(taking->server, taking->store, taking->signer, node->name,
			       node->envelope, error);
	if (!r)
		server_log(LOG_NOTICE, "ledger", "%s is in, by the signer's ledger", node->name);
	return r;
}

static int state_revoke(struct taking *taking, const struct store_node *stored,
			struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_NODE_REVOKE,
					   .details = { .node = stored->name, .method = METHOD } };
	struct ml_bytes leaf;
	int r = admit_leaf(taking->server, &event, &leaf, error);

	if (r)
		return r;
	r = store_node_set_state(taking->store, stored->name, stored->state, STORE_NODE_REVOKED,
				 leaf, error);
	admit_leaf_free(&leaf);
	if (!r)
		server_log(LOG_NOTICE, "ledger", "%s is revoked, by the signer's ledger", stored->name);
	return r == -ESTALE ? 0 : r;
}

static int keys_rotate(struct taking *taking, const struct store_node *stored,
		       const struct signer_ledger_node *node, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_NODE_ROTATE,
					   .details = { .node = stored->name, .method = METHOD } };
	struct store_node_keys from, to;
	struct ml_bytes leaf;
	int r = admit_leaf(taking->server, &event, &leaf, error);

	if (r)
		return r;
	memcpy(from.identity, stored->identity, 32);
	memcpy(from.wireguard, stored->wireguard, 32);
	memcpy(to.identity, node->identity, 32);
	memcpy(to.wireguard, node->wireguard, 32);
	r = store_node_rotate(taking->store, stored->name, &from, &to, leaf, error);
	admit_leaf_free(&leaf);
	return r == -ESTALE ? 0 : r;
}

/* A name whose node was turned out can be another's. */
static int name_free(struct taking *taking, const struct store_node *stored, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_CONFIG_CHANGE,
					   .details = { .node = stored->name, .method = METHOD,
							.setting = "node" } };
	struct ml_bytes leaf;
	int r = admit_leaf(taking->server, &event, &leaf, error);

	if (r)
		return r;
	r = store_node_remove(taking->store, stored->name, leaf, error);
	admit_leaf_free(&leaf);
	return r;
}

static bool same_node(const struct store_node *stored, const struct signer_ledger_node *node,
		      const struct ml_join *join)
{
	return !memcmp(stored->identity, node->identity, 32) ||
		!memcmp(stored->identity, join->identity.key, 32);
}

/* The store has a node of this name. */
static int node_settle(struct taking *taking, const struct store_node *stored,
		       const struct signer_ledger_node *node, const struct ml_join *join,
		       struct ml_error *error)
{
	bool revoked = stored->state == STORE_NODE_REVOKED;
	int r;

	if (!same_node(stored, node, join)) {
		if (node->revoked || !revoked)
			return 0;
		r = name_free(taking, stored, error);
		return r ? r : node_add(taking, node, join, error);
	}
	if (revoked)
		return 0;	/* the signer is told: admit_again() */
	if (node->revoked)
		return state_revoke(taking, stored, error);
	if (memcmp(stored->identity, node->identity, 32) != 0 ||
	    memcmp(stored->wireguard, node->wireguard, 32) != 0)
		return keys_rotate(taking, stored, node, error);
	return 0;
}

static int node_judge(struct taking *taking, const struct signer_ledger_node *node,
		      struct ml_error *error)
{
	struct store_node stored;
	struct ml_join join;
	int r = ml_join_peek(node->envelope, &join, error);

	if (!r)
		r = store_node_get(taking->store, node->name, &stored, error);
	if (r == -ENOENT)
		return node->revoked ? 0 : node_add(taking, node, &join, error);
	if (r)
		return r;
	r = node_settle(taking, &stored, node, &join, error);
	store_free(stored.memory);
	return r;
}

/* One that cannot be taken is told of, and keeps nobody else out. */
static int node_take(void *arg, const struct signer_ledger_node *node, struct ml_error *error)
{
	int r = node_judge(arg, node, error);

	if (r == -EEXIST || r == -EDQUOT || r == -ETIME || r == -EKEYREVOKED || r == -EBADMSG ||
	    r == -EKEYREJECTED || r == -ENOENT) {
		server_log(LOG_WARNING, "ledger", "%s is in the signer's ledger, and cannot be in the store: %s",
			   node->name, error->text);
		return 0;
	}
	return r;
}

int admit_ledger(struct server *server, struct store *store, struct signer_client *signer,
		 struct ml_error *error)
{
	struct taking taking = { .server = server, .store = store, .signer = signer };
	int r = signer_ledger_grants(signer, grant_take, &taking, error);

	if (!r)
		r = signer_ledger_nodes(signer, node_take, &taking, error);
	taking.settle = true;
	return r ? r : signer_ledger_grants(signer, grant_take, &taking, error);
}
