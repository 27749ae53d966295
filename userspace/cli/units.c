// SPDX-License-Identifier: MIT
#include "units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MINUTE	60
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define WEEK	(7 * DAY)

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's': return 1;
	case 'm': return MINUTE;
	case 'h': return HOUR;
	case 'd': return DAY;
	case 'w': return WEEK;
	}
	return 0;
}

/* Digits alone: no sign, no space, no overflow. */
static int digits_parse(const char *text, uint64_t *ret, const char **end)
{
	char *after;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &after, 10);
	*end = after;
	return errno ? -EINVAL : 0;
}

int units_duration_parse(const char *text, int64_t *ret, struct ml_error *error)
{
	const char *end;
	uint64_t number;
	int64_t unit;

	if (!digits_parse(text, &number, &end)) {
		unit = *end && !end[1] ? unit_seconds(*end) : 0;
		if (unit && number && number <= (uint64_t)(INT32_MAX / unit)) {
			*ret = (int64_t)number * unit;
			return 0;
		}
	}
	return ml_error_set(error, -EINVAL,
			    "'%s' is not a duration: expected a number and a unit, as 90s, 5m, 12h, 14d or 2w",
			    text);
}

int units_time_parse(const char *text, int64_t *ret, struct ml_error *error)
{
	struct tm tm = { 0 };
	const char *end;
	uint64_t number;

	if (*text == '@' && !digits_parse(text + 1, &number, &end) && !*end &&
	    number <= INT64_MAX / 2) {
		*ret = (int64_t)number;
		return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end && !*end) {
		*ret = timegm(&tm);
		return 0;
	}
	return ml_error_set(error, -EINVAL,
			    "'%s' is not a time: expected UTC as 2026-11-22T04:00:00Z, or @ and Unix seconds",
			    text);
}

int units_number_parse(const char *name, const char *text, uint64_t least, uint64_t most,
		       uint64_t *ret, struct ml_error *error)
{
	const char *end;
	uint64_t number;

	if (!digits_parse(text, &number, &end) && !*end && number >= least && number <= most) {
		*ret = number;
		return 0;
	}
	return ml_error_set(error, -EINVAL,
			    "%s is '%s': expected a number from %" PRIu64 " to %" PRIu64,
			    name, text, least, most);
}

const char *units_time_format(int64_t seconds, char buffer[static UNITS_TEXT])
{
	time_t time = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&time, &tm) || !strftime(buffer, UNITS_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm))
		snprintf(buffer, UNITS_TEXT, "@%" PRId64, seconds);
	return buffer;
}

const char *units_duration_format(int64_t seconds, char buffer[static UNITS_TEXT])
{
	int64_t s = seconds < 0 ? -seconds : seconds;

	if (s >= 2 * DAY)
		snprintf(buffer, UNITS_TEXT, "%" PRId64 " days %" PRId64 " h", s / DAY,
			 s % DAY / HOUR);
	else if (s >= 2 * HOUR)
		snprintf(buffer, UNITS_TEXT, "%" PRId64 " h %" PRId64 " min", s / HOUR,
			 s % HOUR / MINUTE);
	else if (s >= 2 * MINUTE)
		snprintf(buffer, UNITS_TEXT, "%" PRId64 " min %" PRId64 " s", s / MINUTE,
			 s % MINUTE);
	else
		snprintf(buffer, UNITS_TEXT, "%" PRId64 " s", s);
	return buffer;
}

const char *units_bytes_format(uint64_t bytes, char buffer[static UNITS_TEXT])
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t n = 0;

	for (; value >= 10000 && n < 4; n++)
		value /= 1024;
	snprintf(buffer, UNITS_TEXT, n ? "%.1f %s" : "%.0f %s", value, names[n]);
	return buffer;
}

json_t *units_time_json(int64_t seconds)
{
	char text[UNITS_TEXT];

	return json_string(units_time_format(seconds, text));
}
