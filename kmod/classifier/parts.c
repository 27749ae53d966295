// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "parts.h"
#include "tables.h"

static int refuse(struct merlon_fault *fault, int code, u32 index, const char *what)
{
	return merlon_fault_set(fault, code, -1, index, what);
}

/* ------------------------------------------------------------------- names */

static int check_devices(const struct merlon_parts *parts, struct merlon_fault *fault)
{
	u32 i;

	for (i = 0; i < parts->nr_devices; i++) {
		const u8 *name = parts->devices[i].name;

		if (!merlon_device_name_valid(name))
			return refuse(fault, -EINVAL, i, "the guard has no valid name of a device");
		if (i && memcmp(parts->devices[i - 1].name, name, 16) >= 0)
			return refuse(fault, -EINVAL, i, "the guard's devices do not ascend");
	}
	return 0;
}

static int check_users(const struct merlon_parts *parts, struct merlon_fault *fault)
{
	u32 i, user, before = 0;

	for (i = 0; i < parts->nr_users; i++) {
		user = le32_to_cpu(parts->users[i]);
		if (user == ~0u)
			return refuse(fault, -EINVAL, i, "the guard has no valid user");
		if (i && user <= before)
			return refuse(fault, -EINVAL, i, "the guard's users do not ascend");
		before = user;
	}
	return 0;
}

/* Length of the path; 0: it is none. */
static u32 path_length(const u8 *path)
{
	u32 i, length = 0;

	while (length < MERLON_MAX_CGROUP_BYTES && path[length])
		length++;
	if (length < 2 || length == MERLON_MAX_CGROUP_BYTES || path[0] != '/' ||
	    path[length - 1] == '/')
		return 0;
	for (i = 1; i < length; i++)
		if (path[i] == '/' && path[i - 1] == '/')
			return 0;
	for (i = length; i < MERLON_MAX_CGROUP_BYTES; i++)
		if (path[i])
			return 0;
	return length;
}

/*
 * Ascending, one that is below another need not follow it at once
 * ("/a", "/a-b", "/a/c"): so it is compared with all before it.
 */
static bool is_below_another(const struct merlon_parts *parts, u32 of)
{
	const u8 *path = parts->cgroups[of].path;
	u32 i, length;

	for (i = 0; i < of; i++) {
		length = path_length(parts->cgroups[i].path);
		if (!memcmp(parts->cgroups[i].path, path, length) && path[length] == '/')
			return true;
	}
	return false;
}

static int check_cgroups(const struct merlon_parts *parts, struct merlon_fault *fault)
{
	u32 i;

	for (i = 0; i < parts->nr_cgroups; i++) {
		const u8 *path = parts->cgroups[i].path;

		if (!path_length(path))
			return refuse(fault, -EINVAL, i,
				      "the guard has no valid path of a control group");
		if (i && memcmp(parts->cgroups[i - 1].path, path, MERLON_MAX_CGROUP_BYTES) >= 0)
			return refuse(fault, -EINVAL, i,
				      "the guard's control groups do not ascend");
		if (is_below_another(parts, i))
			return refuse(fault, -EINVAL, i,
				      "one of the guard's control groups is below another");
	}
	return 0;
}

/* ------------------------------------------------------------------- parts */

static int check_counts(const struct merlon_guard_header *header, struct merlon_fault *fault)
{
	if (memcmp(header->magic, MERLON_GUARD_MAGIC, sizeof(header->magic)))
		return refuse(fault, -EINVAL, 0, "what follows the first part is no guard");
	if (le32_to_cpu(header->devices) > MERLON_MAX_CONDITIONS ||
	    le32_to_cpu(header->users) > MERLON_MAX_CONDITIONS ||
	    le32_to_cpu(header->cgroups) > MERLON_MAX_CONDITIONS)
		return refuse(fault, -E2BIG, 0, "more than MERLON_MAX_CONDITIONS");
	return 0;
}

/* @left bytes at @at. */
static int split_guard(const u8 *at, size_t left, struct merlon_parts *parts,
		       struct merlon_fault *fault)
{
	const struct merlon_guard_header *header = (const void *)at;
	size_t names;
	int err;

	if (left < sizeof(*header))
		return refuse(fault, -EINVAL, 0, "the image ends inside the guard's header");
	err = check_counts(header, fault);
	if (err)
		return err;
	parts->nr_devices = le32_to_cpu(header->devices);
	parts->nr_users = le32_to_cpu(header->users);
	parts->nr_cgroups = le32_to_cpu(header->cgroups);
	names = sizeof(*header) + parts->nr_devices * sizeof(*parts->devices) +
		parts->nr_users * sizeof(*parts->users) +
		parts->nr_cgroups * sizeof(*parts->cgroups);
	if (left <= names)
		return refuse(fault, -EINVAL, 0, "the image ends inside the guard");
	parts->devices = (const void *)(header + 1);
	parts->users = (const void *)(parts->devices + parts->nr_devices);
	parts->cgroups = (const void *)(parts->users + parts->nr_users);
	parts->second = at + names;
	parts->second_len = left - names;
	err = check_devices(parts, fault);
	if (!err)
		err = check_users(parts, fault);
	return err ? err : check_cgroups(parts, fault);
}

int merlon_parts_split(const void *bytes, size_t len, struct merlon_parts *ret,
		       struct merlon_fault *fault)
{
	const struct merlon_image_header *header = bytes;
	struct merlon_parts parts = { .first = bytes, .first_len = len };
	size_t first;
	int err;

	if (len > MERLON_MAX_IMAGE_BYTES)
		return refuse(fault, -E2BIG, 0, "more than MERLON_MAX_IMAGE_BYTES");
	if (len >= sizeof(*header)) {
		first = le32_to_cpu(header->bytes);
		if (first >= sizeof(*header) && first < len && !(first & 3)) {
			parts.first_len = first;
			err = split_guard((const u8 *)bytes + first, len - first, &parts, fault);
			if (err)
				return err;
		}
	}
	*ret = parts;
	return 0;
}

int merlon_parts_check_guard(const struct merlon_view *view, struct merlon_fault *fault)
{
	if (view->count[MERLON_SECTION_TUNNELS] || view->flags)
		return refuse(fault, -EINVAL, 0, "a guard has no tunnels and no flags");
	if (!view->count[MERLON_SECTION_RULES])
		return refuse(fault, -EINVAL, 0, "a guard without a rule is left out");
	return 0;
}
