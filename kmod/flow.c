// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "flow.h"
#include "flow_table.h"

struct merlon_flows *merlon_flows_alloc(void)
{
	struct merlon_flows *flows = kvzalloc(sizeof(*flows), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (flows)
		flows->seed = get_random_u64() | 1;
	return flows;
}

void merlon_flows_free(struct merlon_flows *flows)
{
	kvfree(flows);
}

static u32 now_stamp(void)
{
	return ktime_get_seconds() & STAMP_MASK;
}

int merlon_flow_query(const struct merlon_packet *packet)
{
	return flow_query(packet);
}

void merlon_flow_open(struct merlon_flows *flows, const struct merlon_packet *opener)
{
	flows_open(flows, opener, now_stamp());
}

bool merlon_flow_answers(struct merlon_flows *flows, const struct merlon_packet *reply,
			 bool renew)
{
	return flows_answer(flows, reply, now_stamp(), renew);
}

bool merlon_flow_opened(struct merlon_flows *flows, const struct merlon_packet *packet)
{
	return flows_opened(flows, packet, now_stamp());
}

bool merlon_flow_hold4(struct merlon_flows *flows, const u8 *at)
{
	return flows_hold_plain(flows, AF_INET, at, now_stamp());
}

bool merlon_flow_hold6(struct merlon_flows *flows, const u8 *at)
{
	return flows_hold_plain(flows, AF_INET6, at, now_stamp());
}

bool merlon_flow_answers4(struct merlon_flows *flows, const u8 *at)
{
	return flows_answer_plain(flows, AF_INET, at, now_stamp());
}

bool merlon_flow_answers6(struct merlon_flows *flows, const u8 *at)
{
	return flows_answer_plain(flows, AF_INET6, at, now_stamp());
}
