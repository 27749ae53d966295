/* SPDX-License-Identifier: MIT */
/*
 * A policy as a command finds it: a source (HuJSON), or a bundle, which is a
 * source's meaning for one node, compiled and signed. And one node's sheet:
 * its rules, its image, and the tables that judge.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "policy.h"
#include "ruleset.h"
#include "tables_of.h"

struct source {
	const char *path;
	uint8_t *bytes;
	size_t length;
	struct ml_policy *policy;	/* NULL: a bundle */
	struct ml_bundle bundle;
	bool verified;			/* the bundle's signature, by somebody who is trusted */
};

/**
 * source_open - read a file and see what it is
 * @trust: whom a bundle must be signed by; NULL: its signature is not looked at
 *
 * Return: 0, or what ml_policy_parse() or ml_bundle_verify() returned.
 */
int source_open(const char *path, const struct ml_trust *trust, struct source *ret,
		struct ml_error *error);
void source_close(struct source *source);
/* A policy source and nothing else. */
int source_open_policy(const char *path, struct source *ret, struct ml_error *error);

/* How many sheets there are, and whose. A policy without nodes has one, of NULL. */
size_t source_sheets(const struct source *source);
const char *source_sheet_name(const struct source *source, size_t index);
/* The one that @node names, or the only one. -ENOENT; the error lists the names. */
int source_choose(const struct source *source, const char *node, const char **ret,
		  struct ml_error *error);

/* The node's part of its bundle but for the image; caller owns it. */
int source_config(const struct source *source, const char *node, json_t **ret,
		  struct ml_error *error);

struct sheet {
	const char *node;		/* belongs to the source; NULL: a policy without nodes */
	struct ml_ruleset ruleset;
	uint8_t *made;			/* the image, where it was compiled here */
	const uint8_t *image;
	size_t length;
	struct ml_tables judge;
};

int sheet_open(const struct source *source, const char *node, struct sheet *ret,
	       struct ml_error *error);
void sheet_close(struct sheet *sheet);

/* The rule of a verdict of @sheet's tables, or NULL: no rule speaks of it. */
const struct ml_rule *sheet_rule(const struct sheet *sheet, uint32_t verdict);
/* By its id, of the guard's rules, too. */
const struct ml_rule *ruleset_rule(const struct ml_ruleset *ruleset, uint64_t id);

#endif
