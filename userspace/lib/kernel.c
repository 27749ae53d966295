// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "genl.h"
#include "kernel_message.h"
#include "ruleset.h"

struct ml_kernel {
	struct ml_genl *genl;
};

int ml_kernel_open(struct ml_kernel **ret, struct ml_error *error)
{
	struct ml_kernel *kernel = calloc(1, sizeof(*kernel));
	int code;

	if (!kernel)
		return ml_error_set(error, -ENOMEM, "out of memory");
	code = ml_genl_open(MERLON_GENL_NAME, MERLON_GENL_VERSION, &kernel->genl, error);
	if (code == -ENOENT)
		ml_error_set(error, code,
			     "the kernel module is not loaded: run 'modprobe merlon'");
	if (code) {
		free(kernel);
		return code;
	}
	*ret = kernel;
	return 0;
}

void ml_kernel_close(struct ml_kernel *kernel)
{
	if (!kernel)
		return;
	ml_genl_close(kernel->genl);
	free(kernel);
}

int ml_kernel_fd(const struct ml_kernel *kernel)
{
	return ml_genl_fd(kernel->genl);
}

static struct nlmsghdr *begin(struct ml_kernel *kernel, enum merlon_cmd command)
{
	return ml_genl_begin(kernel->genl, command, 0);
}

static int talk(struct ml_kernel *kernel, ml_genl_each each, void *arg,
		struct ml_error *error)
{
	int code = ml_genl_talk(kernel->genl, each, arg, error);

	if (code == -EPERM)
		ml_error_set(error, code, "the kernel lets only root do that (CAP_NET_ADMIN "
			     "in the initial user namespace)");
	return code;
}

/* -------------------------------------------------------- state and arming */

static int take_status(const struct nlmsghdr *message, void *arg)
{
	ml_kernel_status_from(message, arg);
	return 0;
}

int ml_kernel_status(struct ml_kernel *kernel, struct ml_kernel_status *ret,
		     struct ml_error *error)
{
	struct ml_kernel_status status = { .state = MERLON_STATE_UNSPEC };
	int code;

	begin(kernel, MERLON_CMD_GET_STATUS);
	code = talk(kernel, take_status, &status, error);
	if (code)
		return code;
	if (status.state == MERLON_STATE_UNSPEC)
		return ml_error_set(error, -EBADMSG, "the kernel's answer names no state");
	*ret = status;
	return 0;
}

static int put_why(struct nlmsghdr *message, const char *why, struct ml_error *error)
{
	if (strlen(why) >= MERLON_REASON_TEXT_BYTES)
		return ml_error_set(error, -EINVAL,
				    "the reason is longer than %u bytes: shorten it",
				    MERLON_REASON_TEXT_BYTES - 1);
	mnl_attr_put_strz(message, MERLON_A_WHY, why);
	return 0;
}

int ml_kernel_arm(struct ml_kernel *kernel, enum merlon_scope scope, enum merlon_mode mode,
		  uint32_t confirm_s, const char *why, struct ml_error *error)
{
	struct nlmsghdr *message = begin(kernel, MERLON_CMD_ARM);
	int code = 0;

	mnl_attr_put_u32(message, MERLON_A_SCOPE, scope);
	mnl_attr_put_u32(message, MERLON_A_MODE, mode);
	if (confirm_s)
		mnl_attr_put_u32(message, MERLON_A_CONFIRM_S, confirm_s);
	if (why)
		code = put_why(message, why, error);
	return code ? code : talk(kernel, NULL, NULL, error);
}

int ml_kernel_confirm(struct ml_kernel *kernel, struct ml_error *error)
{
	begin(kernel, MERLON_CMD_CONFIRM);
	return talk(kernel, NULL, NULL, error);
}

int ml_kernel_disarm(struct ml_kernel *kernel, const char *why, struct ml_error *error)
{
	struct nlmsghdr *message = begin(kernel, MERLON_CMD_DISARM);
	int code;

	if (!why || !why[0])
		return ml_error_set(error, -EINVAL, "disarming wants a reason, for the log");
	code = put_why(message, why, error);
	return code ? code : talk(kernel, NULL, NULL, error);
}

/* ------------------------------------------------------------- generations */

static void put_generation(struct nlmsghdr *message,
			   const struct ml_kernel_generation *generation)
{
	mnl_attr_put_u64(message, MERLON_A_EPOCH, generation->epoch);
	mnl_attr_put_u64(message, MERLON_A_SERIAL, generation->serial);
	mnl_attr_put_u64(message, MERLON_A_LIFETIME_MS, generation->lifetime_ms);
	mnl_attr_put(message, MERLON_A_DIGEST, sizeof(generation->digest),
		     generation->digest);
}

static int send_chunks(struct ml_kernel *kernel, const uint8_t *image, size_t length,
		       struct ml_error *error)
{
	struct nlmsghdr *message;
	size_t offset, part;
	int code = 0;

	for (offset = 0; offset < length && !code; offset += part) {
		part = length - offset;
		if (part > MERLON_LOAD_CHUNK_BYTES)
			part = MERLON_LOAD_CHUNK_BYTES;
		message = begin(kernel, MERLON_CMD_LOAD_CHUNK);
		mnl_attr_put_u32(message, MERLON_A_OFFSET, (uint32_t)offset);
		mnl_attr_put(message, MERLON_A_DATA, part, image + offset);
		code = talk(kernel, NULL, NULL, error);
	}
	return code;
}

static int commit(struct ml_kernel *kernel, struct ml_error *error)
{
	begin(kernel, MERLON_CMD_LOAD_COMMIT);
	return talk(kernel, NULL, NULL, error);
}

static void abandon(struct ml_kernel *kernel)
{
	begin(kernel, MERLON_CMD_LOAD_ABORT);
	talk(kernel, NULL, NULL, NULL);
}

int ml_kernel_load(struct ml_kernel *kernel, const struct ml_kernel_generation *generation,
		   const void *image, size_t length, struct ml_error *error)
{
	struct nlmsghdr *message = begin(kernel, MERLON_CMD_LOAD_BEGIN);
	int code;

	if (length > MERLON_MAX_IMAGE_BYTES)
		return ml_error_set(error, -E2BIG, "an image of %zu bytes: the limit is %u",
				    length, MERLON_MAX_IMAGE_BYTES);
	put_generation(message, generation);
	mnl_attr_put_u32(message, MERLON_A_IMAGE_BYTES, (uint32_t)length);
	code = talk(kernel, NULL, NULL, error);
	if (code)
		return code;
	code = send_chunks(kernel, image, length, error);
	if (!code)
		code = commit(kernel, error);
	if (code)
		abandon(kernel);
	return code;
}

int ml_kernel_renew(struct ml_kernel *kernel, const struct ml_kernel_generation *generation,
		    struct ml_error *error)
{
	put_generation(begin(kernel, MERLON_CMD_RENEW), generation);
	return talk(kernel, NULL, NULL, error);
}

/* ---------------------------------------------------------------- questions */

struct rule_walk {
	int (*each)(const struct ml_kernel_rule *rule, void *arg);
	void *arg;
};

static int take_rule(const struct nlmsghdr *message, void *arg)
{
	const struct rule_walk *walk = arg;
	struct ml_kernel_rule rule;

	ml_kernel_rule_from(message, &rule);
	return walk->each(&rule, walk->arg);
}

int ml_kernel_rules(struct ml_kernel *kernel,
		    int (*each)(const struct ml_kernel_rule *rule, void *arg), void *arg,
		    struct ml_error *error)
{
	struct rule_walk walk = { .each = each, .arg = arg };

	ml_genl_begin(kernel->genl, MERLON_CMD_GET_RULES, NLM_F_DUMP);
	return talk(kernel, take_rule, &walk, error);
}

static int take_answer(const struct nlmsghdr *message, void *arg)
{
	ml_kernel_answer_from(message, arg);
	return 0;
}

int ml_kernel_explain(struct ml_kernel *kernel, const struct ml_packet *packet,
		      struct ml_kernel_answer *ret, struct ml_error *error)
{
	struct nlmsghdr *message = begin(kernel, MERLON_CMD_EXPLAIN);
	size_t bytes = packet->family == AF_INET ? 4 : 16;
	struct ml_kernel_answer answer = { .rule_id = 0 };
	int code;

	mnl_attr_put_u8(message, MERLON_A_FAMILY, packet->family);
	mnl_attr_put(message, MERLON_A_SOURCE, bytes, packet->source);
	mnl_attr_put(message, MERLON_A_DESTINATION, bytes, packet->destination);
	mnl_attr_put_u8(message, MERLON_A_PROTOCOL, packet->protocol);
	mnl_attr_put_u16(message, MERLON_A_SELECTOR, packet->selector);
	code = talk(kernel, take_answer, &answer, error);
	if (!code)
		*ret = answer;
	return code;
}

/* ------------------------------------------------------------------- events */

int ml_kernel_subscribe(struct ml_kernel *kernel, struct ml_error *error)
{
	return ml_genl_join(kernel->genl, MERLON_MCGRP_EVENTS, error);
}

static int take_event(const struct nlmsghdr *message, void *arg)
{
	int code = ml_kernel_event_from(message, arg);

	return code == -ENOMSG ? 0 : code;
}

int ml_kernel_event_read(struct ml_kernel *kernel, struct ml_kernel_event *ret,
			 struct ml_error *error)
{
	struct ml_kernel_event event = { .command = MERLON_CMD_UNSPEC };
	int code;

	/* A notification is a datagram of its own: one message, one event. */
	do {
		code = ml_genl_listen(kernel->genl, take_event, &event, error);
	} while (!code && event.command == MERLON_CMD_UNSPEC);
	if (!code)
		*ret = event;
	return code;
}
