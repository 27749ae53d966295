// SPDX-License-Identifier: MIT
#include "date.h"

#include <stdio.h>
#include <time.h>

int64_t ml_date_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

const char *ml_date_format(int64_t date, char ret[static ML_DATE_TEXT])
{
	time_t seconds = date;
	struct tm utc;

	if (date < 0 || date > ML_DATE_MAX || !gmtime_r(&seconds, &utc))
		snprintf(ret, ML_DATE_TEXT, "?");
	else
		strftime(ret, ML_DATE_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return ret;
}
