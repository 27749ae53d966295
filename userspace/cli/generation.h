/* SPDX-License-Identifier: MIT */
/* What several commands say of a generation. */
#ifndef CLI_GENERATION_H
#define CLI_GENERATION_H

#include "bundle.h"
#include "cli.h"
#include "output.h"

/* Network, (epoch, serial) and dates. */
void generation_fields(struct ml_output *out, const struct ml_statement *statement);
/* "issuedAhead", in seconds; where clocks alone do not explain it, a remark. */
void generation_ahead(const struct cli *cli, const struct ml_statement *statement);
void generation_digest_field(struct ml_output *out, const char *key, const char *label,
			     const uint8_t digest[static 32]);

#endif
