/* SPDX-License-Identifier: MIT */
/*
 * Signing a generation: leaves are gathered from a policy source or from the
 * bundles of an earlier generation, signed once, and written as one bundle
 * file per node.
 */
#ifndef CLI_SIGNING_H
#define CLI_SIGNING_H

#include "bundle.h"
#include "cli.h"
#include "source.h"

/* One node of it. What is NULL is made again, or read again, when it is needed. */
struct signing_node {
	char name[ML_NAME_MAX + 1];
	const char *policy_name;	/* in the source; NULL: a policy without nodes */
	char *path;			/* of the bundle that it comes from */
	uint8_t *leaf, *image, *rules;
	size_t leaf_length, image_length, rules_length;
};

struct signing {
	struct ml_statement statement;
	struct ml_secret_key *key;
	const struct source *source;	/* NULL: from bundles */
	struct signing_node *nodes;
	size_t count, room;
	size_t kept;			/* bytes of images and rules that are held */
	uint64_t largest_image, images;	/* bytes: the largest; all together */
	size_t most_rules;
};

/* For tables of options. */
#define SIGNING_OPTIONS \
	{ "key", 'k', "KEY", "the key file that signs" }, \
	{ "serial", 's', "N", "of the generation (default: one above what the directory holds)" }, \
	{ "issued", 0, "TIME", "as 2026-11-22T04:00:00Z or @UNIX (default: now)" }, \
	{ "not-before", 0, "TIME", "not to be applied before (default: when it is issued)" }, \
	{ "expires", 0, "TIME", "not valid from then on" }, \
	{ "lifetime", 0, "DURATION", "instead, from when it is issued: 90s, 5m, 12h, 2w (default: 14d)" }, \
	{ "force", 0, NULL, "sign although it is issued more than a day ahead" }

/*
 * Dates from the options; issued now and valid for 14 days where they say nothing.
 * -EINVAL: never valid, for more than ML_LIFETIME_MAX, or issued far ahead.
 */
int signing_dates(const struct cli *cli, struct ml_statement *ret, struct ml_error *error);

/**
 * signing_serial - from --serial, or one above the highest that @directory holds
 * @signing: statement.network and epoch are set, and the key
 * @also: another directory; NULL: none
 *
 * Only bundles that this key signed for this network count: nobody else can
 * push the serial up. -ESTALE: --serial is not above them; -EKEYREJECTED: some are
 * of this network and another key, which would be written over.
 */
int signing_serial(const struct cli *cli, struct signing *signing, const char *directory,
		   const char *also, struct ml_error *error);

/* All nodes of a source; @node names the one of a policy without nodes. */
int signing_add_source(struct signing *signing, const struct source *source, const char *node,
		       struct ml_error *error);
/* The newest generation of a directory of bundles, which this key signed. */
int signing_add_directory(struct signing *signing, const char *directory,
			  struct ml_error *error);

/* Signs, and writes @directory/NODE.bundle for each. The directory is made if need be. */
int signing_write(struct signing *signing, const char *directory, struct ml_error *error);

/* What was signed, and for whom. */
void signing_answer(const struct cli *cli, const struct signing *signing,
		    const char *directory);

/* Frees the key too. */
void signing_clean(struct signing *signing);

#endif
