/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MERLON_HOOKS_H
#define MERLON_HOOKS_H

struct merlon_net;

/**
 * merlon_hooks_register - judge the packets of a namespace from now on
 *
 * Called by arming, under merlon_net.lock, after mode, scope and flows are set.
 * Switches the kernel's defragmentation on. Return: 0 or -errno, then nothing
 * is registered.
 */
int merlon_hooks_register(struct merlon_net *mn);

/* No packet is in a hook any more when it returns. */
void merlon_hooks_unregister(struct merlon_net *mn);

#endif
