// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Drops at XDP what the policy denies. */
#include "ask.h"

extern int merlon_classify_xdp(struct xdp_md *context, const struct merlon_question *question,
			       struct merlon_answer *ret) __ksym;

SEC("xdp")
int ask_xdp(struct xdp_md *context)
{
	struct merlon_question question = { 0 };
	struct merlon_answer answer = { 0 };
	int error;

	if (!read_packet(&question, (void *)(long)context->data, (void *)(long)context->data_end))
		return XDP_PASS;
	error = merlon_classify_xdp(context, &question, &answer);
	return conclude(&question, error, &answer) ? XDP_PASS : XDP_DROP;
}
