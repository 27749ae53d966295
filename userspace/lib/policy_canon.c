// SPDX-License-Identifier: MIT
#include "policy_canon.h"

#include <string.h>

#include <linux/merlon.h>
#include <sodium.h>

#include "policy_service.h"
#include "sha256.h"

static const char *const actions[] = {
	[MERLON_ACTION_ALLOW] = "allow",
	[MERLON_ACTION_DROP] = "drop",
	[MERLON_ACTION_REJECT] = "reject",
};

const char *ml_rule_action_name(uint8_t action)
{
	return action <= MERLON_ACTION_MAX ? actions[action] : NULL;
}

uint8_t ml_action_parse(const char *name)
{
	for (unsigned int i = MERLON_ACTION_ALLOW; i <= MERLON_ACTION_MAX; i++)
		if (!strcmp(actions[i], name))
			return (uint8_t)i;
	return MERLON_ACTION_UNSPEC;
}

static void names_text(struct ml_text *text, const struct ml_rule_form *form,
		       const uint32_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ml_text_add(text, i ? "," : "[");
		ml_text_json(text, form->name(form->arg, numbers[i]));
	}
	ml_text_add(text, count ? "]" : "[]");
}

void ml_rule_form_text(struct ml_text *text, const struct ml_rule_form *form)
{
	if (form->guard)
		ml_text_add(text, "{\"dst\":");
	else
		ml_text_format(text, "{\"action\":\"%s\",\"dst\":", actions[form->action]);
	names_text(text, form, form->destinations, form->destination_count);
	if (form->guard)
		ml_text_format(text, ",\"guard\":\"%s\"", actions[form->action]);
	ml_text_add(text, ",\"ip\":");
	ml_services_format(text, form->services, form->service_count);
	ml_text_add(text, ",\"src\":");
	names_text(text, form, form->sources, form->source_count);
	ml_text_add(text, "}");
}

uint64_t ml_rule_id(const char *text, size_t length)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	uint64_t id = 0;

	ml_sha256(hash, (const uint8_t *)text, length);
	for (unsigned int i = 0; i < 8; i++)
		id |= (uint64_t)hash[i] << 8 * i;
	return id;
}
