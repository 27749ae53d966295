// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The classifier's environment in userspace; the kernel's is inline in env.h. */
#include <stdlib.h>

#include "env.h"

void *merlon_env_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void merlon_env_free(const void *p)
{
	free((void *)p);
}

bool merlon_env_interrupted(void)
{
	return false;
}
