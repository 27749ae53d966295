// SPDX-License-Identifier: MIT
#include "generation.h"

#include <inttypes.h>
#include <sodium.h>

#include "date.h"
#include "units.h"

static void date_field(struct ml_output *out, const char *key, const char *label, int64_t date,
		       bool relative)
{
	int64_t ahead = date - ml_date_now();
	char text[UNITS_TEXT], distance[UNITS_TEXT];
	bool over = relative && ahead <= 0;

	units_time_format(date, text);
	units_duration_format(ahead, distance);
	if (relative)
		ml_output_field(out, key, units_time_json(date), label, over ? ML_BAD : ML_PLAIN,
				over ? "%s (%s ago)" : "%s (in %s)", text, distance);
	else
		ml_output_field(out, key, units_time_json(date), label, ML_PLAIN, "%s", text);
}

void generation_fields(struct ml_output *out, const struct ml_statement *statement)
{
	ml_output_field(out, "network", ml_output_text(statement->network), "network",
			ML_PLAIN, "%s", statement->network);
	ml_output_value(out, "epoch", json_integer((json_int_t)statement->epoch));
	ml_output_value(out, "serial", json_integer((json_int_t)statement->serial));
	ml_output_field(out, NULL, NULL, "generation", ML_STRONG, "%" PRIu64 ".%" PRIu64,
			statement->epoch, statement->serial);
	date_field(out, "issued", "issued", statement->issued, false);
	date_field(out, "notBefore", "not before", statement->not_before, false);
	date_field(out, "expires", "expires", statement->expires, true);
}

void generation_digest_field(struct ml_output *out, const char *key, const char *label,
			     const uint8_t digest[static 32])
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), digest, 32);
	ml_output_field(out, key, json_string(hex), label, ML_PLAIN, "%s", hex);
}
