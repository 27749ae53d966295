// SPDX-License-Identifier: MIT
/* Documents of nodes: joins and rotations. */
#include <errno.h>
#include <string.h>

#include "join.h"
#include "prefix.h"
#include "rotation.h"
#include "signer.h"

static json_t *addresses_json(const struct ml_prefix *addresses, size_t count)
{
	char text[ML_PREFIX_TEXT];
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++) {
		if (json_array_append_new(array,
					  json_string(ml_prefix_format(&addresses[i], text)))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int node_answer(const struct signer_node *node, json_t **ret, struct ml_error *error)
{
	json_t *answer = json_pack("{s:s, s:o, s:I}", "node", node->name, "addresses",
				   addresses_json(node->addresses, node->address_count),
				   "counter", (json_int_t)node->counter);

	if (!answer)
		return ml_error_set(error, -ENOMEM, "out of memory");
	*ret = answer;
	return 0;
}

/* ------------------------------------------------------------------ joins */

/* By what the policy says; what other nodes have was looked at before. */
static int join_admit(const struct signer *signer, const struct ml_join *join, size_t grant,
		      struct ml_error *error)
{
	const struct ml_grant *from = &signer->grants[grant].grant;
	const char *tags[ML_GRANT_TAGS];
	const struct ml_policy_member member = {
		.name = join->name,
		.tags = tags,
		.tag_count = from->tag_count,
		.public_key = join->wireguard,
	};

	for (size_t i = 0; i < from->tag_count; i++)
		tags[i] = from->tags[i];
	return ml_policy_admits(signer->base, &member, error);
}

static struct signer_node *join_known(const struct signer *signer, struct ml_bytes envelope)
{
	struct ml_join join;

	if (ml_join_peek(envelope, &join, NULL))
		return NULL;
	for (size_t i = 0; i < signer->node_count; i++)
		if (!memcmp(signer->nodes[i].join, join.digest, sizeof(join.digest)))
			return &signer->nodes[i];
	return NULL;
}

static int join_again(const struct signer_node *node, json_t **ret, struct ml_error *error)
{
	if (node->revoked)
		return ml_error_set(error, -EKEYREJECTED,
				    "node \"%s\", which joined by this, was revoked", node->name);
	return node_answer(node, ret, error);
}

static int join_take(struct signer *signer, struct ml_bytes envelope, const struct ml_join *join,
		     size_t grant, int64_t now, struct ml_error *error)
{
	struct admission admission = { .grant = grant, .time = now };
	json_t *header;
	int r;

	r = allot(signer, now, admission.addresses, &admission.address_count, error);
	if (r)
		return r;
	header = json_pack("{s:o, s:I}", "addresses",
			   addresses_json(admission.addresses, admission.address_count), "time",
			   (json_int_t)now);
	r = signer_record(signer, LEDGER_JOIN, header, envelope, error);
	if (!r && apply_join(signer, join, envelope, &admission))
		r = ml_error_set(error, -EIO, "out of memory behind the ledger");
	return r;
}

int accept_join(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		struct ml_error *error)
{
	const struct signer_node *known = join_known(signer, envelope);
	int64_t now = signer_now(signer);
	struct ml_join join;
	size_t grant;
	int r;

	if (known)
		return join_again(known, ret, error);
	r = judge_time(signer, now, error);
	if (!r && !signer->base)
		r = ml_error_set(error, -EAGAIN, "there is no policy yet: sign one and bring it");
	if (!r)
		r = judge_join(signer, envelope, now, &join, &grant, error);
	if (!r)
		r = join_admit(signer, &join, grant, error);
	if (!r)
		r = join_take(signer, envelope, &join, grant, now, error);
	return r ? r : node_answer(&signer->nodes[signer->node_count - 1], ret, error);
}

/* -------------------------------------------------------------- rotations */

static struct signer_node *rotation_known(const struct signer *signer, struct ml_bytes envelope)
{
	struct ml_rotation rotation;
	struct signer_node *node;

	if (ml_rotation_peek(envelope, &rotation, NULL))
		return NULL;
	node = find_node(signer, rotation.node);
	if (!node || !node->counter || node->counter != rotation.counter ||
	    memcmp(node->rotation, rotation.digest, sizeof(rotation.digest)) != 0)
		return NULL;
	return node;
}

int accept_rotation(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		    struct ml_error *error)
{
	struct signer_node *node = rotation_known(signer, envelope);
	int64_t now = signer_now(signer);
	struct ml_rotation rotation;
	int r;

	if (node)
		return node_answer(node, ret, error);
	r = judge_time(signer, now, error);
	if (!r && !signer->base)
		r = ml_error_set(error, -EAGAIN, "there is no policy yet: sign one and bring it");
	if (!r)
		r = judge_rotation(signer, envelope, &rotation, &node, error);
	if (!r && node_has_ended(node, now))
		r = ml_error_set(error, -EKEYREJECTED, "node \"%s\" has expired: renew it first",
				 node->name);
	if (!r)
		r = signer_record(signer, LEDGER_ROTATION,
				  json_pack("{s:I}", "time", (json_int_t)now), envelope, error);
	if (r)
		return r;
	apply_rotation(signer, node, &rotation);
	return node_answer(node, ret, error);
}
