/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rules of a policy (bench/generate) as what packets are made of: one family, one
 * protocol, shuffled, always in the same way. For spread.c and wire.c.
 */
#ifndef MERLON_FLOWS_H
#define MERLON_FLOWS_H

#include <linux/inet.h>
#include <linux/ipv6.h>
#include <linux/kernel_read_file.h>
#include <linux/prandom.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

struct flow {
	struct in6_addr source, destination;	/* IPv4: the first word */
	__be16 port;
};

struct flows {
	struct flow *list;
	unsigned int count;
	bool ip6;
};

static inline int flow_address(const char *text, bool ip6, struct in6_addr *to)
{
	bool is = ip6 ? in6_pton(text, -1, to->s6_addr, -1, NULL) :
			in4_pton(text, -1, to->s6_addr, -1, NULL);

	return is ? 0 : -EINVAL;
}

/* SOURCE DESTINATION PROTOCOL PORT; of another protocol: 0. */
static inline int flow_read(const char *line, const char *protocol, bool ip6, struct flow *to)
{
	char source[48], destination[48], name[8];
	unsigned int port;

	if (sscanf(line, "%47s %47s %7s %u", source, destination, name, &port) != 4)
		return -EINVAL;
	if (strcmp(name, protocol))
		return 0;
	to->port = htons(port);
	return flow_address(source, ip6, &to->source) ?:
	       flow_address(destination, ip6, &to->destination) ?: 1;
}

static inline int flows_parse(struct flows *flows, char *text, const char *protocol)
{
	char *line;
	int rc;

	flows->ip6 = strchr(text, ':');
	while ((line = strsep(&text, "\n"))) {
		if (!*line)
			continue;
		rc = flow_read(line, protocol, flows->ip6, &flows->list[flows->count]);
		if (rc < 0)
			return rc;
		flows->count += rc;
	}
	return flows->count ? 0 : -ENOENT;
}

static inline void flows_shuffle(struct flows *flows)
{
	struct rnd_state state;
	unsigned int i;

	prandom_seed_state(&state, 20240711);
	for (i = flows->count - 1; i > 0; i--)
		swap(flows->list[i], flows->list[prandom_u32_state(&state) % (i + 1)]);
}

static inline void flows_free(struct flows *flows)
{
	vfree(flows->list);
	memset(flows, 0, sizeof(*flows));
}

static inline unsigned int flows_lines(const char *text)
{
	unsigned int lines = 1;

	while ((text = strchr(text, '\n'))) {
		lines++;
		text++;
	}
	return lines;
}

/* @flows: empty, or of another file, which is let go. */
static inline int flows_load(struct flows *flows, const char *path, const char *protocol)
{
	void *text = NULL;
	ssize_t length = kernel_read_file_from_path(path, 0, &text, SZ_64M, NULL, READING_UNKNOWN);
	int err = -ENOMEM;

	if (length <= 0)
		return length ?: -ENOENT;
	flows_free(flows);
	((char *)text)[length - 1] = '\0';	/* in place of the last line's end */
	flows->list = vzalloc(array_size(flows_lines(text), sizeof(*flows->list)));
	if (flows->list)
		err = flows_parse(flows, text, protocol);
	vfree(text);
	if (err)
		flows_free(flows);
	else
		flows_shuffle(flows);
	return err;
}

#endif
