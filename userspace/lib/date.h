/* SPDX-License-Identifier: MIT */
/* Dates as Unix seconds, UTC. (Not time.h: that is the C library's name.) */
#ifndef ML_DATE_H
#define ML_DATE_H

#include <stdint.h>

#define ML_DATE_MAX	253402300799	/* 9999-12-31T23:59:59Z */
#define ML_DATE_TEXT	24

int64_t ml_date_now(void);

static inline int64_t ml_date_later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* "2026-01-31T12:00:00Z"; @date from 0 to ML_DATE_MAX. Returns @ret. */
const char *ml_date_format(int64_t date, char ret[static ML_DATE_TEXT]);

#endif
