/* SPDX-License-Identifier: MIT */
/*
 * Merlon's commands under fault: what is there before each, its message, and
 * whether it was carried out, wholly (1), not at all (0), or half (-1).
 */
#ifndef FAULTN_COMMANDS_H
#define FAULTN_COMMANDS_H

#include "faultn_judge.h"
#include "nltool_arm.h"
#include "nltool_link.h"
#include "nltool_load.h"

static struct image small, large;
static uint64_t epoch = 1, serial;
static uint32_t scope = MERLON_SCOPE_TUNNELS, other_scope = MERLON_SCOPE_EVERYTHING;

/* -------------------------------------------------------------------- state */

struct view {
	uint32_t state, mode, scope, rules, confirm;
	uint64_t epoch, serial, last_epoch, last_serial, memory;
	uint8_t digest[MERLON_DIGEST_BYTES];
};

static struct view seen;

static void each_view(const struct nlmsghdr *message)
{
	static const struct {
		uint16_t type;
		void *to;
		size_t size;
	} fields[] = {
		{ MERLON_A_STATE, &seen.state, 4 }, { MERLON_A_MODE, &seen.mode, 4 },
		{ MERLON_A_SCOPE, &seen.scope, 4 }, { MERLON_A_RULES, &seen.rules, 4 },
		{ MERLON_A_CONFIRM_S, &seen.confirm, 4 }, { MERLON_A_EPOCH, &seen.epoch, 8 },
		{ MERLON_A_SERIAL, &seen.serial, 8 }, { MERLON_A_MEMORY, &seen.memory, 8 },
		{ MERLON_A_LAST_EPOCH, &seen.last_epoch, 8 },
		{ MERLON_A_LAST_SERIAL, &seen.last_serial, 8 },
		{ MERLON_A_DIGEST, seen.digest, sizeof(seen.digest) },
	};
	const struct nlattr *attr;
	size_t i;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
		for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
			if (mnl_attr_get_type(attr) == fields[i].type)
				memcpy(fields[i].to, mnl_attr_get_payload(attr),
				       fields[i].size);
}

/* By another socket than the operation's. Of the seconds left only that there are. */
static struct view look(void)
{
	seen = (struct view){ 0 };
	chosen = 1;
	if (talk(request(MERLON_CMD_GET_STATUS, 0), each_view))
		die("status");
	chosen = 0;
	seen.confirm = !!seen.confirm;
	return seen;
}

static bool same(const struct view *a, const struct view *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* ------------------------------------------------------------ what is before */

static void need(int code, const char *what)
{
	if (!code)
		return;
	fprintf(stderr, "faultn: %s: %s %s\n", what, strerror(code), outcome.sentence);
	exit(2);
}

static void disarm(void)
{
	struct nlmsghdr *message = request(MERLON_CMD_DISARM, 0);

	mnl_attr_put_strz(message, MERLON_A_WHY, "faults");
	need(talk(message, NULL), "disarm");
}

static void prepare_open(void)
{
	disarm();
}

static void prepare_loaded(void)
{
	disarm();
	need(load(&small, epoch, ++serial, 3600000), "load");
}

static void prepare_armed(void)
{
	if (look().state == MERLON_STATE_ENFORCING && !seen.confirm && seen.scope == scope)
		return;
	prepare_loaded();
	need(arm(scope, MERLON_MODE_ENFORCING, 0), "arm");
}

static void prepare_observing(void)
{
	prepare_loaded();
	need(arm(scope, MERLON_MODE_OBSERVING, 0), "arm");
}

static void prepare_unconfirmed(void)
{
	prepare_loaded();
	need(arm(scope, MERLON_MODE_ENFORCING, 3600), "arm");
}

static void prepare_begun(void)
{
	prepare_armed();
	need(load_begin(&small, epoch, ++serial, 3600000), "begin");
}

static void prepare_sent(void)
{
	prepare_begun();
	need(load_chunks(&small), "chunks");
}

static void prepare_sent_large(void)
{
	prepare_armed();
	need(load_begin(&large, epoch, ++serial, 3600000), "begin");
	need(load_chunks(&large), "chunks");
}

static void prepare_loaded_small(void)
{
	prepare_armed();
	need(load(&small, epoch, ++serial, 3600000), "load");
}

/* -------------------------------------------------------------- the messages */

static struct nlmsghdr *ask_status(void)
{
	return request(MERLON_CMD_GET_STATUS, 0);
}

static struct nlmsghdr *ask_rules(void)
{
	return request(MERLON_CMD_GET_RULES, NLM_F_DUMP);
}

static struct nlmsghdr *ask_explain(void)
{
	struct nlmsghdr *message = request(MERLON_CMD_EXPLAIN, 0);
	struct in_addr from = { htonl(0x0a000001) };

	mnl_attr_put_u8(message, MERLON_A_FAMILY, AF_INET);
	mnl_attr_put(message, MERLON_A_SOURCE, 4, &from);
	mnl_attr_put(message, MERLON_A_DESTINATION, 4, &judge.inside);
	mnl_attr_put_u8(message, MERLON_A_PROTOCOL, IPPROTO_UDP);
	mnl_attr_put_u16(message, MERLON_A_SELECTOR, JUDGE_ALLOWED);
	return message;
}

static struct nlmsghdr *ask_arm_scope(uint32_t to)
{
	struct nlmsghdr *message = request(MERLON_CMD_ARM, 0);

	mnl_attr_put_u32(message, MERLON_A_SCOPE, to);
	mnl_attr_put_u32(message, MERLON_A_MODE, MERLON_MODE_ENFORCING);
	return message;
}

static struct nlmsghdr *ask_arm(void)
{
	return ask_arm_scope(scope);
}

static struct nlmsghdr *ask_arm_other(void)
{
	return ask_arm_scope(other_scope);
}

static struct nlmsghdr *ask_arm_unconfirmed(void)
{
	struct nlmsghdr *message = ask_arm();

	mnl_attr_put_u32(message, MERLON_A_CONFIRM_S, 3600);
	return message;
}

static struct nlmsghdr *ask_confirm(void)
{
	return request(MERLON_CMD_CONFIRM, 0);
}

static struct nlmsghdr *ask_disarm(void)
{
	struct nlmsghdr *message = request(MERLON_CMD_DISARM, 0);

	mnl_attr_put_strz(message, MERLON_A_WHY, "faults");
	return message;
}

static struct nlmsghdr *ask_offer(uint8_t command, const struct image *image, bool bytes)
{
	struct nlmsghdr *message = request(command, 0);

	mnl_attr_put_u64(message, MERLON_A_EPOCH, epoch);
	mnl_attr_put_u64(message, MERLON_A_SERIAL, ++serial);
	mnl_attr_put_u64(message, MERLON_A_LIFETIME_MS, 3600000);
	if (bytes)
		mnl_attr_put_u32(message, MERLON_A_IMAGE_BYTES, (uint32_t)image->length);
	mnl_attr_put(message, MERLON_A_DIGEST, sizeof(image->digest), image->digest);
	return message;
}

static struct nlmsghdr *ask_begin(void)
{
	return ask_offer(MERLON_CMD_LOAD_BEGIN, &small, true);
}

static struct nlmsghdr *ask_begin_large(void)
{
	return ask_offer(MERLON_CMD_LOAD_BEGIN, &large, true);
}

static struct nlmsghdr *ask_renew(void)
{
	return ask_offer(MERLON_CMD_RENEW, &small, false);
}

static struct nlmsghdr *ask_chunk(void)
{
	struct nlmsghdr *message = request(MERLON_CMD_LOAD_CHUNK, 0);

	mnl_attr_put_u32(message, MERLON_A_OFFSET, 0);
	mnl_attr_put(message, MERLON_A_DATA, small.length, small.bytes);
	return message;
}

static struct nlmsghdr *ask_commit(void)
{
	return request(MERLON_CMD_LOAD_COMMIT, 0);
}

static struct nlmsghdr *ask_abort(void)
{
	return request(MERLON_CMD_LOAD_ABORT, 0);
}

/* --------------------------------------------------------- what comes of it */

static int done_asking(const struct view *before, const struct view *after)
{
	return same(before, after) ? 1 : -1;
}

static int done_arming(const struct view *before, const struct view *after, uint32_t to,
		       uint32_t confirm)
{
	struct view wanted = *before;

	if (same(before, after))
		return 0;
	wanted.mode = MERLON_MODE_ENFORCING;
	wanted.scope = to;
	wanted.state = before->epoch ? MERLON_STATE_ENFORCING : MERLON_STATE_LOCKDOWN;
	wanted.confirm = confirm;
	return same(&wanted, after) ? 1 : -1;
}

static int done_armed(const struct view *before, const struct view *after)
{
	return done_arming(before, after, scope, 0);
}

static int done_armed_other(const struct view *before, const struct view *after)
{
	return done_arming(before, after, other_scope, 0);
}

static int done_armed_unconfirmed(const struct view *before, const struct view *after)
{
	return done_arming(before, after, scope, 1);
}

static int done_confirmed(const struct view *before, const struct view *after)
{
	struct view wanted = *before;

	wanted.confirm = 0;
	return same(before, after) ? 0 : same(&wanted, after) ? 1 : -1;
}

static int done_disarmed(const struct view *before, const struct view *after)
{
	struct view wanted = {
		.state = MERLON_STATE_DISARMED,
		.last_epoch = before->last_epoch, .last_serial = before->last_serial,
	};

	return same(before, after) ? 0 : same(&wanted, after) ? 1 : -1;
}

/* A load is there, and has nothing of it yet; ends it. */
static int done_begun(const struct view *before, const struct view *after)
{
	int code = plain(MERLON_CMD_LOAD_ABORT);

	return !same(before, after) ? -1 : code == 0 ? 1 : code == ESRCH ? 0 : -1;
}

/* It is refused now, since it was taken, or it is taken now; either is whole. */
static int done_chunk(const struct view *before, const struct view *after)
{
	int code = load_chunk(&small, 0, small.length);

	if (!same(before, after) || (code && code != EINVAL) ||
	    plain(MERLON_CMD_LOAD_COMMIT) || look().serial != serial)
		return -1;
	return code ? 1 : 0;
}

static int done_gone(const struct view *before, const struct view *after)
{
	return done_begun(before, after) == -1 ? -1 : outcome.code == ESRCH;
}

static int done_generation(const struct view *before, const struct view *after,
			   const struct image *image)
{
	struct view wanted = *before;

	if (same(before, after))
		return 0;
	wanted.epoch = wanted.last_epoch = epoch;
	wanted.serial = wanted.last_serial = serial;
	wanted.rules = after->rules;
	wanted.memory = after->memory;
	memcpy(wanted.digest, image->digest, sizeof(wanted.digest));
	return same(&wanted, after) ? 1 : -1;
}

/* COMMIT ends the load whatever comes of it; before it was called it is there. */
static int done_commit(const struct view *before, const struct view *after)
{
	int done = done_generation(before, after, &small);
	int code = plain(MERLON_CMD_LOAD_ABORT);

	return done == 1 && code != ESRCH ? -1 : done;
}

static int done_commit_large(const struct view *before, const struct view *after)
{
	int done = done_generation(before, after, &large);

	return done == 1 && plain(MERLON_CMD_LOAD_ABORT) != ESRCH ? -1 : done;
}

static int done_renewed(const struct view *before, const struct view *after)
{
	return done_generation(before, after, &small);
}

#endif
