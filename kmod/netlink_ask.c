// SPDX-License-Identifier: GPL-2.0
#include <linux/mutex.h>
#include <linux/socket.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include <linux/merlon.h>

#include "compat/compat.h"
#include "event.h"
#include "generation.h"
#include "netlink.h"
#include "pernet.h"

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, MERLON_A_PAD);
}

/* @put under merlon_net.lock, with the answer to write to. */
static int answer(struct genl_info *info, u8 cmd,
		  int (*put)(struct sk_buff *, struct merlon_net *, struct genl_info *))
{
	struct merlon_net *mn = merlon_net_get(genl_info_net(info));
	struct sk_buff *reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *header;
	int err;

	if (!reply)
		return -ENOMEM;
	header = genlmsg_put_reply(reply, info, &merlon_netlink_family, 0, cmd);
	if (!header) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	mutex_lock(&mn->lock);
	err = put(reply, mn, info);
	mutex_unlock(&mn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

static int put_status(struct sk_buff *skb, struct merlon_net *mn, struct genl_info *info)
{
	return merlon_event_put_state(skb, mn);
}

int merlon_netlink_get_status(struct sk_buff *skb, struct genl_info *info)
{
	return answer(info, MERLON_CMD_GET_STATUS, put_status);
}

/* ------------------------------------------------------------------- rules */

/*
 * Between two messages of a dump nothing is held: it goes on behind the last
 * id that was told, in whatever generation is there then. If that is another
 * one, the messages are marked (NLM_F_DUMP_INTR), and whoever asked asks again.
 */
struct rules_context {
	u64 last_id;
	bool in_guard;
};

/* The first rule whose id is above @id; ids ascend. */
static u32 first_above(const struct merlon_generation *generation, u64 id)
{
	u32 low = 1, high = generation->rules + 1;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (merlon_tables_rule_id(generation->tables, middle) > id)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int put_rule(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct merlon_generation *generation, u32 rule)
{
	const struct merlon_tables *tables = generation->tables;
	struct merlon_counter sum;
	void *header;

	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			     &merlon_netlink_family, NLM_F_MULTI, MERLON_CMD_GET_RULES);
	if (!header)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, header);
	merlon_generation_sum(generation, rule, &sum);
	if (put_u64(skb, MERLON_A_RULE_ID, merlon_tables_rule_id(tables, rule)) ||
	    nla_put_u8(skb, MERLON_A_ACTION, merlon_tables_rule_action(tables, rule)) ||
	    put_u64(skb, MERLON_A_PACKETS, sum.packets) ||
	    put_u64(skb, MERLON_A_BYTES, sum.bytes)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

/* The rules of a part, from where the last message ended. Return: 0 or -EMSGSIZE. */
static int put_rules(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct merlon_generation *part, struct rules_context *context)
{
	u32 rule;
	int err;

	for (rule = first_above(part, context->last_id); rule <= part->rules; rule++) {
		err = put_rule(skb, cb, part, rule);
		if (err)
			return err;
		context->last_id = merlon_tables_rule_id(part->tables, rule);
	}
	return 0;
}

int merlon_netlink_get_rules(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct rules_context *context = (struct rules_context *)cb->ctx;
	struct merlon_net *mn = merlon_net_get(sock_net(cb->skb->sk));
	const struct merlon_generation *generation;

	BUILD_BUG_ON(sizeof(*context) > sizeof(cb->ctx));
	mutex_lock(&mn->lock);
	cb->seq = mn->sequence;
	generation = merlon_generation_get(mn);
	if (generation && !context->in_guard && !put_rules(skb, cb, generation, context))
		*context = (struct rules_context) { .in_guard = true };
	if (generation && generation->guard && context->in_guard)
		put_rules(skb, cb, generation->guard, context);
	mutex_unlock(&mn->lock);
	return skb->len;
}

/* ----------------------------------------------------------------- explain */

static int check_addresses(struct genl_info *info)
{
	static const u8 wanted[] = {
		MERLON_A_FAMILY, MERLON_A_SOURCE, MERLON_A_DESTINATION,
		MERLON_A_PROTOCOL, MERLON_A_SELECTOR,
	};
	struct nlattr **attrs = info->attrs;
	int err, bytes;
	u8 family;

	err = merlon_netlink_require(info, wanted, ARRAY_SIZE(wanted));
	if (err)
		return err;
	family = nla_get_u8(attrs[MERLON_A_FAMILY]);
	if (family != AF_INET && family != AF_INET6) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[MERLON_A_FAMILY],
				    "the family is IPv4 (2) or IPv6 (10)");
		return -EINVAL;
	}
	bytes = family == AF_INET ? 4 : 16;
	if (nla_len(attrs[MERLON_A_SOURCE]) != bytes ||
	    nla_len(attrs[MERLON_A_DESTINATION]) != bytes) {
		NL_SET_ERR_MSG(info->extack, "an address does not have its family's length");
		return -EINVAL;
	}
	if (nla_get_u16(attrs[MERLON_A_SELECTOR]) >
	    merlon_selector_max(nla_get_u8(attrs[MERLON_A_PROTOCOL]))) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[MERLON_A_SELECTOR],
				    "the protocol has no such selector");
		return -ERANGE;
	}
	return 0;
}

static int put_trace(struct sk_buff *skb, const struct merlon_generation *generation,
		     const struct merlon_trace *trace)
{
	u32 rule = MERLON_VERDICT_RULE(trace->verdict);
	u8 reason = rule ? MERLON_REASON_RULE : MERLON_REASON_NO_RULE;
	u8 action = MERLON_VERDICT_ACTION(trace->verdict);

	if (merlon_generation_expired(generation)) {
		reason = MERLON_REASON_EXPIRED;
		action = MERLON_ACTION_DROP;
	}
	if (nla_put_u8(skb, MERLON_A_ACTION, action) ||
	    nla_put_u8(skb, MERLON_A_REASON, reason) ||
	    (rule && put_u64(skb, MERLON_A_RULE_ID,
			     merlon_tables_rule_id(generation->tables, rule))) ||
	    nla_put_u32(skb, MERLON_A_SOURCE_CLASS, trace->source_class) ||
	    nla_put_u32(skb, MERLON_A_DESTINATION_CLASS, trace->destination_class) ||
	    nla_put_u32(skb, MERLON_A_SERVICE, trace->service) ||
	    put_u64(skb, MERLON_A_EPOCH, generation->epoch) ||
	    put_u64(skb, MERLON_A_SERIAL, generation->serial))
		return -EMSGSIZE;
	return 0;
}

static int put_explanation(struct sk_buff *skb, struct merlon_net *mn, struct genl_info *info)
{
	const struct merlon_generation *generation = merlon_generation_get(mn);
	struct nlattr **attrs = info->attrs;
	struct merlon_trace trace;

	if (!generation) {
		NL_SET_ERR_MSG(info->extack, "there is no generation to ask: load one");
		return -ENOENT;
	}
	merlon_classify_trace(generation->tables, nla_get_u8(attrs[MERLON_A_FAMILY]),
			      nla_data(attrs[MERLON_A_SOURCE]),
			      nla_data(attrs[MERLON_A_DESTINATION]),
			      nla_get_u8(attrs[MERLON_A_PROTOCOL]),
			      nla_get_u16(attrs[MERLON_A_SELECTOR]), &trace);
	return put_trace(skb, generation, &trace);
}

int merlon_netlink_explain(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	err = check_addresses(info);
	if (err)
		return err;
	return answer(info, MERLON_CMD_EXPLAIN, put_explanation);
}
