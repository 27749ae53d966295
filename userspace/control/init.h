/* SPDX-License-Identifier: MIT */
/* What `init` makes. */
#ifndef MERLON_CONTROL_INIT_H
#define MERLON_CONTROL_INIT_H

#include "config.h"
#include "error.h"
#include "root.h"

#define INIT_KEYS		"/etc/merlon/keys"
#define INIT_SIGNER		"/var/lib/merlon-signer"
#define INIT_SIGNER_USER	"merlon-signer"
#define INIT_SIGNER_PROGRAM	"/usr/sbin/merlon-signer"
#define INIT_ROOT_DAYS		365	/* that a first root is good for */

struct init {
	struct config config;
	const char *file;		/* of the configuration */
	const char *root;		/* a signed root document; NULL: keys are made here */
	const char *keys;
	const char *user;
	int passphrase_fd;		/* -1: asked for at the terminal */
	bool unsealed;			/* keys have no passphrase */
	const char *signer_directory, *signer_user, *signer_program;
	struct ml_root first;		/* set by init_network() */
};

/*
 * All of it, as root or as the server's user. The configuration comes last, and never
 * overwrites: -EEXIST.
 */
int init_network(struct init *init, struct ml_error *error);

/* init_root.c: the first root document, malloc()ed, and init->first */
int init_root(struct init *init, uint8_t **ret, size_t *ret_length, struct ml_error *error);

#endif
