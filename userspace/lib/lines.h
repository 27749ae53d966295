/* SPDX-License-Identifier: MIT */
/* What the C2SP's texts are made of: lines, decimal numbers, hashes. Each has one form. */
#ifndef ML_LINES_H
#define ML_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "merkle.h"

#define ML_HASH_TEXT	45	/* base64 of a hash, with NUL */

/* Takes a line off the front of @rest; @ret is without its newline. False: there is none. */
bool ml_line_take(struct ml_bytes *rest, struct ml_bytes *ret);

/* Digits alone, no leading zeros, at most @most. @ret is untouched where it is not. */
bool ml_decimal_parse(struct ml_bytes text, uint64_t most, uint64_t *ret);

bool ml_hash_parse(struct ml_bytes text, struct ml_merkle_hash *ret);
/* Returns @ret. */
const char *ml_hash_format(const struct ml_merkle_hash *hash, char ret[static ML_HASH_TEXT]);

#endif
