/* SPDX-License-Identifier: MIT */
/* What rtnetlink knows: which way a packet would go, and what a device is. */
#ifndef CLI_ROUTE_H
#define CLI_ROUTE_H

#include <net/if.h>
#include <stdbool.h>

#include "prefix.h"
#include "error.h"

/* The device by which a packet to @address leaves. -ENETUNREACH: none. */
int route_device(uint8_t family, const uint8_t *address, char ret[static IF_NAMESIZE],
		 struct ml_error *error);
/* The device that @address is an address of. -ENOENT: none. */
int route_owner(uint8_t family, const uint8_t *address, char ret[static IF_NAMESIZE],
		struct ml_error *error);
/* Is it a WireGuard device? -ENODEV */
int route_is_wireguard(const char *device, bool *ret, struct ml_error *error);
/* The addresses of a device, with the lengths of their networks kept; link-local left out. */
int route_addresses(const char *device, struct ml_prefixes *ret, struct ml_error *error);

#endif
