// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adopt.h"
#include "file.h"
#include "route.h"
#include "sockets.h"

/* --------------------------------------------------------------- services */

static int service_add(struct adopt_services *list, uint8_t protocol, uint16_t port,
		       const char *program)
{
	struct adopt_service *grown;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].protocol == protocol && list->items[i].port == port)
			return 0;
	}
	if (list->count == list->room) {
		grown = realloc(list->items, (list->room * 2 + 16) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->items = grown;
		list->room = list->room * 2 + 16;
	}
	grown = &list->items[list->count++];
	*grown = (struct adopt_service){ .protocol = protocol, .port = port };
	snprintf(grown->program, sizeof(grown->program), "%s", program);
	return 0;
}

static int by_port(const void *a, const void *b)
{
	const struct adopt_service *x = a, *y = b;

	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return (x->port > y->port) - (x->port < y->port);
}

static void services_sort(struct adopt_services *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), by_port);
}

/* Where the kernel takes ports for clients from. */
static uint16_t first_ephemeral(void)
{
	unsigned int first = 32768;
	uint8_t *text;
	size_t length;

	if (ml_file_read("/proc/sys/net/ipv4/ip_local_port_range", 64, &text, &length, NULL))
		return 32768;
	if (sscanf((const char *)text, "%u", &first) != 1 || first > 65535)
		first = 32768;
	free(text);
	return (uint16_t)first;
}

static bool is_wildcard(const struct socket_entry *entry)
{
	static const uint8_t zero[16];

	return !memcmp(entry->local, zero, 16);
}

static bool is_own(const struct adopt_scene *scene, uint8_t family, const uint8_t *address)
{
	for (size_t i = 0; i < scene->own.count; i++) {
		if (scene->own.items[i].family == family &&
		    !memcmp(scene->own.items[i].address, address, family == AF_INET ? 4 : 16))
			return true;
	}
	return false;
}

/* Clients of UDP and of DHCP look like servers to sock_diag. */
static bool looks_like_client(const struct socket_entry *entry, uint16_t ephemeral)
{
	return entry->protocol == IPPROTO_UDP &&
	       (entry->local_port >= ephemeral || entry->local_port == 68 ||
		entry->local_port == 546);
}

static bool can_be_reached(const struct adopt_scene *scene, const struct socket_entry *entry)
{
	if (entry->device && entry->device != scene->device.ifindex)
		return false;
	/* WireGuard's own socket belongs to no process. */
	if (entry->protocol == IPPROTO_UDP && !entry->inode &&
	    entry->local_port == scene->device.listen_port)
		return false;
	return is_wildcard(entry) || is_own(scene, entry->family, entry->local);
}

static int listeners_read(struct adopt_scene *scene, const struct socket_list *sockets)
{
	uint16_t ephemeral = first_ephemeral();
	int code = 0;

	for (size_t i = 0; !code && i < sockets->count; i++) {
		const struct socket_entry *entry = &sockets->items[i];

		if (entry->listening && can_be_reached(scene, entry) &&
		    !looks_like_client(entry, ephemeral))
			code = service_add(&scene->services, entry->protocol,
					   entry->local_port, entry->program);
	}
	services_sort(&scene->services);
	return code;
}

/* ------------------------------------------------------------------ peers */

static struct adopt_peer *peer_of(struct adopt_scene *scene, uint8_t family,
				  const uint8_t *address)
{
	struct adopt_peer *best = NULL;
	int longest = -1;

	for (size_t i = 0; i < scene->peer_count; i++) {
		const struct ml_wireguard_peer *peer = scene->peers[i].wireguard;

		for (size_t j = 0; j < peer->allowed_count; j++) {
			if (peer->allowed[j].length > longest &&
			    ml_prefix_has(&peer->allowed[j], family, address)) {
				longest = peer->allowed[j].length;
				best = &scene->peers[i];
			}
		}
	}
	return best;
}

/* A socket of both families has IPv4 addresses in IPv6's clothes. */
static uint8_t unmap(const struct socket_entry *entry, const uint8_t **local,
		     const uint8_t **remote)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*local = entry->local;
	*remote = entry->remote;
	if (entry->family != AF_INET6 || memcmp(entry->remote, mapped, 12))
		return entry->family;
	*local += 12;
	*remote += 12;
	return AF_INET;
}

static bool is_served(const struct adopt_scene *scene, uint16_t port)
{
	for (size_t i = 0; i < scene->services.count; i++) {
		if (scene->services.items[i].protocol == IPPROTO_TCP &&
		    scene->services.items[i].port == port)
			return true;
	}
	return false;
}

static int connections_read(struct adopt_scene *scene, const struct socket_list *sockets)
{
	const uint8_t *local, *remote;
	struct adopt_peer *peer;
	uint8_t family;
	int code = 0;

	for (size_t i = 0; !code && i < sockets->count; i++) {
		const struct socket_entry *entry = &sockets->items[i];

		if (entry->listening)
			continue;
		family = unmap(entry, &local, &remote);
		peer = is_own(scene, family, local) ? peer_of(scene, family, remote) : NULL;
		if (!peer)
			continue;
		if (is_served(scene, entry->local_port))
			peer->incoming++;
		else
			code = service_add(&peer->outgoing, entry->protocol,
					   entry->remote_port, entry->program);
	}
	return code;
}

/* Nothing else of the scene has this address. */
static bool is_free(const struct adopt_scene *scene, const struct ml_prefix *host)
{
	if (is_own(scene, host->family, host->address))
		return false;
	for (size_t i = 0; i < scene->peer_count; i++) {
		for (size_t j = 0; j < scene->peers[i].addresses.count; j++) {
			if (!ml_prefix_compare(&scene->peers[i].addresses.items[j], host))
				return false;
		}
	}
	return true;
}

/* The first free address of @network, after the network's own. */
static int guess_in(const struct adopt_scene *scene, const struct ml_prefix *network,
		    struct adopt_peer *peer)
{
	struct ml_prefix host = *network;
	unsigned int last = ml_family_bits(network->family) / 8 - 1;

	host.length = (uint8_t)ml_family_bits(network->family);
	for (int i = 1; i < 255; i++) {
		host.address[last] = (uint8_t)(network->address[last] + i);
		if (!ml_prefix_has(network, host.family, host.address))
			break;
		if (is_free(scene, &host)) {
			peer->guessed = true;
			return ml_prefixes_add(&peer->addresses, &host);
		}
	}
	return 0;
}

static struct ml_prefix network_of(const struct ml_prefix *prefix)
{
	struct ml_prefix network = *prefix;

	for (unsigned int bit = prefix->length; bit < ml_family_bits(prefix->family); bit++)
		network.address[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return network;
}

/* A peer that is a whole network has an address somewhere; which, it alone knows. */
static int guess_address(struct adopt_scene *scene, struct adopt_peer *peer)
{
	struct ml_prefix network;
	int code = 0;

	for (size_t i = 0; !code && !peer->addresses.count && i < peer->routes.count; i++) {
		if (peer->routes.items[i].length)
			code = guess_in(scene, &peer->routes.items[i], peer);
	}
	for (size_t i = 0; !code && !peer->addresses.count && i < scene->own.count; i++) {
		network = network_of(&scene->own.items[i]);
		code = guess_in(scene, &network, peer);
	}
	peer->nameless = !peer->addresses.count;
	return code;
}

static int peer_read(struct adopt_peer *peer, const struct ml_wireguard_peer *wireguard,
		     size_t number)
{
	int code = 0;

	peer->wireguard = wireguard;
	snprintf(peer->name, sizeof(peer->name), "peer%zu", number);
	for (size_t i = 0; !code && i < wireguard->allowed_count; i++)
		code = ml_prefixes_add(ml_prefix_is_host(&wireguard->allowed[i]) ?
				       &peer->addresses : &peer->routes, &wireguard->allowed[i]);
	ml_prefixes_normalise(&peer->addresses);
	ml_prefixes_normalise(&peer->routes);
	return code;
}

static int peers_read(struct adopt_scene *scene)
{
	int code = 0;

	scene->peers = calloc(scene->device.peer_count + 1, sizeof(*scene->peers));
	if (!scene->peers)
		return -ENOMEM;
	for (size_t i = 0; !code && i < scene->device.peer_count; i++) {
		code = peer_read(&scene->peers[i], &scene->device.peers[i], i + 1);
		scene->peer_count++;
	}
	for (size_t i = 0; !code && i < scene->peer_count; i++) {
		if (!scene->peers[i].addresses.count)
			code = guess_address(scene, &scene->peers[i]);
	}
	return code;
}

/* ------------------------------------------------------------------ scene */

/* A name that bundles and policies take, from the host's own. */
static void host_name(char ret[static ML_NAME_MAX + 1])
{
	char name[ML_NAME_MAX + 1] = "";
	size_t n = 0;

	if (gethostname(name, sizeof(name) - 1))
		name[0] = '\0';
	name[strcspn(name, ".")] = '\0';
	for (size_t i = 0; name[i]; i++) {
		char c = (char)tolower((unsigned char)name[i]);

		if (isalnum((unsigned char)c) || (n && (c == '-' || c == '_')))
			ret[n++] = c;
	}
	ret[n] = '\0';
	/* "localhost" and "peer1" would mean somebody else. */
	if (!n || !ml_name_valid(ret) || !strcmp(ret, "localhost") || !strncmp(ret, "peer", 4))
		strcpy(ret, "server");
}

static int names_choose(struct adopt_scene *scene, const char *network, const char *node,
			struct ml_error *error)
{
	if ((network && !ml_name_valid(network)) || (node && !ml_name_valid(node)))
		return ml_error_set(error, -EINVAL, "'%.80s': " ML_NAME_RULE,
				    network && !ml_name_valid(network) ? network : node);
	host_name(scene->node);
	if (node)
		strcpy(scene->node, node);
	strcpy(scene->network, network ? network : scene->node);
	return 0;
}

static int out_of_memory(struct ml_error *error)
{
	return ml_error_set(error, -ENOMEM, "out of memory");
}

static int scene_fill(struct adopt_scene *scene, const char *device, struct ml_error *error)
{
	struct socket_list sockets;
	int code;

	code = route_addresses(device, &scene->own, error);
	if (code)
		return code;
	if (!scene->own.count)
		return ml_error_set(error, -EADDRNOTAVAIL,
				    "%s has no address: bring it up first, as with wg-quick up %s",
				    device, device);
	code = ml_wireguard_list(&scene->devices, &scene->device_count, error);
	if (!code)
		code = sockets_read(&sockets, error);
	if (code)
		return code;
	if (listeners_read(scene, &sockets) || peers_read(scene) ||
	    connections_read(scene, &sockets))
		code = out_of_memory(error);
	sockets_clean(&sockets);
	return code;
}

int adopt_scene_read(const char *device, const char *network, const char *node,
		     struct adopt_scene *ret, struct ml_error *error)
{
	struct adopt_scene scene = { .peer_count = 0 };
	int code;

	code = names_choose(&scene, network, node, error);
	if (!code)
		code = ml_wireguard_read(device, &scene.device, error);
	if (!code)
		code = scene_fill(&scene, device, error);
	if (code)
		adopt_scene_clean(&scene);
	else
		*ret = scene;
	return code;
}

void adopt_scene_clean(struct adopt_scene *scene)
{
	for (size_t i = 0; i < scene->peer_count; i++) {
		ml_prefixes_clean(&scene->peers[i].addresses);
		ml_prefixes_clean(&scene->peers[i].routes);
		free(scene->peers[i].outgoing.items);
	}
	free(scene->peers);
	free(scene->services.items);
	free(scene->devices);
	ml_prefixes_clean(&scene->own);
	ml_wireguard_clean(&scene->device);
	memset(scene, 0, sizeof(*scene));
}
