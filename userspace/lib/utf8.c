// SPDX-License-Identifier: MIT
#include "utf8.h"

static const struct form {
	uint8_t mask, lead;
	uint32_t least;		/* below it a shorter form would do */
} forms[] = {
	{ 0x80, 0x00, 0 },
	{ 0xe0, 0xc0, 0x80 },
	{ 0xf0, 0xe0, 0x800 },
	{ 0xf8, 0xf0, 0x10000 },
};

size_t ml_utf8_decode(const uint8_t *text, size_t length, uint32_t *ret)
{
	uint32_t point;
	size_t n, i;

	for (n = 0; n < 4 && (text[0] & forms[n].mask) != forms[n].lead; n++)
		;
	if (n == 4 || n >= length)
		return 0;
	point = text[0] & (uint8_t)~forms[n].mask;
	for (i = 1; i <= n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3f);
	}
	if (point < forms[n].least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret = point;
	return n + 1;
}

bool ml_utf8_is_space(uint32_t point)
{
	return (point >= 0x09 && point <= 0x0d) || point == 0x20 || point == 0x85 ||
	       point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
	       point == 0x2028 || point == 0x2029 || point == 0x202f || point == 0x205f ||
	       point == 0x3000;
}
