// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>

#include "signer.h"

static void member_fill(const struct signer *signer, const struct signer_node *node,
			const char **tags, struct ml_policy_member *ret)
{
	const struct ml_grant *grant = &signer->grants[node->grant].grant;

	for (size_t i = 0; i < grant->tag_count; i++)
		tags[i] = grant->tags[i];
	*ret = (struct ml_policy_member){
		.name = node->name,
		.owner = grant->owner,
		.tags = tags,
		.tag_count = grant->tag_count,
		.addresses = node->addresses,
		.address_count = node->address_count,
		.public_key = node->wireguard,
	};
}

int enrolled_fill(const struct signer *signer, int64_t now, struct enrolled *ret,
		  struct ml_error *error)
{
	struct enrolled enrolled = {
		.members = calloc(signer->node_count + 1, sizeof(*enrolled.members)),
		.tags = calloc(signer->node_count + 1, sizeof(*enrolled.tags)),
		.gone = calloc(signer->node_count + 1, sizeof(*enrolled.gone)),
	};
	struct ml_policy_enrolled *list = &enrolled.list;

	if (!enrolled.members || !enrolled.tags || !enrolled.gone) {
		enrolled_clean(&enrolled);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < signer->node_count; i++) {
		const struct signer_node *node = &signer->nodes[i];

		if (node->revoked || node_has_ended(node, now)) {
			enrolled.gone[list->gone_count++] = node->name;
			continue;
		}
		member_fill(signer, node, enrolled.tags[list->count],
			    &enrolled.members[list->count]);
		list->count++;
	}
	list->members = enrolled.members;
	list->gone = enrolled.gone;
	*ret = enrolled;
	return 0;
}

void enrolled_clean(struct enrolled *enrolled)
{
	free(enrolled->members);
	free(enrolled->tags);
	free(enrolled->gone);
}

/* A name that the policy speaks of is of a node that is in or was in when it came. */
int enrolled_base(const struct signer *signer, const struct ml_policy_document *document,
		  struct ml_policy **ret, struct ml_error *error)
{
	const char **names = calloc(signer->node_count + 1, sizeof(*names));
	const struct ml_policy_enrolled known = { .gone = names, .gone_count = signer->node_count };
	int r;

	if (!names)
		return ml_error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < signer->node_count; i++)
		names[i] = signer->nodes[i].name;
	r = ml_policy_parse_with("policy", document->source, document->source_length, &known, ret,
				 error);
	free(names);
	return r;
}
