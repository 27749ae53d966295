// SPDX-License-Identifier: MIT
#include "base64.h"

#include <stdlib.h>

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

json_t *ml_base64_json(const void *data, size_t length)
{
	size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_ORIGINAL);
	char *text = malloc(size);
	json_t *value;

	if (!text)
		return NULL;
	sodium_bin2base64(text, size, data, length, sodium_base64_VARIANT_ORIGINAL);
	value = json_string(text);
	free(text);
	return value;
}
