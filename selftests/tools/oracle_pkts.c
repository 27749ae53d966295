// SPDX-License-Identifier: MIT
/*
 * oracle_pkts [--policies N] [--packets N] [--seed N] [--lie]
 *
 * Random policies in a real kernel, random packets through real tunnels. What a
 * capture outside the judged namespace sees is compared, packet by packet, with
 * what the naive judge says of the rules: ml_ruleset_match(), which shares
 * nothing with the classifier. The scene is oracle.sh's:
 *
 *   alice wg0 -> lan eth0	forwarded out of the tunnel	10.1/16 -> 10.3/16
 *   alice wg0 -> bob wg0	from peer to peer		10.1/16 -> 10.2/16
 *   lan eth0 -> alice wg0	forwarded into the tunnel	10.3/16 -> 10.1/16
 *   gate -> alice wg0		the host's own			10.4/16 -> 10.1/16
 *
 * and fd01::/64 to fd04::/64 alike. Each packet is a connection of its own: its
 * source port, or identifier, is used once. Behind the packets of a policy goes a
 * marker on each way: when all have arrived, all were judged, and the next policy
 * may come. --lie expects the contrary of one
 * packet, to show that this is noticed. Status: 0 all as expected, 1 not.
 */
#include <poll.h>
#include <sodium.h>
#include <time.h>

#include "compile.h"
#include "kernel.h"
#include "netns.h"
#include "sender.h"

#include "../oracle/random_ruleset.h"

#define MAGIC		"merlonOR"
#define MARKER		"merlonMK"
#define MAGIC_BYTES	8
#define MARKER_PORT	4999
#define BATCH		250u	/* within what every queue on the way holds */
#define TRIES		4
#define PATIENCE_MS	3000
#define ENOUGH		20ul	/* wrong packets: no need to wait for more */

/* The gate's side of the wire to lan; oracle.sh sets it. */
static const uint8_t gate_mac[6] = { 2, 0, 0, 0, 0, 1 };

struct way {
	const char *from, *out;	/* namespace, device */
	bool raw;
	const char *to, *in;
	uint8_t source, destination;	/* second byte of the addresses */
	bool ports_only;	/* protocols without ports would look like replies */
	const char *marker_from, *marker_to;
	struct sender sender;
	int capture;
	uint32_t marked;	/* the last marker that arrived */
	unsigned long passed, denied;
};

static struct way ways[] = {
	{ .from = "alice", .out = "wg0", .to = "lan", .in = "eth0", .source = 1, .destination = 3,
	  .marker_from = "10.0.0.1", .marker_to = "10.9.0.2" },
	{ .from = "alice", .out = "wg0", .to = "bob", .in = "wg0", .source = 1, .destination = 2,
	  .marker_from = "10.0.0.1", .marker_to = "10.0.0.2" },
	{ .from = "lan", .out = "eth0", .to = "alice", .in = "wg0", .source = 3, .destination = 1,
	  .marker_from = "10.9.0.2", .marker_to = "10.0.0.1", .ports_only = true },
	{ .from = "gate", .out = "wg0", .to = "alice", .in = "wg0", .source = 4, .destination = 1,
	  .marker_from = "10.0.0.254", .marker_to = "10.0.0.1", .raw = true },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

struct shot {
	struct ml_packet packet;
	struct way *way;
	bool expected, seen;
};

static struct ml_error error;
static struct shot *shots;
static uint32_t shot_count;
static unsigned long wrong;

static void check(int code, const char *what)
{
	if (!code)
		return;
	fprintf(stderr, "oracle_pkts: %s: %s\n", what, error.text);
	exit(2);
}

/* ------------------------------------------------------------------ policies */

/* Into the ranges that the scene can route, as far as a prefix is long enough. */
static void move_prefix(struct chance *chance, struct ml_prefix *prefix)
{
	uint8_t range = (uint8_t)(1 + chance_below(chance, 4));

	if (prefix->family == AF_INET) {
		prefix->address[0] = 10;
		prefix->address[1] = range;
	} else {
		memset(prefix->address, 0, 8);
		prefix->address[0] = 0xfd;
		prefix->address[1] = range;
	}
	clear_host_bits(prefix);
}

static struct ml_packet marker_packet(const struct way *way)
{
	struct ml_packet packet = {
		.family = AF_INET, .protocol = IPPROTO_UDP, .selector = MARKER_PORT,
	};

	inet_pton(AF_INET, way->marker_from, packet.source);
	inet_pton(AF_INET, way->marker_to, packet.destination);
	return packet;
}

/* A last rule for the scene's own addresses, and no deny in its way. */
static void allow_markers(struct ml_ruleset *ruleset)
{
	struct ml_prefix all = { .family = AF_INET, .length = 8, .address = { 10 } };
	struct ml_packet packet;
	struct ml_rule *rule;
	size_t winner, i;

	ruleset->sets = must(reallocarray(ruleset->sets, ruleset->set_count + 1,
					  sizeof(*ruleset->sets)));
	ruleset->sets[ruleset->set_count] = (struct ml_set) { .prefix_count = 1 };
	ruleset->sets[ruleset->set_count].prefixes = must(malloc(sizeof(all)));
	*ruleset->sets[ruleset->set_count].prefixes = all;
	rule = &ruleset->rules[ruleset->rule_count];
	*rule = (struct ml_rule) {
		.id = ruleset->rule_count ? rule[-1].id + 1 : 1, .action = MERLON_ACTION_ALLOW,
		.source_count = 1, .destination_count = 1, .service_count = 1,
		.sources = must(malloc(sizeof(uint32_t))),
		.destinations = must(malloc(sizeof(uint32_t))),
		.services = must(malloc(sizeof(struct ml_service_range))),
	};
	*rule->sources = *rule->destinations = (uint32_t)ruleset->set_count++;
	*rule->services = (struct ml_service_range) { IPPROTO_UDP, MARKER_PORT, MARKER_PORT };
	ruleset->rule_count++;
	for (i = 0; i < WAYS; i++) {
		packet = marker_packet(&ways[i]);
		do {
			ml_ruleset_match(ruleset, &packet, &winner, NULL, NULL);
		} while (ruleset->rules[winner].action != MERLON_ACTION_ALLOW &&
			 (ruleset->rules[winner].action = MERLON_ACTION_ALLOW));
	}
}

static struct ml_ruleset *make_ruleset(struct chance *chance)
{
	static const uint32_t sizes[][2] = { { 4, 4 }, { 12, 15 }, { 40, 40 }, { 100, 150 } };
	const uint32_t *size = sizes[chance_below(chance, 4)];
	struct ml_ruleset *ruleset = random_ruleset(chance, size[0], size[1]);
	size_t i, j;

	for (i = 0; i < ruleset->set_count; i++) {
		struct ml_set *set = &ruleset->sets[i];

		for (j = 0; j < set->prefix_count; j++)
			move_prefix(chance, &set->prefixes[j]);
		set->prefix_count = sort_prefixes(set->prefixes, set->prefix_count);
	}
	ruleset->tunnel_count = 1;
	ruleset->tunnels[0].ignored = false;
	ruleset->owner_count = 0;
	allow_markers(ruleset);
	return ruleset;
}

static void load(struct ml_kernel *kernel, const struct ml_ruleset *ruleset)
{
	struct ml_kernel_generation generation = { .epoch = 1, .lifetime_ms = 3600 * 1000 };
	struct ml_kernel_status status;
	uint8_t *image;
	size_t length;

	check(ml_kernel_status(kernel, &status, &error), "status");
	generation.serial = status.last_serial + 1;
	check(ml_image_compile(ruleset, &image, &length, &error), "compile");
	crypto_hash_sha256(generation.digest, image, length);
	check(ml_kernel_load(kernel, &generation, image, length, &error), "load");
	free(image);
}

/* ------------------------------------------------------------------- packets */

static void move_address(const struct ml_packet *packet, uint8_t range, uint8_t address[16])
{
	if (packet->family == AF_INET) {
		address[0] = 10;
		address[1] = range;
		return;
	}
	memset(address, 0, 8);
	address[0] = 0xfd;
	address[1] = range;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

/* Without those that are extension headers in IPv6. */
static void choose_protocol(struct chance *chance, const struct way *way,
			    struct ml_packet *packet)
{
	static const uint8_t others[] = { IPPROTO_GRE, IPPROTO_ESP, 108, 255 };
	uint8_t icmp = packet->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (has_ports(packet->protocol))
		return;
	if (way->ports_only || chance_one_in(chance, 2)) {
		packet->protocol = icmp;
		packet->selector = (uint8_t)chance_below(chance, 256);
		return;
	}
	packet->protocol = others[chance_below(chance, 4)];
	packet->selector = 0;
}

/* The way that goes where rules speak of, if there is one. */
static struct way *choose_way(struct chance *chance, const struct ml_packet *packet)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (packet->source[1] == ways[i].source &&
		    packet->destination[1] == ways[i].destination)
			return &ways[i];
	return &ways[chance_below(chance, WAYS)];
}

static struct way *make_packet(struct chance *chance, const struct ml_ruleset *ruleset,
			       struct ml_packet *packet)
{
	struct way *way;

	memset(packet, 0, sizeof(*packet));
	random_packet(chance, ruleset, packet);
	way = choose_way(chance, packet);
	move_address(packet, way->source, packet->source);
	move_address(packet, way->destination, packet->destination);
	choose_protocol(chance, way, packet);
	return way;
}

static void shoot_packet(const struct way *way, const struct ml_packet *packet,
			 const char *magic, uint32_t index)
{
	static uint8_t bytes[CRAFT_ROOM];
	uint8_t data[MAGIC_BYTES + 4];
	struct craft craft;
	size_t length;

	memcpy(data, magic, MAGIC_BYTES);
	craft32(data + MAGIC_BYTES, index);
	craft_init(&craft);
	craft.family = packet->family;
	craft.protocol = packet->protocol;
	memcpy(craft.source, packet->source, 16);
	memcpy(craft.destination, packet->destination, 16);
	craft.source_port = (uint16_t)(1024 + index % 60000);
	craft.port = packet->selector;
	craft.type = (uint8_t)packet->selector;
	craft.rest = (uint32_t)craft.source_port << 16;
	craft.flags = 2;
	craft.data = data;
	craft.data_length = sizeof(data);
	length = craft_build(&craft, bytes);
	/* A denied packet of the host itself is refused at once. */
	sender_send(&way->sender, &craft, bytes, length);
}

static void shoot(uint32_t index)
{
	shoot_packet(shots[index].way, &shots[index].packet, MAGIC, index);
}

/* ------------------------------------------------------------------ captures */

static size_t data_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_GRE:
		return 4;
	default:
		return 0;
	}
}

static void complain(uint32_t index, const char *what)
{
	const struct ml_packet *packet = &shots[index].packet;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

	inet_ntop(packet->family, packet->source, source, sizeof(source));
	inet_ntop(packet->family, packet->destination, destination, sizeof(destination));
	printf("packet %u, %s > %s: %s > %s protocol %u selector %u %s\n", index,
	       shots[index].way->from, shots[index].way->to, source, destination,
	       packet->protocol, packet->selector, what);
	wrong++;
}

static uint32_t index_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Another way's capture of the same device sees its packets too. */
static void note_shot(const struct way *way, const uint8_t *bytes, bool v6, uint32_t index)
{
	size_t address = v6 ? 16 : 4;
	struct shot *shot = &shots[index];

	if (index >= shot_count || shot->way != way ||
	    memcmp(bytes + (v6 ? 8 : 12), shot->packet.source, address) ||
	    memcmp(bytes + (v6 ? 24 : 16), shot->packet.destination, address) ||
	    bytes[v6 ? 6 : 9] != shot->packet.protocol)
		return;
	if (!shot->seen && !shot->expected)
		complain(index, "passed, and no rule allows it or one denies it");
	shot->seen = true;
}

static void note(struct way *way, const uint8_t *bytes, size_t length)
{
	struct ml_packet marker = marker_packet(way);
	bool v6 = bytes[0] >> 4 == 6;
	size_t at = (v6 ? 40 : 20) + data_offset(bytes[v6 ? 6 : 9]);

	if (length < at + MAGIC_BYTES + 4)
		return;
	if (!memcmp(bytes + at, MAGIC, MAGIC_BYTES))
		note_shot(way, bytes, v6, index_at(bytes + at + MAGIC_BYTES));
	else if (!v6 && !memcmp(bytes + at, MARKER, MAGIC_BYTES) &&
		 !memcmp(bytes + 12, marker.source, 4))
		way->marked = index_at(bytes + at + MAGIC_BYTES);
}

static void drain(struct way *way)
{
	static uint8_t bytes[CRAFT_ROOM];
	struct sockaddr_ll from;
	socklen_t size;
	ssize_t length;

	for (;;) {
		size = sizeof(from);
		length = recvfrom(way->capture, bytes, sizeof(bytes), 0,
				  (struct sockaddr *)&from, &size);
		if (length < 0)
			return;
		if (from.sll_pkttype != PACKET_OUTGOING && length >= 20)
			note(way, bytes, (size_t)length);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t missing(uint32_t first)
{
	uint32_t i, count = 0;

	for (i = first; i < shot_count; i++)
		count += shots[i].expected && !shots[i].seen;
	return count;
}

static void wait_captures(int timeout_ms)
{
	struct pollfd ready[WAYS];
	size_t i;

	for (i = 0; i < WAYS; i++)
		ready[i] = (struct pollfd) { .fd = ways[i].capture, .events = POLLIN };
	poll(ready, WAYS, timeout_ms);
	for (i = 0; i < WAYS; i++)
		drain(&ways[i]);
}

static bool unmarked(uint32_t marker)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (ways[i].marked != marker)
			return true;
	return false;
}

/* Whatever was sent before has been judged when this returns. */
static void mark(void)
{
	static uint32_t marker;
	struct ml_packet packet;
	size_t i;
	long end;
	int try;

	marker++;
	for (try = 0; try < 4 * TRIES && unmarked(marker); try++) {
		for (i = 0; i < WAYS; i++) {
			packet = marker_packet(&ways[i]);
			if (ways[i].marked != marker)
				shoot_packet(&ways[i], &packet, MARKER, marker);
		}
		end = now_ms() + PATIENCE_MS;
		while (unmarked(marker) && now_ms() < end)
			wait_captures(100);
	}
	if (unmarked(marker)) {
		fprintf(stderr, "oracle_pkts: the markers do not arrive\n");
		exit(2);
	}
}

/* What should arrive does, from packet @first on; a queue may have been full. */
static void collect(uint32_t first)
{
	int try;
	uint32_t i;
	long end;

	mark();
	for (try = 0; try < TRIES && missing(first); try++) {
		for (i = first; try && i < shot_count; i++)
			if (shots[i].expected && !shots[i].seen)
				shoot(i);
		end = now_ms() + PATIENCE_MS;
		while (missing(first) && now_ms() < end)
			wait_captures(100);
	}
	if (try > 1)
		mark();
	for (i = first; i < shot_count; i++)
		if (shots[i].expected && !shots[i].seen)
			complain(i, "did not pass, and a rule allows it");
}

/* ---------------------------------------------------------------------- main */

static void open_way(struct way *way)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int room = 8 << 20;

	netns_enter(way->from);
	sender_open(&way->sender, way->raw, way->out);
	memcpy(way->sender.to, gate_mac, sizeof(gate_mac));
	netns_enter(way->to);
	address.sll_ifindex = (int)if_nametoindex(way->in);
	way->capture = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	sender_check(way->capture >= 0 && address.sll_ifindex &&
		     !bind(way->capture, (struct sockaddr *)&address, sizeof(address)) &&
		     !setsockopt(way->capture, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)),
		     "capture");
}

static void one_policy(struct ml_kernel *kernel, struct chance *chance, uint32_t packets,
		       bool lie)
{
	struct ml_ruleset *ruleset = make_ruleset(chance);
	uint32_t first = shot_count, i;
	struct shot *shot;
	size_t winner;

	load(kernel, ruleset);
	for (i = 0; i < packets; i++) {
		shot = &shots[shot_count];
		shot->way = make_packet(chance, ruleset, &shot->packet);
		ml_ruleset_match(ruleset, &shot->packet, &winner, NULL, NULL);
		shot->expected = winner != SIZE_MAX &&
				 ruleset->rules[winner].action == MERLON_ACTION_ALLOW;
		*(shot->expected ? &shot->way->passed : &shot->way->denied) += 1;
		if (lie && i == packets / 2)
			shot->expected = !shot->expected;
		shoot(shot_count++);
	}
	collect(first);
	ml_ruleset_free(ruleset);
	free(ruleset);
}

static unsigned long option(int argc, char **argv, const char *name, unsigned long otherwise)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return strtoul(argv[i + 1], NULL, 0);
	return otherwise;
}

int main(int argc, char **argv)
{
	uint32_t policies = (uint32_t)option(argc, argv, "--policies", 20);
	uint32_t packets = (uint32_t)option(argc, argv, "--packets", BATCH);
	struct chance chance = { .state = option(argc, argv, "--seed", 1) };
	bool lie = !strcmp(argv[argc - 1], "--lie");
	struct ml_kernel *kernel;
	uint32_t i;

	shots = calloc((size_t)policies * packets, sizeof(*shots));
	if (!shots || packets > BATCH)
		return 2;
	for (i = 0; i < WAYS; i++)
		open_way(&ways[i]);
	netns_enter("gate");
	check(ml_kernel_open(&kernel, &error), "open");
	for (i = 0; i < policies && wrong < ENOUGH; i++)
		one_policy(kernel, &chance, packets, lie && i == policies / 2);
	/* What is late and should never have come is seen here. */
	for (i = 0; i < 10; i++)
		wait_captures(100);
	for (i = 0; i < WAYS; i++)
		printf("%s > %s: %lu to pass, %lu to be denied\n", ways[i].from, ways[i].to,
		       ways[i].passed, ways[i].denied);
	printf("%u packets, %u policies, %lu wrong\n", shot_count, policies, wrong);
	ml_kernel_close(kernel);
	return wrong ? 1 : 0;
}
