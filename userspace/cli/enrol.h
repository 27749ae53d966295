/* SPDX-License-Identifier: MIT */
/*
 * enrol, in three files: the command (enrol.c), what it makes on this machine
 * (enrol_keys.c), what it says to the server (enrol_join.c).
 *
 * Each step leaves a whole file or none, and finds what an earlier run left: so it can
 * be killed anywhere and be run again. The join is written before it is sent, because
 * the server gives one join, however often it is sent, one place in the network.
 */
#ifndef CLI_ENROL_H
#define CLI_ENROL_H

#include "cli.h"
#include "client.h"
#include "enrolment.h"
#include "keys.h"

struct enrol {
	struct cli *cli;
	const char *state_dir, *inbox;
	char name[ML_NAME_MAX + 1];	/* that is asked for */
	uid_t uid;			/* of merlond's unprivileged half */
	gid_t gid;
	int lock;			/* -1: not held */
	struct ml_key_string *key;
	struct ml_secret_key *one_time, *identity;
	uint8_t *wireguard;		/* private, in locked memory */
	char *tls_key;			/* PEM, in locked memory */
	uint8_t tls_digest[32];
	struct ml_client *client;
	struct ml_root root;
	struct ml_enrolment enrolment;
	char *certificate;
	char state[16];			/* as the server calls it: "active", "pending" */
	int64_t until;			/* of the certificate, Unix seconds */
};

/* ---- enrol.c */
/* Of the options: directories and user; nobody looks into this process from then on. */
int enrol_begin(struct enrol *enrol, struct ml_error *error);
void enrol_end(struct enrol *enrol);

/* ---- enrol_keys.c */
#define ENROL_PATH 512
/* @directory/@name. -ENAMETOOLONG */
int enrol_path(const char *directory, const char *name, char ret[static ENROL_PATH],
	       struct ml_error *error);
/* The directories, and this run alone in them. -EBUSY: another one is at it */
int enrol_prepare(struct enrol *enrol, struct ml_error *error);
/* The latter alone. */
int enrol_lock(struct enrol *enrol, struct ml_error *error);
/* Identity, WireGuard, TLS: as they are, or made. */
int enrol_keys(struct enrol *enrol, struct ml_error *error);
/* Of a node that is in: key and certificate for TLS. -ENOENT */
int enrol_read_tls(struct enrol *enrol, struct ml_error *error);
/* Into the courier's directory, by its user, who can read it. */
int enrol_write_certificate(const struct enrol *enrol, struct ml_error *error);

/* ---- enrol_join.c */
int enrol_connect(struct enrol *enrol, struct ml_error *error);
/* From the pinned root to the last; written. */
int enrol_roots(struct enrol *enrol, struct ml_error *error);
/* In, with a certificate. */
int enrol_join(struct enrol *enrol, struct ml_error *error);
/* What is remembered of the server. */
int enrol_finish(struct enrol *enrol, struct ml_error *error);

#endif
