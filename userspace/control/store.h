/* SPDX-License-Identifier: MIT */
/*
 * The store of merlon-control: SQLite in one file, or PostgreSQL for several server
 * processes. The interface is whole operations. Each is one transaction: it happened
 * and is on disk when 0 is returned, and did not happen when an error is; the one
 * exception is -ECONNABORTED (PostgreSQL went away during COMMIT: nobody knows; repeat
 * it). A change that is audited takes its leaf: both are stored or neither is.
 *
 * A handle is one connection and belongs to one thread at a time; open as many as you
 * need. Writers wait for each other, in both databases, for at most STORE_WAIT seconds
 * (-EBUSY). Callbacks must not call the store; what they are given is valid in the
 * callback. What a `ret_` structure points to lives until store_free(its memory).
 *
 * All times are the caller's: Unix seconds, UTC. Keys and digests are raw bytes. Text
 * is UTF-8 without NUL (-EILSEQ otherwise) and is stored byte by byte; a NULL text or
 * key is -EINVAL. Envelopes are opaque here: who calls has verified them.
 *
 * Errors of every operation, besides its own: -EIO, -ENOSPC, -EBUSY, -EROFS, -ENOMEM;
 * of PostgreSQL -ECONNRESET, -EHOSTDOWN (a lost connection is made anew by the next
 * operation, which waits for at most 10 seconds) and -ECONNABORTED; -EUCLEAN: the
 * database holds what Merlon does not write. After -EUCLEAN, or where a disk failed to
 * sync, every further operation on the handle is -EIO: a store that may have forgotten
 * must not acknowledge.
 */
#ifndef MERLON_CONTROL_STORE_H
#define MERLON_CONTROL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bundle.h"
#include "error.h"

#define STORE_VERSION	3		/* of the schema, that this program wants */
#define STORE_WAIT	20		/* seconds for other writers */
#define STORE_LEAF_MAX	65536		/* bytes of one audit leaf */
#define STORE_TEXT_MAX	65536		/* bytes of one text */
#define STORE_BLOB_MAX	(512u << 20)	/* bytes of one blob */

struct store;

enum store_kind {
	STORE_SQLITE,
	STORE_POSTGRES,
};

struct store_config {
	enum store_kind kind;
	/*
	 * SQLite: path of the file; it is made with mode 0600, must belong to root or
	 * the caller, and nobody else may read it. Beside it are NAME-wal, -shm, -wake
	 * and -sequencer. A process that has it open must open none of them by itself:
	 * closing a descriptor would take SQLite's locks away. PostgreSQL: a connection
	 * string of libpq ("host=… dbname=…"; over a network with sslmode=verify-full);
	 * the database must be UTF-8; everything is in its schema "merlon".
	 */
	const char *target;
};

/* Frees what a `ret_` structure points to; NULL is well. Wipes it first. */
void store_free(void *memory);

/* ---- the store itself (store_schema.c) */

/* A new store. @network: as ml_name_valid(). -EEXIST: there is one. */
int store_create(const struct store_config *config, const char *network, int64_t now,
		 struct ml_error *error);
/**
 * store_open - connect, and refuse what cannot be relied on
 * @network: that it must be of (-EXDEV), or NULL
 *
 * Return: 0; -ENOENT: no store there; -EPROTO: its schema is older (migrate it) or
 * newer than STORE_VERSION; -EACCES: others can read the file; or store_check()'s.
 */
int store_open(const struct store_config *config, const char *network, struct store **ret,
	       struct ml_error *error);
void store_close(struct store *store);
const char *store_network(const struct store *store);

/**
 * store_check - can it still be relied on? At open, and at times
 *
 * PostgreSQL: -ENOTSUP where a commit is not on disk when it is acknowledged: fsync or
 * synchronous_commit off, or a standby that is asynchronous, or would be treated so;
 * -EPERM where the role may not see that (it needs pg_monitor).
 */
int store_check(struct store *store, struct ml_error *error);

/**
 * store_migrate - to schema @version, one step at a time, in one transaction
 * @version: 1 to STORE_VERSION; going down loses what that version does not know
 * @ret_from: the version that was; may be NULL
 */
int store_migrate(const struct store_config *config, int version, int *ret_from,
		  struct ml_error *error);

/* ---- waking other processes (store_watch.c) */

struct store_watch;

/*
 * A descriptor that becomes readable after an audited change by anybody. It says
 * "look", nothing more: it may be late or lost with a connection, so look at times
 * without it too.
 */
int store_watch_open(const struct store_config *config, struct store_watch **ret,
		     struct ml_error *error);
int store_watch_fd(const struct store_watch *watch);
/* Never waits. -ECONNRESET: open another, and look. */
int store_watch_read(struct store_watch *watch, bool *ret_changed, struct ml_error *error);
void store_watch_close(struct store_watch *watch);

/* ---- audit log (store_audit.c): leaves have no gaps, from 0, or from what was forgotten */

typedef int (*store_leaf_fn)(void *arg, uint64_t index, struct ml_bytes leaf);

/* @leaf: 1 to STORE_LEAF_MAX bytes; -EINVAL otherwise, as in all operations below. */
int store_audit_append(struct store *store, struct ml_bytes leaf, uint64_t *ret_index,
		       struct ml_error *error);
/* At most @count from @from on, ascending. What @each returns, if not 0, ends it. */
int store_audit_read(struct store *store, uint64_t from, uint64_t count, store_leaf_fn each,
		     void *arg, struct ml_error *error);
/*
 * Forgets the leaves below @minimum: a multiple of 256, and all in tiles (-EINVAL). The log
 * has told of it, and has their hashes.
 */
int store_audit_forget(struct store *store, uint64_t minimum, struct ml_error *error);
/* How many leaves, and how many of them are in tiles. */
int store_audit_size(struct store *store, uint64_t *ret_size, uint64_t *ret_sequenced,
		     struct ml_error *error);
/**
 * store_sequencer_take - be the one process that puts leaves into tiles
 * @ret_term: names this time in office; who was in office before can advance no more
 * @ret_sequenced: where to go on
 *
 * Held until the handle is closed or its connection is lost. -EALREADY: another has it.
 */
int store_sequencer_take(struct store *store, uint64_t *ret_term, uint64_t *ret_sequenced,
			 struct ml_error *error);
/* Takes it again where the connection was lost. -ESTALE: another process did. */
int store_sequencer_hold(struct store *store, uint64_t term, struct ml_error *error);
/* Leaves below @sequenced are in tiles, and synced. -ESTALE: no longer in office. */
int store_sequencer_advance(struct store *store, uint64_t term, uint64_t sequenced,
			    struct ml_error *error);

/* ---- root documents and policies (store_document.c) */

struct store_document {
	uint64_t id;			/* a root's version; a policy's number, from 1 */
	struct ml_bytes envelope;
	int64_t added;
	void *memory;
};

/* -ESTALE: @version is not the last one and 1; the first may be any. */
int store_root_add(struct store *store, uint64_t version, struct ml_bytes envelope,
		   int64_t now, struct ml_bytes leaf, struct ml_error *error);
/* @version 0: the last. -ENOENT */
int store_root_get(struct store *store, uint64_t version, struct store_document *ret,
		   struct ml_error *error);
int store_policy_add(struct store *store, struct ml_bytes envelope, int64_t now,
		     struct ml_bytes leaf, uint64_t *ret_id, struct ml_error *error);
int store_policy_get(struct store *store, uint64_t id, struct store_document *ret,
		     struct ml_error *error);

/* ---- grants and joins (store_grant.c) */

struct store_grant {
	const char *id;			/* key id of the one-time key: 64 hex digits */
	struct ml_bytes envelope;
	uint64_t uses;			/* left */
	int64_t expires, added;
	bool revoked;
	uint64_t refusals;		/* how often it was tried in vain */
	void *memory;
};

enum store_node_state {
	STORE_NODE_PENDING,
	STORE_NODE_ACTIVE,
	STORE_NODE_EXPIRED,
	STORE_NODE_REVOKED,
	STORE_NODE_STATES
};

const char *store_node_state_name(enum store_node_state state);

struct store_node {
	const char *name;
	uint8_t identity[32], wireguard[32];	/* public keys */
	const char *tags, *owner, *addresses;	/* as the caller writes them */
	enum store_node_state state;
	bool has_certificate;
	uint8_t certificate[32];		/* SHA-256 of its SPKI (RFC 5280) */
	const char *grant;			/* id of the grant that let it in */
	int64_t added, seen;
	void *memory;
};

struct store_join {
	uint8_t digest[32];		/* SHA-256 of @request */
	const char *grant, *node;
	struct ml_bytes request, answer;
	int64_t added;
};

typedef int (*store_grant_fn)(void *arg, const struct store_grant *grant);
typedef int (*store_join_fn)(void *arg, const struct store_join *join);

/* Of @grant: id, envelope, uses (1 or more), expires, added. -EEXIST */
int store_grant_add(struct store *store, const struct store_grant *grant,
		    struct ml_bytes leaf, struct ml_error *error);
int store_grant_get(struct store *store, const char *id, struct store_grant *ret,
		    struct ml_error *error);
/* In order of ids. */
int store_grant_each(struct store *store, store_grant_fn each, void *arg,
		     struct ml_error *error);
/* -ENOENT; -EALREADY. Nodes that it let in stay. */
int store_grant_revoke(struct store *store, const char *id, struct ml_bytes leaf,
		       struct ml_error *error);

/* As many uses as @left, where there are more: never back. */
int store_grant_settle(struct store *store, const char *id, uint64_t left,
		       struct ml_bytes leaf, struct ml_error *error);

struct store_answer {
	bool repeated;			/* this very request was answered before, so */
	struct ml_bytes bytes;		/* where not repeated: the caller's @answer */
	void *memory;
};

/**
 * store_grant_consume - one use of @node->grant, for @node, by a signed @request
 * @request: its SHA-256 is what an identical join is known by
 * @answer: what the node gets; of an identical join the first one's answer is returned,
 *	nothing else happens, and expiry, uses and @node are not looked at
 *
 * In one transaction: a use is taken, node, join and leaf are added. A refusal because
 * of the grant is counted in its `refusals`. Return: 0; -ENOENT: no such grant;
 * -EKEYREVOKED; -ETIME: expired; -EDQUOT: no use is left; -EEXIST: another node has
 * the name or one of the keys, and no use was taken.
 */
int store_grant_consume(struct store *store, const struct store_node *node,
			struct ml_bytes request, struct ml_bytes answer, int64_t now,
			struct ml_bytes leaf, struct store_answer *ret,
			struct ml_error *error);
/* The joins of a name, the oldest first; they outlive their node. */
int store_join_each(struct store *store, const char *node, store_join_fn each, void *arg,
		    struct ml_error *error);

/* ---- nodes (store_node.c) */

typedef int (*store_node_fn)(void *arg, const struct store_node *node);

int store_node_get(struct store *store, const char *name, struct store_node *ret,
		   struct ml_error *error);
int store_node_by_identity(struct store *store, const uint8_t identity[static 32],
			   struct store_node *ret, struct ml_error *error);
int store_node_by_certificate(struct store *store, const uint8_t spki[static 32],
			      struct store_node *ret, struct ml_error *error);
/* In order of names, by byte. */
int store_node_each(struct store *store, store_node_fn each, void *arg,
		    struct ml_error *error);
/* -ENOENT; -ESTALE: its state is not @from; -EINVAL: out of revoked leads nothing. */
int store_node_set_state(struct store *store, const char *name, enum store_node_state from,
			 enum store_node_state to, struct ml_bytes leaf,
			 struct ml_error *error);
int store_node_set_addresses(struct store *store, const char *name, const char *addresses,
			     struct ml_bytes leaf, struct ml_error *error);
/* -ESTALE: @identity is not its key, or it is revoked. -EEXIST: another's certificate */
int store_node_set_certificate(struct store *store, const char *name,
			       const uint8_t identity[static 32],
			       const uint8_t spki[static 32], struct ml_bytes leaf,
			       struct ml_error *error);

struct store_node_keys {
	uint8_t identity[32], wireguard[32];
};

/* -ESTALE: it has not the keys @from, or is revoked; -EEXIST: another has one of @to. */
int store_node_rotate(struct store *store, const char *name,
		      const struct store_node_keys *from, const struct store_node_keys *to,
		      struct ml_bytes leaf, struct ml_error *error);
/* Many at once, not audited. Names that are unknown or were seen later are left alone. */
int store_node_seen(struct store *store, const char *const *names, size_t count,
		    int64_t now, struct ml_error *error);

/*
 * Where a node says that it can be reached: not audited, and in no backup. @endpoints: as the
 * caller writes it. *@ret_changed: it was another. -ENOENT: there is no such node.
 */
int store_endpoints_set(struct store *store, const char *node, const char *endpoints,
			int64_t now, bool *ret_changed, struct ml_error *error);
typedef int (*store_endpoints_fn)(void *arg, size_t index, const char *endpoints);
/* Of those of @keys (of WireGuard) that are an active node's, who said where: @each, in order. */
int store_endpoints_each(struct store *store, const uint8_t (*keys)[32], size_t count,
			 store_endpoints_fn each, void *arg, struct ml_error *error);

/* -ENOENT: unknown, or neither expired nor revoked. Frees the name and the keys. */
int store_node_remove(struct store *store, const char *name, struct ml_bytes leaf,
		      struct ml_error *error);

/* ---- generations and blocks (store_generation.c) */

struct store_generation {
	uint64_t epoch, serial;		/* below 2^63; serials start at 1 */
	struct ml_bytes envelope;	/* of the statement */
	uint8_t root[32];		/* of the tree of leaves, RFC 6962 */
	struct ml_bytes tree;		/* as the caller writes it */
	int64_t added;
	void *memory;
};

struct store_block {
	uint8_t digest[32];		/* SHA-256 of the content */
	struct ml_bytes content;	/* data NULL: the store has it already */
};

/* What a tree has from one that the store has: all of its blocks, but @gone. */
struct store_kept {
	uint8_t root[32];
	uint8_t (*gone)[32];
	size_t gone_count;
};

/**
 * store_generation_publish - a generation, and what of its blocks is new
 * @kept: NULL: nothing
 * @blocks: all else that its tree refers to; where the store knows @generation->root
 *	already (a renewal), tree and blocks are not looked at
 *
 * Return: 0; -ESTALE: not above the last one by (epoch, serial); -ENOENT: a block has
 * no content and the store has none, or it has not @kept->root; -EBADMSG: a content is not its digest's.
 */
int store_generation_publish(struct store *store, const struct store_generation *generation,
			     const struct store_kept *kept, const struct store_block *blocks,
			     size_t count, struct ml_bytes leaf, struct ml_error *error);
/* The last by (epoch, serial). -ENOENT */
int store_generation_last(struct store *store, struct store_generation *ret,
			  struct ml_error *error);
int store_generation_get(struct store *store, uint64_t epoch, uint64_t serial,
			 struct store_generation *ret, struct ml_error *error);
/* @ret is malloc()ed; its digest was checked (-EUCLEAN). -ENOENT */
int store_block_get(struct store *store, const uint8_t digest[static 32], uint8_t **ret,
		    size_t *ret_length, struct ml_error *error);
/*
 * Forgets generations added before @before, never the last one, and what only they
 * referred to. @ret_blocks: how many blocks went.
 */
int store_generation_collect(struct store *store, int64_t before, uint64_t *ret_blocks,
			     struct ml_error *error);

/* ---- administrators (store_admin.c) */

enum store_role {
	STORE_VIEWER,
	STORE_AUDITOR,
	STORE_OPERATOR,
	STORE_OWNER,
	STORE_ROLES
};

const char *store_role_name(enum store_role role);

struct store_admin {
	const char *name;
	enum store_role role;
	const char *password;		/* Argon2id string */
	struct ml_bytes totp;		/* sealed secret; no bytes: none */
	uint64_t totp_step;		/* the last one that was used (RFC 6238) */
	int64_t added;
	void *memory;
};

typedef int (*store_admin_fn)(void *arg, const struct store_admin *admin);

/* -EEXIST */
int store_admin_add(struct store *store, const struct store_admin *admin,
		    struct ml_bytes leaf, struct ml_error *error);
int store_admin_get(struct store *store, const char *name, struct store_admin *ret,
		    struct ml_error *error);
int store_admin_each(struct store *store, store_admin_fn each, void *arg,
		     struct ml_error *error);

/* What is to change; each change ends the sessions of the administrator. */
struct store_admin_change {
	bool set_role;
	enum store_role role;
	const char *password;		/* NULL: stays */
	struct ml_bytes totp;		/* data NULL: stays; no bytes: taken away */
	bool set_recovery;		/* all codes are replaced by these SHA-256 digests */
	const uint8_t (*recovery)[32];
	size_t recovery_count;
};

/* -ENOENT; -EPERM: it would leave no owner, in this and the next. */
int store_admin_change(struct store *store, const char *name,
		       const struct store_admin_change *change, struct ml_bytes leaf,
		       struct ml_error *error);
int store_admin_remove(struct store *store, const char *name, struct ml_bytes leaf,
		       struct ml_error *error);
/* Each step once: -EALREADY where this or a later one was used. -ENOENT */
int store_totp_accept(struct store *store, const char *name, uint64_t step,
		      struct ml_bytes leaf, struct ml_error *error);
/* Each code once: -ENOENT. @ret_left: how many are left */
int store_recovery_use(struct store *store, const char *name,
		       const uint8_t digest[static 32], struct ml_bytes leaf,
		       uint64_t *ret_left, struct ml_error *error);

/* ---- sessions and failures (store_session.c): in no backup */

struct store_session {
	const char *admin;
	enum store_role role;		/* as it is now */
	int64_t created, stepped_up, expires;	/* stepped_up 0: never */
	void *memory;
};

/* @digest: SHA-256 of the token, which the store never sees. -ENOENT: no such admin */
int store_session_start(struct store *store, const uint8_t digest[static 32],
			const char *admin, int64_t now, int64_t stepped_up,
			int64_t expires, struct ml_bytes leaf, struct ml_error *error);
/* -ENOENT: unknown, or over at @now */
int store_session_get(struct store *store, const uint8_t digest[static 32], int64_t now,
		      struct store_session *ret, struct ml_error *error);
/* A step-up: the token @from is worth nothing from here on. -ENOENT as above. */
int store_session_rotate(struct store *store, const uint8_t from[static 32],
			 const uint8_t to[static 32], int64_t now, struct ml_bytes leaf,
			 struct ml_error *error);
/* It was used, and lasts until @expires. Not audited. -ENOENT: unknown */
int store_session_touch(struct store *store, const uint8_t digest[static 32],
			int64_t expires, struct ml_error *error);
/* -ENOENT */
int store_session_end(struct store *store, const uint8_t digest[static 32],
		      struct ml_bytes leaf, struct ml_error *error);

/*
 * Failures fill a bucket that leaks one each @interval seconds; one that does not fit
 * blocks for @block seconds, and twice as long each further time, up to @block_max.
 */
struct store_limit {
	int64_t burst, interval, block, block_max;	/* 1 or more, each */
};

/* @who: an identity or an address, as the caller writes it. @ret_until: 0, or blocked */
int store_failure_add(struct store *store, const char *who, const struct store_limit *limit,
		      int64_t now, int64_t *ret_until, struct ml_error *error);
/* @ret_until: 0, or until when it is blocked */
int store_failure_get(struct store *store, const char *who, int64_t now, int64_t *ret_until,
		      struct ml_error *error);
int store_failure_clear(struct store *store, const char *who, struct ml_error *error);
/* Forgets sessions and failures that are over. Not audited: nothing changes by it. */
int store_expire(struct store *store, int64_t now, struct ml_error *error);

/* ---- backup (store_backup.c, store_restore.c); docs/formats.md */

struct store_backup {
	char network[ML_NAME_MAX + 1];
	int64_t created;		/* of the backup */
	uint64_t audit_size, epoch, serial, rows;
	uint8_t digest[32];		/* SHA-256 of everything before it */
};

/**
 * store_backup - a consistent copy while others write, that either database can restore
 * @fd: an empty file, open for reading and writing; is fsynced
 * @ret: what it holds; its digest is what a caller signs
 *
 * Holds no sessions and no failures, but password strings and sealed secrets: mode
 * 0600 is the caller's business.
 */
int store_backup(struct store *store, int fd, int64_t now, struct store_backup *ret,
		 struct ml_error *error);
/*
 * All of it, before a byte is used. -EBADMSG: torn, altered, or no backup; -EXDEV:
 * of another network than @network (NULL: any); -EPROTO: of another schema.
 */
int store_backup_verify(int fd, const char *network, struct store_backup *ret,
			struct ml_error *error);
/* Verifies, and makes a new store of it. -EEXIST: there is one. */
int store_restore(const struct store_config *config, const char *network, int fd,
		  struct store_backup *ret, struct ml_error *error);

#endif
