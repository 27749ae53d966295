// SPDX-License-Identifier: MIT
/*
 * Peers move, and are behind translators of addresses: where one can be reached shows when
 * it answers. Of what the server says of a silent peer one is tried after the other, for as
 * long as somebody here has something for it; WireGuard itself follows a peer that speaks.
 */
#include "tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wireguard_set.h"

#define HEARD_SECONDS	180	/* WireGuard's REJECT_AFTER_TIME: behind that a session is over */

/* Of one peer of @self.known. */
struct attempt {
	size_t count;		/* of endpoints that were set */
	uint64_t sent;		/* bytes, when the last was */
};

static struct {
	struct ml_endpoints known;
	struct attempt *attempts;	/* as many */
} self;

int reach_learn(struct ml_endpoints *endpoints, struct ml_error *error)
{
	struct attempt *attempts = calloc(endpoints->count + 1, sizeof(*attempts));

	if (!attempts) {
		ml_endpoints_free(endpoints);
		return ml_error_set(error, -ENOMEM, "no memory for endpoints");
	}
	free(self.attempts);
	ml_endpoints_free(&self.known);
	self.attempts = attempts;
	self.known = *endpoints;
	return 0;
}

static bool was_heard(const struct ml_wireguard_peer *peer)
{
	return peer->last_handshake && time(NULL) - peer->last_handshake < HEARD_SECONDS;
}

/* Those that the bundle knows better, or that are heard, are none of ours. */
static const struct ml_endpoints_peer *silent(const struct ml_device *wanted,
					      const struct ml_wireguard_peer *peer)
{
	const struct ml_device_peer *signed_peer = ml_device_find(wanted, peer->public_key);

	if (!signed_peer || signed_peer->endpoint.family || was_heard(peer))
		return NULL;
	return ml_endpoints_find(&self.known, peer->public_key);
}

/* The next that is not inside of the tunnel itself. NULL: there is none. */
static const struct ml_endpoint *next_of(const struct ml_device *wanted,
					 const struct ml_endpoints_peer *known,
					 struct attempt *attempt)
{
	const struct ml_endpoint *endpoint;
	size_t i;

	for (i = 0; i < known->count; i++) {
		endpoint = &known->at[attempt->count++ % known->count];
		if (!ml_device_contains(wanted, endpoint))
			return endpoint;
	}
	return NULL;
}

/* True: @ret is to be done. */
static bool try_peer(const struct ml_device *wanted, const struct ml_wireguard_peer *peer,
		     struct ml_peer_change *ret, bool *ret_again)
{
	const struct ml_endpoints_peer *known = silent(wanted, peer);
	const struct ml_endpoint *endpoint;
	struct attempt *attempt;

	if (!known)
		return false;
	attempt = &self.attempts[known - self.known.peers];
	/* Nobody has said anything to it since: it need not answer. */
	if (attempt->count && peer->tx_bytes == attempt->sent)
		return false;
	*ret_again |= attempt->count;
	endpoint = next_of(wanted, known, attempt);
	if (!endpoint)
		return false;
	attempt->sent = peer->tx_bytes;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->key, peer->public_key, sizeof(ret->key));
	ret->endpoint = *endpoint;
	return true;
}

int reach_tend(const struct tunnel_wires *wires, const struct ml_device *wanted,
	       struct ml_error *error)
{
	struct ml_wireguard_device device;
	struct ml_peer_change *changes;
	size_t i, count = 0;
	bool again = false;
	int code;

	if (!self.known.count)
		return 0;
	code = ml_wireguard_read_by(wires->genl, wanted->name, &device, error);
	if (code)
		return code;
	changes = calloc(device.peer_count + 1, sizeof(*changes));
	for (i = 0; changes && i < device.peer_count; i++)
		count += try_peer(wanted, &device.peers[i], &changes[count], &again);
	code = changes ? 0 : ml_error_set(error, -ENOMEM, "out of memory");
	if (count)
		code = ml_wireguard_set_peers(wires->genl, wanted->name, changes, count, error);
	free(changes);
	ml_wireguard_clean(&device);
	return code ? code : again;
}
