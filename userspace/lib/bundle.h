/* SPDX-License-Identifier: MIT */
/*
 * What is signed, and how it travels.
 *
 * A generation is one statement in one DSSE envelope (Ed25519, libsodium):
 *
 *   payloadType  application/vnd.merlon.statement.v1+json
 *   payload      {"epoch":N,"expires":T,"issued":T,"network":"…","notBefore":T,
 *                 "root":"hex","serial":N,"treeSize":N}        T: Unix seconds
 *
 * `root` is the RFC 6962 Merkle tree hash (SHA-256) over the leaves of all
 * nodes, in canonical order of their names. A leaf is the JSON of one node's
 * bundle, which names its blocks by SHA-256:
 *
 *   {"blocks":{"image":{"bytes":N,"sha256":"hex"},"rules":{…}},
 *    "config":{… ml_policy_node_json() …},"format":1,"network":"…","node":"…"}
 *
 * Leaves hold no dates: a renewal has the same root and a higher serial. What
 * is signed is bytes; nothing is ever parsed and written again before it is
 * verified.
 *
 * A bundle file carries all that one node needs: magic "MERLONB1", then
 * records of {__le32 type, __le32 zero, __le64 bytes, content, zero padding to
 * 8}: ENVELOPE (DSSE JSON), PROOF (JSON: {"hashes":["hex"…],"index":N}), LEAF,
 * IMAGE, RULES, each exactly once, in this order, and nothing behind. A bundle
 * has one form: envelope (with one signature) and proof must be canonical JSON, so
 * that no byte can be changed without being refused. docs/formats.md has it all.
 */
#ifndef ML_BUNDLE_H
#define ML_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"
#include "keys.h"

#define ML_BUNDLE_MAX_BYTES	(512u << 20)
#define ML_NAME_MAX		64	/* network and node names, without NUL */

/* Names start with a letter or digit and hold nothing that a path or a log could misread. */
#define ML_NAME_RULE "a name has 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit"
bool ml_name_valid(const char *name);

#define ML_LIFETIME_MAX	(90 * 86400)	/* seconds; the kernel takes no longer one */

struct ml_merkle_tree;	/* merkle.h */

struct ml_bytes {
	const uint8_t *data;
	size_t length;
};

struct ml_statement {
	char network[ML_NAME_MAX + 1];
	uint64_t epoch, serial;	/* below 2^63; serials start at 1 */
	int64_t issued, not_before, expires;	/* Unix seconds, UTC; none after expires */
	uint64_t tree_size;
	uint8_t root[32];
};

/* What one node is given, before it is signed. */
struct ml_leaf_input {
	const char *node;
	struct ml_bytes leaf;	/* made by ml_leaf_format() */
};

/* A verified bundle; the pointers go into the caller's bytes. */
struct ml_bundle {
	struct ml_statement statement;
	struct ml_bytes envelope, proof, leaf, image, rules;
	uint8_t image_digest[32];
	char node[ML_NAME_MAX + 1];
	uint64_t index;		/* of the leaf in the tree */
	char key_id[65];	/* of the key that signed */
};

/* Whom a node trusts: /etc/merlon/trust.json, owned by root. */
struct ml_trust {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	struct ml_public_key keys[8];
	size_t key_count;
};

/*
 * -EACCES where somebody but root or the caller owns the file or can write it;
 * -EBADMSG: malformed. Written with mode 0644, atomically.
 */
int ml_trust_read(const char *path, struct ml_trust *ret, struct ml_error *error);
int ml_trust_write(const char *path, const struct ml_trust *trust, struct ml_error *error);

/**
 * ml_leaf_format - a node's leaf; canonical JSON (sorted keys, no spaces)
 * @config: jansson object of ml_policy_node_json()
 * @ret: malloc()ed
 *
 * Return: 0, -EINVAL (a name, or @config is no object), -E2BIG, -ENOMEM.
 */
int ml_leaf_format(const char *network, const char *node, const json_t *config,
		   struct ml_bytes image, struct ml_bytes rules,
		   uint8_t **ret, size_t *ret_length, struct ml_error *error);

/**
 * ml_statement_sign - one signature for a generation
 * @statement: everything but root and tree_size, which are computed from @leaves
 * @leaves: in canonical order of node names (-EINVAL otherwise)
 * @ret: the DSSE envelope, malloc()ed JSON
 */
int ml_statement_sign(struct ml_statement *statement, const struct ml_leaf_input *leaves,
		      size_t leaf_count, const struct ml_secret_key *key,
		      uint8_t **ret, size_t *ret_length, struct ml_error *error);

/* The same over a tree whose leaves the caller has made himself: they are not looked at. */
int ml_statement_sign_tree(struct ml_statement *statement, const struct ml_merkle_tree *tree,
			   const struct ml_secret_key *key, uint8_t **ret, size_t *ret_length,
			   struct ml_error *error);

/*
 * The bundle file of leaf @index. @ret is malloc()ed. What would not verify is not
 * written: -EINVAL where the envelope is over other leaves, -EBADMSG where the leaf
 * names other blocks. Hashes all leaves; for many nodes see ml_bundle_format_in().
 */
int ml_bundle_format(struct ml_bytes envelope, const struct ml_leaf_input *leaves,
		     size_t leaf_count, size_t index, struct ml_bytes image,
		     struct ml_bytes rules, uint8_t **ret, size_t *ret_length,
		     struct ml_error *error);

/* The tree of a generation, once for all its bundles; ml_merkle_tree_free(). */
int ml_leaf_tree(const struct ml_leaf_input *leaves, size_t count,
		 struct ml_merkle_tree **ret, struct ml_error *error);
/* As ml_bundle_format(), @leaf being leaf @index of @tree. */
int ml_bundle_format_in(struct ml_bytes envelope, const struct ml_merkle_tree *tree,
			const struct ml_leaf_input *leaf, size_t index,
			struct ml_bytes image, struct ml_bytes rules, uint8_t **ret,
			size_t *ret_length, struct ml_error *error);

/**
 * ml_bundle_verify - from untrusted bytes to a bundle that may be applied
 * @trust: network, node and keys that must fit; node "" accepts any node
 *
 * Verifies, in this order: framing and sizes, envelope signature over the exact
 * payload bytes, statement, network, inclusion proof, leaf, node, digests of
 * the blocks. Dates and serials are the caller's business (they need a clock
 * and a memory): see ml_statement_judge(). The image itself is checked by the
 * kernel, and by merlon_image_check() where a program wants to know earlier.
 * Return: 0, -EBADMSG (malformed or altered), -EKEYREJECTED (signed by nobody
 * whom @trust names), -EXDEV (another network or node), -E2BIG, -ENOMEM.
 */
int ml_bundle_verify(struct ml_bytes file, const struct ml_trust *trust,
		     struct ml_bundle *ret, struct ml_error *error);

struct ml_watermark {
	uint64_t epoch, serial;
	int64_t floor;		/* latest `issued` of any verified document, Unix seconds */
	uint8_t image_digest[32];
};

/*
 * What counts as now: the latest of the system clock, the floor and the
 * statement's own `issued`, which whoever verified it knows to be past. So a
 * machine that wakes up in 1970 with its first bundle is not dark.
 */
int64_t ml_statement_now(const struct ml_statement *statement,
			 const struct ml_watermark *watermark, int64_t now);

/**
 * ml_statement_judge - may this generation be applied now?
 * @statement: verified
 * @now: system clock, Unix seconds; what counts is ml_statement_now()
 * @ret_lifetime: seconds until it expires, from what counts as now; set on 0 and
 *	on -EALREADY
 *
 * Return: 0; -ESTALE: (epoch, serial) below the watermark's; -ETIME: expired;
 * -EAGAIN: not-before still ahead; -EALREADY: a repeat (equal to the watermark)
 * whose dates are good: what a daemon finds that loads its bundle after a reboot.
 */
int ml_statement_judge(const struct ml_statement *statement,
		       const struct ml_watermark *watermark, int64_t now,
		       uint64_t *ret_lifetime, struct ml_error *error);

/*
 * Atomic and fsynced (file and directory); a missing file reads as all zero, and
 * nothing else does: -EBADMSG damaged; -EACCES writable by others; -ELOOP a
 * symbolic link. The one writer must be the one that applies.
 */
int ml_watermark_read(const char *path, struct ml_watermark *ret, struct ml_error *error);
int ml_watermark_write(const char *path, const struct ml_watermark *watermark,
		       struct ml_error *error);
/*
 * The first generation that a machine takes which had @watermark, and whose kernel had
 * @epoch.@serial (0.0: nothing): above both, and 1.1 where there was nothing.
 */
void ml_watermark_next(const struct ml_watermark *watermark, uint64_t epoch, uint64_t serial,
		       struct ml_statement *ret);

#endif
