/* SPDX-License-Identifier: MIT */
/* What the files of requests know of each other. */
#ifndef SIGNER_REQUEST_PRIVATE_H
#define SIGNER_REQUEST_PRIVATE_H

#include "request.h"

#define REQUEST_WHAT "request"

struct asking {
	struct signer *signer;
	const json_t *header;
	struct ml_bytes blob;
	struct answer *answer;
};

/* The header has exactly these keys, and there is a blob only where @blob. */
int request_keys(const struct asking *asking, const char *const *keys, size_t count, bool blob,
		 struct ml_error *error);

/* cosign.c */
int request_cosign(const struct asking *asking, struct ml_error *error);

/* ends.c */
int request_ends(const struct asking *asking, struct ml_error *error);

/* request_ledger.c */
int request_ledger(const struct asking *asking, struct ml_error *error);

#endif
