// SPDX-License-Identifier: MIT
#include "generation.h"

#include <inttypes.h>
#include <sodium.h>

#include "date.h"
#include "units.h"

#define FUTURE	3600	/* seconds that clocks may differ */

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

void generation_ahead(const struct cli *cli, const struct ml_statement *statement)
{
	int64_t ahead = statement->issued - ml_date_now();
	char text[UNITS_TEXT];

	ml_output_value(cli->output, "issuedAhead", json_integer(ahead > 0 ? ahead : 0));
	if (ahead > FUTURE)
		cli_remark(cli, "(issued in the future, in %s: a node that takes this holds that date for today's, and takes nothing issued before it)",
			   units_duration_format(ahead, text));
}

void generation_digest_field(struct ml_output *out, const char *key, const char *label,
			     const uint8_t digest[static 32])
{
	char hex[65];

	sodium_bin2hex(hex, sizeof(hex), digest, 32);
	ml_output_field(out, key, json_string(hex), label, ML_PLAIN, "%s", hex);
}
