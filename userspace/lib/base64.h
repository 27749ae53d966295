/* SPDX-License-Identifier: MIT */
#ifndef ML_BASE64_H
#define ML_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/**
 * ml_base64_decode - base64 in its one form
 * @ret: @size bytes of room; overwritten also where this returns false
 *
 * RFC 4648, section 4: the standard alphabet, padded, unused bits zero; no other
 * byte. (libsodium 1.0.18 by itself takes every byte from 0x80 on for a '/'.)
 */
bool ml_base64_decode(const char *text, size_t length, uint8_t *ret, size_t size,
		      size_t *ret_length);
/* As above, in another form: one of libsodium's sodium_base64_VARIANT_. */
bool ml_base64_decode_variant(const char *text, size_t length, int variant, uint8_t *ret,
			      size_t size, size_t *ret_length);
/* The other way, as JSON has it; NULL: no memory. */
json_t *ml_base64_json(const void *data, size_t length);

#endif
