// SPDX-License-Identifier: MIT
/* What a backup says of itself, under the signature of the server that made it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "backup.h"
#include "document.h"
#include "strict.h"

#define WHAT "backup"

static const char *const keys[] = { "auditSize", "created", "digest", "epoch", "network", "serial",
				    "version" };
static const struct ml_document_kind kind = {
	.what = WHAT, .type = "application/vnd.merlon.backup.v1+json", .keys = keys,
	.key_count = sizeof(keys) / sizeof(keys[0]),
};

int backup_manifest_sign(const struct backup_manifest *manifest, const struct ml_secret_key *key,
			 uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	char digest[65];
	json_t *json;

	sodium_bin2hex(digest, sizeof(digest), manifest->digest, 32);
	json = json_pack("{s:I, s:I, s:s, s:I, s:s, s:I, s:s}",
			 "auditSize", (json_int_t)manifest->audit_size,
			 "created", (json_int_t)manifest->created, "digest", digest,
			 "epoch", (json_int_t)manifest->epoch, "network", manifest->network,
			 "serial", (json_int_t)manifest->serial, "version", manifest->version);
	if (!json)
		return ml_error_set(error, -ENOMEM, "out of memory");
	return ml_document_sign(&kind, json, &key, 1, ret, ret_length, error);
}

static int parse(const json_t *json, struct backup_manifest *ret, struct ml_error *error)
{
	const struct { const char *key; int64_t *to; } numbers[] = {
		{ "auditSize", &ret->audit_size }, { "created", &ret->created },
		{ "epoch", &ret->epoch }, { "serial", &ret->serial },
	};
	const char *version;
	int r = ml_strict_hash(json, WHAT, "digest", ret->digest, error);

	for (size_t i = 0; !r && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		r = ml_strict_number(json, WHAT, numbers[i].key, 0, INT64_MAX, numbers[i].to, error);
	if (!r)
		r = ml_strict_name(json, WHAT, "network", ret->network, error);
	if (!r)
		r = ml_strict_string(json, WHAT, "version", &version, error);
	if (!r)
		snprintf(ret->version, sizeof(ret->version), "%s", version);
	return r;
}

int backup_manifest_verify(struct ml_bytes envelope, const struct ml_public_key *key,
			   struct backup_manifest *ret, struct ml_error *error)
{
	uint8_t digest[32];
	json_t *json;
	int r = ml_document_verify(&kind, envelope, "the audit log's key", key, 1, 1, error);

	if (!r)
		r = ml_document_peek(&kind, envelope, &json, digest, error);
	if (r)
		return r;
	r = parse(json, ret, error);
	json_decref(json);
	return r;
}
