// SPDX-License-Identifier: MIT
#include "signing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "date.h"
#include "file.h"
#include "generate.h"
#include "generation.h"
#include "merkle.h"
#include "units.h"
#include "warnings.h"

#define LIFETIME	(14 * 86400)
#define FUTURE_MAX	86400	/* seconds; more is a mistake, unless it is forced */
#define KEEP_BYTES	(512u << 20)	/* of images and rules, before they are made twice */

/* ------------------------------------------------------------------ dates */

static int date_option(const struct cli *cli, const char *name, int64_t *date,
		       struct ml_error *error)
{
	const char *text = cli_option(cli, name);

	return text ? units_time_parse(text, date, error) : 0;
}

/* Whoever takes what was issued in the future takes nothing older for all that time. */
static int issued_check(const struct cli *cli, const struct ml_statement *statement,
			struct ml_error *error)
{
	char text[UNITS_TEXT];

	if (statement->issued <= ml_date_now() + FUTURE_MAX || cli_option(cli, "force"))
		return 0;
	return ml_error_set(error, -EINVAL,
			    "it would be issued at %s, more than a day ahead: a node that takes it takes nothing issued before that; look at --issued and the clock, or use --force",
			    units_time_format(statement->issued, text));
}

static int lifetime_check(const struct ml_statement *statement, struct ml_error *error)
{
	int64_t begin = statement->issued < statement->not_before ? statement->issued :
								    statement->not_before;

	if (statement->expires <= statement->not_before || statement->expires <= statement->issued)
		return ml_error_set(error, -EINVAL,
				    "it would expire before it is valid: look at --expires, --lifetime and --not-before");
	if (statement->expires - begin <= ML_LIFETIME_MAX)
		return 0;
	return ml_error_set(error, -EINVAL,
			    "it would be valid for more than %d days, and the kernel takes nothing that is: use a shorter --lifetime or an earlier --expires, and renew it in time",
			    ML_LIFETIME_MAX / 86400);
}

int signing_dates(const struct cli *cli, struct ml_statement *ret, struct ml_error *error)
{
	const char *lifetime = cli_option(cli, "lifetime");
	int64_t seconds = LIFETIME;

	if (lifetime && cli_option(cli, "expires"))
		return ml_error_set(error, -EINVAL, "--lifetime and --expires say the same thing: use one");
	ret->issued = ml_date_now();
	if (date_option(cli, "issued", &ret->issued, error) ||
	    (lifetime && units_duration_parse(lifetime, &seconds, error)))
		return -EINVAL;
	ret->not_before = ret->issued;
	ret->expires = ret->issued + seconds;
	if (date_option(cli, "not-before", &ret->not_before, error) ||
	    date_option(cli, "expires", &ret->expires, error) || issued_check(cli, ret, error))
		return -EINVAL;
	return lifetime_check(ret, error);
}

/* ------------------------------------------------------------------ nodes */

static struct signing_node *node_add(struct signing *signing, const char *name,
				     struct ml_error *error)
{
	struct signing_node *grown, *node;

	if (signing->count == signing->room) {
		grown = realloc(signing->nodes, (signing->room * 2 + 16) * sizeof(*grown));
		if (!grown) {
			ml_error_set(error, -ENOMEM, "out of memory");
			return NULL;
		}
		signing->nodes = grown;
		signing->room = signing->room * 2 + 16;
	}
	node = &signing->nodes[signing->count++];
	memset(node, 0, sizeof(*node));
	snprintf(node->name, sizeof(node->name), "%s", name);
	return node;
}

static void node_forget_blocks(struct signing_node *node)
{
	free(node->image);
	free(node->rules);
	node->image = node->rules = NULL;
}

/* Leaf and blocks; a leaf that is there already stays, as it was signed. */
static int parts_make(const struct signing *signing, struct signing_node *node,
		      size_t *ret_rules, struct ml_error *error)
{
	struct ml_parts parts;
	int code;

	code = ml_parts_make(signing->source->policy, node->policy_name, signing->statement.network,
			     node->name, &parts, error);
	if (code)
		return code;
	if (node->leaf) {
		free(parts.leaf);
	} else {
		node->leaf = parts.leaf;
		node->leaf_length = parts.leaf_length;
	}
	node->image = parts.image;
	node->image_length = parts.image_length;
	node->rules = parts.rules;
	node->rules_length = parts.rules_length;
	*ret_rules = parts.rule_count;
	return 0;
}

static void tally(struct signing *signing, struct signing_node *node, size_t rules)
{
	signing->images += node->image_length;
	if (node->image_length > signing->largest_image)
		signing->largest_image = node->image_length;
	if (rules > signing->most_rules)
		signing->most_rules = rules;
	if (signing->kept + node->image_length + node->rules_length > KEEP_BYTES)
		node_forget_blocks(node);
	else
		signing->kept += node->image_length + node->rules_length;
}

static int source_node_add(struct signing *signing, const char *name, const char *policy_name,
			   struct ml_error *error)
{
	struct signing_node *node = node_add(signing, name, error);
	size_t rules;
	int code;

	if (!node)
		return -ENOMEM;
	node->policy_name = policy_name;
	code = parts_make(signing, node, &rules, error);
	if (!code)
		tally(signing, node, rules);
	return code;
}

int signing_add_source(struct signing *signing, const struct source *source, const char *node,
		       struct ml_error *error)
{
	size_t count = ml_policy_node_count(source->policy);
	const char *name;
	int code = 0;

	signing->source = source;
	if (count && node)
		return ml_error_at(error, -ENOENT, source->path, 0, 0,
				   "the policy names its nodes itself: leave out --node");
	if (!count && !node)
		return ml_error_at(error, -ENOENT, source->path, 0, 0,
				   "the policy has no section \"nodes\": say with --node whose it is");
	if (!count)
		return source_node_add(signing, node, NULL, error);
	for (size_t i = 0; !code && i < count; i++) {
		name = ml_policy_node_name(source->policy, i);
		code = source_node_add(signing, name, name, error);
	}
	return code;
}

/* ---------------------------------------------------------------- writing */

static int blocks_read(struct signing *signing, struct signing_node *node,
		       struct ml_error *error)
{
	struct ml_trust trust = { .key_count = 1 };
	struct source source;
	int code;

	strcpy(trust.network, signing->statement.network);
	ml_secret_key_public(signing->key, &trust.keys[0]);
	code = source_open(node->path, &trust, &source, error);
	if (code)
		return code;
	node->image_length = source.bundle.image.length;
	node->rules_length = source.bundle.rules.length;
	node->image = malloc(node->image_length + 1);
	node->rules = malloc(node->rules_length + 1);
	if (node->image && node->rules) {
		memcpy(node->image, source.bundle.image.data, node->image_length);
		memcpy(node->rules, source.bundle.rules.data, node->rules_length);
	} else {
		code = ml_error_set(error, -ENOMEM, "out of memory");
	}
	source_close(&source);
	return code;
}

static int blocks_get(struct signing *signing, struct signing_node *node,
		      struct ml_error *error)
{
	size_t rules;

	if (node->image && node->rules)
		return 0;
	node_forget_blocks(node);
	return signing->source ? parts_make(signing, node, &rules, error) :
				 blocks_read(signing, node, error);
}

static int bundle_write(struct signing *signing, size_t index, struct ml_bytes envelope,
			const struct ml_merkle_tree *tree, const char *directory,
			struct ml_error *error)
{
	struct signing_node *node = &signing->nodes[index];
	const struct ml_leaf_input leaf = { node->name, { node->leaf, node->leaf_length } };
	uint8_t *bytes = NULL;
	char path[4200];
	size_t length;
	int code;

	code = blocks_get(signing, node, error);
	if (!code)
		code = ml_bundle_format_in(envelope, tree, &leaf, index,
					   (struct ml_bytes){ node->image, node->image_length },
					   (struct ml_bytes){ node->rules, node->rules_length },
					   &bytes, &length, error);
	node_forget_blocks(node);
	if (code)
		return code;
	snprintf(path, sizeof(path), "%s/%s.bundle", directory, node->name);
	code = ml_file_write_atomic(path, bytes, length, 0644, error);
	free(bytes);
	return code;
}

static int bundles_write(struct signing *signing, const struct ml_leaf_input *leaves,
			 struct ml_bytes envelope, const char *directory,
			 struct ml_error *error)
{
	struct ml_merkle_tree *tree;
	int code;

	code = ml_leaf_tree(leaves, signing->count, &tree, error);
	if (code)
		return code;
	for (size_t i = 0; !code && i < signing->count; i++)
		code = bundle_write(signing, i, envelope, tree, directory, error);
	ml_merkle_tree_free(tree);
	return code;
}

int signing_write(struct signing *signing, const char *directory, struct ml_error *error)
{
	struct ml_leaf_input *leaves = calloc(signing->count + 1, sizeof(*leaves));
	struct ml_bytes envelope = { 0 };
	uint8_t *bytes = NULL;
	int code;

	if (!leaves)
		return ml_error_set(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < signing->count; i++) {
		leaves[i].node = signing->nodes[i].name;
		leaves[i].leaf = (struct ml_bytes){ signing->nodes[i].leaf,
						    signing->nodes[i].leaf_length };
	}
	code = ml_statement_sign(&signing->statement, leaves, signing->count, signing->key,
				 &bytes, &envelope.length, error);
	envelope.data = bytes;
	if (!code && mkdir(directory, 0755) && errno != EEXIST)
		code = ml_error_at(error, -errno, directory, 0, 0,
				   "the directory cannot be made: %s", strerror(errno));
	if (!code)
		code = bundles_write(signing, leaves, envelope, directory, error);
	free(bytes);
	free(leaves);
	return code;
}

void signing_answer(const struct cli *cli, const struct signing *signing,
		    const char *directory)
{
	struct ml_output *out = cli->output;
	struct ml_public_key public;
	json_t *files = json_array();
	char text[UNITS_TEXT], id[65];

	ml_secret_key_public(signing->key, &public);
	ml_public_key_id(&public, id);
	generation_fields(out, &signing->statement);
	generation_ahead(cli, &signing->statement);
	generation_digest_field(out, "root", "root", signing->statement.root);
	ml_output_field(out, "key", json_string(id), "signed by", ML_PLAIN, "%s", id);
	for (size_t i = 0; i < signing->count; i++)
		json_array_append_new(files, json_sprintf("%s/%s.bundle", directory,
							  signing->nodes[i].name));
	ml_output_field(out, "directory", ml_output_text(directory), "bundles", ML_STRONG,
			"%zu in %s", signing->count, directory);
	ml_output_value(out, "files", files);
	if (!signing->source)
		return;
	ml_output_field(out, "largestImage", json_integer((json_int_t)signing->largest_image),
			"largest image", ML_PLAIN, "%s",
			units_bytes_format(signing->largest_image, text));
	ml_output_field(out, "mostRules", json_integer((json_int_t)signing->most_rules),
			"most rules", ML_PLAIN, "%zu", signing->most_rules);
	warnings_of_policy(cli, signing->source->policy);
}

void signing_clean(struct signing *signing)
{
	for (size_t i = 0; i < signing->count; i++) {
		node_forget_blocks(&signing->nodes[i]);
		free(signing->nodes[i].leaf);
		free(signing->nodes[i].path);
	}
	free(signing->nodes);
	if (signing->key)
		ml_secret_key_free(signing->key);
	memset(signing, 0, sizeof(*signing));
}
