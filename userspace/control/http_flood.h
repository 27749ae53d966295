/* SPDX-License-Identifier: MIT */
/*
 * What a connection may do without asking for anything: frames that bring no
 * request closer (CVE-2019-9512, 9513, 9515, 9518 and their kin, CVE-2024-27316)
 * and streams that end early (CVE-2019-9514, CVE-2023-44487, CVE-2025-8671).
 */
#ifndef MERLON_CONTROL_HTTP_FLOOD_H
#define MERLON_CONTROL_HTTP_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

struct http_bucket {
	uint64_t filled;	/* milliseconds, when it was last looked at */
	uint64_t thousandths;	/* of a token */
};

void http_bucket_fill(struct http_bucket *bucket, const struct http_rate *rate, uint64_t now);
/* False: it is empty. */
bool http_bucket_spend(struct http_bucket *bucket, const struct http_rate *rate, uint64_t now);
/* Gives @tokens back, never beyond the burst. */
void http_bucket_earn(struct http_bucket *bucket, const struct http_rate *rate,
		      unsigned int tokens);

#endif
