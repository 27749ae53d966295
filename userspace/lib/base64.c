// SPDX-License-Identifier: MIT
#include "base64.h"

#include <sodium.h>

bool ml_base64_decode_variant(const char *text, size_t length, int variant, uint8_t *ret,
			      size_t size, size_t *ret_length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if ((uint8_t)text[i] >= 0x80)
			return false;
	return !sodium_base642bin(ret, size, text, length, NULL, ret_length, NULL, variant);
}

bool ml_base64_decode(const char *text, size_t length, uint8_t *ret, size_t size,
		      size_t *ret_length)
{
	return ml_base64_decode_variant(text, length, sodium_base64_VARIANT_ORIGINAL, ret, size,
					ret_length);
}
