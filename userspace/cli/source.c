// SPDX-License-Identifier: MIT
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "file.h"
#include "peek.h"
#include "rules.h"
#include "strict.h"

/* An error of a bundle does not know which file the bytes came from. */
static int with_path(int code, const char *path, struct ml_error *error)
{
	if (code && !error->file[0])
		snprintf(error->file, sizeof(error->file), "%s", path);
	return code;
}

static int bundle_open(struct source *source, const struct ml_trust *trust,
		       struct ml_error *error)
{
	struct ml_bytes file = { source->bytes, source->length };
	int code = trust ? ml_bundle_verify(file, trust, &source->bundle, error) :
			   bundle_peek(file, &source->bundle, error);

	source->verified = trust != NULL;
	return with_path(code, source->path, error);
}

static int policy_open(struct source *source, struct ml_error *error)
{
	if (source->length > ML_POLICY_MAX_BYTES)
		return ml_error_at(error, -E2BIG, source->path, 0, 0,
				   "longer than %u bytes", ML_POLICY_MAX_BYTES);
	return ml_policy_parse(source->path, (const char *)source->bytes, source->length,
			       &source->policy, error);
}

static int open_as(const char *path, const struct ml_trust *trust, bool bundles,
		   struct source *ret, struct ml_error *error)
{
	struct source source = { .path = path };
	int code;

	code = ml_file_read(path, ML_BUNDLE_MAX_BYTES, &source.bytes, &source.length, error);
	if (code)
		return code;
	if (!source.length)
		code = ml_error_at(error, -EINVAL, path, 0, 0, bundles ?
				   "empty: not a bundle, nor a policy source" :
				   "empty: not a policy source");
	else if (!bundle_is_one((struct ml_bytes){ source.bytes, source.length }))
		code = policy_open(&source, error);
	else if (bundles)
		code = bundle_open(&source, trust, error);
	else
		code = ml_error_at(error, -EINVAL, path, 0, 0,
				   "is a bundle; a policy source is wanted here");
	if (code)
		source_close(&source);
	else
		*ret = source;
	return code;
}

int source_open(const char *path, const struct ml_trust *trust, struct source *ret,
		struct ml_error *error)
{
	return open_as(path, trust, true, ret, error);
}

int source_open_policy(const char *path, struct source *ret, struct ml_error *error)
{
	return open_as(path, NULL, false, ret, error);
}

void source_close(struct source *source)
{
	if (source->policy)
		ml_policy_free(source->policy);
	free(source->bytes);
	memset(source, 0, sizeof(*source));
}

size_t source_sheets(const struct source *source)
{
	size_t count = source->policy ? ml_policy_node_count(source->policy) : 1;

	return count ? count : 1;
}

const char *source_sheet_name(const struct source *source, size_t index)
{
	if (!source->policy)
		return source->bundle.node;
	if (!ml_policy_node_count(source->policy))
		return NULL;
	return ml_policy_node_name(source->policy, index);
}

/* "a, b and 12 more", for an error. */
static void list_names(const struct source *source, char *buffer, size_t size)
{
	size_t count = source_sheets(source), n = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (i == 12) {
			snprintf(buffer + n, size - n, " and %zu more", count - i);
			return;
		}
		n += (size_t)snprintf(buffer + n, size - n, "%s%s", i ? ", " : "",
				      source_sheet_name(source, i));
		if (n >= size)
			return;
	}
}

int source_choose(const struct source *source, const char *node, const char **ret,
		  struct ml_error *error)
{
	size_t count = source_sheets(source);
	const char *name;
	char names[400];

	for (size_t i = 0; i < count; i++) {
		name = source_sheet_name(source, i);
		if (node ? name && !strcmp(name, node) : count == 1) {
			*ret = name;
			return 0;
		}
	}
	if (!source_sheet_name(source, 0))
		return ml_error_at(error, -ENOENT, source->path, 0, 0,
				   "the policy has no section \"nodes\": leave out --node");
	list_names(source, names, sizeof(names));
	if (node)
		return ml_error_at(error, -ENOENT, source->path, 0, 0,
				   "no node '%s'; there are: %s", node, names);
	return ml_error_at(error, -ENOENT, source->path, 0, 0,
			   "say which node with --node; there are: %s", names);
}

int source_config(const struct source *source, const char *node, json_t **ret,
		  struct ml_error *error)
{
	json_t *leaf;
	int code;

	if (source->policy)
		return ml_policy_node_json(source->policy, node, ret, error);
	code = ml_strict_load(source->bundle.leaf.data, source->bundle.leaf.length, "leaf",
			      &leaf, error);
	if (code)
		return code;
	*ret = json_incref(json_object_get(leaf, "config"));
	json_decref(leaf);
	return 0;
}

static int fault_error(const struct source *source, const char *node, int code,
		       const struct merlon_fault *fault, struct ml_error *error)
{
	return ml_error_at(error, code, source->path, 0, 0,
			   "the policy image%s%s is not valid: %s (section %d, record %u)",
			   node ? " of " : "", node ? node : "", fault->what, fault->section,
			   fault->index);
}

static int sheet_judge(const struct source *source, struct sheet *sheet, struct ml_error *error)
{
	struct merlon_fault fault = { 0 };
	int code = ml_tables_of(sheet->image, sheet->length, &sheet->judge, &fault);

	return code ? fault_error(source, sheet->node, code, &fault, error) : 0;
}

int sheet_open(const struct source *source, const char *node, struct sheet *ret,
	       struct ml_error *error)
{
	struct sheet sheet = { .node = node };
	int code;

	if (source->policy) {
		code = ml_policy_ruleset(source->policy, node, &sheet.ruleset, error);
		if (code)
			return with_path(code, source->path, error);
		code = ml_image_compile(&sheet.ruleset, &sheet.made, &sheet.length, error);
		sheet.image = sheet.made;
	} else {
		code = ml_rules_parse((const char *)source->bundle.rules.data,
				      source->bundle.rules.length, &sheet.ruleset, error);
		if (code)
			return with_path(code, source->path, error);
		sheet.image = source->bundle.image.data;
		sheet.length = source->bundle.image.length;
	}
	if (!code)
		code = sheet_judge(source, &sheet, error);
	if (code)
		sheet_close(&sheet);
	else
		*ret = sheet;
	return with_path(code, source->path, error);
}

void sheet_close(struct sheet *sheet)
{
	ml_tables_clean(&sheet->judge);
	ml_ruleset_free(&sheet->ruleset);
	free(sheet->made);
	memset(sheet, 0, sizeof(*sheet));
}

static const struct ml_rule *rule_find(const struct ml_ruleset *ruleset, uint64_t id)
{
	size_t low = 0, high = ruleset->rule_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ruleset->rules[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < ruleset->rule_count && ruleset->rules[low].id == id)
		return &ruleset->rules[low];
	return NULL;
}

const struct ml_rule *ruleset_rule(const struct ml_ruleset *ruleset, uint64_t id)
{
	const struct ml_rule *rule = rule_find(ruleset, id);

	return rule || !ruleset->guard ? rule : rule_find(&ruleset->guard->rules, id);
}

const struct ml_rule *sheet_rule(const struct sheet *sheet, uint32_t verdict)
{
	uint64_t id = merlon_tables_rule_id(sheet->judge.tables, MERLON_VERDICT_RULE(verdict));

	return id ? ruleset_rule(&sheet->ruleset, id) : NULL;
}
