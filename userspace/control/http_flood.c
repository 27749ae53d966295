// SPDX-License-Identifier: MIT
#include "http_flood.h"

static uint64_t at_most(uint64_t value, const struct http_rate *rate)
{
	uint64_t most = rate->burst * 1000ull;

	return value < most ? value : most;
}

void http_bucket_fill(struct http_bucket *bucket, const struct http_rate *rate, uint64_t now)
{
	bucket->filled = now;
	bucket->thousandths = at_most(UINT64_MAX, rate);
}

bool http_bucket_spend(struct http_bucket *bucket, const struct http_rate *rate, uint64_t now)
{
	uint64_t passed = now - bucket->filled;

	/* A token a second is a thousandth a millisecond. An hour fills any bucket. */
	if (passed > 3600000)
		passed = 3600000;
	bucket->thousandths = at_most(bucket->thousandths + passed * rate->per_second, rate);
	bucket->filled = now;
	if (bucket->thousandths < 1000)
		return false;
	bucket->thousandths -= 1000;
	return true;
}

void http_bucket_earn(struct http_bucket *bucket, const struct http_rate *rate,
		      unsigned int tokens)
{
	bucket->thousandths = at_most(bucket->thousandths + tokens * 1000ull, rate);
}
