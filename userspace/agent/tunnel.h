/* SPDX-License-Identifier: MIT */
/*
 * The WireGuard device, where merlond was told to have one (--tunnel KEYFILE): made,
 * changed and tended by netlink, as the bundle in force says.
 *
 * ORDER: see changeover.h and accept.c. What the next generation does not have is
 * taken away before it is published (tunnel_retreat(), which can refuse the bundle),
 * what it has is given afterwards (tunnel_advance(), which can only fail, be told of,
 * and be tried again). Between the two, and whenever this process dies, the device
 * has no more than both generations. What is to be done is always worked out from
 * what the kernel has: there is nothing to remember, and nothing to be lost.
 *
 * A device of Merlon's has the alias "merlon NETWORK/NODE". One without it is
 * somebody else's, unless it is as `ip link add` leaves it (this process may have
 * died between that and the alias), or --take-over was given.
 *
 * All functions do nothing, and succeed, where --tunnel was not given.
 */
#ifndef MERLOND_TUNNEL_H
#define MERLOND_TUNNEL_H

#include "agent.h"
#include "bundle.h"
#include "device.h"
#include "endpoints.h"
#include "message.h"
#include "rtnl.h"

#define TUNNEL_PORT	51820
#define TUNNEL_MARK	51820	/* of packets that do not take the default route by it */

/* Of the options: is the key file there, and fit? While there is privilege to read it. */
int tunnel_check(const struct agent_options *options, struct ml_error *error);
/* The key, and the sockets that cannot be opened later. */
void tunnel_open(const struct agent *agent);
void tunnel_close(void);
/* Readable when a failure is to be tried again: then tunnel_tend(); -1: never. */
int tunnel_timer(void);

/* What a verified bundle wants; ml_device_clean() frees it. */
int tunnel_read(const struct ml_bundle *bundle, struct ml_device *ret,
		struct ml_error *error);
/* Takes away what @next does not have. */
int tunnel_retreat(const struct ml_device *next, struct ml_error *error);
/* @next was not published after all: as before the retreat. */
void tunnel_undo(const struct ml_device *next);
/* @next is in force, and taken over: @next is empty then. */
void tunnel_advance(struct ml_device *next);
/* Is the device as it should be? From time to time, and after a failure. */
void tunnel_tend(void);
/*
 * {"peers":[…]}, as lib's endpoints.h has it: where peers of the device may be, who have no
 * endpoint in the bundle. Kept for those that a later bundle brings.
 */
struct apply;
int tunnel_endpoints(struct apply *apply, struct ml_bytes text, struct ml_error *error);
void tunnel_fill(struct message_result *ret);
bool tunnel_has_problem(void);

/* ---- tunnel_device.c: the device, by netlink */

struct tunnel_wires {
	struct ml_rtnl *rtnl;
	struct ml_genl *genl;
	const uint8_t *key;		/* private, 32 bytes, in locked memory */
	uint8_t public_key[32];
	char alias[ML_RTNL_ALIAS];
	uint16_t listen_port;
	bool take_over;
};

/* The device as it is. */
struct tunnel_scene {
	bool there;			/* the rest is known */
	struct ml_rtnl_link link;
	uint32_t mark;			/* 0: none */
	struct ml_device device;	/* a default route: any part of what makes one */
};

/* Whoever's it is. Frees nothing of @ret, but untouched on failure. */
int tunnel_look(const struct tunnel_wires *wires, const char *name,
		struct tunnel_scene *ret, struct ml_error *error);
void tunnel_scene_clean(struct tunnel_scene *scene);
/* -EEXIST: it is there, and somebody else's. */
int tunnel_claim(const struct tunnel_wires *wires, struct tunnel_scene *scene,
		 struct ml_error *error);
/* Devices of Merlon's that have another name. */
int tunnel_remove_others(const struct tunnel_wires *wires, const char *name,
			 struct ml_error *error);
int tunnel_create(const struct tunnel_wires *wires, const char *name,
		  struct ml_error *error);
/* Key, port and mark, as far as they are not right. */
int tunnel_settle(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		  const struct ml_device *wanted, struct ml_error *error);
struct ml_changes;
int tunnel_take_away(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		     const struct ml_changes *changes, struct ml_error *error);
/* Goes on where one thing fails that the others do not need; the first is told. */
int tunnel_give(const struct tunnel_wires *wires, const struct tunnel_scene *scene,
		const struct ml_changes *changes, const struct ml_device *wanted,
		struct ml_error *error);

/* ---- tunnel_reach.c: where the peers are, by what the server says */

/* From now on; what was tried before is forgotten. Taken over in any case. -ENOMEM */
int reach_learn(struct ml_endpoints *endpoints, struct ml_error *error);
/**
 * reach_tend - another address for peers that do not answer at the one they have
 *
 * One that the bundle says is never touched, nor is that of a peer that was heard in the
 * last three minutes. Return: 1: look again in REACH_SECONDS; 0: no hurry; or an error.
 */
int reach_tend(const struct tunnel_wires *wires, const struct ml_device *wanted,
	       struct ml_error *error);
#define REACH_SECONDS	5	/* WireGuard's REKEY_TIMEOUT */

#endif
