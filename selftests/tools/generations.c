// SPDX-License-Identifier: MIT
/*
 * generations NODES [TEAM]: what a generation costs the signer, in milliseconds of
 * CPU: the first; one in which 10 nodes joined; and where the time of that went.
 * Nodes are in teams of TEAM (100), which reach each other and ten servers.
 * Prints JSON. docs/signer.md has what it said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "generate.h"
#include "keys.h"
#include "policy_text.h"
#include "prefix.h"

#define SERVERS 10
#define JOINING 10

struct nodes {
	struct ml_policy_member *members;
	struct ml_prefix (*addresses)[2];
	char (*names)[24], (*owners)[40];
	uint8_t (*keys)[32];
	size_t count;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void fail(const struct ml_error *error)
{
	fprintf(stderr, "generations: %s\n", error->text);
	exit(2);
}

static void *room(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

/* Those that join come to the first team. */
static void node_fill(struct nodes *nodes, size_t i, size_t team)
{
	static const char *const server[] = { "tag:server" };
	const uint8_t v4[4] = { 100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i };
	const uint8_t v6[16] = { 0xfd, [13] = (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
	bool is_server = i < SERVERS;

	snprintf(nodes->names[i], sizeof(*nodes->names), "node-%06zu", i * 7919 % 1000003);
	snprintf(nodes->owners[i], sizeof(*nodes->owners), "team%zu@example.org",
		 i + JOINING < nodes->count ? i / team : 0);
	memcpy(nodes->keys[i], &i, sizeof(i));
	ml_prefix_host(AF_INET, v4, &nodes->addresses[i][0]);
	ml_prefix_host(AF_INET6, v6, &nodes->addresses[i][1]);
	nodes->members[i] = (struct ml_policy_member){
		nodes->names[i], is_server ? NULL : nodes->owners[i], is_server ? server : NULL,
		is_server, nodes->addresses[i], 2, nodes->keys[i], NULL,
	};
}

static void nodes_fill(struct nodes *nodes, size_t count, size_t team)
{
	nodes->members = room(count, sizeof(*nodes->members));
	nodes->addresses = room(count, sizeof(*nodes->addresses));
	nodes->names = room(count, sizeof(*nodes->names));
	nodes->owners = room(count, sizeof(*nodes->owners));
	nodes->keys = room(count, sizeof(*nodes->keys));
	nodes->count = count;
	for (size_t i = 0; i < count; i++)
		node_fill(nodes, i, team);
}

static char *source_write(size_t teams, size_t *ret_length)
{
	struct ml_text out = { 0 };

	ml_text_add(&out, "{\"network\": {\"ipv4\": \"100.64.0.0/10\"},\n"
		    "\"tagOwners\": {\"tag:server\": []},\n"
		    "\"grants\": [{\"src\": [\"autogroup:member\"], \"dst\": [\"tag:server\"], "
		    "\"ip\": [\"tcp:443\"]},\n");
	for (size_t i = 0; i < teams; i++)
		ml_text_format(&out, "{\"src\": [\"team%zu@example.org\"], "
			       "\"dst\": [\"team%zu@example.org\"], \"ip\": [\"tcp:22\"]},\n", i, i);
	ml_text_add(&out, "]}");
	*ret_length = out.length;
	return out.data;
}

struct cost {
	double parse, reach, build, sign;
	size_t changed;
};

static struct ml_generation *step(const char *source, size_t length, const struct nodes *nodes,
				  size_t count, const struct ml_generation *before,
				  struct ml_blocks *blocks, struct ml_secret_key *key,
				  struct cost *cost)
{
	const struct ml_policy_enrolled enrolled = { nodes->members, count, NULL, 0 };
	struct ml_statement statement = { .network = "net", .serial = 1, .expires = 100 };
	struct ml_generation *generation;
	struct ml_policy_reach *reach;
	struct ml_policy *policy;
	struct ml_error error;
	uint8_t *envelope;
	size_t bytes;
	double t[5];

	t[0] = now();
	if (ml_policy_parse_with("policy", source, length, &enrolled, &policy, &error))
		fail(&error);
	t[1] = now();
	if (ml_policy_reach_build(policy, &reach, &error))
		fail(&error);
	ml_policy_reach_free(reach);
	t[2] = now();
	if (ml_generation_build(policy, "net", before, blocks, &generation, &error))
		fail(&error);
	t[3] = now();
	if (ml_statement_sign_tree(&statement, generation->tree, key, &envelope, &bytes, &error))
		fail(&error);
	t[4] = now();
	free(envelope);
	ml_policy_free(policy);
	*cost = (struct cost){ t[1] - t[0], t[2] - t[1], t[3] - t[2], t[4] - t[3],
			       generation->changed };
	return generation;
}

static void cost_print(const char *what, const struct cost *cost)
{
	printf("\"%s\":{\"parse\":%.1f,\"reach\":%.1f,\"makeAndReach\":%.1f,\"sign\":%.2f,"
	       "\"total\":%.1f,\"changed\":%zu}", what, cost->parse, cost->reach, cost->build,
	       cost->sign, cost->parse + cost->build + cost->sign, cost->changed);
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, length;
	size_t team = argc > 2 ? strtoul(argv[2], NULL, 10) : 100;
	struct ml_generation *first, *second;
	struct ml_blocks *blocks;
	struct ml_secret_key *key;
	struct ml_error error;
	struct nodes nodes;
	struct cost cost;
	char *source;

	if (count < 2 * SERVERS || count > 100000 || !team) {
		fprintf(stderr, "usage: generations NODES [TEAM]\n");
		return 2;
	}
	if (ml_keys_setup(&error) || ml_secret_key_generate(&key, &error))
		fail(&error);
	blocks = ml_blocks_new();
	nodes_fill(&nodes, count + JOINING, team);
	source = source_write((count + JOINING) / team + 1, &length);
	printf("{\"nodes\":%zu,\"team\":%zu,", count, team);
	first = step(source, length, &nodes, count, NULL, blocks, key, &cost);
	cost_print("first", &cost);
	printf(",\"blocks\":%zu,\"bytes\":%zu,", ml_blocks_count(blocks), ml_blocks_bytes(blocks));
	second = step(source, length, &nodes, count + JOINING, first, blocks, key, &cost);
	cost_print("tenJoin", &cost);
	printf("}\n");
	ml_generation_free(first);
	ml_generation_free(second);
	ml_blocks_free(blocks);
	ml_secret_key_free(key);
	return 0;
}
