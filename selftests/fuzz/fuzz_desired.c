// SPDX-License-Identifier: MIT
/*
 * Any text as the config of a leaf. What is taken is in order, has no prefix
 * twice and no endpoint that the tunnel leads to; a change-over from nothing to it
 * and back ends where it should. What is refused says why.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "changeover.h"
#include "desired.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "a device that %s\n", what);
	abort();
}

static void check_peer(const struct ml_device *device, size_t index)
{
	const struct ml_device_peer *peer = &device->peers[index];
	size_t i;

	demand(!index || memcmp(device->peers[index - 1].key, peer->key, 32) < 0,
	       "has peers out of order");
	demand(ml_device_find(device, peer->key) == peer, "does not find its peers");
	for (i = 0; i < device->routes.count && peer->endpoint.family; i++)
		demand(!device->routes.items[i].length ||
		       !ml_prefix_has(&device->routes.items[i], peer->endpoint.family,
				      peer->endpoint.address), "has an endpoint in the tunnel");
}

static void check_device(const struct ml_device *device)
{
	size_t i;

	demand(device->name[0] && memchr(device->name, '\0', sizeof(device->name)),
	       "has no name");
	for (i = 1; i < device->routes.count; i++)
		demand(ml_prefix_compare(&device->routes.items[i - 1],
					 &device->routes.items[i]) < 0, "has a prefix twice");
	for (i = 0; i < device->peer_count; i++)
		check_peer(device, i);
}

static size_t given(const struct ml_changes *changes)
{
	size_t i, count = 0;

	for (i = 0; i < changes->peer_count; i++)
		count += changes->peers[i].allowed.count;
	return count;
}

static void check_changes(const struct ml_device *device)
{
	const struct ml_device none = { .peers = NULL };
	struct ml_changeover out;

	if (ml_changeover_plan(&none, device, NULL, &out))
		abort();
	demand(given(&out.after) == device->routes.count, "is not given what it wants");
	ml_changeover_clean(&out);
	if (ml_changeover_plan(device, &none, device, &out))
		abort();
	demand(!given(&out.after), "is given what nobody wants");
	ml_changeover_clean(&out);
	if (ml_changeover_plan(device, device, device, &out))
		abort();
	demand(ml_changes_empty(&out.before) && ml_changes_empty(&out.after),
	       "differs from itself");
	ml_changeover_clean(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ml_error error = { .code = 0 };
	struct ml_device device;

	if (ml_desired_read((struct ml_bytes){ data, size }, &device, NULL, &error)) {
		demand(error.code && error.text[0], "is refused without a reason");
		return 0;
	}
	check_device(&device);
	check_changes(&device);
	ml_device_clean(&device);
	return 0;
}
