/* SPDX-License-Identifier: MIT */
/*
 * The signer's core: what it believes (root, policy), whom it let in (grants, joins,
 * rotations, revocations), what it signed. All of it is in the ledger, and is read
 * from there when it starts, through the same checks.
 *
 * Whoever brings something (the server) is believed nothing: each document carries
 * the signatures that it needs. Revocations alone carry none, as they only take away.
 */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include <stdbool.h>

#include <jansson.h>

#include "checkpoint.h"
#include "generate.h"
#include "grant.h"
#include "keys.h"
#include "ledger.h"
#include "policy.h"
#include "policy_document.h"
#include "root.h"

#define SIGNER_LIFETIME	(14 * 86400)	/* of a generation, seconds */
#define SIGNER_RENEWAL	86400
#define SIGNER_GATHER	100		/* milliseconds: changes within are one generation */
#define SIGNER_REST	10		/* times the CPU that the last generation took lie between two */

struct signer_grant {
	struct ml_grant grant;
	struct ml_bytes envelope;	/* owned: judged again under a later root */
	unsigned int used;
	bool revoked;
};

struct signer_node {
	char name[ML_NAME_MAX + 1];	/* of one that is in; of any number that left */
	size_t grant;			/* in signer.grants */
	struct ml_public_key identity;
	uint8_t wireguard[32];
	struct ml_prefix addresses[2];
	size_t address_count;
	uint64_t counter;		/* of its last rotation; 0: none */
	uint8_t join[32], rotation[32];	/* digests of what was accepted last */
	struct ml_bytes envelope;	/* of the join, owned: for a server that has lost it */
	int64_t ends;			/* in no generation from then on; 0: never */
	int64_t extended;		/* `time` of the last extension; 0: none */
	uint8_t extension[32];		/* its digest */
	bool revoked;
	int64_t kept_until;		/* revoked: nobody gets its addresses before */
};

struct signer {
	char network[ML_NAME_MAX + 1];
	uint8_t root_digest[32];	/* of the first root that it accepts */
	struct ml_secret_key *key;
	struct ml_public_key public;
	char key_id[65];
	struct ledger ledger;

	bool has_root;
	struct ml_root root;
	bool has_policy;
	struct ml_policy_document policy;
	struct ml_policy *base;		/* without enrolled nodes; NULL while the ledger is read */
	struct signer_grant *grants;
	size_t grant_count, grant_room;
	struct signer_node *nodes;
	size_t node_count, node_room;
	size_t active;			/* nodes that were not revoked */
	uint64_t ends_version;		/* rises with each change of who ends when */
	struct ml_prefix last_ipv4, last_ipv6;	/* the last that were given out */

	bool has_statement;
	struct ml_statement statement;	/* the newest */
	struct ml_bytes envelope;	/* its, owned */
	int64_t latest_expires;		/* of all statements */

	bool has_log;			/* the server's audit log is known */
	struct ml_note_key log;
	struct ml_cosigned seen;	/* of it; all zero before */

	int64_t floor, floor_boot;	/* latest `issued`; CLOCK_BOOTTIME when it was set */
	bool changed;			/* something is not in a generation yet */
	struct ml_blocks *blocks;
	struct ml_generation *generation;	/* of @statement; NULL: not made yet */
	uint64_t since;			/* serial of the first that this process made */
	struct signer_trace *traces;	/* in order of names: when each node's part changed */
	size_t trace_count;
};

/* Since which serial a node's part is as it is; kept for those that left, too. */
struct signer_trace {
	char name[ML_NAME_MAX + 1];
	uint64_t serial;
	bool gone;
};

/* ---- signer.c */

/**
 * signer_open - read the ledger of @directory
 * @network, @root_digest: to begin a new ledger; NULL: there must be one. Where there
 *	is one, they must fit.
 * @key: given away
 */
int signer_open(int directory, const char *network, const uint8_t *root_digest,
		struct ml_secret_key *key, struct signer **ret, struct ml_error *error);
void signer_close(struct signer *signer);

/*
 * What counts as now: the latest of the system clock and the floor, which goes on
 * while this process runs. Unix seconds.
 */
int64_t signer_now(const struct signer *signer);
int64_t signer_boot(void);	/* CLOCK_BOOTTIME, seconds */

/* A record that is on the disk, or this process ends. @header is given away. */
int signer_record(struct signer *signer, enum ledger_type type, json_t *header,
		  struct ml_bytes body, struct ml_error *error);

/* ---- accept.c, accept_node.c: documents; @ret is what is answered, a JSON object */

/*
 * Each is judged, written down, and then holds. What was accepted already gets the
 * same answer again. -EBADMSG, -EKEYREJECTED, -EXDEV, -ETIME, -ESTALE, -ENOENT,
 * -EEXIST, -EINVAL, -EAGAIN (something else must come first), -ENOSPC (no address is
 * left), -E2BIG, -ENOMEM. -EIO and what signer_record() returns: end.
 */
int accept_root(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		struct ml_error *error);
int accept_policy(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		  struct ml_error *error);
int accept_grant(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		 struct ml_error *error);
int accept_join(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		struct ml_error *error);
int accept_rotation(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		    struct ml_error *error);
/* Signed by `membership`, as nobody else may say that a node stays longer. -ENOENT, -ESTALE */
int accept_extension(struct signer *signer, struct ml_bytes envelope, json_t **ret,
		     struct ml_error *error);
/* One of them is NULL. -ENOENT */
int accept_revoke(struct signer *signer, const char *node, const char *grant, json_t **ret,
		  struct ml_error *error);

/* ---- cosign.c: the server's audit log */

/* What verifies its cosignatures: merlon audit verify --cosigner. */
int cosign_key(const struct signer *signer, struct ml_note_key *ret, struct ml_error *error);
/* The log is lost for good: the next one that is brought is taken, whatever it says. */
int cosign_forget(struct signer *signer, struct ml_error *error);
void apply_checkpoint(struct signer *signer, const struct ml_note_key *log,
		      const struct ml_checkpoint *checkpoint, int64_t time);

/* ---- the same, from the ledger: judged at the time when they were accepted */
int replay_record(void *signer, const struct ledger_record *record, struct ml_error *error);

/* ---- judge.c: what both ways share */
int judge_root(struct signer *signer, struct ml_bytes envelope, struct ml_root *ret,
	       struct ml_error *error);
int judge_policy(struct signer *signer, struct ml_bytes envelope,
		 struct ml_policy_document *ret, struct ml_error *error);
int judge_grant(struct signer *signer, struct ml_bytes envelope, int64_t now,
		struct ml_grant *ret, struct ml_error *error);
struct ml_join;
/* @ret_grant: the grant's place */
int judge_join(struct signer *signer, struct ml_bytes envelope, int64_t now,
	       struct ml_join *ret, size_t *ret_grant, struct ml_error *error);
struct ml_rotation;
int judge_rotation(struct signer *signer, struct ml_bytes envelope, struct ml_rotation *ret,
		   struct signer_node **ret_node, struct ml_error *error);
struct ml_extension;
int judge_extension(struct signer *signer, struct ml_bytes envelope, struct ml_extension *ret,
		    struct signer_node **ret_node, struct ml_error *error);
/* Is there a root, and is it still good? -EAGAIN, -ETIME */
int judge_time(const struct signer *signer, int64_t now, struct ml_error *error);
/* Is this key nobody's yet, but @of's? */
int judge_keys(const struct signer *signer, const struct signer_node *of,
	       const struct ml_public_key *identity, const uint8_t wireguard[static 32],
	       struct ml_error *error);

/* ---- apply.c: what was accepted holds. -ENOMEM */
int apply_root(struct signer *signer, const struct ml_root *root);
/* @document is given away. */
int apply_policy(struct signer *signer, struct ml_policy_document *document);
int apply_grant(struct signer *signer, const struct ml_grant *grant, struct ml_bytes envelope);
/* What a join was given when it was accepted. */
struct admission {
	size_t grant;			/* in signer.grants */
	struct ml_prefix addresses[2];
	size_t address_count;
	int64_t time;
};
int apply_join(struct signer *signer, const struct ml_join *join, struct ml_bytes envelope,
	       const struct admission *admission);
void apply_extension(struct signer *signer, struct signer_node *node,
		     const struct ml_extension *extension);
void apply_rotation(struct signer *signer, struct signer_node *node,
		    const struct ml_rotation *rotation);
void apply_revoke_node(struct signer *signer, struct signer_node *node);
void apply_revoke_grant(struct signer *signer, struct signer_grant *grant);
int apply_statement(struct signer *signer, const struct ml_statement *statement,
		    struct ml_bytes envelope);

struct signer_node *find_node(const struct signer *signer, const char *name);
struct signer_grant *find_grant(const struct signer *signer, const char *id);

/* ---- ends.c: nodes that may not stay for good keep name, keys and addresses behind their end */

/* Is it over, and no revocation the reason? */
bool node_has_ended(const struct signer_node *node, int64_t now);
/* Of those that the newest generation has: when does the first one end? 0: none does. */
int64_t ends_next(const struct signer *signer);
size_t ends_count(const struct signer *signer, int64_t now);

/* ---- enrolled.c: the nodes that are in, as a policy takes them */
struct enrolled {
	struct ml_policy_enrolled list;
	struct ml_policy_member *members;
	const char *(*tags)[ML_GRANT_TAGS];
	const char **gone;
};

int enrolled_fill(const struct signer *signer, int64_t now, struct enrolled *ret,
		  struct ml_error *error);
void enrolled_clean(struct enrolled *enrolled);
/* A policy's source alone: of enrolled nodes it knows the names, and nothing else. */
int enrolled_base(const struct signer *signer, const struct ml_policy_document *document,
		  struct ml_policy **ret, struct ml_error *error);

/* ---- allot.c */

/**
 * allot - addresses for one more node, one of each pool of the policy
 * @ret_count: how many
 *
 * None that a node has, or that a generation names which can still be valid.
 * Return: 0; -EAGAIN: the policy has no pools; -ENOSPC.
 */
int allot(const struct signer *signer, int64_t now, struct ml_prefix ret[static 2],
	  size_t *ret_count, struct ml_error *error);
/* Is it free at @now? */
bool allot_is_free(const struct signer *signer, const struct ml_prefix *address, int64_t now);

/* ---- issue.c */

/* What is still missing for a generation, as a sentence. 0: nothing */
int issue_ready(const struct signer *signer, struct ml_error *error);
/* One more generation: made, signed, written down. Errors as accept_*(). */
int issue(struct signer *signer, struct ml_error *error);
/* The parts of the newest one again, after a start. */
int issue_remake(struct signer *signer, struct ml_error *error);

#endif
