// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Drops at tc what the policy denies. */
#include "ask.h"

#define PASSES	0	/* TC_ACT_OK */
#define DROPPED	2	/* TC_ACT_SHOT */

extern int merlon_classify_skb(struct __sk_buff *context, const struct merlon_question *question,
			       struct merlon_answer *ret) __ksym;

SEC("tc")
int ask_tc(struct __sk_buff *context)
{
	struct merlon_question question = { 0 };
	struct merlon_answer answer = { 0 };
	int error;

	if (!read_packet(&question, (void *)(long)context->data, (void *)(long)context->data_end))
		return PASSES;
	error = merlon_classify_skb(context, &question, &answer);
	return conclude(&question, error, &answer) ? PASSES : DROPPED;
}
