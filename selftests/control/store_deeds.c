// SPDX-License-Identifier: MIT
/* What cannot be written to the audit log does not happen: every operation that is in it. */
#include "store_test.h"

#define LEAF leaf_of("%s", __func__)

static int do_root(struct store *store, struct ml_error *error)
{
	return store_root_add(store, 1, bytes_of("root"), NOW, LEAF, error);
}

static int do_policy(struct store *store, struct ml_error *error)
{
	return store_policy_add(store, bytes_of("policy"), NOW, LEAF, NULL, error);
}

static int do_grant(struct store *store, struct ml_error *error)
{
	struct store_grant grant = { .id = "g", .envelope = bytes_of("x"), .uses = 9,
				     .expires = NOW + 10 };

	return store_grant_add(store, &grant, LEAF, error);
}

static int do_join(struct store *store, struct ml_error *error)
{
	return join(store, "g", 1, error);
}

static int do_grant_revoke(struct store *store, struct ml_error *error)
{
	return store_grant_revoke(store, "g", LEAF, error);
}

static int do_state(struct store *store, struct ml_error *error)
{
	return store_node_set_state(store, "node-00001", STORE_NODE_PENDING, STORE_NODE_ACTIVE,
				    LEAF, error);
}

static int do_addresses(struct store *store, struct ml_error *error)
{
	return store_node_set_addresses(store, "node-00001", "[\"192.0.2.1\"]", LEAF, error);
}

static int do_certificate(struct store *store, struct ml_error *error)
{
	uint8_t identity[32], spki[32];

	key_of("identity", 1, identity);
	key_of("certificate", 1, spki);
	return store_node_set_certificate(store, "node-00001", identity, spki, LEAF, error);
}

static int do_rotate(struct store *store, struct ml_error *error)
{
	struct store_node_keys from, to;

	key_of("identity", 1, from.identity);
	key_of("wireguard", 1, from.wireguard);
	key_of("new identity", 1, to.identity);
	key_of("new wireguard", 1, to.wireguard);
	return store_node_rotate(store, "node-00001", &from, &to, LEAF, error);
}

static int do_revoke(struct store *store, struct ml_error *error)
{
	return store_node_set_state(store, "node-00001", STORE_NODE_ACTIVE, STORE_NODE_REVOKED,
				    LEAF, error);
}

static int do_remove(struct store *store, struct ml_error *error)
{
	return store_node_remove(store, "node-00001", LEAF, error);
}

static int do_publish(struct store *store, struct ml_error *error)
{
	struct store_generation generation = { .epoch = 1, .serial = 1,
					       .envelope = bytes_of("statement"),
					       .tree = bytes_of("tree") };
	struct store_block block = { .content = bytes_of("block") };

	crypto_hash_sha256(block.digest, block.content.data, block.content.length);
	return store_generation_publish(store, &generation, NULL, &block, 1, LEAF, error);
}

static int do_admin(struct store *store, struct ml_error *error)
{
	struct store_admin admin = { .name = "alice", .role = STORE_OWNER, .password = "$argon" };

	return store_admin_add(store, &admin, LEAF, error);
}

static int do_admin_change(struct store *store, struct ml_error *error)
{
	uint8_t codes[2][32];
	struct store_admin_change change = { .password = "$other", .set_recovery = true,
					     .totp = bytes_of("sealed"), .recovery = codes,
					     .recovery_count = 2 };

	key_of("code", 1, codes[0]);
	key_of("code", 2, codes[1]);
	return store_admin_change(store, "alice", &change, LEAF, error);
}

static int do_totp(struct store *store, struct ml_error *error)
{
	return store_totp_accept(store, "alice", 100, LEAF, error);
}

static int do_recovery(struct store *store, struct ml_error *error)
{
	uint8_t code[32];
	uint64_t left;

	key_of("code", 1, code);
	return store_recovery_use(store, "alice", code, LEAF, &left, error);
}

static int do_session(struct store *store, struct ml_error *error)
{
	uint8_t token[32];

	key_of("token", 1, token);
	return store_session_start(store, token, "alice", NOW, 0, NOW + 100, LEAF, error);
}

static int do_session_rotate(struct store *store, struct ml_error *error)
{
	uint8_t from[32], to[32];

	key_of("token", 1, from);
	key_of("token", 2, to);
	return store_session_rotate(store, from, to, NOW, LEAF, error);
}

static int do_session_end(struct store *store, struct ml_error *error)
{
	uint8_t token[32];

	key_of("token", 2, token);
	return store_session_end(store, token, LEAF, error);
}

static int do_owner(struct store *store, struct ml_error *error)
{
	struct store_admin admin = { .name = "bob", .role = STORE_OWNER, .password = "$argon" };

	return store_admin_add(store, &admin, LEAF, error);
}

static int do_admin_remove(struct store *store, struct ml_error *error)
{
	return store_admin_remove(store, "alice", LEAF, error);
}

static int do_append(struct store *store, struct ml_error *error)
{
	return store_audit_append(store, LEAF, NULL, error);
}

/* Every operation that takes a leaf, each on what those before it have made. */
static const struct {
	const char *name;
	int (*run)(struct store *store, struct ml_error *error);
} deeds[] = {
	{ "root", do_root }, { "policy", do_policy }, { "grant", do_grant },
	{ "join", do_join }, { "grant revoke", do_grant_revoke }, { "state", do_state },
	{ "addresses", do_addresses }, { "certificate", do_certificate },
	{ "rotate", do_rotate }, { "revoke", do_revoke }, { "remove", do_remove },
	{ "publish", do_publish }, { "admin", do_admin }, { "admin change", do_admin_change },
	{ "totp", do_totp }, { "recovery", do_recovery }, { "session", do_session },
	{ "session rotate", do_session_rotate }, { "session end", do_session_end },
	{ "owner", do_owner }, { "admin remove", do_admin_remove }, { "append", do_append },
};

/* What a backup has, and what it leaves out. */
struct snapshot {
	uint8_t state[32];
	long sessions, tokens;
};

static void snapshot(const struct place *place, struct snapshot *ret)
{
	struct store *store = store_open_at(place);

	memset(ret, 0, sizeof(*ret));
	state_of(store, ret->state);
	store_close(store);
	ret->sessions = raw_number(place, "SELECT count(*) FROM sessions");
	ret->tokens = raw_number(place, place->config.kind == STORE_SQLITE ?
		"SELECT sum(unicode(hex(digest))) FROM sessions" :
		"SELECT sum(get_byte(digest, 0)) FROM sessions");
}

/* The next place in the log is taken already: the one thing that fails is the leaf. */
static void test_no_log_no_deed(void **state)
{
	struct snapshot before, after, done;
	struct place place;
	struct store *store;
	size_t i;

	(void)state;
	store_make_new(&place);
	for (i = 0; i < COUNT(deeds); i++) {
		snapshot(&place, &before);
		raw(&place, place.config.kind == STORE_SQLITE ?
		    "INSERT INTO audit_leaves SELECT audit_size, x'00' FROM network" :
		    "INSERT INTO audit_leaves SELECT audit_size, '\\x00' FROM network");
		store = store_open_at(&place);
		if (deeds[i].run(store, NULL) != -EUCLEAN)
			fail_msg("%s was done without its leaf", deeds[i].name);
		REFUSED(-EIO, store_audit_append(store, LEAF, NULL, &error));
		store_close(store);
		raw(&place, "DELETE FROM audit_leaves WHERE position >= "
		    "(SELECT audit_size FROM network)");
		snapshot(&place, &after);
		if (memcmp(&before, &after, sizeof(before)) != 0)
			fail_msg("%s has left something behind", deeds[i].name);
		store = store_open_at(&place);
		WORKS(deeds[i].run(store, &error));
		store_close(store);
		snapshot(&place, &done);
		if (!memcmp(&before.state, &done.state, 32))
			fail_msg("%s did nothing", deeds[i].name);
	}
	print_message("# %zu operations\n", i);
}

const struct CMUnitTest deed_tests[] = {
	cmocka_unit_test(test_no_log_no_deed),
};
const size_t deed_tests_count = COUNT(deed_tests);
