// SPDX-License-Identifier: MIT
#include "circumstances.h"

#include <string.h>
#include <sys/socket.h>

static uint8_t device_number(const struct ml_guard *guard, const char *device)
{
	for (size_t i = 0; device && i < guard->device_count; i++)
		if (!strcmp(guard->devices[i], device))
			return (uint8_t)(i + 1);
	return 0;
}

static uint8_t user_number(const struct ml_guard *guard, uint32_t user)
{
	for (size_t i = 0; i < guard->user_count; i++)
		if (guard->users[i] == user)
			return (uint8_t)(i + 1);
	return 0;
}

/* The group that is named, or one above it. */
static uint8_t cgroup_number(const struct ml_guard *guard, const char *cgroup)
{
	for (size_t i = 0; cgroup && i < guard->cgroup_count; i++) {
		size_t length = strlen(guard->cgroups[i]);

		if (!strncmp(guard->cgroups[i], cgroup, length) &&
		    (!cgroup[length] || cgroup[length] == '/'))
			return (uint8_t)(i + 1);
	}
	return 0;
}

void ml_leaving_source(const struct ml_guard *guard, const struct ml_leaving *leaving,
		       struct ml_packet *packet)
{
	uint8_t *bytes = packet->source + (packet->family == AF_INET ? 0 : 12);

	memset(packet->source, 0, sizeof(packet->source));
	bytes[0] = leaving->outside;
	bytes[1] = device_number(guard, leaving->device);
	bytes[2] = leaving->has_user ? user_number(guard, leaving->user) : 0;
	bytes[3] = cgroup_number(guard, leaving->cgroup);
}
