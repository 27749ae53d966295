/* SPDX-License-Identifier: MIT */
/* Memory for secrets: never swapped, never in a core file, wiped when it is freed. */
#ifndef ML_LOCKED_H
#define ML_LOCKED_H

#include <stddef.h>

#include "error.h"

/**
 * ml_locked_alloc - memory that stays in memory
 * @what: that needs it, as "a secret key", for the error
 *
 * Its contents are undefined. Return: NULL where it cannot be locked: -ENOMEM.
 */
void *ml_locked_alloc(size_t size, const char *what, struct ml_error *error);
void ml_locked_free(void *memory);

#endif
