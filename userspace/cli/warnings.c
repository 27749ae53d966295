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

const char *warning_of_leaf(struct ml_bytes leaf)
{
	const char *scope;
	json_t *json;
	bool everything;

	if (ml_strict_load(leaf.data, leaf.length, "leaf", &json, NULL))
		return NULL;
	scope = json_string_value(json_object_get(json_object_get(json, "config"), "scope"));
	everything = scope && !strcmp(scope, "everything");
	json_decref(json);
	return everything ? "the policy asks for scope everything; this module guards tunnels" :
			    NULL;
}

void warnings_of_bundle(const struct cli *cli, struct ml_bytes file)
{
	struct ml_bundle bundle;
	const char *text = NULL;

	if (!bundle_peek(file, &bundle, NULL))
		text = warning_of_leaf(bundle.leaf);
	warnings_tell(cli, &text, text ? 1 : 0);
}
