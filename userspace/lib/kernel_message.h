/* SPDX-License-Identifier: MIT */
/* What the module says, from the bytes of its messages. */
#ifndef ML_KERNEL_MESSAGE_H
#define ML_KERNEL_MESSAGE_H

#include <libmnl/libmnl.h>

#include "kernel.h"

/* What a message leaves out is 0 in @ret; what is not known is passed over. */
void ml_kernel_status_from(const struct nlmsghdr *message, struct ml_kernel_status *ret);
void ml_kernel_rule_from(const struct nlmsghdr *message, struct ml_kernel_rule *ret);
void ml_kernel_answer_from(const struct nlmsghdr *message, struct ml_kernel_answer *ret);
/* -ENOMSG: neither DROP_EVENT nor STATE_EVENT. */
int ml_kernel_event_from(const struct nlmsghdr *message, struct ml_kernel_event *ret);

#endif
