// SPDX-License-Identifier: MIT
/* An image of two parts: the rules of tunnels, and behind them those of the guard. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "compile.h"
#include "compile_private.h"
#include "parts.h"

struct part {
	uint8_t *bytes;
	size_t length;
};

static size_t names_bytes(const struct ml_guard *guard)
{
	return sizeof(struct merlon_guard_header) +
	       guard->device_count * sizeof(struct merlon_guard_device) +
	       guard->user_count * sizeof(__le32) +
	       guard->cgroup_count * sizeof(struct merlon_guard_cgroup);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t length)
{
	if (length)
		memcpy(at, bytes, length);
	return at + length;
}

static uint8_t *put_names(uint8_t *at, const struct ml_guard *guard)
{
	struct merlon_guard_header header = {
		.devices = htole32((uint32_t)guard->device_count),
		.users = htole32((uint32_t)guard->user_count),
		.cgroups = htole32((uint32_t)guard->cgroup_count),
	};
	size_t i;

	memcpy(header.magic, MERLON_GUARD_MAGIC, sizeof(header.magic));
	at = put(at, &header, sizeof(header));
	at = put(at, guard->devices, guard->device_count * sizeof(*guard->devices));
	for (i = 0; i < guard->user_count; i++) {
		uint32_t user = htole32(guard->users[i]);

		at = put(at, &user, sizeof(user));
	}
	return put(at, guard->cgroups, guard->cgroup_count * sizeof(*guard->cgroups));
}

/* What the kernel would refuse. */
static int check(const struct part *whole, struct ml_error *error)
{
	struct merlon_parts parts;
	struct merlon_fault fault;
	struct merlon_view view;
	int code = merlon_parts_split(whole->bytes, whole->length, &parts, &fault);

	if (!code)
		code = merlon_image_check(parts.second, parts.second_len, &view, &fault);
	if (!code)
		code = merlon_parts_check_guard(&view, &fault);
	return code ? ml_error_set(error, code, "the guard: %s", fault.what) : 0;
}

static int join(const struct part *first, const struct part *second,
		const struct ml_guard *guard, struct part *ret, struct ml_error *error)
{
	struct part whole = {
		.length = first->length + names_bytes(guard) + second->length,
	};
	uint8_t *at;
	int code;

	if (whole.length > MERLON_MAX_IMAGE_BYTES)
		return ml_error_set(error, -E2BIG, "the image has %zu bytes, of MERLON_MAX_IMAGE_BYTES (%u)",
				    whole.length, MERLON_MAX_IMAGE_BYTES);
	whole.bytes = malloc(whole.length);
	if (!whole.bytes)
		return ml_error_set(error, -ENOMEM, "not enough memory");
	at = put(whole.bytes, first->bytes, first->length);
	at = put_names(at, guard);
	put(at, second->bytes, second->length);
	code = check(&whole, error);
	if (code)
		free(whole.bytes);
	else
		*ret = whole;
	return code;
}

int ml_image_compile(const struct ml_ruleset *ruleset, uint8_t **ret_image,
		     size_t *ret_length, struct ml_error *error)
{
	const struct ml_guard *guard = ruleset->guard;
	struct part first = { 0 }, second = { 0 }, whole;
	int code = compile_part(ruleset, &first.bytes, &first.length, error);

	if (!code && guard)
		code = compile_part(&guard->rules, &second.bytes, &second.length, error);
	whole = first;
	if (!code && guard)
		code = join(&first, &second, guard, &whole, error);
	if (code || guard)
		free(first.bytes);
	free(second.bytes);
	if (code)
		return code;
	*ret_image = whole.bytes;
	*ret_length = whole.length;
	return 0;
}
