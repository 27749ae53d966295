// SPDX-License-Identifier: MIT
#include "locked.h"

#include <errno.h>

#include <sodium.h>

/* sodium_malloc() locks, too, and does not say when that fails: so it is asked for once more. */
void *ml_locked_alloc(size_t size, const char *what, struct ml_error *error)
{
	void *memory = sodium_malloc(size);

	if (memory && !sodium_mlock(memory, size))
		return memory;
	sodium_free(memory);
	ml_error_set(error, -ENOMEM,
		     "no locked memory for %s, and it must not be swapped to a disk: raise the limit (ulimit -l 64, or LimitMEMLOCK= of a service)",
		     what);
	return NULL;
}

void ml_locked_free(void *memory)
{
	sodium_free(memory);
}
