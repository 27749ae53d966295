/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The two parts of an image: the first, which the classifier looks packets up
 * in, and the guard's, which is one more image under names of devices, users
 * and control groups. This file splits; image.c checks each.
 */
#ifndef MERLON_PARTS_H
#define MERLON_PARTS_H

#include "classifier.h"

/**
 * struct merlon_parts - where the parts of an image stand
 * @first: the first part
 * @first_len: its length, bytes
 * @second: the guard's image; NULL: there is none, and all that follows is 0
 * @second_len: its length, bytes
 * @devices: strictly ascending, as the next two
 * @users: user ids
 * @cgroups: paths
 * @nr_devices: how many
 * @nr_users: how many
 * @nr_cgroups: how many
 *
 * Points into the caller's bytes.
 */
struct merlon_parts {
	const void *first;
	size_t first_len;
	const void *second;
	size_t second_len;
	const struct merlon_guard_device *devices;
	const __le32 *users;
	const struct merlon_guard_cgroup *cgroups;
	u32 nr_devices, nr_users, nr_cgroups;
};

/**
 * merlon_parts_split - the only way from an image to its parts
 * @bytes: the image; any content, on a multiple of four
 * @len: its length
 * @ret: untouched on failure
 * @fault: filled on failure; its section is -1
 *
 * What names devices, users and control groups is checked here; what either
 * part says, by merlon_image_check(), and by merlon_parts_check_guard() that
 * the second is one of a guard. Return: 0, -EINVAL, -E2BIG.
 */
int merlon_parts_split(const void *bytes, size_t len, struct merlon_parts *ret,
		       struct merlon_fault *fault);

/* The view of @parts->second: has it what a guard has? 0 or -EINVAL. */
int merlon_parts_check_guard(const struct merlon_view *view, struct merlon_fault *fault);

#endif
