/* SPDX-License-Identifier: MIT */
/*
 * The server's side of letting in and turning out: what the store has, the signer must
 * be told of. Whatever is repeated here, the signer answers as it did before.
 */
#ifndef MERLON_CONTROL_ADMIT_H
#define MERLON_CONTROL_ADMIT_H

#include "bundle.h"
#include "error.h"

struct server;
struct signer_client;
struct store;

/**
 * admit_join - a join that is in the store, to the signer
 * @request: as it was consumed, byte for byte
 *
 * Accepted: the node is active, with its addresses. Refused for good: it is taken out of
 * the store again, and told of. Return: 0; -EHOSTDOWN, -EAGAIN, -ENOSPC: not yet, the node
 * stays pending; -EKEYREJECTED and others of signer_client_ask(): refused; those of the store.
 */
int admit_join(struct server *server, struct store *store, struct signer_client *signer,
	       const char *node, struct ml_bytes request, struct ml_error *error);

/* All that a signer may have missed: roots, policy, grants, joins, revocations. */
int admit_again(struct server *server, struct store *store, struct signer_client *signer,
		struct ml_error *error);

/*
 * The other way: what the signer's ledger has and the store has not (admit_ledger.c). Nodes
 * and grants come, uses and revocations are taken; nothing is given back.
 */
int admit_ledger(struct server *server, struct store *store, struct signer_client *signer,
		 struct ml_error *error);

/* Grants and nodes that are revoked; what the signer does not know is well. */
int admit_revoke(struct signer_client *signer, const char *what, const char *name,
		 struct ml_error *error);

#endif
