/* SPDX-License-Identifier: MIT */
/* The root document's text, for root.c. */
#ifndef ML_ROOT_PARSE_H
#define ML_ROOT_PARSE_H

#include "document.h"
#include "root.h"

extern const struct ml_document_kind ml_root_kind;

/* @json has the kind's keys. Everything but the digest. -EBADMSG */
int ml_root_parse(const json_t *json, struct ml_root *ret, struct ml_error *error);
/* NULL: no memory. */
json_t *ml_root_json(const struct ml_root *root);

#endif
