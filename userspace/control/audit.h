/* SPDX-License-Identifier: MIT */
/*
 * The audit log of merlon-control: who did what, when, from where, and whether it
 * was let. What cannot be written to it does not happen.
 *
 * An event becomes the bytes of a leaf (audit_leaf), which the store keeps in the
 * transaction of what it tells of, under the next index. Behind the commit one
 * process, the sequencer, puts leaves into the log in that order (audit_log.h).
 *
 * Events are typed so that no secret finds a way in: there is no field for one.
 * Fields that strangers fill (user_agent, endpoint, and actor and reason where
 * they come from a request) are bounded and escaped here, whatever is in them.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdint.h>
#include <sys/socket.h>

#include "error.h"
#include "prefix.h"

enum audit_type {
	AUDIT_SERVER_START,
	AUDIT_SERVER_STOP,
	AUDIT_AUTH_SUCCESS,
	AUDIT_AUTH_FAILURE,
	AUDIT_AUTH_FAILURES,		/* many: details.count within from and until */
	AUDIT_AUTHZ_FAILURE,
	AUDIT_SESSION_START,
	AUDIT_SESSION_STEP_UP,
	AUDIT_SESSION_END,
	AUDIT_CONFIG_CHANGE,
	AUDIT_POLICY_CHANGE,
	AUDIT_ROOT_CHANGE,
	AUDIT_KEY_CREATE,		/* one-time keys, and keys of roles */
	AUDIT_KEY_REVOKE,
	AUDIT_KEY_ROTATE,
	AUDIT_CERT_ISSUE,
	AUDIT_CERT_RENEW,
	AUDIT_CERT_REVOKE,
	AUDIT_BACKUP_CREATE,
	AUDIT_BACKUP_RESTORE,
	AUDIT_NODE_ENROL,
	AUDIT_NODE_REFUSE,
	AUDIT_NODE_ROTATE,
	AUDIT_NODE_EXPIRE,
	AUDIT_NODE_RENEW,		/* may stay until details.expires; none: for good */
	AUDIT_NODE_REVOKE,
	AUDIT_ADMIN_CREATE,
	AUDIT_ADMIN_CHANGE,
	AUDIT_ADMIN_REMOVE,
	AUDIT_SIGNER_START,
	AUDIT_SIGNER_SIGN,
	AUDIT_SIGNER_REFUSE,
	AUDIT_SIGNER_COSIGN,
	AUDIT_SIGNER_LOST,
	AUDIT_CONNECTION_REFUSE,
	AUDIT_LOG_PRUNE,		/* details.minimum: the first entry that stays */
	AUDIT_LOG_LOST,			/* syslog took details.count messages less */
	__AUDIT_TYPE_MAX
};

/* Syslog's (RFC 5424, 6.2.1). */
enum audit_severity { AUDIT_ERROR = 3, AUDIT_WARNING = 4, AUDIT_NOTICE = 5, AUDIT_INFO = 6 };

const char *audit_type_name(enum audit_type type);	/* "auth.failure" */
/* Of an event_type, also of one that is not known: AUDIT_NOTICE. */
enum audit_severity audit_severity_of(const char *type);

/* Why something was refused. Text is for people, these are for counting. */
enum audit_reason {
	AUDIT_REASON_UNSPEC,
	AUDIT_REASON_UNKNOWN_NAME,
	AUDIT_REASON_BAD_PASSWORD,
	AUDIT_REASON_BAD_CODE,		/* TOTP or recovery code */
	AUDIT_REASON_REPLAYED_CODE,
	AUDIT_REASON_BAD_TOKEN,
	AUDIT_REASON_EXPIRED_TOKEN,
	AUDIT_REASON_BAD_SIGNATURE,
	AUDIT_REASON_BAD_CERTIFICATE,
	AUDIT_REASON_UNKNOWN_KEY,
	AUDIT_REASON_EXPIRED_KEY,
	AUDIT_REASON_USED_KEY,		/* no use of it is left */
	AUDIT_REASON_BAD_NONCE,
	AUDIT_REASON_CLOCK,		/* skew */
	AUDIT_REASON_ROLE,		/* known, and not allowed to */
	AUDIT_REASON_NO_STEP_UP,	/* second factor older than allowed */
	AUDIT_REASON_RATE,		/* too many failures before */
	AUDIT_REASON_MALFORMED,
	AUDIT_REASON_TLS,
	AUDIT_REASON_LIMIT,		/* connections, streams, bytes, time */
	__AUDIT_REASON_MAX
};

const char *audit_reason_name(enum audit_reason reason);	/* "bad_password" */

/*
 * What more there is to say. NULL and 0 are left out. Names and roles are texts of
 * ours, not of strangers; digests are SHA-256, 32 bytes, written in hex: ids of
 * keys, of documents, of certificates' public keys.
 */
struct audit_details {
	const char *node, *network, *administrator, *role, *tags, *owner;
	const char *method;		/* "password", "totp", "certificate", "role-key", … */
	const char *setting;		/* the name of what was configured, never its value */
	const char *file;
	const char *version;		/* of the program */
	const uint8_t *grant, *key, *policy, *root, *certificate, *digest;
	const struct ml_prefix *prefix;	/* treated as source_ip is */
	int64_t epoch, serial, size, count, uses, minimum;
	int64_t from, until, expires;	/* microseconds since 1970 */
};

struct audit_event {
	enum audit_type type;
	int64_t time;			/* microseconds since 1970, UTC; 0 is refused */
	const struct sockaddr *source;	/* AF_INET, AF_INET6; NULL or other: no address */
	const char *user_agent;		/* 256 bytes of it are kept */
	const char *endpoint;		/* "POST /v1/login", 256; what is behind '?' is dropped */
	/*
	 * "admin:anna", "node:gamma", "uid:0", "key:ID"; 128. Of a failed login the
	 * name only where such an administrator exists: people type passwords there.
	 */
	const char *actor;
	const char *reason;		/* 512; audit_reason_name(), or a person's words */
	struct audit_details details;
};

/* Addresses are personal data (docs/operations.md). */
enum audit_addresses {
	AUDIT_ADDRESS_WHOLE,
	AUDIT_ADDRESS_NETWORK,	/* /24 and /48 of them */
	AUDIT_ADDRESS_HASHED,	/* "keyed:" and 32 hex digits: BLAKE2b under a key */
};

struct audit_form {
	enum audit_addresses addresses;
	const uint8_t *address_key;	/* 32 bytes, in locked memory; for HASHED alone */
};

/**
 * audit_leaf - the bytes of an event: canonical JSON (audit_entry.h), with new salt
 * @ret: malloc()ed; at most ML_AUDIT_LEAF_MAX bytes
 *
 * Return: 0; -EINVAL: no such type, no time, or hashed addresses without a key;
 * -ENOMEM. The caller must not do what it could not tell of.
 */
int audit_leaf(const struct audit_form *form, const struct audit_event *event,
	       uint8_t **ret, size_t *ret_length, struct ml_error *error);

#endif
