// SPDX-License-Identifier: MIT
/* What is asked of what was worked out. */
#include <errno.h>
#include <stdlib.h>

#include "policy_reach.h"

size_t ml_policy_reach_count(const struct ml_policy_reach *reach, size_t index)
{
	const struct policy_class *class = &reach->classes[reach->class_of[index]];

	for (uint32_t i = 0; i < class->reach_count; i++)
		if (class->reach[i] == index)
			return class->reach_count - 1;
	return class->reach_count;
}

int ml_policy_others_of(const struct ml_policy_reach *reach, uint32_t rank,
			struct policy_others *ret)
{
	const struct policy_class *class = &reach->classes[reach->class_of[rank]];
	const struct policy_node **items = reallocarray(NULL, class->reach_count + 1,
							sizeof(*items));
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < class->reach_count; i++)
		if (class->reach[i] != rank)
			items[count++] = ml_policy_node_at(reach->policy, class->reach[i]);
	*ret = (struct policy_others){ items, count };
	return 0;
}

int ml_policy_node_json_of(const struct ml_policy_reach *reach, size_t index, json_t **ret,
			   struct ml_error *error)
{
	const struct policy_node *node = ml_policy_node_at(reach->policy, (uint32_t)index);
	struct policy_others others;
	int err;

	if (ml_policy_others_of(reach, (uint32_t)index, &others))
		return ml_error_set(error, -ENOMEM, "out of memory");
	err = ml_policy_node_json_with(reach->policy, node, &others, ret, error);
	ml_policy_others_clean(&others);
	return err;
}
