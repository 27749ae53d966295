// SPDX-License-Identifier: MIT
/*
 * Probes on paths between namespaces, and captures at their far ends. Commands
 * come on standard input, one on a line; each has one line of answer.
 *
 *   path NAME FROM DEVICE packet|raw TO DEVICE [ADDRESS4 ADDRESS6]
 *	a way from one namespace's device to another's. With addresses: what
 *	arrives is told by the answers that come from there
 *   passes NAME FIELDS		one probe: does it arrive? "yes" or "no: why"; and
 *				what the capture itself lost, if it did
 *   stopped NAME FIELDS	one probe, and a marker behind it that may pass: is
 *				the marker there, and the probe not?
 *   send NAME FIELDS		probes, nothing is waited for: "yes" or "no: why"
 *   marker NAME FIELDS		what is sent as marker on that path from now on
 *   count NAME			probes that arrived so far
 *
 * FIELDS: fields.h. Probes and markers have TTLs of their own, which tell them
 * from what kernels send by themselves; they may be one lower when they arrive. What
 * has ttl= among its fields is not counted.
 */
#include <poll.h>
#include <time.h>

#include "fields.h"
#include "netns.h"
#include "sender.h"

#define PROBE_TTL	77
#define MARKER_TTL	87
#define MARKER_PORT	4999
#define PATIENCE_MS	30000	/* only what is lost takes so long */
#define MAX_PATHS	32
#define MAX_WORDS	64

struct path {
	char name[32];
	struct sender sender;
	int capture;
	bool answers;		/* what counts comes from these */
	uint8_t answerer4[4], answerer6[16];
	unsigned long probes, markers;
	char marker[256];
};

static struct path paths[MAX_PATHS];
static size_t path_count;

static struct path *path_find(const char *name)
{
	size_t i;

	for (i = 0; i < path_count; i++)
		if (!strcmp(paths[i].name, name))
			return &paths[i];
	fields_refuse(name);
}

static int capture_open(const char *device)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	sender_check(fd >= 0 && address.sll_ifindex &&
		     !bind(fd, (struct sockaddr *)&address, sizeof(address)), "capture");
	return fd;
}

static void path_add(char **words, int count)
{
	struct path *path = &paths[path_count];

	if (path_count == MAX_PATHS || (count != 6 && count != 8))
		fields_refuse("path");
	snprintf(path->name, sizeof(path->name), "%s", words[0]);
	netns_enter(words[1]);
	sender_open(&path->sender, !strcmp(words[3], "raw"), words[2]);
	netns_enter(words[4]);
	path->capture = capture_open(words[5]);
	if (count == 8) {
		path->answers = inet_pton(AF_INET, words[6], path->answerer4) == 1 &&
				inet_pton(AF_INET6, words[7], path->answerer6) == 1;
		if (!path->answers)
			fields_refuse(words[6]);
	}
	path_count++;
}

/* ----------------------------------------------------------------- captures */

static bool is_marker_answer(const uint8_t *packet, bool v6)
{
	const uint8_t *transport = packet + (v6 ? 40 : (packet[0] & 15) * 4);

	return packet[v6 ? 6 : 9] == IPPROTO_TCP &&
	       (transport[0] << 8 | transport[1]) == MARKER_PORT;
}

static void count_packet(struct path *path, const uint8_t *packet, bool v6)
{
	uint8_t ttl = packet[v6 ? 7 : 8];
	bool ours = ttl == PROBE_TTL || ttl == PROBE_TTL - 1;

	if (path->answers) {
		if (ours || memcmp(packet + (v6 ? 8 : 12), v6 ? path->answerer6 : path->answerer4,
				   v6 ? 16 : 4))
			return;
		*(is_marker_answer(packet, v6) ? &path->markers : &path->probes) += 1;
		return;
	}
	if (ours)
		path->probes++;
	if (ttl == MARKER_TTL || ttl == MARKER_TTL - 1)
		path->markers++;
}

static void capture_read(struct path *path)
{
	static uint8_t packet[CRAFT_ROOM];
	struct sockaddr_ll from;
	socklen_t length;

	for (;;) {
		length = sizeof(from);
		memset(packet, 0, 64);
		if (recvfrom(path->capture, packet, sizeof(packet), 0,
			     (struct sockaddr *)&from, &length) < 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		if (from.sll_protocol == htons(ETH_P_IP))
			count_packet(path, packet, false);
		else if (from.sll_protocol == htons(ETH_P_IPV6))
			count_packet(path, packet, true);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until *@count reaches @want. */
static bool await(struct path *path, const unsigned long *count, unsigned long want)
{
	struct pollfd ready = { .fd = path->capture, .events = POLLIN };
	long end = now_ms() + PATIENCE_MS, left;

	for (;;) {
		capture_read(path);
		if (*count >= want)
			return true;
		left = end - now_ms();
		if (left <= 0)
			return false;
		poll(&ready, 1, (int)left);
	}
}

/* -------------------------------------------------------------------- probes */

/* Returns 0 or the errno of the last packet. */
static int send_packet(struct path *path, char **words, uint8_t ttl)
{
	static uint8_t bytes[CRAFT_ROOM];
	static char ttl_word[16];
	struct craft craft;
	size_t length;
	int error = 0;

	memmove(words + 1, words, (MAX_WORDS - 2) * sizeof(*words));
	snprintf(ttl_word, sizeof(ttl_word), "ttl=%u", ttl);
	words[0] = ttl_word;
	length = fields_build(&craft, words, bytes);
	while (fields_count--) {
		if (sender_send(&path->sender, &craft, bytes, length) < 0)
			error = errno;
		if (!fields_spread)
			continue;
		craft.port += !++craft.source_port;
		craft_build(&craft, bytes);
		if (fields_count % 64 == 0)
			usleep(1000);	/* within what the queues hold */
	}
	return error;
}

static bool send_marker(struct path *path)
{
	char copy[sizeof(path->marker)], *rest = copy, *words[MAX_WORDS] = { NULL };
	static unsigned int port;
	char sport[32];
	int n = 0;

	memcpy(copy, path->marker, sizeof(copy));
	while (n < MAX_WORDS - 4 && (words[n] = strsep(&rest, " ")))
		n++;
	snprintf(sport, sizeof(sport), "sport=%u", 20000 + port++ % 20000);
	words[n] = sport;
	words[n + 1] = NULL;
	return !send_packet(path, words, MARKER_TTL);
}

static void answer(const char *text, int error)
{
	if (error)
		printf("%s: %s\n", text, strerror(error));
	else
		printf("%s\n", text);
	fflush(stdout);
}

/* What the capture had no room for, since this was asked last. */
static unsigned int overflow(const struct path *path)
{
	struct tpacket_stats stats = { 0 };
	socklen_t length = sizeof(stats);

	getsockopt(path->capture, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
	return stats.tp_drops;
}

static void lost(const struct path *path, int error)
{
	char text[80];

	snprintf(text, sizeof(text), "no, it did not arrive (%u too many for the capture)",
		 overflow(path));
	answer(text, error);
}

static void passes(struct path *path, char **words)
{
	unsigned long before;
	int error;

	capture_read(path);
	overflow(path);
	before = path->probes;
	error = send_packet(path, words, PROBE_TTL);
	if (await(path, &path->probes, before + 1))
		answer("yes", 0);
	else
		lost(path, error);
}

static void stopped(struct path *path, char **words)
{
	unsigned long before, markers;

	capture_read(path);
	before = path->probes;
	markers = path->markers;
	send_packet(path, words, PROBE_TTL);
	if (!send_marker(path) || !await(path, &path->markers, markers + 1))
		answer("no, the marker did not arrive", errno);
	else if (path->probes != before)
		answer("no, it arrived", 0);
	else
		answer("yes", 0);
}

static void command(char **words, int count)
{
	struct path *path;
	int error;

	if (!strcmp(words[0], "path")) {
		path_add(words + 1, count - 1);
		answer("yes", 0);
		return;
	}
	path = path_find(words[1]);
	if (!strcmp(words[0], "passes")) {
		passes(path, words + 2);
	} else if (!strcmp(words[0], "stopped")) {
		stopped(path, words + 2);
	} else if (!strcmp(words[0], "send")) {
		error = send_packet(path, words + 2, PROBE_TTL);
		answer(error ? "no" : "yes", error);
	} else if (!strcmp(words[0], "count")) {
		capture_read(path);
		printf("%lu\n", path->probes);
		fflush(stdout);
	} else {
		fields_refuse(words[0]);
	}
}

static void set_marker(char *line)
{
	char *name = strsep(&line, " ");

	if (!line)
		fields_refuse("marker");
	snprintf(path_find(name)->marker, sizeof(paths->marker), "%s", line);
	answer("yes", 0);
}

int main(void)
{
	char *line = NULL, *rest, *words[MAX_WORDS + 1], *word;
	size_t size = 0;
	int count;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "marker ", 7)) {
			set_marker(line + 7);
			continue;
		}
		memset(words, 0, sizeof(words));
		count = 0;
		rest = line;
		while (count < MAX_WORDS - 4 && (word = strsep(&rest, " ")))
			if (*word)
				words[count++] = word;
		if (count >= 2)
			command(words, count);
	}
	return 0;
}
