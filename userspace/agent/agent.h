/* SPDX-License-Identifier: MIT */
/*
 * merlond: three processes.
 *
 *   supervisor   starts the others, speaks to systemd and the log, ends when
 *                either ends; no capability
 *   apply        root without files but the state directory, CAP_NET_ADMIN
 *                alone: verifies, loads, remembers
 *   sync         user merlon, nothing but the inbox and the socket: talks to
 *                the world, verifies first
 */
#ifndef MERLOND_AGENT_H
#define MERLOND_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bundle.h"
#include "enrolment.h"
#include "root.h"

struct agent_options {
	const char *state_dir, *inbox, *socket, *trust, *user;
	const char *tunnel;	/* the WireGuard key's file; NULL: the tunnel is not ours */
	uint16_t listen_port;	/* of a device that is made */
	bool take_over;		/* a device that somebody else made */
	bool no_tunnel;		/* enrolled, and the device is not ours all the same */
	bool check;		/* -n */
	bool verbose;		/* log what is of interest to a developer */
};

/* All that is opened while there is privilege to open it. */
struct agent {
	struct agent_options options;
	struct ml_trust trust;	/* enrolled: what the root says */
	bool enrolled;		/* then the next two are known */
	struct ml_enrolment enrolment;
	struct ml_root root;	/* the last accepted; each process has its own */
	char boot[37];		/* which boot this is; "-": not known */
	uid_t sync_uid;
	gid_t sync_gid;
	gid_t status_gid;	/* may ask for the status; (gid_t)-1: nobody */
	int state_dir, inbox, listener;		/* descriptors */
	int lock;
	int supervisor[2], sync_supervisor[2];	/* [0] is the supervisor's */
	int apply_sync[2];			/* [0] is apply's */
};

/* What each process does for the rest of its life; returns its exit status. */
int supervise(struct agent *agent, pid_t apply, pid_t sync);
int apply_run(struct agent *agent);
int sync_run(struct agent *agent);

#endif
