/* SPDX-License-Identifier: MIT */
/* UTF-8, one character at a time (RFC 3629: no surrogates, nothing overlong). */
#ifndef ML_UTF8_H
#define ML_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * ml_utf8_decode - the character that @text begins with
 * @length: bytes of @text, at least 1
 * @ret: its code point; untouched where there is none
 *
 * Return: how many bytes it takes; 0: @text does not begin with UTF-8.
 */
size_t ml_utf8_decode(const uint8_t *text, size_t length, uint32_t *ret);

/* Has @point the property White_Space (Unicode 15)? */
bool ml_utf8_is_space(uint32_t point);

#endif
