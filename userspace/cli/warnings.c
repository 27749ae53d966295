// SPDX-License-Identifier: MIT
#include "warnings.h"

#include <string.h>

#include "peek.h"
#include "strict.h"

static void warnings_tell(const struct cli *cli, const char *const *texts, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_string(texts[i]));
		cli_remark(cli, "(%s)", texts[i]);
	}
	ml_output_value(cli->output, "warnings", list);
}

void warnings_of_policy(const struct cli *cli, const struct ml_policy *policy)
{
	const char *texts[ML_POLICY_WARNINGS];
	size_t count = ml_policy_warnings(policy, texts);

	warnings_tell(cli, texts, count);
}

/* Who arms for tunnels alone has not what the policy asks for. */
static bool asks_for_more(const json_t *config, enum merlon_scope armed)
{
	const char *scope = json_string_value(json_object_get(config, "scope"));

	return armed == MERLON_SCOPE_TUNNELS && scope && !strcmp(scope, "everything");
}

size_t warnings_of_leaf(struct ml_bytes leaf, enum merlon_scope armed,
			const char *ret[static WARNINGS_OF_LEAF])
{
	const json_t *config, *allowances;
	size_t count = 0;
	json_t *json;

	if (ml_strict_load(leaf.data, leaf.length, "leaf", &json, NULL))
		return 0;
	config = json_object_get(json, "config");
	allowances = json_object_get(config, "allowances");
	if (asks_for_more(config, armed))
		ret[count++] = "the policy asks for the scope everything, and armed is tunnels: merlon arm --scope everything";
	if (json_array_size(json_object_get(allowances, "lastResort")))
		ret[count++] = "guard.lastResort has no effect: once the policy has expired, this module lets nothing through the tunnels";
	json_decref(json);
	return count;
}

void warnings_of_bundle(const struct cli *cli, struct ml_bytes file)
{
	const char *texts[WARNINGS_OF_LEAF];
	struct ml_bundle bundle;
	size_t count = 0;

	if (!bundle_peek(file, &bundle, NULL))
		count = warnings_of_leaf(bundle.leaf, MERLON_SCOPE_UNSPEC, texts);
	warnings_tell(cli, texts, count);
}
