// SPDX-License-Identifier: MIT
/* From names to addresses. */
#include <errno.h>

#include "policy_read.h"

static bool is_seen(const struct ml_policy *policy, uint32_t node, enum policy_view view)
{
	return view == POLICY_VIEW_TESTS || node < policy->node_count;
}

static int node_addresses(const struct ml_policy *policy, uint32_t node, enum policy_view view,
			  struct ml_prefixes *ret)
{
	if (!is_seen(policy, node, view))
		return 0;
	return ml_prefixes_add_all(ret, policy->nodes[node].addresses,
				   policy->nodes[node].address_count);
}

static int nodes_addresses(const struct ml_policy *policy, const struct policy_link *nodes,
			   enum policy_view view, struct ml_prefixes *ret)
{
	for (; nodes; nodes = nodes->next)
		if (node_addresses(policy, nodes->index, view, ret))
			return -ENOMEM;
	return 0;
}

static int group_addresses(const struct ml_policy *policy, const struct policy_link *users,
			   enum policy_view view, struct ml_prefixes *ret)
{
	for (; users; users = users->next)
		if (nodes_addresses(policy, policy->names.items[users->index].members, view, ret))
			return -ENOMEM;
	return 0;
}

/* autogroup:member (@tagged false) and autogroup:tagged. */
static int property_addresses(const struct ml_policy *policy, bool tagged, enum policy_view view,
			      struct ml_prefixes *ret)
{
	size_t count = policy->node_count;

	if (view == POLICY_VIEW_TESTS)
		count += policy->stand_in_count;
	for (size_t i = 0; i < count; i++) {
		const struct policy_node *node = &policy->nodes[i];
		bool wanted = tagged ? node->tag_count : node->user != POLICY_NONE;

		if (wanted && node_addresses(policy, (uint32_t)i, view, ret))
			return -ENOMEM;
	}
	return 0;
}

static int name_addresses(const struct ml_policy *policy, const struct policy_name *name,
			  enum policy_view view, struct ml_prefixes *ret)
{
	switch ((enum policy_kind)name->kind) {
	case POLICY_USER:
	case POLICY_TAG:
	case POLICY_GONE:	/* stand-ins */
		return nodes_addresses(policy, name->members, view, ret);
	case POLICY_GROUP:
		return group_addresses(policy, name->members, view, ret);
	case POLICY_MEMBER:
		return property_addresses(policy, false, view, ret);
	case POLICY_TAGGED:
		return property_addresses(policy, true, view, ret);
	case POLICY_INTERNET:
		return ml_ranges_prefixes(&policy->internet, ret);
	case POLICY_HOST:
	case POLICY_NODE:
	case POLICY_IPSET:
	case POLICY_LITERAL:
		return ml_prefixes_add_all(ret, name->prefixes, name->prefix_count);
	case POLICY_ANY:
	case POLICY_SELF:
		break;
	}
	return 0;
}

int ml_policy_resolve(const struct ml_policy *policy, uint32_t name, enum policy_view view,
		      struct ml_prefixes *ret, bool *ret_any)
{
	int err;

	*ret_any = policy->names.items[name].kind == POLICY_ANY;
	err = name_addresses(policy, &policy->names.items[name], view, ret);
	ml_prefixes_normalise(ret);
	return err;
}
