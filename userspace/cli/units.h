/* SPDX-License-Identifier: MIT */
/* Times, durations and sizes, as people write and read them. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"

#define UNITS_TEXT 40

/* "90s", "5m", "12h", "14d", "2w": seconds, at least 1. -EINVAL */
int units_duration_parse(const char *text, int64_t *ret, struct ml_error *error);
/* "2026-11-22T04:00:00Z" or "@UNIX": Unix seconds. -EINVAL */
int units_time_parse(const char *text, int64_t *ret, struct ml_error *error);
/* A number from @least to @most. -EINVAL; @name is for the error, as "--serial" */
int units_number_parse(const char *name, const char *text, uint64_t least, uint64_t most,
		       uint64_t *ret, struct ml_error *error);

/* Each returns @buffer. */
const char *units_time_format(int64_t seconds, char buffer[static UNITS_TEXT]);
const char *units_duration_format(int64_t seconds, char buffer[static UNITS_TEXT]);
const char *units_bytes_format(uint64_t bytes, char buffer[static UNITS_TEXT]);

/* The same for JSON: RFC 3339, UTC. */
json_t *units_time_json(int64_t seconds);

#endif
