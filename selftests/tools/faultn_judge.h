/* SPDX-License-Identifier: MIT */
/*
 * The judge: probes by UDP through the tunnel and past it, and a capture of all
 * that arrives at the far end. Of two probes in a row through the tunnel the first
 * may not pass and the second may: when the second is there, the first is there or
 * never comes. What goes past it is faster still.
 */
#ifndef FAULTN_JUDGE_H
#define FAULTN_JUDGE_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "netns.h"
#include "nltool_link.h"

#define JUDGE_ALLOWED	1000	/* what nltool's images say of these ports */
#define JUDGE_DENIED	1002
#define JUDGE_WAIT_MS	20000

struct judge_probe {
	char magic[8];
	uint64_t id;
	uint32_t forbidden;
	uint32_t outside;
};

static struct {
	int capture, sender;
	struct in_addr inside, outside;		/* the far end, by the tunnel and without */
	uint64_t sent, last, before_last;	/* ids; the last by the tunnel */
	unsigned long arrived, outside_arrived, leaked;
} judge;

static void judge_open(const char *from, const char *to, const char *inside,
		       const char *outside)
{
	netns_enter(to);
	judge.capture = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
	if (judge.capture < 0)
		die("packet socket");
	netns_enter(from);
	judge.sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (judge.sender < 0 || inet_pton(AF_INET, inside, &judge.inside) != 1 ||
	    inet_pton(AF_INET, outside, &judge.outside) != 1)
		die(inside);
}

/* What is dropped on its way out is refused with EPERM: no error here. */
static uint64_t judge_send(uint16_t port, bool forbidden, bool outside)
{
	struct judge_probe probe = { "faultn", ++judge.sent, forbidden, outside };
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr = outside ? judge.outside : judge.inside,
	};

	sendto(judge.sender, &probe, sizeof(probe), MSG_DONTWAIT, (struct sockaddr *)&to,
	       sizeof(to));
	return probe.id;
}

/* One packet at the far end. */
static void judge_take(void)
{
	uint8_t packet[256];
	ssize_t length = recv(judge.capture, packet, sizeof(packet), MSG_DONTWAIT);
	struct judge_probe probe;
	size_t skip = 8 + 4 * (packet[0] & 15u);

	if (length < (ssize_t)(skip + sizeof(probe)))
		return;
	memcpy(&probe, packet + skip, sizeof(probe));
	if (strcmp(probe.magic, "faultn"))
		return;
	judge.leaked += probe.forbidden;
	if (probe.outside) {
		judge.outside_arrived++;
		return;
	}
	judge.arrived++;
	judge.before_last = judge.last;
	judge.last = probe.id;
}

static bool judge_await(uint64_t id)
{
	struct pollfd one = { judge.capture, POLLIN, 0 };
	uint64_t until = now_ms() + JUDGE_WAIT_MS;

	while (judge.last < id && now_ms() < until)
		if (poll(&one, 1, 100) > 0)
			judge_take();
	return judge.last == id;
}

/*
 * Both ports, and one past the tunnel, by what @state must do with them. Where
 * none may pass, they are looked for at all later times. Return: NULL, or what is
 * wrong.
 */
static const char *judge_state(uint32_t state, uint32_t scope)
{
	bool open = state == MERLON_STATE_DISARMED || state == MERLON_STATE_OBSERVING;
	bool some = open || state == MERLON_STATE_ENFORCING;
	unsigned long leaked = judge.leaked;
	uint64_t denied, allowed;

	judge_send(JUDGE_ALLOWED, !open && scope == MERLON_SCOPE_EVERYTHING, true);
	denied = judge_send(JUDGE_DENIED, !open, false);
	allowed = judge_send(JUDGE_ALLOWED, !some, false);

	if (some && !judge_await(allowed))
		return "what is allowed does not pass";
	if (open && judge.before_last != denied)
		return "nobody denies it, and it does not pass";
	return judge.leaked == leaked ? NULL : "what is denied has passed";
}

#endif
