// SPDX-License-Identifier: MIT
#include "lines.h"

#include <string.h>

#include <sodium.h>

#include "base64.h"

bool ml_line_take(struct ml_bytes *rest, struct ml_bytes *ret)
{
	const uint8_t *newline = rest->length ? memchr(rest->data, '\n', rest->length) : NULL;

	if (!newline)
		return false;
	*ret = (struct ml_bytes){ rest->data, (size_t)(newline - rest->data) };
	rest->data = newline + 1;
	rest->length -= ret->length + 1;
	return true;
}

bool ml_decimal_parse(struct ml_bytes text, uint64_t most, uint64_t *ret)
{
	uint64_t number = 0;
	size_t i;

	if (!text.length || (text.length > 1 && text.data[0] == '0'))
		return false;
	for (i = 0; i < text.length; i++) {
		unsigned int digit = text.data[i] - (unsigned int)'0';

		if (digit > 9 || digit > most || number > (most - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret = number;
	return true;
}

bool ml_hash_parse(struct ml_bytes text, struct ml_merkle_hash *ret)
{
	struct ml_merkle_hash hash = { 0 };
	size_t length;

	if (!ml_base64_decode((const char *)text.data, text.length, hash.bytes,
			      sizeof(hash.bytes), &length) || length != sizeof(hash.bytes))
		return false;
	*ret = hash;
	return true;
}

const char *ml_hash_format(const struct ml_merkle_hash *hash, char ret[static ML_HASH_TEXT])
{
	return sodium_bin2base64(ret, ML_HASH_TEXT, hash->bytes, sizeof(hash->bytes),
				 sodium_base64_VARIANT_ORIGINAL);
}
