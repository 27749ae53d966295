// SPDX-License-Identifier: MIT
/* The HuJSON reader against jansson. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "hujson_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *verdict = oracle_judge((const char *)data, size);

	if (verdict) {
		fprintf(stderr, "the HuJSON reader %s\n", verdict);
		abort();
	}
	return 0;
}
