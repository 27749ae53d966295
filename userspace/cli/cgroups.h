/* SPDX-License-Identifier: MIT */
/* Control groups, by the ids that the kernel reports. */
#ifndef CLI_CGROUPS_H
#define CLI_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

/**
 * cgroups_path - where the group with @id is in the unified hierarchy
 * @ret: "/system.slice/ssh.service", "/" for the root; "" where it is gone, or
 *	cannot be looked for
 */
void cgroups_path(uint64_t id, char *ret, size_t size);

#endif
