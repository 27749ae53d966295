/* SPDX-License-Identifier: MIT */
/* The statement's text, for the files that make and check bundles. */
#ifndef ML_STATEMENT_H
#define ML_STATEMENT_H

#include "bundle.h"

#define ML_STATEMENT_TYPE	"application/vnd.merlon.statement.v1+json"

/* Every key, type and range, as bundle.h has them: -EBADMSG. */
int ml_statement_parse(const void *payload, size_t length, struct ml_statement *ret,
		       struct ml_error *error);

#endif
