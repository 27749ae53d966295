/* SPDX-License-Identifier: MIT */
/*
 * merlon adopt, in four steps: look at the device (adopt_scene.c), write a
 * policy about what was seen (adopt_draft.c), sign, load and observe
 * (adopt.c), and show what the policy would drop (adopt_listen.c).
 */
#ifndef CLI_ADOPT_H
#define CLI_ADOPT_H

#include <stdbool.h>

#include "bundle.h"
#include "cli.h"
#include "kernel.h"
#include "policy_text.h"
#include "prefix.h"
#include "wireguard.h"

struct adopt_service {
	uint8_t protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t port;
	char program[32];	/* "" : nobody knows */
};

struct adopt_services {
	struct adopt_service *items;
	size_t count, room;
};

struct adopt_peer {
	const struct ml_wireguard_peer *wireguard;
	char name[ML_NAME_MAX + 1];
	struct ml_prefixes addresses, routes;	/* its allowed IPs */
	bool guessed;				/* none was a single address */
	bool nameless;				/* not even a guess: left out */
	struct adopt_services outgoing;		/* what this machine has open to it */
	size_t incoming;			/* connections that it has open to this machine */
};

struct adopt_scene {
	struct ml_wireguard_device device;
	char network[ML_NAME_MAX + 1], node[ML_NAME_MAX + 1];
	struct ml_prefixes own;			/* addresses of the device, with their networks */
	struct adopt_services services;		/* what can be reached on it */
	struct adopt_peer *peers;
	size_t peer_count;
	struct ml_wireguard_name *devices;	/* all WireGuard devices */
	size_t device_count;
};

/* @network, @node: NULL: made from the host's name. */
int adopt_scene_read(const char *device, const char *network, const char *node,
		     struct adopt_scene *ret, struct ml_error *error);
void adopt_scene_clean(struct adopt_scene *scene);

/* A policy about the scene: what is seen is granted narrowly, the rest is not. */
void adopt_draft(const struct adopt_scene *scene, struct ml_text *ret);

/**
 * adopt_listen - show for a while what is, or would be, dropped
 * @seconds: how long
 * @ruleset: for names; NULL: addresses
 */
int adopt_listen(struct cli *cli, struct ml_kernel *kernel, const struct ml_ruleset *ruleset,
		 unsigned int seconds, struct ml_error *error);

#endif
