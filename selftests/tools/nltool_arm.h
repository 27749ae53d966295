/* SPDX-License-Identifier: MIT */
/* Arming, and how many namespaces are armed. */
#ifndef NLTOOL_ARM_H
#define NLTOOL_ARM_H

#include "nltool_link.h"

static int arm(uint32_t scope, uint32_t mode, uint32_t confirm_s)
{
	struct nlmsghdr *message = request(MERLON_CMD_ARM, 0);

	mnl_attr_put_u32(message, MERLON_A_SCOPE, scope);
	mnl_attr_put_u32(message, MERLON_A_MODE, mode);
	if (confirm_s)
		mnl_attr_put_u32(message, MERLON_A_CONFIRM_S, confirm_s);
	return talk(message, NULL);
}

/* Each holds the module. */
static unsigned long armed_namespaces(void)
{
	FILE *stream = fopen("/sys/module/merlon/refcnt", "re");
	unsigned long count = 0;

	if (!stream || fscanf(stream, "%lu", &count) != 1)
		die("refcnt");
	fclose(stream);
	return count;
}

#endif
