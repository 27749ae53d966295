-- The store in PostgreSQL: sqlite.sql, which explains it, with other names for the
-- types, and order by byte. A test holds them together, line by line.
-- up 1
CREATE TABLE schema_version (
	id BIGINT PRIMARY KEY CHECK (id = 1),
	version BIGINT NOT NULL
);

-- One row, whose lock in PostgreSQL is the right to write.
CREATE TABLE network (
	id BIGINT PRIMARY KEY CHECK (id = 1),
	name TEXT COLLATE "C" NOT NULL,
	created BIGINT NOT NULL,
	audit_size BIGINT NOT NULL CHECK (audit_size >= 0),
	audit_sequenced BIGINT NOT NULL CHECK (audit_sequenced BETWEEN 0 AND audit_size),
	sequencer_term BIGINT NOT NULL
);

CREATE TABLE audit_leaves (
	position BIGINT PRIMARY KEY CHECK (position >= 0),
	leaf BYTEA NOT NULL
);

CREATE TABLE roots (
	version BIGINT PRIMARY KEY CHECK (version > 0),
	envelope BYTEA NOT NULL,
	added BIGINT NOT NULL
);

CREATE TABLE policies (
	id BIGINT PRIMARY KEY CHECK (id > 0),
	envelope BYTEA NOT NULL,
	added BIGINT NOT NULL
);

CREATE TABLE grants (
	id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	envelope BYTEA NOT NULL,
	uses BIGINT NOT NULL CHECK (uses >= 0),
	expires BIGINT NOT NULL,
	revoked BIGINT NOT NULL CHECK (revoked IN (0, 1)),
	added BIGINT NOT NULL
);

CREATE TABLE nodes (
	name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	identity BYTEA NOT NULL UNIQUE CHECK (length(identity) = 32),
	wireguard BYTEA NOT NULL UNIQUE CHECK (length(wireguard) = 32),
	tags TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	addresses TEXT COLLATE "C" NOT NULL,
	state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'active', 'expired', 'revoked')),
	certificate BYTEA UNIQUE CHECK (length(certificate) = 32),
	grant_id TEXT COLLATE "C" NOT NULL REFERENCES grants (id),
	added BIGINT NOT NULL,
	seen BIGINT NOT NULL
);

-- Kept when a node is removed: an old join must never count as a new one.
CREATE TABLE joins (
	digest BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	grant_id TEXT COLLATE "C" NOT NULL REFERENCES grants (id),
	node TEXT COLLATE "C" NOT NULL,
	request BYTEA NOT NULL,
	answer BYTEA NOT NULL,
	added BIGINT NOT NULL
);

CREATE TABLE blocks (
	digest BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	content BYTEA NOT NULL
);

CREATE TABLE trees (
	root BYTEA NOT NULL PRIMARY KEY CHECK (length(root) = 32),
	tree BYTEA NOT NULL
);

CREATE TABLE tree_blocks (
	root BYTEA NOT NULL REFERENCES trees (root),
	digest BYTEA NOT NULL REFERENCES blocks (digest),
	PRIMARY KEY (root, digest)
);

CREATE INDEX tree_blocks_digest ON tree_blocks (digest);

CREATE TABLE generations (
	epoch BIGINT NOT NULL CHECK (epoch >= 0),
	serial BIGINT NOT NULL CHECK (serial > 0),
	envelope BYTEA NOT NULL,
	root BYTEA NOT NULL REFERENCES trees (root),
	added BIGINT NOT NULL,
	PRIMARY KEY (epoch, serial)
);

CREATE INDEX generations_root ON generations (root);

CREATE TABLE admins (
	name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	role TEXT COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'auditor', 'operator', 'owner')),
	password TEXT COLLATE "C" NOT NULL,
	totp BYTEA,
	totp_step BIGINT NOT NULL,
	added BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
	admin TEXT COLLATE "C" NOT NULL REFERENCES admins (name),
	digest BYTEA NOT NULL CHECK (length(digest) = 32),
	PRIMARY KEY (admin, digest)
);

CREATE TABLE sessions (
	digest BYTEA NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
	admin TEXT COLLATE "C" NOT NULL REFERENCES admins (name),
	created BIGINT NOT NULL,
	stepped_up BIGINT NOT NULL,
	expires BIGINT NOT NULL
);

CREATE INDEX sessions_admin ON sessions (admin);

-- Who failed, and how often; empty_at: when the last failure is forgotten.
CREATE TABLE failures (
	who TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	empty_at BIGINT NOT NULL,
	streak BIGINT NOT NULL,
	blocked_until BIGINT NOT NULL
);

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
ALTER TABLE grants ADD COLUMN refusals BIGINT NOT NULL DEFAULT 0;

-- down 2
ALTER TABLE grants DROP COLUMN refusals;

-- up 3
-- Where a node says it can be reached; "192.0.2.1:51820", separated by spaces.
CREATE TABLE endpoints (
	node TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES nodes (name) ON DELETE CASCADE,
	endpoints TEXT COLLATE "C" NOT NULL,
	changed BIGINT NOT NULL
);

-- down 3
DROP TABLE endpoints;
