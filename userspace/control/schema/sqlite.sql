-- The store in SQLite. postgres.sql is the same with other names for the types;
-- a test holds them together, line by line. Each version has a way up and a way
-- down, of at least one statement each, behind a line that says so. Version 0 is
-- an empty database. Released versions are never edited: what changes is a new one.

-- up 1
CREATE TABLE schema_version (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	version INTEGER NOT NULL
) STRICT;

-- One row, whose lock in PostgreSQL is the right to write.
CREATE TABLE network (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	name TEXT NOT NULL,
	created INTEGER NOT NULL,
	audit_size INTEGER NOT NULL CHECK (audit_size >= 0),
	audit_sequenced INTEGER NOT NULL CHECK (audit_sequenced BETWEEN 0 AND audit_size),
	sequencer_term INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_leaves (
	position INTEGER PRIMARY KEY CHECK (position >= 0),
	leaf BLOB NOT NULL
) STRICT;

CREATE TABLE roots (
	version INTEGER PRIMARY KEY CHECK (version > 0),
	envelope BLOB NOT NULL,
	added INTEGER NOT NULL
) STRICT;

CREATE TABLE policies (
	id INTEGER PRIMARY KEY CHECK (id > 0),
	envelope BLOB NOT NULL,
	added INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
	id TEXT NOT NULL PRIMARY KEY,
	envelope BLOB NOT NULL,
	uses INTEGER NOT NULL CHECK (uses >= 0),
	expires INTEGER NOT NULL,
	revoked INTEGER NOT NULL CHECK (revoked IN (0, 1)),
	added INTEGER NOT NULL
) STRICT;

CREATE TABLE nodes (
	name TEXT NOT NULL PRIMARY KEY,
	identity BLOB NOT NULL UNIQUE CHECK (length(identity) = 32),
	wireguard BLOB NOT NULL UNIQUE CHECK (length(wireguard) = 32),
	tags TEXT NOT NULL,
	owner TEXT NOT NULL,
	addresses TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'expired', 'revoked')),
	certificate BLOB UNIQUE CHECK (length(certificate) = 32),
	grant_id TEXT NOT NULL REFERENCES grants (id),
	added INTEGER NOT NULL,
	seen INTEGER NOT NULL
) STRICT;

-- Kept when a node is removed: an old join must never count as a new one.
CREATE TABLE joins (
	digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	grant_id TEXT NOT NULL REFERENCES grants (id),
	node TEXT NOT NULL,
	request BLOB NOT NULL,
	answer BLOB NOT NULL,
	added INTEGER NOT NULL
) STRICT;

CREATE TABLE blocks (
	digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	content BLOB NOT NULL
) STRICT;

CREATE TABLE trees (
	root BLOB NOT NULL PRIMARY KEY CHECK (length(root) = 32),
	tree BLOB NOT NULL
) STRICT;

CREATE TABLE tree_blocks (
	root BLOB NOT NULL REFERENCES trees (root),
	digest BLOB NOT NULL REFERENCES blocks (digest),
	PRIMARY KEY (root, digest)
) STRICT;

CREATE INDEX tree_blocks_digest ON tree_blocks (digest);

CREATE TABLE generations (
	epoch INTEGER NOT NULL CHECK (epoch >= 0),
	serial INTEGER NOT NULL CHECK (serial > 0),
	envelope BLOB NOT NULL,
	root BLOB NOT NULL REFERENCES trees (root),
	added INTEGER NOT NULL,
	PRIMARY KEY (epoch, serial)
) STRICT;

CREATE INDEX generations_root ON generations (root);

CREATE TABLE admins (
	name TEXT NOT NULL PRIMARY KEY,
	role TEXT NOT NULL CHECK (role IN ('viewer', 'auditor', 'operator', 'owner')),
	password TEXT NOT NULL,
	totp BLOB,
	totp_step INTEGER NOT NULL,
	added INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
	admin TEXT NOT NULL REFERENCES admins (name),
	digest BLOB NOT NULL CHECK (length(digest) = 32),
	PRIMARY KEY (admin, digest)
) STRICT;

CREATE TABLE sessions (
	digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	admin TEXT NOT NULL REFERENCES admins (name),
	created INTEGER NOT NULL,
	stepped_up INTEGER NOT NULL,
	expires INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_admin ON sessions (admin);

-- Who failed, and how often; empty_at: when the last failure is forgotten.
CREATE TABLE failures (
	who TEXT NOT NULL PRIMARY KEY,
	empty_at INTEGER NOT NULL,
	streak INTEGER NOT NULL,
	blocked_until INTEGER NOT NULL
) STRICT;

-- down 1
DROP TABLE failures;
DROP TABLE sessions;
DROP TABLE recovery_codes;
DROP TABLE admins;
DROP TABLE generations;
DROP TABLE tree_blocks;
DROP TABLE trees;
DROP TABLE blocks;
DROP TABLE joins;
DROP TABLE nodes;
DROP TABLE grants;
DROP TABLE policies;
DROP TABLE roots;
DROP TABLE audit_leaves;
DROP TABLE network;
DROP TABLE schema_version;

-- up 2
-- How often a grant was tried in vain: a key that is shared or stolen shows here.
ALTER TABLE grants ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;

-- down 2
ALTER TABLE grants DROP COLUMN refusals;

-- up 3
-- Where a node says it can be reached; "192.0.2.1:51820", separated by spaces.
CREATE TABLE endpoints (
	node TEXT NOT NULL PRIMARY KEY REFERENCES nodes (name) ON DELETE CASCADE,
	endpoints TEXT NOT NULL,
	changed INTEGER NOT NULL
) STRICT;

-- down 3
DROP TABLE endpoints;
