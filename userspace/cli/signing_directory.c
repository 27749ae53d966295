// SPDX-License-Identifier: MIT
/* A directory of bundles: which generation it holds, and its leaves. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "signing.h"
#include "strict.h"
#include "units.h"

/* Called for each bundle of the network, by who signed it. Not 0 ends it. */
typedef int (*bundle_each)(struct signing *signing, const char *path,
			   const struct ml_bundle *bundle, struct ml_error *error);

static bool is_bundle_name(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 7 && !strcmp(name + length - 7, ".bundle");
}

/* Of the network, or of any where none is named. @foreign, or NULL: what the key did not sign. */
static int bundle_visit(struct signing *signing, const char *path, bundle_each each,
			bundle_each foreign, struct ml_error *error)
{
	struct ml_trust trust = { .key_count = 1 };
	struct source source;
	int code;

	code = source_open(path, NULL, &source, error);
	if (code || source.policy) {
		if (!code)
			source_close(&source);
		return 0;
	}
	/* What was only peeked at tells which network to verify for. */
	strcpy(trust.network, *signing->statement.network ? signing->statement.network :
							    source.bundle.statement.network);
	ml_secret_key_public(signing->key, &trust.keys[0]);
	if (!ml_bundle_verify((struct ml_bytes){ source.bytes, source.length }, &trust,
			      &source.bundle, error))
		code = each(signing, path, &source.bundle, error);
	else if (foreign)
		code = foreign(signing, path, &source.bundle, error);
	source_close(&source);
	return code;
}

static int directory_visit(struct signing *signing, const char *directory, bundle_each each,
			   bundle_each foreign, struct ml_error *error)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char path[4200];
	int code = 0;

	if (!dir)
		return ml_error_at(error, -errno, directory, 0, 0, "%s", strerror(errno));
	while (!code && (entry = readdir(dir))) {
		if (!is_bundle_name(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		code = bundle_visit(signing, path, each, foreign, error);
	}
	closedir(dir);
	return code;
}

static bool is_newer(const struct ml_statement *a, const struct ml_statement *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->serial > b->serial;
}

/* -------------------------------------------------------------------- serial */

static int note_highest(struct signing *signing, const char *path,
			const struct ml_bundle *bundle, struct ml_error *error)
{
	(void)path;
	(void)error;
	if (bundle->statement.epoch > signing->statement.epoch ||
	    (bundle->statement.epoch == signing->statement.epoch &&
	     bundle->statement.serial > signing->statement.serial)) {
		signing->statement.epoch = bundle->statement.epoch;
		signing->statement.serial = bundle->statement.serial;
	}
	return 0;
}

/* The key that an envelope names, which proves nothing. false: none that could be one. */
static bool named_key(struct ml_bytes envelope, char ret[static 65])
{
	uint8_t ignored[32];
	const char *id;
	json_t *json;
	bool found;

	if (ml_strict_load(envelope.data, envelope.length, "envelope", &json, NULL))
		return false;
	id = json_string_value(json_object_get(
		json_array_get(json_object_get(json, "signatures"), 0), "keyid"));
	found = id && ml_strict_hex32(id, ignored);
	if (found)
		strcpy(ret, id);
	json_decref(json);
	return found;
}

/*
 * Nodes that trust both keys count generations, not keys: what this one cannot count
 * must not be written over. A bundle that is only damaged is.
 */
static int foreign_refuse(struct signing *signing, const char *path,
			  const struct ml_bundle *bundle, struct ml_error *error)
{
	const struct ml_statement *statement = &bundle->statement;
	struct ml_public_key public;
	char own[65], other[65];

	ml_secret_key_public(signing->key, &public);
	ml_public_key_id(&public, own);
	if (strcmp(signing->statement.network, statement->network) ||
	    !named_key(bundle->envelope, other) || !strcmp(own, other))
		return 0;
	return ml_error_set(error, -EKEYREJECTED,
			    "%.*s holds generation %" PRIu64 ".%" PRIu64
			    " of \"%s\", signed by %.8s…; this key is %.8s…: use another directory, or that key",
			    (int)(strrchr(path, '/') - path), path, statement->epoch,
			    statement->serial, statement->network, other, own);
}

static int serial_check(struct ml_statement *statement, const struct ml_statement *highest,
			const char *directory, struct ml_error *error)
{
	if (!highest->serial || is_newer(statement, highest))
		return 0;
	return ml_error_set(error, -ESTALE,
			    "%s holds generation %" PRIu64 ".%" PRIu64
			    ", and nodes refuse %" PRIu64 ".%" PRIu64
			    " after it: use a higher --serial, or a higher --epoch",
			    directory, highest->epoch, highest->serial, statement->epoch,
			    statement->serial);
}

/* A directory that is not there holds nothing. */
static int highest_find(struct signing *highest, const char *directory, struct ml_error *error)
{
	int code = directory_visit(highest, directory, note_highest, foreign_refuse, error);

	return code == -ENOENT ? 0 : code;
}

int signing_serial(const struct cli *cli, struct signing *signing, const char *directory,
		   const char *also, struct ml_error *error)
{
	struct ml_statement *statement = &signing->statement;
	struct signing highest = { .key = signing->key };
	const char *text = cli_option(cli, "serial");
	int code;

	if (text && units_number_parse("--serial", text, 1, INT64_MAX, &statement->serial, error))
		return error->code = -ERANGE;	/* misuse, not a refusal */
	strcpy(highest.statement.network, statement->network);
	code = highest_find(&highest, directory, error);
	if (!code && also)
		code = highest_find(&highest, also, error);
	if (code)
		return code;
	if (!text)
		statement->serial = highest.statement.epoch == statement->epoch ?
					    highest.statement.serial + 1 : 1;
	return serial_check(statement, &highest.statement, also ? also : directory, error);
}

/* -------------------------------------------------------------------- leaves */

/* The newest generation so far stands in statement; of any network. */
static int note_newest(struct signing *signing, const char *path,
		       const struct ml_bundle *bundle, struct ml_error *error)
{
	if (signing->statement.serial &&
	    strcmp(signing->statement.network, bundle->statement.network))
		return ml_error_at(error, -EXDEV, path, 0, 0,
				   "is for network \"%s\", others are for \"%s\"",
				   bundle->statement.network, signing->statement.network);
	if (!signing->statement.serial || is_newer(&bundle->statement, &signing->statement))
		signing->statement = bundle->statement;
	return 0;
}

/*
 * Leaves hold neither dates nor serials: where a renewal was interrupted, bundles of
 * two generations say the same.
 */
static bool is_same_tree(const struct ml_statement *a, const struct ml_statement *b)
{
	return a->tree_size == b->tree_size && !memcmp(a->root, b->root, sizeof(a->root));
}

static int node_take(struct signing *signing, const char *path,
		     const struct ml_bundle *bundle, struct ml_error *error)
{
	struct signing_node *node;

	if (!is_same_tree(&signing->statement, &bundle->statement) ||
	    bundle->index >= signing->count || signing->nodes[bundle->index].leaf)
		return 0;
	node = &signing->nodes[bundle->index];
	node->path = strdup(path);
	node->leaf = malloc(bundle->leaf.length + 1);
	if (!node->path || !node->leaf)
		return ml_error_set(error, -ENOMEM, "out of memory");
	memcpy(node->leaf, bundle->leaf.data, bundle->leaf.length);
	node->leaf_length = bundle->leaf.length;
	strcpy(node->name, bundle->node);
	return 0;
}

static int nodes_check(const struct signing *signing, const char *directory,
		       struct ml_error *error)
{
	size_t missing = 0;

	for (size_t i = 0; i < signing->count; i++)
		missing += !signing->nodes[i].leaf;
	if (!missing)
		return 0;
	return ml_error_at(error, -ENOENT, directory, 0, 0,
			   "generation %" PRIu64 ".%" PRIu64
			   " has %zu nodes, and the bundles of %zu are not here: one signature covers all, so all are needed",
			   signing->statement.epoch, signing->statement.serial, signing->count,
			   missing);
}

int signing_add_directory(struct signing *signing, const char *directory,
			  struct ml_error *error)
{
	int code;

	code = directory_visit(signing, directory, note_newest, NULL, error);
	if (code)
		return code;
	if (!signing->statement.serial)
		return ml_error_at(error, -ENOENT, directory, 0, 0,
				   "no bundle here was signed by this key");
	/* A bundle that verifies has a leaf per index: the size is real. */
	signing->nodes = calloc(signing->statement.tree_size, sizeof(*signing->nodes));
	if (!signing->nodes)
		return ml_error_set(error, -ENOMEM, "out of memory");
	signing->count = signing->room = signing->statement.tree_size;
	code = directory_visit(signing, directory, node_take, NULL, error);
	return code ? code : nodes_check(signing, directory, error);
}
