/* SPDX-License-Identifier: MIT */
/* One packet, four judges: the classifier, its trace, the library's naive one and ours. */
#ifndef COMPARE_H
#define COMPARE_H

#include <stdio.h>

#include "classify.h"
#include "naive.h"

static inline uint32_t judge_fast(const struct merlon_tables *tables,
				  const struct ml_packet *packet)
{
	__be32 source, destination;

	if (packet->family != AF_INET)
		return merlon_classify6(tables, packet->source, packet->destination,
					packet->protocol, packet->selector);
	memcpy(&source, packet->source, 4);
	memcpy(&destination, packet->destination, 4);
	return merlon_classify4(tables, source, destination, packet->protocol,
				packet->selector);
}

static inline uint8_t owner_fast(const struct merlon_tables *tables,
				 const struct ml_packet *packet)
{
	__be32 source;

	if (packet->family != AF_INET)
		return merlon_owner6(tables, packet->source);
	memcpy(&source, packet->source, 4);
	return merlon_owner4(tables, source);
}

static inline uint32_t expected_verdict(const struct ml_ruleset *ruleset, long winner)
{
	if (winner >= 0)
		return MERLON_VERDICT(ruleset->rules[winner].action, (uint32_t)winner + 1);
	return MERLON_VERDICT(ruleset->reject_unmatched ? MERLON_ACTION_REJECT :
			      MERLON_ACTION_DROP, 0);
}

static inline const char *compare_judges(const struct ml_ruleset *ruleset,
					 const struct merlon_tables *tables,
					 const struct ml_packet *packet)
{
	long naive = naive_judge(ruleset, packet);
	uint32_t verdict = judge_fast(tables, packet), rule = MERLON_VERDICT_RULE(verdict);
	uint8_t owner = naive_owner(ruleset, packet->family, packet->source);
	struct merlon_trace trace;
	size_t winner;

	ml_ruleset_match(ruleset, packet, &winner, NULL, NULL);
	if (winner != (naive < 0 ? SIZE_MAX : (size_t)naive))
		return "the naive judges differ";
	if (verdict != expected_verdict(ruleset, naive))
		return "the classifier is wrong";
	if (naive >= 0 && merlon_tables_rule_id(tables, rule) != ruleset->rules[naive].id)
		return "the rule has another id";
	merlon_classify_trace(tables, packet->family, packet->source, packet->destination,
			      packet->protocol, packet->selector, &trace);
	if (trace.verdict != verdict)
		return "the trace differs from the verdict";
	if (owner_fast(tables, packet) != owner || trace.source_tunnel != owner)
		return "the owner is wrong";
	return NULL;
}

#endif
