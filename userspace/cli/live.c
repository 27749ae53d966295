// SPDX-License-Identifier: MIT
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "describe.h"
#include "rules.h"

static void rules_unknown(struct live *live, const char *why)
{
	snprintf(live->why, sizeof(live->why), "%s", why);
}

static void rules_take(struct live *live)
{
	const struct ml_bundle *bundle = &live->source.bundle;
	struct ml_error error;

	if (live->source.policy) {
		rules_unknown(live, "the state directory holds something else than a bundle");
	} else if (memcmp(bundle->image_digest, live->status.digest,
			  sizeof(bundle->image_digest))) {
		rules_unknown(live, "the bundle in the state directory is not the one in the kernel");
	} else if (ml_rules_parse((const char *)bundle->rules.data, bundle->rules.length,
				  &live->rules, &error)) {
		rules_unknown(live, error.text);
	} else {
		live->ruleset = &live->rules;
	}
}

static void rules_open(struct live *live, const char *directory)
{
	char path[4200], text[800];
	struct ml_error error;

	if (!live->status.has_generation) {
		rules_unknown(live, "the kernel holds no generation");
		return;
	}
	snprintf(path, sizeof(path), "%s/" LIVE_ACCEPTED, directory ? directory : ML_DAEMON_STATE_DIR);
	if (source_open(path, NULL, &live->source, &error))
		rules_unknown(live, ml_error_string(&error, text, sizeof(text)));
	else
		rules_take(live);
}

int live_open(const struct cli *cli, struct live *ret, struct ml_error *error)
{
	int code;

	memset(ret, 0, sizeof(*ret));
	code = ml_kernel_open(&ret->kernel, error);
	if (code)
		return code;
	code = ml_kernel_status(ret->kernel, &ret->status, error);
	if (code)
		live_close(ret);
	else
		rules_open(ret, cli_option(cli, "state-dir"));
	return code;
}

void live_close(struct live *live)
{
	ml_ruleset_free(&live->rules);
	source_close(&live->source);
	if (live->kernel)
		ml_kernel_close(live->kernel);
	memset(live, 0, sizeof(*live));
}

const struct ml_rule *live_rule(const struct live *live, uint64_t id)
{
	return live->ruleset && id ? ruleset_rule(live->ruleset, id) : NULL;
}

json_t *live_rule_json(const struct live *live, uint64_t id)
{
	const struct ml_rule *rule = live_rule(live, id);
	json_t *object;

	if (rule)
		return describe_rule(live->ruleset, rule);
	if (!id)
		return json_null();
	object = json_object();
	json_object_set_new(object, "id", ml_output_id(id));
	return object;
}
