// SPDX-License-Identifier: MIT
/* Circumstances: from device, user and control group to the sources of the guard's rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/merlon.h>

#include "policy_guard_build.h"
#include "policy_text.h"

/* -------------------------------------------------------------------- text */

/* Sources share a table with destinations, and none of those has a blank in its name. */
const char *ml_guard_when_text(struct guard_build *build, const struct policy_when *when)
{
	static const char *const froms[] = { "from here", "from outside", "from anywhere" };
	struct ml_text text = { 0 };
	const char *ret = NULL;

	ml_text_add(&text, froms[when->from]);
	if (when->device_count)
		ml_text_add(&text, when->other_devices ? " by others than" : " by");
	for (size_t i = 0; i < when->device_count; i++)
		ml_text_format(&text, " %s", when->devices[i]);
	if (when->has_user)
		ml_text_format(&text, " user %u", when->user);
	if (when->cgroup)
		ml_text_format(&text, " cgroup %s", when->cgroup);
	if (!text.failed)
		ret = ml_arena_string(&build->arena, text.data, text.length);
	ml_text_clean(&text);
	return ret;
}

/* ----------------------------------------------------------------- numbers */

static int text_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int user_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of equal neighbours one stays. Return: how many there are then. */
static size_t unique(void *items, size_t count, size_t size)
{
	char *bytes = items;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept && !memcmp(bytes + (kept - 1) * size, bytes + i * size, size))
			continue;
		memmove(bytes + kept++ * size, bytes + i * size, size);
	}
	return kept;
}

static size_t devices_named(const struct guard_build *build)
{
	size_t count = 0;

	for (size_t i = 0; i < build->draft_count; i++)
		count += build->drafts[i].when.device_count;
	return count;
}

static void when_take(struct ml_guard *guard, const struct policy_when *when)
{
	for (size_t i = 0; i < when->device_count; i++)
		strncpy(guard->devices[guard->device_count++], when->devices[i],
			sizeof(*guard->devices) - 1);
	if (when->has_user)
		guard->users[guard->user_count++] = when->user;
	if (when->cgroup)
		strncpy(guard->cgroups[guard->cgroup_count++], when->cgroup,
			sizeof(*guard->cgroups) - 1);
}

int ml_guard_number(struct guard_build *build)
{
	struct ml_guard *guard = build->out;

	guard->devices = calloc(devices_named(build) + 1, sizeof(*guard->devices));
	guard->users = calloc(build->draft_count + 1, sizeof(*guard->users));
	guard->cgroups = calloc(build->draft_count + 1, sizeof(*guard->cgroups));
	if (!guard->devices || !guard->users || !guard->cgroups)
		return -ENOMEM;
	for (size_t i = 0; i < build->draft_count; i++)
		when_take(guard, &build->drafts[i].when);
	qsort(guard->devices, guard->device_count, sizeof(*guard->devices), text_compare);
	qsort(guard->users, guard->user_count, sizeof(*guard->users), user_compare);
	qsort(guard->cgroups, guard->cgroup_count, sizeof(*guard->cgroups), text_compare);
	guard->device_count = unique(guard->devices, guard->device_count, sizeof(*guard->devices));
	guard->user_count = unique(guard->users, guard->user_count, sizeof(*guard->users));
	guard->cgroup_count = unique(guard->cgroups, guard->cgroup_count, sizeof(*guard->cgroups));
	return 0;
}

/* ---------------------------------------------------------- circumstances */

/* In both families: in IPv6 they are the last four bytes. */
static int circumstance_add(struct ml_prefixes *list, const uint8_t bytes[static 4],
			    unsigned int length)
{
	struct ml_prefix four = { .family = AF_INET, .length = (uint8_t)length };
	struct ml_prefix six = { .family = AF_INET6, .length = (uint8_t)(96 + length) };

	memcpy(four.address, bytes, 4);
	memcpy(six.address + 12, bytes, 4);
	return ml_prefixes_add(list, &four) || ml_prefixes_add(list, &six) ? -ENOMEM : 0;
}

static bool device_meant(const struct ml_guard *guard, const struct policy_when *when,
			 size_t number)
{
	bool named = false;

	for (size_t i = 0; number && i < when->device_count; i++)
		named |= !strcmp(when->devices[i], guard->devices[number - 1]);
	return !when->device_count || named != when->other_devices;
}

static bool user_meant(const struct ml_guard *guard, const struct policy_when *when, size_t number)
{
	return !when->has_user || (number && guard->users[number - 1] == when->user);
}

static bool cgroup_meant(const struct ml_guard *guard, const struct policy_when *when,
			 size_t number)
{
	return !when->cgroup || (number && !strcmp(guard->cgroups[number - 1], when->cgroup));
}

/* What stands behind the last byte that is asked for is left open. */
static int cgroups_add(const struct ml_guard *guard, const struct policy_when *when,
		       uint8_t bytes[static 4], struct ml_prefixes *ret)
{
	int err = 0;

	bytes[3] = 0;
	if (!when->cgroup)
		return circumstance_add(ret, bytes, 24);
	for (size_t i = 0; !err && i <= guard->cgroup_count; i++) {
		bytes[3] = (uint8_t)i;
		if (cgroup_meant(guard, when, i))
			err = circumstance_add(ret, bytes, 32);
	}
	return err;
}

static int users_add(const struct ml_guard *guard, const struct policy_when *when,
		     uint8_t bytes[static 4], struct ml_prefixes *ret)
{
	int err = 0;

	bytes[2] = bytes[3] = 0;
	if (!when->has_user && !when->cgroup)
		return circumstance_add(ret, bytes, 16);
	for (size_t i = 0; !err && i <= guard->user_count; i++) {
		bytes[2] = (uint8_t)i;
		if (user_meant(guard, when, i))
			err = cgroups_add(guard, when, bytes, ret);
	}
	return err;
}

static int devices_add(const struct ml_guard *guard, const struct policy_when *when,
		       uint8_t bytes[static 4], struct ml_prefixes *ret)
{
	int err = 0;

	bytes[1] = bytes[2] = bytes[3] = 0;
	if (!when->device_count && !when->has_user && !when->cgroup)
		return circumstance_add(ret, bytes, 8);
	for (size_t i = 0; !err && i <= guard->device_count; i++) {
		bytes[1] = (uint8_t)i;
		if (device_meant(guard, when, i))
			err = users_add(guard, when, bytes, ret);
	}
	return err;
}

int ml_guard_when_prefixes(const struct ml_guard *guard, const struct policy_when *when,
			   struct ml_prefixes *ret)
{
	uint8_t bytes[4] = { 0 };
	int err = 0;

	for (uint8_t outside = 0; !err && outside < 2; outside++) {
		bytes[0] = outside;
		if (when->from == POLICY_FROM_ANYWHERE ||
		    outside == (when->from == POLICY_FROM_OUTSIDE))
			err = devices_add(guard, when, bytes, ret);
	}
	ml_prefixes_normalise(ret);
	return err;
}
