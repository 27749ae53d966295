// SPDX-License-Identifier: MIT
/*
 * The judge of the leak bench: keeps every frame that arrives at devices of
 * other namespaces, and tells which bytes were in them. Commands come on
 * standard input, one on a line; each has one line of answer.
 *
 *   open NAME NAMESPACE DEVICE|any	watch that device from now on, or all there are
 *   await NAME HEX MS			until a frame holds these bytes: "MS", how
 *					long it took, or "no"
 *   count NAME HEX			frames that held these bytes so far
 *   clear				forget all frames
 *   dump NAME				the frames' first bytes, in one line
 *
 * A frame that could not be kept, for want of room here or in the socket, ends
 * the program: the bench then has no judge, and every check fails.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "netns.h"
#include "sender.h"

#define MAX_WATCHES	8
#define MAX_WORDS	8
#define ROOM		(16u << 20)
#define SOCKET_ROOM	(8 << 20)
#define DUMP_BYTES	64

struct watch {
	char name[32];
	int fd;
	uint8_t *frames;	/* each with its length (uint32_t) before it */
	size_t used;
};

static struct watch watches[MAX_WATCHES];
static size_t watch_count;

static void __attribute__((noreturn)) give_up(const char *why)
{
	fprintf(stderr, "leakwatch: %s\n", why);
	exit(2);
}

static struct watch *watch_find(const char *name)
{
	size_t i;

	for (i = 0; i < watch_count; i++)
		if (!strcmp(watches[i].name, name))
			return &watches[i];
	give_up("no such watch");
}

static void watch_open(const char *name, const char *ns, const char *device)
{
	struct watch *watch = &watches[watch_count];
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	int one = 1, room = SOCKET_ROOM;

	if (watch_count == MAX_WATCHES)
		give_up("too many watches");
	netns_enter(ns);
	if (strcmp(device, "any"))
		address.sll_ifindex = (int)if_nametoindex(device);
	watch->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	watch->frames = malloc(ROOM);
	sender_check(watch->frames && watch->fd >= 0 &&
		     (address.sll_ifindex || !strcmp(device, "any")) &&
		     !setsockopt(watch->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
				 sizeof(one)) &&
		     !setsockopt(watch->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) &&
		     !bind(watch->fd, (struct sockaddr *)&address, sizeof(address)), device);
	snprintf(watch->name, sizeof(watch->name), "%s", name);
	watch_count++;
}

static void watch_lost(const struct watch *watch)
{
	struct tpacket_stats stats;
	socklen_t length = sizeof(stats);

	if (getsockopt(watch->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) ||
	    stats.tp_drops)
		give_up("frames were lost");
}

static void watch_read(struct watch *watch)
{
	ssize_t length;
	uint32_t size;

	for (;;) {
		if (watch->used + sizeof(size) + CRAFT_ROOM > ROOM)
			give_up("no room for another frame");
		length = recv(watch->fd, watch->frames + watch->used + sizeof(size), CRAFT_ROOM,
			      MSG_TRUNC);
		if (length < 0 && errno != EAGAIN && errno != ENETDOWN)
			give_up(strerror(errno));
		if (length < 0 && errno == EAGAIN)
			break;
		if (length <= 0)
			continue;
		if (length > CRAFT_ROOM)
			give_up("a frame beyond any size");
		size = (uint32_t)length;
		memcpy(watch->frames + watch->used, &size, sizeof(size));
		watch->used += sizeof(size) + size;
	}
	watch_lost(watch);
}

static size_t count_from(const struct watch *watch, size_t at, const uint8_t *bytes,
			 size_t length)
{
	size_t found = 0;
	uint32_t size;

	while (at < watch->used) {
		memcpy(&size, watch->frames + at, sizeof(size));
		at += sizeof(size);
		if (memmem(watch->frames + at, size, bytes, length))
			found++;
		at += size;
	}
	return found;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns how long it took, or -1. */
static long watch_await(struct watch *watch, const uint8_t *bytes, size_t length, long ms)
{
	struct pollfd ready = { .fd = watch->fd, .events = POLLIN };
	long begin = now_ms(), left;
	size_t at = 0;

	for (;;) {
		watch_read(watch);
		if (count_from(watch, at, bytes, length))
			return now_ms() - begin;
		at = watch->used;
		left = begin + ms - now_ms();
		if (left <= 0)
			return -1;
		poll(&ready, 1, (int)left);
	}
}

static void watch_dump(const struct watch *watch)
{
	size_t at = 0, i;
	uint32_t size;

	while (at < watch->used) {
		memcpy(&size, watch->frames + at, sizeof(size));
		at += sizeof(size);
		for (i = 0; i < size && i < DUMP_BYTES; i++)
			printf("%02x", watch->frames[at + i]);
		at += size;
		printf(" ");
	}
	printf("\n");
}

static size_t from_hex(const char *hex, uint8_t *ret, size_t room)
{
	unsigned int byte;
	size_t length = 0;

	for (; length < room && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		ret[length++] = (uint8_t)byte;
	if (*hex || length < 4)
		give_up("hex bytes, four or more");
	return length;
}

static void clear_all(void)
{
	size_t i;

	for (i = 0; i < watch_count; i++) {
		watch_read(&watches[i]);
		watches[i].used = 0;
	}
	printf("yes\n");
}

static void ask(char **words, int count)
{
	struct watch *watch = watch_find(words[1]);
	uint8_t bytes[128];
	size_t length;
	long took;

	if (!strcmp(words[0], "dump")) {
		watch_read(watch);
		watch_dump(watch);
		return;
	}
	if (count < 3)
		give_up("too few words");
	length = from_hex(words[2], bytes, sizeof(bytes));
	if (!strcmp(words[0], "count")) {
		watch_read(watch);
		printf("%zu\n", count_from(watch, 0, bytes, length));
		return;
	}
	if (strcmp(words[0], "await") || count != 4)
		give_up(words[0]);
	took = watch_await(watch, bytes, length, strtol(words[3], NULL, 10));
	if (took < 0)
		printf("no\n");
	else
		printf("%ld\n", took);
}

static void command(char **words, int count)
{
	if (!strcmp(words[0], "clear")) {
		clear_all();
	} else if (!strcmp(words[0], "open") && count == 4) {
		watch_open(words[1], words[2], words[3]);
		printf("yes\n");
	} else if (count >= 2) {
		ask(words, count);
	} else {
		give_up("not understood");
	}
	fflush(stdout);
}

int main(void)
{
	char *line = NULL, *rest, *word, *words[MAX_WORDS];
	size_t size = 0;
	int count;

	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		rest = line;
		count = 0;
		while (count < MAX_WORDS && (word = strsep(&rest, " ")))
			if (*word)
				words[count++] = word;
		if (count)
			command(words, count);
	}
	return 0;
}
