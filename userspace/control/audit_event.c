// SPDX-License-Identifier: MIT
/* From typed events to lines of JSON. */
#include "audit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "audit_entry.h"
#include "strict.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct type {
	const char *name;
	enum audit_severity severity;
} types[__AUDIT_TYPE_MAX] = {
	[AUDIT_SERVER_START] = { "server.start", AUDIT_NOTICE },
	[AUDIT_SERVER_STOP] = { "server.stop", AUDIT_NOTICE },
	[AUDIT_AUTH_SUCCESS] = { "auth.success", AUDIT_INFO },
	[AUDIT_AUTH_FAILURE] = { "auth.failure", AUDIT_WARNING },
	[AUDIT_AUTH_FAILURES] = { "auth.failures", AUDIT_WARNING },
	[AUDIT_AUTHZ_FAILURE] = { "authz.failure", AUDIT_WARNING },
	[AUDIT_SESSION_START] = { "session.start", AUDIT_INFO },
	[AUDIT_SESSION_STEP_UP] = { "session.step_up", AUDIT_INFO },
	[AUDIT_SESSION_END] = { "session.end", AUDIT_INFO },
	[AUDIT_CONFIG_CHANGE] = { "config.change", AUDIT_NOTICE },
	[AUDIT_POLICY_CHANGE] = { "policy.change", AUDIT_NOTICE },
	[AUDIT_ROOT_CHANGE] = { "root.change", AUDIT_NOTICE },
	[AUDIT_KEY_CREATE] = { "key.create", AUDIT_NOTICE },
	[AUDIT_KEY_REVOKE] = { "key.revoke", AUDIT_NOTICE },
	[AUDIT_KEY_ROTATE] = { "key.rotate", AUDIT_NOTICE },
	[AUDIT_CERT_ISSUE] = { "cert.issue", AUDIT_NOTICE },
	[AUDIT_CERT_RENEW] = { "cert.renew", AUDIT_INFO },
	[AUDIT_CERT_REVOKE] = { "cert.revoke", AUDIT_NOTICE },
	[AUDIT_BACKUP_CREATE] = { "backup.create", AUDIT_NOTICE },
	[AUDIT_BACKUP_RESTORE] = { "backup.restore", AUDIT_WARNING },
	[AUDIT_NODE_ENROL] = { "node.enrol", AUDIT_NOTICE },
	[AUDIT_NODE_REFUSE] = { "node.refuse", AUDIT_WARNING },
	[AUDIT_NODE_ROTATE] = { "node.rotate", AUDIT_NOTICE },
	[AUDIT_NODE_EXPIRE] = { "node.expire", AUDIT_NOTICE },
	[AUDIT_NODE_RENEW] = { "node.renew", AUDIT_NOTICE },
	[AUDIT_NODE_REVOKE] = { "node.revoke", AUDIT_NOTICE },
	[AUDIT_ADMIN_CREATE] = { "admin.create", AUDIT_NOTICE },
	[AUDIT_ADMIN_CHANGE] = { "admin.change", AUDIT_NOTICE },
	[AUDIT_ADMIN_REMOVE] = { "admin.remove", AUDIT_NOTICE },
	[AUDIT_SIGNER_START] = { "signer.start", AUDIT_NOTICE },
	[AUDIT_SIGNER_SIGN] = { "signer.sign", AUDIT_INFO },
	[AUDIT_SIGNER_REFUSE] = { "signer.refuse", AUDIT_ERROR },
	[AUDIT_SIGNER_COSIGN] = { "signer.cosign", AUDIT_INFO },
	[AUDIT_SIGNER_LOST] = { "signer.lost", AUDIT_ERROR },
	[AUDIT_CONNECTION_REFUSE] = { "connection.refuse", AUDIT_WARNING },
	[AUDIT_LOG_PRUNE] = { ML_AUDIT_TYPE_PRUNE, AUDIT_NOTICE },
	[AUDIT_LOG_LOST] = { "log.lost", AUDIT_WARNING },
};

static const char *const reasons[__AUDIT_REASON_MAX] = {
	[AUDIT_REASON_UNSPEC] = "unspecified",
	[AUDIT_REASON_UNKNOWN_NAME] = "unknown_name",
	[AUDIT_REASON_BAD_PASSWORD] = "bad_password",
	[AUDIT_REASON_BAD_CODE] = "bad_code",
	[AUDIT_REASON_REPLAYED_CODE] = "replayed_code",
	[AUDIT_REASON_BAD_TOKEN] = "bad_token",
	[AUDIT_REASON_EXPIRED_TOKEN] = "expired_token",
	[AUDIT_REASON_BAD_SIGNATURE] = "bad_signature",
	[AUDIT_REASON_BAD_CERTIFICATE] = "bad_certificate",
	[AUDIT_REASON_UNKNOWN_KEY] = "unknown_key",
	[AUDIT_REASON_EXPIRED_KEY] = "expired_key",
	[AUDIT_REASON_USED_KEY] = "used_key",
	[AUDIT_REASON_BAD_NONCE] = "bad_nonce",
	[AUDIT_REASON_CLOCK] = "clock",
	[AUDIT_REASON_ROLE] = "role",
	[AUDIT_REASON_NO_STEP_UP] = "no_step_up",
	[AUDIT_REASON_RATE] = "rate",
	[AUDIT_REASON_MALFORMED] = "malformed",
	[AUDIT_REASON_TLS] = "tls",
	[AUDIT_REASON_LIMIT] = "limit",
};

const char *audit_type_name(enum audit_type type)
{
	return (unsigned int)type < COUNT(types) ? types[type].name : NULL;
}

enum audit_severity audit_severity_of(const char *type)
{
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (!strcmp(types[i].name, type))
			return types[i].severity;
	return AUDIT_NOTICE;
}

const char *audit_reason_name(enum audit_reason reason)
{
	return (unsigned int)reason < COUNT(reasons) ? reasons[reason] : reasons[0];
}

/* --------------------------------------------------------------- addresses */

/* The same address gives the same text, and nobody without the key an address. */
static json_t *hashed(const struct audit_form *form, const struct ml_prefix *prefix)
{
	uint8_t input[18] = { prefix->family, prefix->length }, hash[16];
	char text[6 + 2 * sizeof(hash) + 1] = "keyed:";

	memcpy(input + 2, prefix->address, prefix->family == AF_INET ? 4 : 16);
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), form->address_key,
			   crypto_generichash_KEYBYTES);
	sodium_bin2hex(text + 6, sizeof(text) - 6, hash, sizeof(hash));
	return json_string(text);
}

static void truncate_prefix(struct ml_prefix *prefix)
{
	unsigned int keep = prefix->family == AF_INET ? 24 : 48;
	size_t i;

	if (prefix->length <= keep)
		return;
	prefix->length = (uint8_t)keep;
	for (i = keep / 8; i < sizeof(prefix->address); i++)
		prefix->address[i] = 0;
}

static json_t *address_json(const struct audit_form *form, struct ml_prefix prefix)
{
	char text[ML_PREFIX_TEXT];

	if (form->addresses == AUDIT_ADDRESS_HASHED)
		return hashed(form, &prefix);
	if (form->addresses == AUDIT_ADDRESS_NETWORK)
		truncate_prefix(&prefix);
	return json_string(ml_prefix_format(&prefix, text));
}

static json_t *source_json(const struct audit_form *form, const struct sockaddr *source)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ml_prefix prefix;
	const uint8_t *six;

	if (!source || (source->sa_family != AF_INET && source->sa_family != AF_INET6))
		return json_string("");
	six = ((const struct sockaddr_in6 *)source)->sin6_addr.s6_addr;
	if (source->sa_family == AF_INET)
		ml_prefix_host(AF_INET, (const uint8_t *)
			       &((const struct sockaddr_in *)source)->sin_addr, &prefix);
	else if (!memcmp(six, mapped, sizeof(mapped)))
		ml_prefix_host(AF_INET, six + sizeof(mapped), &prefix);
	else
		ml_prefix_host(AF_INET6, six, &prefix);
	return address_json(form, prefix);
}

/* ------------------------------------------------------------------- texts */

/* A person may paste a secret into any field of a form. */
static json_t *text_json(const char *text, size_t limit)
{
	static const char *const signs[] = { "merlon-key-", "merlon-secret-key", "PRIVATE KEY" };
	size_t i;

	for (i = 0; text && i < COUNT(signs); i++)
		if (strstr(text, signs[i]))
			return json_string("(withheld: a secret stood here)");
	return ml_audit_text(text, limit);
}

/* Queries may carry tokens, and no endpoint of ours needs one to be known by. */
static json_t *endpoint_json(const char *endpoint)
{
	char path[300];

	if (!endpoint)
		return json_string("");
	snprintf(path, sizeof(path), "%.*s", (int)strcspn(endpoint, "?#"), endpoint);
	return text_json(path, 256);
}

/* ----------------------------------------------------------------- details */

enum kind { TEXT, DIGEST, PREFIX, NUMBER, TIME };

#define DETAIL(name, kind) { #name, kind, offsetof(struct audit_details, name) }

static const struct detail {
	const char *key;
	enum kind kind;
	size_t offset;
} details[] = {
	DETAIL(node, TEXT), DETAIL(network, TEXT), DETAIL(administrator, TEXT),
	DETAIL(role, TEXT), DETAIL(tags, TEXT), DETAIL(owner, TEXT), DETAIL(method, TEXT),
	DETAIL(setting, TEXT), DETAIL(file, TEXT), DETAIL(version, TEXT),
	DETAIL(grant, DIGEST), DETAIL(key, DIGEST), DETAIL(policy, DIGEST),
	DETAIL(root, DIGEST), DETAIL(certificate, DIGEST), DETAIL(digest, DIGEST),
	DETAIL(prefix, PREFIX), DETAIL(epoch, NUMBER), DETAIL(serial, NUMBER),
	DETAIL(size, NUMBER), DETAIL(count, NUMBER), DETAIL(uses, NUMBER),
	DETAIL(minimum, NUMBER), DETAIL(from, TIME), DETAIL(until, TIME),
	DETAIL(expires, TIME),
};

static json_t *time_json(int64_t time)
{
	char text[ML_AUDIT_TIME_TEXT];

	return json_string(ml_audit_time_format(time, text));
}

/* NULL: no memory. *@skip: there is nothing to say. */
static json_t *detail_json(const struct audit_form *form, const struct detail *detail,
			   const struct audit_details *from, bool *skip)
{
	const void *field = (const char *)from + detail->offset;
	int64_t number = 0;
	const void *pointer = NULL;

	if (detail->kind == NUMBER || detail->kind == TIME)
		memcpy(&number, field, sizeof(number));
	else
		memcpy(&pointer, field, sizeof(pointer));
	*skip = !number && !pointer;
	switch (*skip ? NUMBER : detail->kind) {
	case TEXT: return text_json(pointer, 256);
	case DIGEST: return ml_strict_hash_json(pointer);
	case PREFIX: return address_json(form, *(const struct ml_prefix *)pointer);
	case TIME: return time_json(number);
	case NUMBER: break;
	}
	return json_integer(number);
}

static json_t *details_json(const struct audit_form *form, const struct audit_details *from)
{
	json_t *object = json_object(), *value;
	bool skip, failed = !object;
	size_t i;

	for (i = 0; i < COUNT(details) && !failed; i++) {
		value = detail_json(form, &details[i], from, &skip);
		if (skip)
			json_decref(value);
		else
			failed = json_object_set_new(object, details[i].key, value);
	}
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

/* -------------------------------------------------------------------- leaf */

static json_t *salt_json(void)
{
	uint8_t salt[16];
	char hex[33];

	randombytes_buf(salt, sizeof(salt));
	return json_string(sodium_bin2hex(hex, sizeof(hex), salt, sizeof(salt)));
}

static json_t *event_json(const struct audit_form *form, const struct audit_event *event)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
			 "actor", text_json(event->actor, 128),
			 "details", details_json(form, &event->details),
			 "endpoint", endpoint_json(event->endpoint),
			 "event_type", audit_type_name(event->type),
			 "level", "AUDIT",
			 "reason", text_json(event->reason, 512),
			 "salt", salt_json(),
			 "source_ip", source_json(form, event->source),
			 "timestamp", time_json(event->time),
			 "user_agent", text_json(event->user_agent, 256));
}

static int check_event(const struct audit_form *form, const struct audit_event *event,
		       struct ml_error *error)
{
	if (!audit_type_name(event->type))
		return ml_error_set(error, -EINVAL, "audit: no event has the type %d", event->type);
	if (event->time <= 0)
		return ml_error_set(error, -EINVAL, "audit: an event without a time");
	if (form->addresses == AUDIT_ADDRESS_HASHED && !form->address_key)
		return ml_error_set(error, -EINVAL,
				    "audit: addresses are to be hashed, and there is no key for that");
	return 0;
}

int audit_leaf(const struct audit_form *form, const struct audit_event *event,
	       uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	json_t *json;
	char *text;
	int r;

	r = check_event(form, event, error);
	if (r)
		return r;
	json = event_json(form, event);
	text = json ? ml_audit_dump(json, ret_length) : NULL;
	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "audit: no memory for an event");
	*ret = (uint8_t *)text;
	return 0;
}
