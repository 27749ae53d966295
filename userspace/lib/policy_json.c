// SPDX-License-Identifier: MIT
/* What a node's bundle says beside the policy image. */
#include <errno.h>
#include <string.h>

#include "policy_read.h"

/*
 * jansson reports lack of memory alone, all texts being UTF-8: a NULL that is
 * handed on makes the next call fail, so it is enough to look at the results.
 */
static int add(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) ? -ENOMEM : 0;
}

static json_t *strings_json(const char *const *strings, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++) {
		if (json_array_append_new(array, json_string(strings[i]))) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

static int prefixes_append(json_t *array, const struct ml_prefix *prefixes, size_t count)
{
	char text[ML_PREFIX_TEXT];

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(array, json_string(ml_prefix_format(&prefixes[i], text))))
			return -ENOMEM;
	return 0;
}

static int add_prefixes(json_t *object, const char *key, const struct ml_prefix *prefixes,
			size_t count)
{
	json_t *array = json_array();

	if (add(object, key, array))
		return -ENOMEM;
	return prefixes_append(array, prefixes, count);
}

static json_t *rules_json(const struct policy_rules *rules)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < rules->count; i++) {
		if (json_array_append_new(array, json_loads(rules->items[i].text, 0, NULL))) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

static json_t *value_json(const struct ml_hujson_value *value);

static json_t *array_json(const struct ml_hujson_value *value)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < value->array.count; i++) {
		if (json_array_append_new(array, value_json(&value->array.items[i]))) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

static json_t *object_json(const struct ml_hujson_value *value)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < value->object.count; i++) {
		const struct ml_hujson_member *member = &value->object.members[i];

		if (add(object, member->key, value_json(&member->value))) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

/* What was read is strings and numbers, in lists and objects. */
static json_t *value_json(const struct ml_hujson_value *value)
{
	switch (value->type) {
	case ML_HUJSON_STRING:
		return json_string(value->string.text);
	case ML_HUJSON_INTEGER:
		return json_integer(value->integer);
	case ML_HUJSON_ARRAY:
		return array_json(value);
	case ML_HUJSON_OBJECT:
		return object_json(value);
	}
	return NULL;
}

static int add_guard(json_t *object, const struct policy_guard *guard)
{
	json_t *allowances;

	if (add(object, "scope", json_string(guard->scope ? guard->scope->string.text : "tunnels")))
		return -ENOMEM;
	if (!guard->allow && !guard->last_resort)
		return 0;
	allowances = json_object();
	if (add(object, "allowances", allowances))
		return -ENOMEM;
	if (guard->allow && add(allowances, "allow", value_json(guard->allow)))
		return -ENOMEM;
	if (guard->last_resort &&
	    add(allowances, "lastResort", rules_json(&guard->last_resort_rules)))
		return -ENOMEM;
	return 0;
}

static int add_dns(json_t *object, const struct policy_dns *dns)
{
	json_t *out;

	if (!dns->present)
		return 0;
	out = json_object();
	if (add(object, "dns", out) || add(out, "guard", json_boolean(dns->guard)))
		return -ENOMEM;
	if (dns->doh && add(out, "doh", value_json(dns->doh)))
		return -ENOMEM;
	if (add(out, "nameservers", dns->nameservers ? value_json(dns->nameservers) : json_array()))
		return -ENOMEM;
	return add(out, "search", strings_json(dns->search, dns->search_count));
}

static bool is_exit(const struct ml_policy *policy, const struct policy_node *node)
{
	for (size_t i = 0; i < policy->exit.node_count; i++)
		if (&policy->nodes[policy->exit.nodes[i]] == node)
			return true;
	return false;
}

static int add_exit(json_t *object, const struct ml_policy *policy,
		    const struct policy_node *node)
{
	json_t *out, *nodes = json_array();

	if (!policy->exit.present) {
		json_decref(nodes);
		return 0;
	}
	out = json_object();
	if (add(object, "exit", out) || add(out, "nodes", nodes) ||
	    add(out, "allowLan", json_boolean(policy->exit.allow_lan)) ||
	    add(out, "self", json_boolean(is_exit(policy, node))))
		return -ENOMEM;
	for (size_t i = 0; i < policy->exit.node_count; i++)
		if (json_array_append_new(nodes,
					  json_string(policy->nodes[policy->exit.nodes[i]].name)))
			return -ENOMEM;
	return 0;
}

static json_t *tunnel_json(const char *name, bool ignored)
{
	json_t *tunnel = json_object();

	if (add(tunnel, "ignored", json_boolean(ignored)) || add(tunnel, "name", json_string(name))) {
		json_decref(tunnel);
		return NULL;
	}
	return tunnel;
}

static int add_tunnels(json_t *object, const struct policy_node *node)
{
	json_t *array = json_array();

	if (add(object, "tunnels", array) ||
	    json_array_append_new(array, tunnel_json(node ? node->tunnel : "wg0", false)))
		return -ENOMEM;
	for (size_t i = 0; node && i < node->ignored_count; i++)
		if (json_array_append_new(array, tunnel_json(node->ignored[i], true)))
			return -ENOMEM;
	return 0;
}

static int peer_fill(json_t *peer, const struct policy_node *node)
{
	json_t *allowed = json_array();

	if (add(peer, "name", json_string(node->name)) || add(peer, "allowedIPs", allowed) ||
	    prefixes_append(allowed, node->addresses, node->address_count) ||
	    prefixes_append(allowed, node->routes, node->route_count))
		return -ENOMEM;
	if (node->endpoint && add(peer, "endpoint", json_string(node->endpoint)))
		return -ENOMEM;
	return node->public_key ? add(peer, "publicKey", json_string(node->public_key)) : 0;
}

static int add_peers(json_t *object, const struct policy_others *others)
{
	json_t *array = json_array();

	if (add(object, "peers", array))
		return -ENOMEM;
	for (size_t i = 0; i < others->count; i++) {
		json_t *peer = json_object();

		if (json_array_append_new(array, peer) || peer_fill(peer, others->items[i]))
			return -ENOMEM;
	}
	return 0;
}

static int add_node(json_t *object, const struct ml_policy *policy,
		    const struct policy_node *node, const struct policy_others *others)
{
	if (add_prefixes(object, "addresses", node->addresses, node->address_count) ||
	    add_exit(object, policy, node) || add_peers(object, others))
		return -ENOMEM;
	if (node->public_key && add(object, "publicKey", json_string(node->public_key)))
		return -ENOMEM;
	if (!node->route_count)
		return 0;
	return add_prefixes(object, "routes", node->routes, node->route_count);
}

int ml_policy_node_json_with(const struct ml_policy *policy, const struct policy_node *node,
			     const struct policy_others *others, json_t **ret,
			     struct ml_error *error)
{
	struct policy_guard guard = ml_policy_guard_of(policy, node);
	json_t *object = json_object();

	if (add_guard(object, &guard) || add_dns(object, &policy->dns) ||
	    add_tunnels(object, node) || (node && add_node(object, policy, node, others))) {
		json_decref(object);
		return ml_error_set(error, -ENOMEM, "out of memory");
	}
	*ret = object;
	return 0;
}

int ml_policy_node_json(const struct ml_policy *policy, const char *node,
			json_t **ret, struct ml_error *error)
{
	const struct policy_node *found;
	struct policy_others others;
	int err = ml_policy_node_get(policy, node, &found, error);

	if (err)
		return err;
	if (ml_policy_others_all(policy, found, &others))
		return ml_error_set(error, -ENOMEM, "out of memory");
	err = ml_policy_node_json_with(policy, found, &others, ret, error);
	ml_policy_others_clean(&others);
	return err;
}
