// SPDX-License-Identifier: MIT
/*
 * The draft: what a careful administrator would start from. Each peer may ping
 * this machine and reach what it listens on; this machine may ping its peers
 * and goes on with what it has open; everything else waits to be granted.
 */
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "adopt.h"
#include "date.h"
#include "units.h"

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}

/* ------------------------------------------------------------------ nodes */

static void put_prefixes(struct ml_text *text, const char *key,
			 const struct ml_prefix *prefixes, size_t count)
{
	char buffer[ML_PREFIX_TEXT];

	ml_text_format(text, "\t\t\t\"%s\": [", key);
	for (size_t i = 0; i < count; i++)
		ml_text_format(text, "%s\"%s\"", i ? ", " : "",
			       ml_prefix_format(&prefixes[i], buffer));
	ml_text_add(text, "],\n");
}

static void put_key(struct ml_text *text, const uint8_t key[static 32])
{
	char base64[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(base64, sizeof(base64), key, 32, sodium_base64_VARIANT_ORIGINAL);
	ml_text_format(text, "\t\t\t\"publicKey\": \"%s\",\n", base64);
}

static void put_ignored(struct ml_text *text, const struct adopt_scene *scene)
{
	const char *gap = "";

	if (scene->device_count < 2)
		return;
	ml_text_add(text, "\t\t\t// other WireGuard devices: not Merlon's business until you take them out here\n"
		    "\t\t\t\"ignoreTunnels\": [");
	for (size_t i = 0; i < scene->device_count; i++) {
		if (!strcmp(scene->devices[i].name, scene->device.name))
			continue;
		ml_text_add(text, gap);
		ml_text_json(text, scene->devices[i].name);
		gap = ", ";
	}
	ml_text_add(text, "],\n");
}

static void put_own_node(struct ml_text *text, const struct adopt_scene *scene)
{
	char buffer[ML_PREFIX_TEXT];
	struct ml_prefix host;

	ml_text_add(text, "\t\t// this machine\n\t\t");
	ml_text_json(text, scene->node);
	ml_text_add(text, ": {\n\t\t\t\"addresses\": [");
	for (size_t i = 0; i < scene->own.count; i++) {
		ml_prefix_host(scene->own.items[i].family, scene->own.items[i].address, &host);
		ml_text_format(text, "%s\"%s\"", i ? ", " : "", ml_prefix_format(&host, buffer));
	}
	ml_text_add(text, "],\n\t\t\t\"tunnel\": ");
	ml_text_json(text, scene->device.name);
	ml_text_add(text, ",\n");
	put_ignored(text, scene);
	if (scene->device.has_key)
		put_key(text, scene->device.public_key);
	ml_text_add(text, "\t\t},\n");
}

static void put_sight(struct ml_text *text, const struct ml_wireguard_peer *peer)
{
	char address[ML_PREFIX_TEXT], ago[UNITS_TEXT];
	struct ml_prefix endpoint;

	if (!peer->last_handshake) {
		ml_text_add(text, "\t\t// never seen since the device came up\n");
		return;
	}
	units_duration_format(ml_date_now() - peer->last_handshake, ago);
	ml_text_format(text, "\t\t// last handshake %s ago", ago);
	if (peer->endpoint_family) {
		ml_prefix_host(peer->endpoint_family, peer->endpoint, &endpoint);
		ml_text_format(text, ", from %s", ml_prefix_format(&endpoint, address));
	}
	ml_text_add(text, "\n");
}

static void put_peer_node(struct ml_text *text, const struct adopt_peer *peer)
{
	put_sight(text, peer->wireguard);
	if (peer->nameless) {
		ml_text_format(text, "\t\t// %s has no allowed IPs, so nothing of it passes anyway\n",
			       peer->name);
		return;
	}
	if (peer->guessed)
		ml_text_add(text, "\t\t// its address is a guess: none of its allowed IPs is a single one\n");
	ml_text_format(text, "\t\t\"%s\": {\n", peer->name);
	put_prefixes(text, "addresses", peer->addresses.items, peer->addresses.count);
	if (peer->routes.count)
		put_prefixes(text, "routes", peer->routes.items, peer->routes.count);
	put_key(text, peer->wireguard->public_key);
	ml_text_add(text, "\t\t},\n");
}

/* ------------------------------------------------------------------ hosts */

/* A network behind a peer has a name of its own: a node's name means its addresses. */
static bool has_networks(const struct adopt_peer *peer)
{
	for (size_t i = 0; i < peer->routes.count; i++) {
		if (peer->routes.items[i].length)
			return true;
	}
	return false;
}

static void put_networks(struct ml_text *text, const struct adopt_peer *peer,
			 const char *format)
{
	char buffer[ML_PREFIX_TEXT], name[ML_NAME_MAX + 32];
	size_t number = 0;

	for (size_t i = 0; i < peer->routes.count; i++) {
		if (!peer->routes.items[i].length)
			continue;
		snprintf(name, sizeof(name), "%s-net%zu", peer->name, ++number);
		if (!strcmp(format, "define"))
			ml_text_format(text, "\t\t\"%s\": \"%s\",\n", name,
				       ml_prefix_format(&peer->routes.items[i], buffer));
		else
			ml_text_format(text, ", \"%s\"", name);
	}
}

static void put_hosts(struct ml_text *text, const struct adopt_scene *scene)
{
	bool any = false;

	for (size_t i = 0; i < scene->peer_count; i++) {
		if (scene->peers[i].nameless || !has_networks(&scene->peers[i]))
			continue;
		if (!any)
			ml_text_add(text, "\t// networks behind peers\n\t\"hosts\": {\n");
		any = true;
		put_networks(text, &scene->peers[i], "define");
	}
	if (any)
		ml_text_add(text, "\t},\n");
}

/* ----------------------------------------------------------------- grants */

static void put_services(struct ml_text *text, const struct adopt_services *services)
{
	ml_text_add(text, "\"ip\": [\"icmp:echo-request\"");
	for (size_t i = 0; i < services->count; i++)
		ml_text_format(text, ", \"%s:%u\"", protocol_name(services->items[i].protocol),
			       services->items[i].port);
	ml_text_add(text, "]},\n");
}

static void put_programs(struct ml_text *text, const struct adopt_services *services)
{
	char program[sizeof(services->items->program)];

	for (size_t i = 0; i < services->count; i++) {
		/* A process chooses its own name; it must not end the comment. */
		snprintf(program, sizeof(program), "%s", services->items[i].program);
		ml_text_printable(program);
		ml_text_format(text, "\t\t//   %s:%u  %s\n",
			       protocol_name(services->items[i].protocol),
			       services->items[i].port, *program ? program : "?");
	}
}

static void put_inward(struct ml_text *text, const struct adopt_scene *scene)
{
	if (scene->services.count)
		ml_text_format(text, "\t\t// Each peer may ping this machine, and reach what it listens on:\n");
	else
		ml_text_add(text, "\t\t// Each peer may ping this machine, which listens on nothing:\n");
	put_programs(text, &scene->services);
	for (size_t i = 0; i < scene->peer_count; i++) {
		const struct adopt_peer *peer = &scene->peers[i];

		if (peer->nameless)
			continue;
		if (peer->incoming)
			ml_text_format(text, "\t\t// %s has %zu connections open now\n",
				       peer->name, peer->incoming);
		ml_text_format(text, "\t\t{\"src\": [\"%s\"", peer->name);
		put_networks(text, peer, "use");
		ml_text_add(text, "], \"dst\": [");
		ml_text_json(text, scene->node);
		ml_text_add(text, "], ");
		put_services(text, &scene->services);
	}
}

static void put_outward(struct ml_text *text, const struct adopt_scene *scene)
{
	ml_text_add(text, "\n\t\t// This machine may ping its peers, and open again what it has open now.\n");
	for (size_t i = 0; i < scene->peer_count; i++) {
		const struct adopt_peer *peer = &scene->peers[i];

		if (peer->nameless)
			continue;
		put_programs(text, &peer->outgoing);
		ml_text_add(text, "\t\t{\"src\": [");
		ml_text_json(text, scene->node);
		ml_text_format(text, "], \"dst\": [\"%s\"", peer->name);
		put_networks(text, peer, "use");
		ml_text_add(text, "], ");
		put_services(text, &peer->outgoing);
	}
}

static void put_grants(struct ml_text *text, const struct adopt_scene *scene)
{
	ml_text_add(text, "\t\"grants\": [\n");
	put_inward(text, scene);
	put_outward(text, scene);
	ml_text_add(text,
		"\n\t\t// Not granted: peers to each other, peers to what is behind this machine, and\n"
		"\t\t// this machine to anything new. To grant it, as for example:\n"
		"\t\t// {\"src\": [\"peer1\"], \"dst\": [\"peer2\"], \"ip\": [\"tcp:445\"]},\n"
		"\t\t// {\"src\": [\"peer1\"], \"dst\": [\"192.168.7.0/24\"], \"ip\": [\"*\"]},\n"
		"\t\t// {\"src\": [\"peer1\"], \"dst\": [\"autogroup:internet\"], \"ip\": [\"*\"]},\n"
		"\t],\n");
}

void adopt_draft(const struct adopt_scene *scene, struct ml_text *ret)
{
	char date[ML_DATE_TEXT];

	memset(ret, 0, sizeof(*ret));
	ml_text_format(ret, "// Drafted by `merlon adopt %s` on %s, from the peers of %s and what this\n"
		       "// machine listens on. What is not granted here is denied as soon as Merlon is\n"
		       "// armed. Names are yours to change.\n"
		       "{\n\t\"nodes\": {\n",
		       scene->device.name, ml_date_format(ml_date_now(), date),
		       scene->device.name);
	put_own_node(ret, scene);
	for (size_t i = 0; i < scene->peer_count; i++)
		put_peer_node(ret, &scene->peers[i]);
	ml_text_add(ret, "\t},\n");
	put_hosts(ret, scene);
	put_grants(ret, scene);
	ml_text_add(ret, "\t// Only tunnel traffic is judged: SSH by the physical network is never touched.\n"
		    "\t\"guard\": {\"scope\": \"tunnels\", \"unmatched\": \"drop\"},\n}\n");
}
