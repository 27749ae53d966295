// SPDX-License-Identifier: MIT
/*
 * bpfpeer OBJECT DEVICE RULES < policy: loads peer.bpf.c, fills its maps with a policy
 * (bench/generate) and attaches it to tc's ingress of DEVICE, which needs a clsact
 * qdisc. `tc qdisc del dev DEVICE clsact` ends it.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "peer.h"

struct maps {
	int identities, allowed;
	__u32 known;	/* identities given so far */
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "bpfpeer: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static __u32 identity_of(struct maps *maps, const char *text)
{
	bool six = strchr(text, ':');
	struct peer_prefix prefix = { .length = six ? 128 : 32 };
	__u32 identity;

	if (inet_pton(six ? AF_INET6 : AF_INET, text, prefix.address) != 1)
		die("'%s' is not an address", text);
	if (!bpf_map_lookup_elem(maps->identities, &prefix, &identity))
		return identity;
	identity = ++maps->known;
	if (bpf_map_update_elem(maps->identities, &prefix, &identity, BPF_NOEXIST))
		die("%s: no room", text);
	return identity;
}

static void add_rule(struct maps *maps, const char *line)
{
	char source[64], destination[64], protocol[8];
	struct peer_flow flow = { 0 };
	__u64 packets = 0;
	unsigned int port;

	if (sscanf(line, "%63s %63s %7s %u", source, destination, protocol, &port) != 4)
		die("not understood: %s", line);
	flow.source = identity_of(maps, source);
	flow.destination = identity_of(maps, destination);
	flow.protocol = strcmp(protocol, "tcp") ? IPPROTO_UDP : IPPROTO_TCP;
	flow.port = htons((__u16)port);
	if (bpf_map_update_elem(maps->allowed, &flow, &packets, BPF_NOEXIST))
		die("no room, or twice: %s", line);
}

static struct bpf_map *sized(struct bpf_object *object, const char *name, __u32 entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, name);

	if (!map || bpf_map__set_max_entries(map, entries))
		die("no map %s", name);
	return map;
}

static void attach(struct bpf_object *object, const char *device)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "peer");
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts);

	hook.ifindex = (int)if_nametoindex(device);
	if (!program || !hook.ifindex)
		die("no program, or no device %s", device);
	opts.prog_fd = bpf_program__fd(program);
	if (bpf_tc_attach(&hook, &opts))
		die("cannot be attached to %s", device);
}

int main(int argc, char **argv)
{
	struct bpf_map *identities, *allowed;
	struct bpf_object *object;
	struct maps maps = { 0 };
	char *line = NULL;
	size_t size = 0;
	__u32 rules;

	if (argc != 4)
		die("usage: bpfpeer OBJECT DEVICE RULES");
	rules = (__u32)strtoul(argv[3], NULL, 10);
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		die("%s: cannot be opened", argv[1]);
	identities = sized(object, "identities", 2 * rules);
	allowed = sized(object, "allowed", rules);
	if (bpf_object__load(object))
		die("%s: the kernel does not take it", argv[1]);
	maps.identities = bpf_map__fd(identities);
	maps.allowed = bpf_map__fd(allowed);
	while (getline(&line, &size, stdin) >= 0)
		add_rule(&maps, line);
	free(line);
	attach(object, argv[2]);
	bpf_object__close(object);
	return 0;
}
