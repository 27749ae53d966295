// SPDX-License-Identifier: MIT
/* What was accepted, as it is kept in memory. Nothing is judged here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "join.h"
#include "rotation.h"
#include "signer.h"

struct signer_node *find_node(const struct signer *signer, const char *name)
{
	for (size_t i = 0; i < signer->node_count; i++)
		if (!signer->nodes[i].revoked && !strcmp(signer->nodes[i].name, name))
			return &signer->nodes[i];
	return NULL;
}

struct signer_grant *find_grant(const struct signer *signer, const char *id)
{
	for (size_t i = 0; i < signer->grant_count; i++)
		if (!strcmp(signer->grants[i].grant.id, id))
			return &signer->grants[i];
	return NULL;
}

/* @items with room for one more. */
static void *room_for(void *items, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? 2 * *room : 16;
	void *grown;

	if (count < *room)
		return items;
	grown = reallocarray(items, wanted, size);
	if (grown)
		*room = wanted;
	return grown;
}

/* NULL: no memory. */
static uint8_t *bytes_copy(struct ml_bytes from)
{
	uint8_t *data = malloc(from.length + 1);

	if (data)
		memcpy(data, from.data, from.length);
	return data;
}

int apply_root(struct signer *signer, const struct ml_root *root)
{
	signer->root = *root;
	signer->has_root = true;
	signer->changed = true;
	return 0;
}

int apply_policy(struct signer *signer, struct ml_policy_document *document)
{
	ml_policy_document_clean(&signer->policy);
	signer->policy = *document;
	signer->has_policy = true;
	signer->changed = true;
	return 0;
}

int apply_grant(struct signer *signer, const struct ml_grant *grant, struct ml_bytes envelope)
{
	struct signer_grant *grants = room_for(signer->grants, signer->grant_count,
					       &signer->grant_room, sizeof(*grants));
	uint8_t *copy = bytes_copy(envelope);

	if (grants)
		signer->grants = grants;
	if (!grants || !copy) {
		free(copy);
		return -ENOMEM;
	}
	grants[signer->grant_count++] = (struct signer_grant){
		.grant = *grant, .envelope = { copy, envelope.length } };
	return 0;
}

static void remember_last(struct signer *signer, const struct ml_prefix *address)
{
	*(address->length == 32 ? &signer->last_ipv4 : &signer->last_ipv6) = *address;
}

int apply_join(struct signer *signer, const struct ml_join *join, struct ml_bytes envelope,
	       const struct admission *admission)
{
	struct signer_grant *grant = &signer->grants[admission->grant];
	struct signer_node *nodes = room_for(signer->nodes, signer->node_count,
					     &signer->node_room, sizeof(*nodes));
	struct signer_node node = { .grant = admission->grant, .identity = join->identity };
	uint8_t *copy = bytes_copy(envelope);

	if (nodes)
		signer->nodes = nodes;
	if (!nodes || !copy) {
		free(copy);
		return -ENOMEM;
	}
	node.envelope = (struct ml_bytes){ copy, envelope.length };
	memcpy(node.name, join->name, sizeof(node.name));
	memcpy(node.wireguard, join->wireguard, sizeof(node.wireguard));
	memcpy(node.join, join->digest, sizeof(node.join));
	memcpy(node.addresses, admission->addresses, sizeof(node.addresses));
	node.address_count = admission->address_count;
	if (grant->grant.lifetime) {
		node.ends = admission->time + grant->grant.lifetime;
		signer->ends_version++;
	}
	nodes[signer->node_count++] = node;
	for (size_t i = 0; i < node.address_count; i++)
		remember_last(signer, &node.addresses[i]);
	grant->used++;
	signer->active++;
	signer->changed = true;
	return 0;
}

void apply_rotation(struct signer *signer, struct signer_node *node,
		    const struct ml_rotation *rotation)
{
	node->identity = rotation->identity;
	node->counter = rotation->counter;
	memcpy(node->wireguard, rotation->wireguard, sizeof(node->wireguard));
	memcpy(node->rotation, rotation->digest, sizeof(node->rotation));
	signer->changed = true;
}

/* Also where no bundle becomes another one: the server learns of it by the generation. */
void apply_extension(struct signer *signer, struct signer_node *node,
		     const struct ml_extension *extension)
{
	node->ends = extension->expires;
	node->extended = extension->time;
	memcpy(node->extension, extension->digest, sizeof(node->extension));
	signer->ends_version++;
	signer->changed = true;
}

void apply_revoke_node(struct signer *signer, struct signer_node *node)
{
	/* Or whoever holds its grant could come again. */
	signer->grants[node->grant].revoked = true;
	node->revoked = true;
	node->kept_until = signer->latest_expires;
	signer->active--;
	signer->ends_version += node->ends != 0;
	signer->changed = true;
}

void apply_revoke_grant(struct signer *signer, struct signer_grant *grant)
{
	(void)signer;
	grant->revoked = true;
}

int apply_statement(struct signer *signer, const struct ml_statement *statement,
		    struct ml_bytes envelope)
{
	uint8_t *copy = bytes_copy(envelope);

	if (!copy)
		return -ENOMEM;
	free((void *)signer->envelope.data);
	signer->envelope = (struct ml_bytes){ copy, envelope.length };
	signer->statement = *statement;
	signer->has_statement = true;
	if (statement->expires > signer->latest_expires)
		signer->latest_expires = statement->expires;
	if (statement->issued > signer->floor) {
		signer->floor = statement->issued;
		signer->floor_boot = signer_boot();
	}
	signer->changed = false;
	return 0;
}
