// SPDX-License-Identifier: MIT
#include "kernel_message.h"

#include <errno.h>
#include <string.h>

#include "genl.h"

static void counts_from(const struct nlattr *nest, struct ml_kernel_status *status)
{
	const struct nlattr *table[__MERLON_REASON_MAX];
	uint64_t pair[2];
	size_t i;

	ml_genl_nested(nest, table, MERLON_REASON_MAX);
	for (i = 0; i < __MERLON_REASON_MAX; i++) {
		ml_genl_bytes(table[i], pair, sizeof(pair));
		status->passed[i] = pair[0];
		status->denied[i] = pair[1];
	}
}

static void generation_from(const struct nlattr **table, struct ml_kernel_status *status)
{
	status->has_generation = table[MERLON_A_EPOCH] && table[MERLON_A_SERIAL];
	status->epoch = ml_genl_u64(table[MERLON_A_EPOCH]);
	status->serial = ml_genl_u64(table[MERLON_A_SERIAL]);
	status->lifetime_ms = ml_genl_u64(table[MERLON_A_LIFETIME_MS]);
	status->image_bytes = ml_genl_u32(table[MERLON_A_IMAGE_BYTES]);
	status->rules = ml_genl_u32(table[MERLON_A_RULES]);
	status->guard_rules = ml_genl_u32(table[MERLON_A_GUARD_RULES]);
	status->pairs = ml_genl_u32(table[MERLON_A_PAIRS]);
	status->hosts = ml_genl_u32(table[MERLON_A_HOSTS]);
	status->memory = ml_genl_u64(table[MERLON_A_MEMORY]);
	ml_genl_bytes(table[MERLON_A_DIGEST], status->digest, sizeof(status->digest));
}

void ml_kernel_status_from(const struct nlmsghdr *message, struct ml_kernel_status *ret)
{
	const struct nlattr *table[__MERLON_A_MAX];

	ml_genl_attributes(message, table, MERLON_A_MAX);
	memset(ret, 0, sizeof(*ret));
	ret->state = ml_genl_u32(table[MERLON_A_STATE]);
	ret->scope = ml_genl_u32(table[MERLON_A_SCOPE]);
	ret->mode = ml_genl_u32(table[MERLON_A_MODE]);
	ret->confirm_s = ml_genl_u32(table[MERLON_A_CONFIRM_S]);
	ret->holes = ml_genl_u32(table[MERLON_A_HOLES]);
	ret->last_epoch = ml_genl_u64(table[MERLON_A_LAST_EPOCH]);
	ret->last_serial = ml_genl_u64(table[MERLON_A_LAST_SERIAL]);
	ret->max_lifetime_ms = ml_genl_u64(table[MERLON_A_MAX_LIFETIME_MS]);
	ml_genl_string(table[MERLON_A_MODULE_VERSION], ret->module_version,
		       sizeof(ret->module_version));
	generation_from(table, ret);
	counts_from(table[MERLON_A_REASON_COUNTS], ret);
}

void ml_kernel_rule_from(const struct nlmsghdr *message, struct ml_kernel_rule *ret)
{
	const struct nlattr *table[__MERLON_A_MAX];

	ml_genl_attributes(message, table, MERLON_A_MAX);
	ret->id = ml_genl_u64(table[MERLON_A_RULE_ID]);
	ret->packets = ml_genl_u64(table[MERLON_A_PACKETS]);
	ret->bytes = ml_genl_u64(table[MERLON_A_BYTES]);
	ret->action = ml_genl_u8(table[MERLON_A_ACTION]);
}

void ml_kernel_answer_from(const struct nlmsghdr *message, struct ml_kernel_answer *ret)
{
	const struct nlattr *table[__MERLON_A_MAX];

	ml_genl_attributes(message, table, MERLON_A_MAX);
	ret->action = ml_genl_u8(table[MERLON_A_ACTION]);
	ret->reason = ml_genl_u8(table[MERLON_A_REASON]);
	ret->rule_id = ml_genl_u64(table[MERLON_A_RULE_ID]);
	ret->source_class = ml_genl_u32(table[MERLON_A_SOURCE_CLASS]);
	ret->destination_class = ml_genl_u32(table[MERLON_A_DESTINATION_CLASS]);
	ret->service = ml_genl_u32(table[MERLON_A_SERVICE]);
	ret->epoch = ml_genl_u64(table[MERLON_A_EPOCH]);
	ret->serial = ml_genl_u64(table[MERLON_A_SERIAL]);
}

static void drop_from(const struct nlattr **table, struct ml_kernel_event *event)
{
	event->reason = ml_genl_u8(table[MERLON_A_REASON]);
	event->hook = ml_genl_u8(table[MERLON_A_HOOK]);
	event->action = ml_genl_u8(table[MERLON_A_ACTION]);
	event->rule_id = ml_genl_u64(table[MERLON_A_RULE_ID]);
	event->observed = table[MERLON_A_OBSERVED];
	event->reply = table[MERLON_A_REPLY];
	event->ethertype = ml_genl_u16(table[MERLON_A_ETHERTYPE]);
	event->family = ml_genl_u8(table[MERLON_A_FAMILY]);
	event->protocol = ml_genl_u8(table[MERLON_A_PROTOCOL]);
	event->source_port = ml_genl_u16(table[MERLON_A_SOURCE_PORT]);
	event->selector = ml_genl_u16(table[MERLON_A_SELECTOR]);
	event->length = ml_genl_u32(table[MERLON_A_LENGTH]);
	event->suppressed = ml_genl_u64(table[MERLON_A_SUPPRESSED]);
	ml_genl_bytes(table[MERLON_A_SOURCE], event->source, sizeof(event->source));
	ml_genl_bytes(table[MERLON_A_DESTINATION], event->destination,
		      sizeof(event->destination));
	ml_genl_string(table[MERLON_A_DEVICE_IN], event->device_in, sizeof(event->device_in));
	ml_genl_string(table[MERLON_A_DEVICE_OUT], event->device_out,
		       sizeof(event->device_out));
}

int ml_kernel_event_from(const struct nlmsghdr *message, struct ml_kernel_event *ret)
{
	const struct nlattr *table[__MERLON_A_MAX];
	struct ml_kernel_event event = { .command = ml_genl_command(message) };

	if (event.command == MERLON_CMD_STATE_EVENT) {
		ml_kernel_status_from(message, &event.status);
	} else if (event.command == MERLON_CMD_DROP_EVENT) {
		ml_genl_attributes(message, table, MERLON_A_MAX);
		drop_from(table, &event);
	} else {
		return -ENOMSG;
	}
	*ret = event;
	return 0;
}
