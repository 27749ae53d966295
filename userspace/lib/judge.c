// SPDX-License-Identifier: MIT
/* Order and dates of generations: what needs a memory and a clock. */
#include "bundle.h"

#include <errno.h>

#include "date.h"

static int generation_compare(const struct ml_statement *statement,
			      const struct ml_watermark *watermark)
{
	if (statement->epoch != watermark->epoch)
		return statement->epoch < watermark->epoch ? -1 : 1;
	if (statement->serial != watermark->serial)
		return statement->serial < watermark->serial ? -1 : 1;
	return 0;
}

int64_t ml_statement_now(const struct ml_statement *statement,
			 const struct ml_watermark *watermark, int64_t now)
{
	return ml_date_later(ml_date_later(now, watermark->floor), statement->issued);
}

static int judge_order(const struct ml_statement *statement,
		       const struct ml_watermark *watermark, int order,
		       struct ml_error *error)
{
	if (order >= 0)
		return 0;
	return ml_error_set(error, -ESTALE,
			    "generation %llu.%llu is older than %llu.%llu, which this node has had: fetch the newest",
			    (unsigned long long)statement->epoch,
			    (unsigned long long)statement->serial,
			    (unsigned long long)watermark->epoch,
			    (unsigned long long)watermark->serial);
}

static int judge_dates(const struct ml_statement *statement, int64_t now,
		       struct ml_error *error)
{
	char at[ML_DATE_TEXT], is[ML_DATE_TEXT];

	if (now >= statement->expires)
		return ml_error_set(error, -ETIME,
				    "generation %llu.%llu expired at %s, and it is %s: renew it",
				    (unsigned long long)statement->epoch,
				    (unsigned long long)statement->serial,
				    ml_date_format(statement->expires, at),
				    ml_date_format(now, is));
	if (now < statement->not_before)
		return ml_error_set(error, -EAGAIN,
				    "generation %llu.%llu is not valid before %s, and it is %s: wait, or set this machine's clock if it is wrong",
				    (unsigned long long)statement->epoch,
				    (unsigned long long)statement->serial,
				    ml_date_format(statement->not_before, at),
				    ml_date_format(now, is));
	return 0;
}

int ml_statement_judge(const struct ml_statement *statement,
		       const struct ml_watermark *watermark, int64_t now,
		       uint64_t *ret_lifetime, struct ml_error *error)
{
	int order = generation_compare(statement, watermark);
	int64_t date = ml_statement_now(statement, watermark, now);
	int r;

	r = judge_order(statement, watermark, order, error);
	if (!r)
		r = judge_dates(statement, date, error);
	if (r)
		return r;
	*ret_lifetime = statement->expires - date;
	if (order)
		return 0;
	return ml_error_set(error, -EALREADY,
			    "generation %llu.%llu is the one that this node has already",
			    (unsigned long long)statement->epoch,
			    (unsigned long long)statement->serial);
}
