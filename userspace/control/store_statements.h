/* SPDX-License-Identifier: MIT */
/*
 * Every statement that is ever run with a value in it: prepared, by name.
 *
 *   STATEMENT(name, parameters, columns, SQL)
 *
 * Parameters and columns are letters: i (64 bits, signed), t (UTF-8 without NUL), b
 * (bytes). Both databases read the same text, so `$n` must appear in order of first
 * use: SQLite numbers them so. What writes returns what it wrote, which tells
 * whether it did.
 */

/* ------------------------------------------------------------------ the store */
STATEMENT(VERSION_GET, "", "i", "SELECT version FROM schema_version WHERE id = 1")
STATEMENT(VERSION_CLEAR, "", "i", "DELETE FROM schema_version RETURNING version")
STATEMENT(VERSION_SET, "i", "", "INSERT INTO schema_version (id, version) VALUES (1, $1)")
STATEMENT(NETWORK_GET, "", "tiiii",
	  "SELECT name, created, audit_size, audit_sequenced, sequencer_term FROM network "
	  "WHERE id = 1")
STATEMENT(NETWORK_ADD, "tiiii", "",
	  "INSERT INTO network (id, name, created, audit_size, audit_sequenced, "
	  "sequencer_term) VALUES (1, $1, $2, $3, $4, $5)")

/* ------------------------------------------------------------------ audit log */
STATEMENT(AUDIT_TAKE, "", "i",
	  "UPDATE network SET audit_size = audit_size + 1 WHERE id = 1 "
	  "RETURNING audit_size - 1")
STATEMENT(AUDIT_ADD, "ib", "i",
	  "INSERT INTO audit_leaves (position, leaf) VALUES ($1, $2) RETURNING position")
STATEMENT(AUDIT_EACH, "ii", "ib",
	  "SELECT position, leaf FROM audit_leaves WHERE position >= $1 "
	  "ORDER BY position LIMIT $2")
STATEMENT(AUDIT_FORGET, "i", "i",
	  "DELETE FROM audit_leaves WHERE position < $1 RETURNING position")
STATEMENT(SEQUENCER_TAKE, "", "ii",
	  "UPDATE network SET sequencer_term = sequencer_term + 1 WHERE id = 1 "
	  "RETURNING sequencer_term, audit_sequenced")
STATEMENT(SEQUENCER_ADVANCE, "ii", "i",
	  "UPDATE network SET audit_sequenced = $1 WHERE id = 1 AND sequencer_term = $2 "
	  "AND audit_sequenced <= $1 AND audit_size >= $1 RETURNING audit_sequenced")

/* ------------------------------------------------------------------ documents */
STATEMENT(ROOT_LAST, "", "i", "SELECT version FROM roots ORDER BY version DESC LIMIT 1")
STATEMENT(ROOT_ADD, "ibi", "i",
	  "INSERT INTO roots (version, envelope, added) VALUES ($1, $2, $3) "
	  "RETURNING version")
STATEMENT(ROOT_GET, "i", "ibi",
	  "SELECT version, envelope, added FROM roots WHERE version = $1")
STATEMENT(ROOT_GET_LAST, "", "ibi",
	  "SELECT version, envelope, added FROM roots ORDER BY version DESC LIMIT 1")
STATEMENT(POLICY_LAST, "", "i", "SELECT id FROM policies ORDER BY id DESC LIMIT 1")
STATEMENT(POLICY_ADD, "ibi", "i",
	  "INSERT INTO policies (id, envelope, added) VALUES ($1, $2, $3) RETURNING id")
STATEMENT(POLICY_GET, "i", "ibi", "SELECT id, envelope, added FROM policies WHERE id = $1")
STATEMENT(POLICY_GET_LAST, "", "ibi",
	  "SELECT id, envelope, added FROM policies ORDER BY id DESC LIMIT 1")

/* --------------------------------------------------------------------- grants */
STATEMENT(GRANT_ADD, "tbiii", "t",
	  "INSERT INTO grants (id, envelope, uses, expires, revoked, added, refusals) "
	  "VALUES ($1, $2, $3, $4, 0, $5, 0) ON CONFLICT DO NOTHING RETURNING id")
STATEMENT(GRANT_GET, "t", "tbiiiii",
	  "SELECT id, envelope, uses, expires, revoked, added, refusals FROM grants "
	  "WHERE id = $1")
STATEMENT(GRANT_EACH, "", "tbiiiii",
	  "SELECT id, envelope, uses, expires, revoked, added, refusals FROM grants ORDER BY id")
STATEMENT(GRANT_REVOKE, "t", "t",
	  "UPDATE grants SET revoked = 1 WHERE id = $1 AND revoked = 0 RETURNING id")
STATEMENT(GRANT_SETTLE, "it", "i",
	  "UPDATE grants SET uses = $1 WHERE id = $2 AND uses > $1 RETURNING uses")
STATEMENT(GRANT_CONSUME, "ti", "i",
	  "UPDATE grants SET uses = uses - 1 WHERE id = $1 AND uses > 0 AND expires > $2 "
	  "AND revoked = 0 RETURNING uses")
STATEMENT(GRANT_REFUSE, "t", "iii",
	  "UPDATE grants SET refusals = refusals + 1 WHERE id = $1 "
	  "RETURNING uses, expires, revoked")
STATEMENT(JOIN_GET, "b", "b", "SELECT answer FROM joins WHERE digest = $1")
STATEMENT(JOIN_ADD, "bttbbi", "b",
	  "INSERT INTO joins (digest, grant_id, node, request, answer, added) "
	  "VALUES ($1, $2, $3, $4, $5, $6) RETURNING digest")
STATEMENT(JOIN_EACH, "t", "bttbbi",
	  "SELECT digest, grant_id, node, request, answer, added FROM joins "
	  "WHERE node = $1 ORDER BY added, digest")

/* ---------------------------------------------------------------------- nodes */
#define NODE_COLUMNS \
	"name, identity, wireguard, tags, owner, addresses, state, certificate, " \
	"grant_id, added, seen"
STATEMENT(NODE_ADD, "tbbttttbtii", "t",
	  "INSERT INTO nodes (" NODE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
	  "$9, $10, $11) ON CONFLICT DO NOTHING RETURNING name")
STATEMENT(NODE_GET, "t", "tbbttttbtii",
	  "SELECT " NODE_COLUMNS " FROM nodes WHERE name = $1")
STATEMENT(NODE_BY_IDENTITY, "b", "tbbttttbtii",
	  "SELECT " NODE_COLUMNS " FROM nodes WHERE identity = $1")
STATEMENT(NODE_BY_CERTIFICATE, "b", "tbbttttbtii",
	  "SELECT " NODE_COLUMNS " FROM nodes WHERE certificate = $1")
STATEMENT(NODE_EACH, "", "tbbttttbtii",
	  "SELECT " NODE_COLUMNS " FROM nodes ORDER BY name")
STATEMENT(NODE_STATE, "ttt", "t",
	  "UPDATE nodes SET state = $1 WHERE name = $2 AND state = $3 RETURNING name")
STATEMENT(NODE_ADDRESSES, "tt", "t",
	  "UPDATE nodes SET addresses = $1 WHERE name = $2 RETURNING name")
STATEMENT(NODE_CERTIFICATE, "btb", "t",
	  "UPDATE nodes SET certificate = $1 WHERE name = $2 AND identity = $3 "
	  "AND state <> 'revoked' RETURNING name")
STATEMENT(NODE_ROTATE, "bbtbb", "t",
	  "UPDATE nodes SET identity = $1, wireguard = $2 WHERE name = $3 "
	  "AND identity = $4 AND wireguard = $5 AND state <> 'revoked' RETURNING name")
STATEMENT(NODE_SEEN, "it", "t",
	  "UPDATE nodes SET seen = $1 WHERE name = $2 AND seen < $1 RETURNING name")
STATEMENT(NODE_REMOVE, "t", "t",
	  "DELETE FROM nodes WHERE name = $1 AND state IN ('expired', 'revoked') "
	  "RETURNING name")

/* ------------------------------------------------------------------ endpoints */
STATEMENT(ENDPOINTS_SET, "tti", "t",
	  "INSERT INTO endpoints (node, endpoints, changed) VALUES ($1, $2, $3) "
	  "ON CONFLICT (node) DO UPDATE SET endpoints = excluded.endpoints, "
	  "changed = excluded.changed WHERE endpoints.endpoints <> excluded.endpoints "
	  "RETURNING node")
STATEMENT(ENDPOINTS_GET, "b", "t",
	  "SELECT endpoints FROM endpoints JOIN nodes ON nodes.name = endpoints.node "
	  "WHERE nodes.wireguard = $1 AND nodes.state = 'active'")

/* ---------------------------------------------------------------- generations */
STATEMENT(BLOCK_ADD, "bb", "",
	  "INSERT INTO blocks (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING")
STATEMENT(BLOCK_GET, "b", "b", "SELECT content FROM blocks WHERE digest = $1")
STATEMENT(BLOCK_HAS, "b", "i", "SELECT length(content) FROM blocks WHERE digest = $1")
STATEMENT(TREE_ADD, "bb", "b",
	  "INSERT INTO trees (root, tree) VALUES ($1, $2) ON CONFLICT DO NOTHING "
	  "RETURNING root")
STATEMENT(TREE_BLOCK_ADD, "bb", "",
	  "INSERT INTO tree_blocks (root, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING")
STATEMENT(TREE_HAS, "b", "b", "SELECT root FROM trees WHERE root = $1")
STATEMENT(TREE_BLOCKS_COPY, "bb", "",
	  "INSERT INTO tree_blocks (root, digest) SELECT $1, digest FROM tree_blocks "
	  "WHERE root = $2")
STATEMENT(TREE_BLOCK_DROP, "bb", "",
	  "DELETE FROM tree_blocks WHERE root = $1 AND digest = $2")
STATEMENT(GENERATION_ADD, "iibbi", "i",
	  "INSERT INTO generations (epoch, serial, envelope, root, added) "
	  "VALUES ($1, $2, $3, $4, $5) RETURNING serial")
STATEMENT(GENERATION_LAST, "", "iibbib",
	  "SELECT epoch, serial, envelope, generations.root, added, tree FROM generations "
	  "JOIN trees ON trees.root = generations.root "
	  "ORDER BY epoch DESC, serial DESC LIMIT 1")
STATEMENT(GENERATION_GET, "ii", "iibbib",
	  "SELECT epoch, serial, envelope, generations.root, added, tree FROM generations "
	  "JOIN trees ON trees.root = generations.root WHERE epoch = $1 AND serial = $2")
STATEMENT(COLLECT_GENERATIONS, "iii", "i",
	  "DELETE FROM generations WHERE added < $1 AND (epoch < $2 OR "
	  "(epoch = $2 AND serial < $3)) RETURNING serial")
STATEMENT(COLLECT_TREE_BLOCKS, "", "",
	  "DELETE FROM tree_blocks WHERE NOT EXISTS (SELECT 1 FROM generations "
	  "WHERE generations.root = tree_blocks.root)")
STATEMENT(COLLECT_TREES, "", "",
	  "DELETE FROM trees WHERE NOT EXISTS (SELECT 1 FROM generations "
	  "WHERE generations.root = trees.root)")
STATEMENT(COLLECT_BLOCKS, "", "b",
	  "DELETE FROM blocks WHERE NOT EXISTS (SELECT 1 FROM tree_blocks "
	  "WHERE tree_blocks.digest = blocks.digest) RETURNING digest")

/* --------------------------------------------------------------------- people */
STATEMENT(ADMIN_ADD, "tttbi", "t",
	  "INSERT INTO admins (name, role, password, totp, totp_step, added) "
	  "VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT DO NOTHING RETURNING name")
STATEMENT(ADMIN_GET, "t", "tttbii",
	  "SELECT name, role, password, totp, totp_step, added FROM admins WHERE name = $1")
STATEMENT(ADMIN_EACH, "", "tttbii",
	  "SELECT name, role, password, totp, totp_step, added FROM admins "
	  "ORDER BY name")
STATEMENT(ADMIN_ROLE, "tt", "t", "UPDATE admins SET role = $1 WHERE name = $2 RETURNING name")
STATEMENT(ADMIN_PASSWORD, "tt", "t",
	  "UPDATE admins SET password = $1 WHERE name = $2 RETURNING name")
/* The step stays: a code that was used under the old secret tells nothing of the new. */
STATEMENT(ADMIN_TOTP, "bt", "t", "UPDATE admins SET totp = $1 WHERE name = $2 RETURNING name")
STATEMENT(ADMIN_STEP, "it", "i",
	  "UPDATE admins SET totp_step = $1 WHERE name = $2 AND totp_step < $1 "
	  "RETURNING totp_step")
STATEMENT(ADMIN_REMOVE, "t", "t", "DELETE FROM admins WHERE name = $1 RETURNING name")
STATEMENT(OWNERS, "", "i", "SELECT count(*) FROM admins WHERE role = 'owner'")
STATEMENT(RECOVERY_ADD, "tb", "",
	  "INSERT INTO recovery_codes (admin, digest) VALUES ($1, $2)")
STATEMENT(RECOVERY_USE, "tb", "b",
	  "DELETE FROM recovery_codes WHERE admin = $1 AND digest = $2 RETURNING digest")
STATEMENT(RECOVERY_CLEAR, "t", "b",
	  "DELETE FROM recovery_codes WHERE admin = $1 RETURNING digest")
STATEMENT(RECOVERY_COUNT, "t", "i", "SELECT count(*) FROM recovery_codes WHERE admin = $1")
STATEMENT(SESSION_ADD, "btiii", "b",
	  "INSERT INTO sessions (digest, admin, created, stepped_up, expires) "
	  "VALUES ($1, $2, $3, $4, $5) RETURNING digest")
STATEMENT(SESSION_GET, "bi", "tiiit",
	  "SELECT sessions.admin, sessions.created, stepped_up, expires, role FROM sessions "
	  "JOIN admins ON admins.name = sessions.admin WHERE digest = $1 AND expires > $2")
STATEMENT(SESSION_ROTATE, "biib", "b",
	  "UPDATE sessions SET digest = $1, stepped_up = $2 WHERE expires > $3 "
	  "AND digest = $4 RETURNING digest")
STATEMENT(SESSION_TOUCH, "ib", "b",
	  "UPDATE sessions SET expires = $1 WHERE digest = $2 RETURNING digest")
STATEMENT(SESSION_END, "b", "b", "DELETE FROM sessions WHERE digest = $1 RETURNING digest")
STATEMENT(SESSION_END_ALL, "t", "b", "DELETE FROM sessions WHERE admin = $1 RETURNING digest")
STATEMENT(SESSION_EXPIRE, "i", "b", "DELETE FROM sessions WHERE expires <= $1 RETURNING digest")
STATEMENT(FAILURE_GET, "t", "iii",
	  "SELECT empty_at, streak, blocked_until FROM failures WHERE who = $1")
STATEMENT(FAILURE_SET, "tiii", "",
	  "INSERT INTO failures (who, empty_at, streak, blocked_until) "
	  "VALUES ($1, $2, $3, $4) ON CONFLICT (who) DO UPDATE SET "
	  "empty_at = excluded.empty_at, streak = excluded.streak, "
	  "blocked_until = excluded.blocked_until")
STATEMENT(FAILURE_CLEAR, "t", "t", "DELETE FROM failures WHERE who = $1 RETURNING who")
STATEMENT(FAILURE_EXPIRE, "ii", "t",
	  "DELETE FROM failures WHERE empty_at <= $1 AND blocked_until <= $2 RETURNING who")

/*
 * ------------------------------------------------------------ backup, restore
 * Pairs, in an order in which every row finds what it refers to: DUMP_x in the order
 * of the primary key, LOAD_x with the same columns. Sessions and failures are left
 * out: neither must come back to life.
 */
STATEMENT(DUMP_AUDIT, "", "ib", "SELECT position, leaf FROM audit_leaves ORDER BY position")
STATEMENT(LOAD_AUDIT, "ib", "", "INSERT INTO audit_leaves (position, leaf) VALUES ($1, $2)")
STATEMENT(DUMP_ROOTS, "", "ibi", "SELECT version, envelope, added FROM roots ORDER BY version")
STATEMENT(LOAD_ROOTS, "ibi", "",
	  "INSERT INTO roots (version, envelope, added) VALUES ($1, $2, $3)")
STATEMENT(DUMP_POLICIES, "", "ibi", "SELECT id, envelope, added FROM policies ORDER BY id")
STATEMENT(LOAD_POLICIES, "ibi", "",
	  "INSERT INTO policies (id, envelope, added) VALUES ($1, $2, $3)")
STATEMENT(DUMP_GRANTS, "", "tbiiiii",
	  "SELECT id, envelope, uses, expires, revoked, added, refusals FROM grants ORDER BY id")
STATEMENT(LOAD_GRANTS, "tbiiiii", "",
	  "INSERT INTO grants (id, envelope, uses, expires, revoked, added, refusals) "
	  "VALUES ($1, $2, $3, $4, $5, $6, $7)")
STATEMENT(DUMP_NODES, "", "tbbttttbtii",
	  "SELECT " NODE_COLUMNS " FROM nodes ORDER BY name")
STATEMENT(LOAD_NODES, "tbbttttbtii", "",
	  "INSERT INTO nodes (" NODE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	  "$10, $11)")
STATEMENT(DUMP_JOINS, "", "bttbbi",
	  "SELECT digest, grant_id, node, request, answer, added FROM joins ORDER BY digest")
STATEMENT(LOAD_JOINS, "bttbbi", "",
	  "INSERT INTO joins (digest, grant_id, node, request, answer, added) "
	  "VALUES ($1, $2, $3, $4, $5, $6)")
STATEMENT(DUMP_BLOCKS, "", "bb", "SELECT digest, content FROM blocks ORDER BY digest")
STATEMENT(LOAD_BLOCKS, "bb", "", "INSERT INTO blocks (digest, content) VALUES ($1, $2)")
STATEMENT(DUMP_TREES, "", "bb", "SELECT root, tree FROM trees ORDER BY root")
STATEMENT(LOAD_TREES, "bb", "", "INSERT INTO trees (root, tree) VALUES ($1, $2)")
STATEMENT(DUMP_TREE_BLOCKS, "", "bb",
	  "SELECT root, digest FROM tree_blocks ORDER BY root, digest")
STATEMENT(LOAD_TREE_BLOCKS, "bb", "",
	  "INSERT INTO tree_blocks (root, digest) VALUES ($1, $2)")
STATEMENT(DUMP_GENERATIONS, "", "iibbi",
	  "SELECT epoch, serial, envelope, root, added FROM generations "
	  "ORDER BY epoch, serial")
STATEMENT(LOAD_GENERATIONS, "iibbi", "",
	  "INSERT INTO generations (epoch, serial, envelope, root, added) "
	  "VALUES ($1, $2, $3, $4, $5)")
STATEMENT(DUMP_ADMINS, "", "tttbii",
	  "SELECT name, role, password, totp, totp_step, added FROM admins ORDER BY name")
STATEMENT(LOAD_ADMINS, "tttbii", "",
	  "INSERT INTO admins (name, role, password, totp, totp_step, added) "
	  "VALUES ($1, $2, $3, $4, $5, $6)")
STATEMENT(DUMP_RECOVERY, "", "tb",
	  "SELECT admin, digest FROM recovery_codes ORDER BY admin, digest")
STATEMENT(LOAD_RECOVERY, "tb", "",
	  "INSERT INTO recovery_codes (admin, digest) VALUES ($1, $2)")
