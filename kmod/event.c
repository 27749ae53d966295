// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>
#include <net/genetlink.h>

#include "compat/compat.h"
#include "event.h"
#include "generation.h"
#include "holes.h"
#include "parse.h"
#include "pernet.h"

static const struct genl_family *family;

void __init merlon_event_setup(const struct genl_family *of)
{
	family = of;
}

static bool has_listeners(const struct merlon_net *mn)
{
	return merlon_compat_may_send(mn->net) && genl_has_listeners(family, mn->net, 0);
}

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, MERLON_A_PAD);
}

/* ------------------------------------------------------------------- state */

static u64 lifetime_left_ms(const struct merlon_generation *generation)
{
	u64 now = ktime_get_boottime_ns();

	if (now >= generation->deadline_ns)
		return 0;
	return div_u64(generation->deadline_ns - now - 1, NSEC_PER_MSEC) + 1;
}

static int put_generation(struct sk_buff *skb, const struct merlon_generation *generation)
{
	const struct merlon_tables *tables = generation->tables;

	if (put_u64(skb, MERLON_A_EPOCH, generation->epoch) ||
	    put_u64(skb, MERLON_A_SERIAL, generation->serial) ||
	    put_u64(skb, MERLON_A_LIFETIME_MS, lifetime_left_ms(generation)) ||
	    put_u64(skb, MERLON_A_MEMORY, generation->memory) ||
	    nla_put(skb, MERLON_A_DIGEST, sizeof(generation->digest), generation->digest) ||
	    nla_put_u32(skb, MERLON_A_IMAGE_BYTES, generation->image_bytes) ||
	    nla_put_u32(skb, MERLON_A_RULES, generation->rules) ||
	    nla_put_u32(skb, MERLON_A_GUARD_RULES,
			generation->guard ? generation->guard->rules : 0) ||
	    nla_put_u32(skb, MERLON_A_PAIRS, merlon_tables_pair_count(tables)) ||
	    nla_put_u32(skb, MERLON_A_HOSTS, merlon_tables_host_count(tables)))
		return -EMSGSIZE;
	return 0;
}

static int put_arming(struct sk_buff *skb, const struct merlon_net *mn)
{
	u32 left = merlon_net_confirm_left(mn);

	if (nla_put_u32(skb, MERLON_A_STATE, merlon_net_state(mn)))
		return -EMSGSIZE;
	if (mn->mode != MERLON_MODE_UNSPEC &&
	    (nla_put_u32(skb, MERLON_A_MODE, mn->mode) ||
	     nla_put_u32(skb, MERLON_A_SCOPE, mn->scope)))
		return -EMSGSIZE;
	if (left && nla_put_u32(skb, MERLON_A_CONFIRM_S, left))
		return -EMSGSIZE;
	if (mn->scope == MERLON_SCOPE_EVERYTHING &&
	    nla_put_u32(skb, MERLON_A_HOLES, merlon_holes_get(mn->net)))
		return -EMSGSIZE;
	return 0;
}

static int put_reasons(struct sk_buff *skb, const struct merlon_net *mn)
{
	struct merlon_reason_counts counts;
	struct nlattr *nest;
	u64 pair[2];
	int i;

	nest = nla_nest_start(skb, MERLON_A_REASON_COUNTS);
	if (!nest)
		return -EMSGSIZE;
	merlon_generation_totals(mn, &counts);
	for (i = MERLON_REASON_UNSPEC + 1; i <= MERLON_REASON_MAX; i++) {
		pair[0] = counts.passed[i];
		pair[1] = counts.denied[i];
		if (nla_put(skb, i, sizeof(pair), pair))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

int merlon_event_put_state(struct sk_buff *skb, struct merlon_net *mn)
{
	const struct merlon_generation *generation = merlon_generation_get(mn);
	int err;

	err = put_arming(skb, mn);
	if (!err && generation)
		err = put_generation(skb, generation);
	if (!err)
		err = put_reasons(skb, mn);
	if (err)
		return err;
	if (put_u64(skb, MERLON_A_LAST_EPOCH, mn->last_epoch) ||
	    put_u64(skb, MERLON_A_LAST_SERIAL, mn->last_serial) ||
	    put_u64(skb, MERLON_A_MAX_LIFETIME_MS, MERLON_MAX_LIFETIME_MS) ||
	    nla_put_string(skb, MERLON_A_MODULE_VERSION, MERLON_VERSION))
		return -EMSGSIZE;
	return 0;
}

static struct sk_buff *state_message(struct merlon_net *mn)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *header;

	if (!skb)
		return NULL;
	header = genlmsg_put(skb, 0, 0, family, 0, MERLON_CMD_STATE_EVENT);
	if (!header || merlon_event_put_state(skb, mn)) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, header);
	return skb;
}

void merlon_event_state(struct merlon_net *mn)
{
	struct sk_buff *skb;

	lockdep_assert_held(&mn->lock);
	if (!has_listeners(mn))
		return;
	skb = state_message(mn);
	if (skb)
		merlon_compat_send(family, mn->net, skb, GFP_KERNEL);
	else	/* who listens is told that something is missing, and asks */
		genl_set_err(family, mn->net, 0, 0, -ENOBUFS);
}

/* ------------------------------------------------------------------- drops */

/*
 * A bucket in one word: the time at which the next event would be on time if
 * they came evenly. Whoever is early by more than the burst has to wait.
 */
static bool take_token(struct merlon_net *mn)
{
	const s64 step = NSEC_PER_SEC / MERLON_EVENT_RATE;
	s64 now = ktime_get_ns();
	s64 due = atomic64_read(&mn->events_due);
	s64 next;

	do {
		next = max(due, now) + step;
		if (next - now > step * MERLON_EVENT_BURST)
			return false;
	} while (!atomic64_try_cmpxchg(&mn->events_due, &due, next));
	return true;
}

static int put_devices(struct sk_buff *skb, const struct merlon_drop *drop)
{
	if (drop->in && nla_put_string(skb, MERLON_A_DEVICE_IN, drop->in->name))
		return -EMSGSIZE;
	if (drop->out && nla_put_string(skb, MERLON_A_DEVICE_OUT, drop->out->name))
		return -EMSGSIZE;
	return 0;
}

/* What is not IP has an ethertype, and no more. */
static int put_packet(struct sk_buff *skb, const struct merlon_drop *drop)
{
	const struct merlon_packet *packet = drop->packet;
	int bytes = packet->family == AF_INET6 ? 16 : 4;

	if ((drop->hook == MERLON_HOOK_EGRESS || drop->hook == MERLON_HOOK_INGRESS) &&
	    nla_put_u16(skb, MERLON_A_ETHERTYPE, drop->ethertype))
		return -EMSGSIZE;
	if (!packet->family)
		return 0;
	if (nla_put_u8(skb, MERLON_A_FAMILY, packet->family) ||
	    nla_put_u8(skb, MERLON_A_PROTOCOL, packet->protocol) ||
	    nla_put(skb, MERLON_A_SOURCE, bytes, packet->source) ||
	    nla_put(skb, MERLON_A_DESTINATION, bytes, packet->destination) ||
	    nla_put_u16(skb, MERLON_A_SOURCE_PORT, packet->source_port) ||
	    nla_put_u16(skb, MERLON_A_SELECTOR, packet->selector))
		return -EMSGSIZE;
	return 0;
}

static u64 rule_id(const struct merlon_drop *drop)
{
	u32 rule = MERLON_VERDICT_RULE(drop->verdict);

	return rule ? merlon_tables_rule_id(drop->generation->tables, rule) : 0;
}

static int put_verdict(struct sk_buff *skb, const struct merlon_drop *drop)
{
	u8 action = MERLON_VERDICT_ACTION(drop->verdict) ?: MERLON_ACTION_DROP;
	u64 id = rule_id(drop);

	if (nla_put_u8(skb, MERLON_A_REASON, drop->reason) ||
	    nla_put_u8(skb, MERLON_A_HOOK, drop->hook) ||
	    nla_put_u8(skb, MERLON_A_ACTION, action) ||
	    nla_put_u32(skb, MERLON_A_LENGTH, drop->length))
		return -EMSGSIZE;
	if (id && put_u64(skb, MERLON_A_RULE_ID, id))
		return -EMSGSIZE;
	if (drop->observed && nla_put_flag(skb, MERLON_A_OBSERVED))
		return -EMSGSIZE;
	if (drop->reply && nla_put_flag(skb, MERLON_A_REPLY))
		return -EMSGSIZE;
	return 0;
}

static struct sk_buff *drop_message(const struct merlon_drop *drop, u64 suppressed)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_ATOMIC);
	void *header;

	if (!skb)
		return NULL;
	header = genlmsg_put(skb, 0, 0, family, 0, MERLON_CMD_DROP_EVENT);
	if (!header || put_verdict(skb, drop) || put_packet(skb, drop) ||
	    put_devices(skb, drop) ||
	    (suppressed && put_u64(skb, MERLON_A_SUPPRESSED, suppressed))) {
		nlmsg_free(skb);
		return NULL;
	}
	genlmsg_end(skb, header);
	return skb;
}

void merlon_event_drop(struct merlon_net *mn, const struct merlon_drop *drop)
{
	struct sk_buff *skb;
	u64 suppressed;

	if (!has_listeners(mn))
		return;
	if (!take_token(mn)) {
		atomic64_inc(&mn->events_suppressed);
		return;
	}
	suppressed = atomic64_xchg(&mn->events_suppressed, 0);
	skb = drop_message(drop, suppressed);
	if (!skb) {
		atomic64_add(suppressed + 1, &mn->events_suppressed);
		return;
	}
	merlon_compat_send(family, mn->net, skb, GFP_ATOMIC);
}
