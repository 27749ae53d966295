// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The nets as a trie, a byte of the address at a time.
 *
 * Nets come in ascending order of (address, length): what contains a net came
 * before it, and everything that starts with the same bytes comes together.
 * So the nodes on the way to the last net are all that a builder must
 * remember, a net overwrites only entries of nets that contain it, and a node
 * that is made starts as 256 copies of the entry that it takes the place of.
 */
#include "tables.h"

/* A net of either family. */
struct net {
	u8 address[16];
	u8 length;
	struct merlon_ends ends;
};

struct net_path {
	u8 address[16];		/* of the last net */
	u32 depth;		/* levels that have a node; the root is level 0 */
	u32 node[16];
};

typedef void net_read_t(const struct merlon_view *view, u32 i, struct net *net);

static void read_net4(const struct merlon_view *view, u32 i, struct net *net)
{
	const struct merlon_net4 *from = &view->nets4[i];

	memset(net->address, 0, sizeof(net->address));
	memcpy(net->address, &from->address, sizeof(from->address));
	net->length = from->length;
	net->ends.source = le32_to_cpu(from->source);
	net->ends.destination = le32_to_cpu(from->destination);
	net->ends.owner = from->tunnel;
}

static void read_net6(const struct merlon_view *view, u32 i, struct net *net)
{
	const struct merlon_net6 *from = &view->nets6[i];

	memcpy(net->address, from->address, sizeof(net->address));
	net->length = from->length;
	net->ends.source = le32_to_cpu(from->source);
	net->ends.destination = le32_to_cpu(from->destination);
	net->ends.owner = from->tunnel;
}

/* The level whose node holds the entries of a net. */
static u32 net_level(const struct net *net)
{
	return net->length ? (net->length - 1u) / 8 : 0;
}

/* How many levels of the path also lead to @net. */
static u32 path_shared(const struct net_path *path, const struct net *net)
{
	u32 level = 1;

	while (level < path->depth &&
	       path->address[level - 1] == net->address[level - 1])
		level++;
	return level;
}

/*
 * Goes down to the level of @net; @nodes is NULL where they are only counted.
 * Return: nodes that had to be made.
 */
static u32 path_follow(struct net_path *path, const struct net *net, u32 *nodes, u32 made)
{
	u32 level, i, *entry, start = made;

	path->depth = path_shared(path, net);
	memcpy(path->address, net->address, sizeof(path->address));
	while (path->depth <= net_level(net)) {
		level = path->depth++;
		path->node[level] = made++;
		if (!nodes)
			continue;
		entry = &nodes[path->node[level - 1] << 8 | net->address[level - 1]];
		for (i = 0; i < 256; i++)
			nodes[path->node[level] << 8 | i] = *entry;
		*entry = MERLON_NET_NODE | path->node[level];
	}
	return made - start;
}

static void net_enter(const struct net_path *path, const struct net *net, u32 *nodes, u32 leaf)
{
	u32 level = net_level(net);
	u32 count = 1u << (8 * (level + 1) - net->length);
	u32 *entry = &nodes[path->node[level] << 8 | net->address[level]];

	while (count--)
		*entry++ = leaf;
}

static int count_nodes(const struct merlon_view *view, u32 section, net_read_t *read,
		       u32 *ret, struct merlon_fault *fault)
{
	struct net_path path = { .depth = 1 };
	struct net net;
	u32 i, made = 1;

	for (i = 0; i < view->count[section]; i++) {
		if (merlon_env_interrupted_at(i))
			return merlon_fault_set(fault, -EINTR, section, i,
						"interrupted by a signal");
		read(view, i, &net);
		made += path_follow(&path, &net, NULL, made);
		if (made > MERLON_MAX_NET_NODES)
			return merlon_fault_set(fault, -E2BIG, section, i,
						"more than MERLON_MAX_NET_NODES");
	}
	*ret = made;
	return 0;
}

static int fill_nodes(const struct merlon_view *view, u32 section, net_read_t *read,
		      struct merlon_nets *nets, struct merlon_fault *fault)
{
	struct net_path path = { .depth = 1 };
	struct net net;
	u32 i, made = 1;

	for (i = 0; i < view->count[section]; i++) {
		if (!(i % 256) && merlon_env_interrupted())
			return merlon_fault_set(fault, -EINTR, section, i,
						"interrupted by a signal");
		read(view, i, &net);
		made += path_follow(&path, &net, nets->nodes, made);
		nets->ends[i + 1] = net.ends;
		net_enter(&path, &net, nets->nodes, i + 1);
	}
	return 0;
}

static int nets_build(struct merlon_tables *tables, const struct merlon_view *view,
		      u32 section, net_read_t *read, struct merlon_nets *nets,
		      struct merlon_fault *fault)
{
	u32 nodes = 0, count = view->count[section];
	int ret;

	nets->ends = merlon_tables_alloc(tables, count + 1, sizeof(*nets->ends));
	if (!nets->ends)
		return merlon_fault_set(fault, -ENOMEM, section, 0, "out of memory");
	if (!count)
		return 0;
	ret = count_nodes(view, section, read, &nodes, fault);
	if (ret)
		return ret;
	nets->nodes = merlon_tables_alloc(tables, nodes, 256 * sizeof(*nets->nodes));
	if (!nets->nodes)
		return merlon_fault_set(fault, -ENOMEM, section, 0, "out of memory");
	return fill_nodes(view, section, read, nets, fault);
}

int merlon_nets4_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	return nets_build(tables, view, MERLON_SECTION_NETS4, read_net4,
			  &tables->nets4, fault);
}

int merlon_nets6_build(struct merlon_tables *tables, const struct merlon_view *view,
		       struct merlon_fault *fault)
{
	return nets_build(tables, view, MERLON_SECTION_NETS6, read_net6,
			  &tables->nets6, fault);
}
