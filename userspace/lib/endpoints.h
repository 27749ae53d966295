/* SPDX-License-Identifier: MIT */
/*
 * Where peers say that they can be reached, as a control server hands it on. Nobody has
 * signed it: a wrong one costs handshakes that nobody answers, and tells whoever is there
 * that this node wants to speak; it can neither let a peer in nor stand for one. So it is
 * taken for peers of a verified bundle alone, whose own endpoints stand before it.
 */
#ifndef ML_ENDPOINTS_H
#define ML_ENDPOINTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "device.h"
#include "error.h"

#define ML_ENDPOINTS_EACH	4u		/* of one peer */
#define ML_ENDPOINTS_BYTES	(64u << 20)	/* of all, as JSON */
#define ML_ENDPOINT_TEXT	56		/* "[2001:db8::1]:51820", and the end */

struct ml_endpoints_peer {
	uint8_t key[32];			/* of WireGuard, public */
	struct ml_endpoint at[ML_ENDPOINTS_EACH];	/* the likeliest first */
	size_t count;
};

struct ml_endpoints {
	struct ml_endpoints_peer *peers;	/* ascending by key, no duplicates */
	size_t count;
};

/*
 * "192.0.2.1:51820" or "[2001:db8::1]:51820", of an address that a packet can be sent to.
 * -ENOENT: a name and a port; -EINVAL: neither, or an IPv4 address inside of an IPv6 one.
 */
int ml_endpoint_parse(const char *text, struct ml_endpoint *ret);
char *ml_endpoint_format(const struct ml_endpoint *endpoint, char ret[static ML_ENDPOINT_TEXT]);

/**
 * ml_endpoints_parse - {"peers":[{"endpoints":["192.0.2.1:51820"],"publicKey":"…"}]}
 * @ret: ml_endpoints_free(); untouched on failure
 *
 * Return: 0; -EBADMSG; -E2BIG: too many of one, or peers; -ENOMEM.
 */
int ml_endpoints_parse(const json_t *json, struct ml_endpoints *ret, struct ml_error *error);
void ml_endpoints_free(struct ml_endpoints *endpoints);
/* NULL: nobody knows. */
const struct ml_endpoints_peer *ml_endpoints_find(const struct ml_endpoints *endpoints,
						  const uint8_t key[static 32]);

#endif
