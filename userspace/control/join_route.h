/* SPDX-License-Identifier: MIT */
/* Joins and renewals: what proves itself by signatures. For route_open.c. */
#ifndef MERLON_CONTROL_JOIN_ROUTE_H
#define MERLON_CONTROL_JOIN_ROUTE_H

#include <stdbool.h>

#include "bundle.h"
#include "challenge.h"

struct call;

void join_route(struct call *call);	/* POST /v1/join: route_join.c */
void renew_route(struct call *call);	/* POST /v1/renew: route_renew.c */

/* The document under @key, as canonical text. malloc()ed; false: answered with 400 */
bool document_take(struct call *call, const char *key, struct ml_bytes *ret);
void document_free(struct ml_bytes *document);
/* A text under @key, at most @max bytes. NULL: answered with 400 */
const char *text_take(struct call *call, const char *key, size_t max);

/* The nonce is used up. Right behind the signatures were verified. */
bool nonce_use(struct call *call, const uint8_t nonce[static ML_NONCE_BYTES]);
/* As ml_join_verify() wants it; the nonce itself is nonce_use()'s to judge. */
void fresh_fill(struct call *call, const uint8_t *nonce, struct ml_fresh *ret);

#endif
