/* SPDX-License-Identifier: MIT */
/* What joins, rotations and renewals have in common, for their files. */
#ifndef ML_REQUEST_H
#define ML_REQUEST_H

#include <jansson.h>

#include "document.h"
#include "error.h"
#include "rotation.h"

/* "wireguard": an X25519 public key in its one form. -EBADMSG */
int ml_request_wireguard(const json_t *json, const char *what, uint8_t ret[static 32],
			 struct ml_error *error);
/* NULL: no memory, or over 256 bytes. */
json_t *ml_request_base64(const uint8_t *data, size_t length);

/* -EXDEV where the document is of another network or node than @known. */
int ml_request_check_node(const struct ml_document_kind *kind, const char *network,
			  const char *node, const struct ml_known_node *known,
			  struct ml_error *error);

/* Of what is about to be asked for: -EINVAL. */
int ml_request_check_names(const char *network, const char *node, struct ml_error *error);
int ml_request_check_time(int64_t time, struct ml_error *error);

#endif
