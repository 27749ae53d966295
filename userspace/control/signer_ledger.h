/* SPDX-License-Identifier: MIT */
/* What the signer's ledger has let in: it wins over whatever the store says. */
#ifndef MERLON_CONTROL_SIGNER_LEDGER_H
#define MERLON_CONTROL_SIGNER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bundle.h"
#include "error.h"

struct signer_client;

struct signer_ledger_grant {
	const char *id;
	struct ml_bytes envelope;
	uint64_t used;
	bool revoked;
};

struct signer_ledger_node {
	const char *name, *grant;
	uint8_t identity[32], wireguard[32];
	json_t *addresses;
	struct ml_bytes envelope;	/* of its join */
	bool revoked;			/* then others may have its name */
};

typedef int (*signer_grant_fn)(void *arg, const struct signer_ledger_grant *grant,
			       struct ml_error *error);
typedef int (*signer_node_fn)(void *arg, const struct signer_ledger_node *node,
			      struct ml_error *error);

/* In the order in which they came. What @each returns, if not 0, ends it. */
int signer_ledger_grants(struct signer_client *client, signer_grant_fn each, void *arg,
			 struct ml_error *error);
int signer_ledger_nodes(struct signer_client *client, signer_node_fn each, void *arg,
			struct ml_error *error);

#endif
