// SPDX-License-Identifier: MIT
/* What goes in comes out, byte by byte; and what nodes and generations may become. */
#include "store_test.h"

static const char *const nasty[] = {
	"'; DROP TABLE nodes; --", "\" OR 1=1 --", "' OR '1'='1", "x'); DELETE FROM grants; --",
	"$1", "$2 $3", "?1", ":name", "@name", "%s%n%x", "\\", "\\'", "\\x41", "E'\\\\'", "''",
	"$$", "$tag$ body $tag$", "/* comment", "*/ x", "-- x", ";", "a\nb", "a\rb\tc", "\b\f\x1b[31m",
	"\x7f", " leading and trailing ", "NULL", "null", "0", "1e400", "-9223372036854775808",
	"caf\xc3\xa9", "cafe\xcc\x81", "\xe2\x80\xae" "gnp.exe", "\xef\xbb\xbf" "bom",
	"\xf0\x9f\x94\x91", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "ABC", "abc",
	"a%b_c", "[a-z]*", "{\"json\": [1, \"x\"]}", "<script>alert(1)</script>", "../../etc/passwd",
};

static const char *const broken[] = {
	"\xff", "a\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	"\xf8\x88\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x94",
};

/* All 256 bytes, NUL first. */
static struct ml_bytes all_bytes(void)
{
	static uint8_t bytes[256];
	int i;

	for (i = 0; i < 256; i++)
		bytes[i] = i;
	return (struct ml_bytes){ bytes, sizeof(bytes) };
}

static void check_bytes(struct ml_bytes got, struct ml_bytes want)
{
	assert_int_equal(got.length, want.length);
	assert_memory_equal(got.data, want.data, want.length);
}

static int check_join(void *arg, const struct store_join *join)
{
	assert_string_equal(join->node, arg);
	assert_string_equal(join->grant, arg);
	check_bytes(join->answer, all_bytes());
	return -ECANCELED;	/* it was seen */
}

static int check_endpoints(void *arg, size_t index, const char *endpoints)
{
	assert_int_equal(index, 1);
	assert_string_equal(endpoints, arg);
	return -ECANCELED;	/* it was seen */
}

static void nasty_endpoints(struct store *store, const struct store_node *node, const char *text)
{
	uint8_t keys[2][32] = { { 0 } };
	bool changed;

	memcpy(keys[1], node->wireguard, 32);
	WORKS(store_endpoints_each(store, (const uint8_t (*)[32])keys, 2, check_endpoints,
				   (void *)text, &error));
	WORKS(store_endpoints_set(store, text, "before", NOW, &changed, &error));
	assert_true(changed);
	WORKS(store_endpoints_set(store, text, text, NOW, &changed, &error));
	assert_true(changed);
	WORKS(store_endpoints_set(store, text, text, NOW + 1, &changed, &error));
	assert_false(changed);
	REFUSED(-ENOENT, store_endpoints_set(store, "nobody", text, NOW, &changed, &error));
	assert_int_equal(store_endpoints_each(store, (const uint8_t (*)[32])keys, 2,
					      check_endpoints, (void *)text, NULL),
			 node->state == STORE_NODE_ACTIVE ? -ECANCELED : 0);
}

static void nasty_node(struct store *store, const char *text, unsigned int number)
{
	struct store_grant grant = { .id = text, .envelope = all_bytes(), .uses = 1,
				     .expires = NOW + 1 };
	struct store_answer answer;
	struct store_node node;
	char request[64];

	WORKS(store_grant_add(store, &grant, all_bytes(), &error));
	WORKS(store_grant_get(store, text, &grant, &error));
	assert_string_equal(grant.id, text);
	check_bytes(grant.envelope, all_bytes());
	store_free(grant.memory);
	node_make(&node, text, number);
	node.name = node.tags = node.owner = node.addresses = text;
	snprintf(request, sizeof(request), "request %u", number);
	WORKS(store_grant_consume(store, &node, bytes_of(request), all_bytes(), NOW,
				  all_bytes(), &answer, &error));
	WORKS(store_node_set_addresses(store, text, text, all_bytes(), &error));
	WORKS(store_node_seen(store, &text, 1, NOW + 5, &error));
	nasty_endpoints(store, &node, text);
	WORKS(store_node_get(store, text, &node, &error));
	assert_string_equal(node.name, text);
	assert_string_equal(node.tags, text);
	assert_string_equal(node.owner, text);
	assert_string_equal(node.addresses, text);
	assert_string_equal(node.grant, text);
	assert_int_equal(node.seen, NOW + 5);
	store_free(node.memory);
	assert_int_equal(store_join_each(store, text, check_join, (void *)text, NULL),
			 -ECANCELED);
}

static void nasty_admin(struct store *store, const char *text)
{
	struct store_limit limit = { 1, 1, 1, 1 };
	struct store_admin admin = { .name = text, .role = STORE_OWNER, .password = text,
				     .totp = all_bytes() };
	struct store_session session;
	uint8_t token[32];
	int64_t until;

	key_of(text, 0, token);
	WORKS(store_admin_add(store, &admin, all_bytes(), &error));
	WORKS(store_session_start(store, token, text, NOW, 0, NOW + 9, all_bytes(), &error));
	WORKS(store_session_get(store, token, NOW, &session, &error));
	assert_string_equal(session.admin, text);
	store_free(session.memory);
	WORKS(store_admin_get(store, text, &admin, &error));
	assert_string_equal(admin.name, text);
	assert_string_equal(admin.password, text);
	check_bytes(admin.totp, all_bytes());
	store_free(admin.memory);
	WORKS(store_failure_add(store, text, &limit, NOW, &until, &error));
	assert_int_equal(until, 0);
	WORKS(store_failure_add(store, text, &limit, NOW, &until, &error));
	assert_int_equal(until, NOW + 1);
	WORKS(store_failure_clear(store, text, &error));
}

static int in_order(void *arg, const struct store_node *node)
{
	struct { char last[80]; unsigned int count; } *seen = arg;

	assert_true(strcmp(seen->last, node->name) < 0);
	snprintf(seen->last, sizeof(seen->last), "%s", node->name);
	seen->count++;
	return 0;
}

static void test_nasty(void **state)
{
	struct { char last[80]; unsigned int count; } seen = { "", 0 };
	struct place place;
	struct store *store;
	unsigned int i;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	for (i = 0; i < COUNT(nasty); i++) {
		nasty_node(store, nasty[i], i);
		nasty_admin(store, nasty[i]);
	}
	/* None of them did anything but be there; and order is by byte. */
	WORKS(store_node_each(store, in_order, &seen, &error));
	assert_int_equal(seen.count, COUNT(nasty));
	store_close(store);
}

static void test_broken_text(void **state)
{
	struct store_admin admin = { .role = STORE_OWNER, .password = "x" };
	struct store_grant grant = { .envelope = bytes_of("x"), .uses = 1, .expires = 1 };
	struct place place;
	struct store *store;
	char *long_text;
	size_t i;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	for (i = 0; i < COUNT(broken); i++) {
		grant.id = admin.name = broken[i];
		REFUSED(-EILSEQ, store_grant_add(store, &grant, leaf_of("x"), &error));
		REFUSED(-EILSEQ, store_admin_add(store, &admin, leaf_of("x"), &error));
	}
	grant.id = NULL;
	REFUSED(-EINVAL, store_grant_add(store, &grant, leaf_of("x"), &error));
	admin.name = "x";
	admin.role = STORE_ROLES;
	REFUSED(-EINVAL, store_admin_add(store, &admin, leaf_of("x"), &error));
	long_text = calloc(1, STORE_TEXT_MAX + 2);
	memset(long_text, 'a', STORE_TEXT_MAX + 1);
	grant.id = long_text;
	REFUSED(-E2BIG, store_grant_add(store, &grant, leaf_of("x"), &error));
	long_text[STORE_TEXT_MAX] = 0;
	REFUSED(-EINVAL, store_audit_append(store, (struct ml_bytes){
		(uint8_t *)long_text, STORE_LEAF_MAX + 1 }, NULL, &error));
	WORKS(store_audit_append(store, bytes_of(long_text), NULL, &error));
	free(long_text);
	store_close(store);
}

/* -------------------------------------------------------------------- nodes */

static void test_node_states(void **state)
{
	struct place place;
	struct store *store;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "g", 9);
	WORKS(join(store, "g", 1, &error));
	REFUSED(-ESTALE, store_node_set_state(store, "node-00001", STORE_NODE_ACTIVE,
					      STORE_NODE_EXPIRED, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_node_set_state(store, "nobody", STORE_NODE_PENDING,
					      STORE_NODE_ACTIVE, leaf_of("x"), &error));
	REFUSED(-ENOENT, store_node_remove(store, "node-00001", leaf_of("x"), &error));
	WORKS(store_node_set_state(store, "node-00001", STORE_NODE_PENDING, STORE_NODE_REVOKED,
				   leaf_of("x"), &error));
	REFUSED(-EINVAL, store_node_set_state(store, "node-00001", STORE_NODE_REVOKED,
					      STORE_NODE_ACTIVE, leaf_of("x"), &error));
	WORKS(store_node_remove(store, "node-00001", leaf_of("x"), &error));
	REFUSED(-ENOENT, store_node_remove(store, "node-00001", leaf_of("x"), &error));
	store_close(store);
}

static void test_node_keys(void **state)
{
	struct store_node_keys one, two, three;
	struct store_node node;
	struct place place;
	struct store *store;
	uint8_t spki[32];

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	grant_make(store, "g", 9);
	WORKS(join(store, "g", 1, &error));
	WORKS(join(store, "g", 2, &error));
	key_of("identity", 1, one.identity);
	key_of("wireguard", 1, one.wireguard);
	key_of("identity", 2, two.identity);
	key_of("wireguard", 2, two.wireguard);
	three = one;
	key_of("wireguard", 3, three.wireguard);
	key_of("spki", 1, spki);
	REFUSED(-EEXIST, store_node_rotate(store, "node-00001", &one, &two, leaf_of("x"), &error));
	REFUSED(-ESTALE, store_node_rotate(store, "node-00001", &three, &one, leaf_of("x"),
					   &error));
	WORKS(store_node_rotate(store, "node-00001", &one, &three, leaf_of("x"), &error));
	REFUSED(-ESTALE, store_node_set_certificate(store, "node-00001", two.identity, spki,
						    leaf_of("x"), &error));
	WORKS(store_node_set_certificate(store, "node-00001", one.identity, spki, leaf_of("x"),
					 &error));
	REFUSED(-EEXIST, store_node_set_certificate(store, "node-00002", two.identity, spki,
						    leaf_of("x"), &error));
	WORKS(store_node_by_certificate(store, spki, &node, &error));
	assert_string_equal(node.name, "node-00001");
	assert_true(node.has_certificate);
	assert_memory_equal(node.wireguard, three.wireguard, 32);
	store_free(node.memory);
	WORKS(store_node_by_identity(store, two.identity, &node, &error));
	assert_string_equal(node.name, "node-00002");
	assert_false(node.has_certificate);
	store_free(node.memory);
	WORKS(store_node_set_state(store, "node-00002", STORE_NODE_PENDING, STORE_NODE_REVOKED,
				   leaf_of("x"), &error));
	key_of("spki", 2, spki);
	REFUSED(-ESTALE, store_node_set_certificate(store, "node-00002", two.identity, spki,
						    leaf_of("x"), &error));
	store_close(store);
}

/* ---------------------------------------------------------------- documents */

static void test_documents(void **state)
{
	struct store_document document;
	struct place place;
	struct store *store;
	uint64_t id;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	REFUSED(-ENOENT, store_root_get(store, 0, &document, &error));
	WORKS(store_root_add(store, 3, bytes_of("root 3"), NOW, leaf_of("x"), &error));
	REFUSED(-ESTALE, store_root_add(store, 3, bytes_of("x"), NOW, leaf_of("x"), &error));
	REFUSED(-ESTALE, store_root_add(store, 5, bytes_of("x"), NOW, leaf_of("x"), &error));
	WORKS(store_root_add(store, 4, bytes_of("root 4"), NOW, leaf_of("x"), &error));
	WORKS(store_root_get(store, 0, &document, &error));
	assert_int_equal(document.id, 4);
	store_free(document.memory);
	WORKS(store_root_get(store, 3, &document, &error));
	check_bytes(document.envelope, bytes_of("root 3"));
	store_free(document.memory);
	WORKS(store_policy_add(store, all_bytes(), NOW, leaf_of("x"), &id, &error));
	assert_int_equal(id, 1);
	WORKS(store_policy_add(store, bytes_of(""), NOW, leaf_of("x"), &id, &error));
	assert_int_equal(id, 2);
	WORKS(store_policy_get(store, 1, &document, &error));
	check_bytes(document.envelope, all_bytes());
	store_free(document.memory);
	WORKS(store_policy_get(store, 0, &document, &error));
	assert_int_equal(document.envelope.length, 0);
	store_free(document.memory);
	store_close(store);
}

/* -------------------------------------------------------------- generations */

static int publish(struct store *store, uint64_t epoch, uint64_t serial, const char *root,
		   const char *first, const char *second, struct ml_error *error)
{
	struct store_generation generation = { .epoch = epoch, .serial = serial,
					       .envelope = bytes_of("statement"),
					       .tree = all_bytes(), .added = NOW + (int)serial };
	struct store_block blocks[2] = { { .content = bytes_of(first) },
					 { .content = bytes_of(second) } };
	int i;

	key_of(root, 0, generation.root);
	for (i = 0; i < 2; i++)
		crypto_hash_sha256(blocks[i].digest, blocks[i].content.data,
				   blocks[i].content.length);
	blocks[0].content.data = NULL;
	if (!strcmp(first, "shared, sent"))
		blocks[0].content = bytes_of(first);
	if (!strcmp(second, "altered"))
		blocks[1].digest[0] ^= 1;
	return store_generation_publish(store, &generation, NULL, blocks, 2,
					leaf_of("generation %d", (int)serial), error);
}

static int has_block(struct store *store, const char *content)
{
	struct ml_bytes bytes = bytes_of(content);
	uint8_t digest[32], *got;
	size_t length;
	int r;

	crypto_hash_sha256(digest, bytes.data, bytes.length);
	r = store_block_get(store, digest, &got, &length, NULL);
	if (r)
		return r;
	check_bytes((struct ml_bytes){ got, length }, bytes);
	free(got);
	return 0;
}

static void test_generations(void **state)
{
	struct store_generation generation;
	uint8_t before[32], after[32];
	struct place place;
	struct store *store;
	uint64_t gone;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	state_of(store, before);
	REFUSED(-ENOENT, publish(store, 1, 1, "a", "not sent", "one", &error));
	REFUSED(-EBADMSG, publish(store, 1, 1, "a", "shared, sent", "altered", &error));
	state_of(store, after);
	assert_memory_equal(before, after, 32);
	WORKS(publish(store, 1, 1, "a", "shared, sent", "one", &error));
	WORKS(publish(store, 1, 2, "b", "shared, sent", "two", &error));
	WORKS(publish(store, 1, 3, "b", "not sent", "a renewal: not looked at", &error));
	REFUSED(-ESTALE, publish(store, 1, 3, "c", "shared, sent", "three", &error));
	REFUSED(-ESTALE, publish(store, 0, 9, "c", "shared, sent", "three", &error));
	WORKS(publish(store, 2, 1, "c", "shared, sent", "three", &error));
	WORKS(store_generation_last(store, &generation, &error));
	assert_int_equal(generation.epoch, 2);
	check_bytes(generation.tree, all_bytes());
	store_free(generation.memory);
	WORKS(store_generation_get(store, 1, 3, &generation, &error));
	assert_int_equal(generation.serial, 3);
	store_free(generation.memory);
	assert_int_equal(has_block(store, "a renewal: not looked at"), -ENOENT);

	/* 1.1 goes, then all but the last; what the others share stays. */
	WORKS(store_generation_collect(store, NOW + 2, &gone, &error));
	assert_int_equal(gone, 1);
	assert_int_equal(has_block(store, "one"), -ENOENT);
	assert_int_equal(has_block(store, "two"), 0);
	WORKS(store_generation_collect(store, INT64_MAX, &gone, &error));
	assert_int_equal(gone, 1);
	assert_int_equal(has_block(store, "two"), -ENOENT);
	assert_int_equal(has_block(store, "three"), 0);
	assert_int_equal(has_block(store, "shared, sent"), 0);
	REFUSED(-ENOENT, store_generation_get(store, 1, 3, &generation, &error));
	store_close(store);
}

/* @root follows @before: of its blocks it has all but @gone, and @more. */
static int follow(struct store *store, uint64_t serial, const char *root, const char *before,
		  const char *gone, const char *more, struct ml_error *error)
{
	struct store_generation generation = { .epoch = 1, .serial = serial,
					       .envelope = bytes_of("statement"),
					       .tree = bytes_of("tree"),
					       .added = NOW + (int)serial };
	struct store_block block = { .content = bytes_of(more) };
	uint8_t digest[1][32];
	struct store_kept kept = { .gone = digest, .gone_count = 1 };

	key_of(root, 0, generation.root);
	key_of(before, 0, kept.root);
	crypto_hash_sha256(digest[0], (const uint8_t *)gone, strlen(gone));
	crypto_hash_sha256(block.digest, block.content.data, block.content.length);
	return store_generation_publish(store, &generation, &kept, &block, 1,
					leaf_of("generation %d", (int)serial), error);
}

/* What is kept outlives the tree that brought it, and what is gone does not. */
static void test_kept(void **state)
{
	uint8_t before[32], after[32];
	struct place place;
	struct store *store;
	uint64_t gone;

	(void)state;
	store_make_new(&place);
	store = store_open_at(&place);
	WORKS(publish(store, 1, 1, "a", "shared, sent", "one", &error));
	state_of(store, before);
	REFUSED(-ENOENT, follow(store, 2, "b", "never was", "one", "two", &error));
	state_of(store, after);
	assert_memory_equal(before, after, 32);
	WORKS(follow(store, 2, "b", "a", "one", "two", &error));
	WORKS(follow(store, 3, "c", "b", "two", "three", &error));
	assert_int_equal(has_block(store, "one"), 0);
	WORKS(store_generation_collect(store, INT64_MAX, &gone, &error));
	assert_int_equal(has_block(store, "one"), -ENOENT);
	assert_int_equal(has_block(store, "two"), -ENOENT);
	assert_int_equal(has_block(store, "three"), 0);
	assert_int_equal(has_block(store, "shared, sent"), 0);
	store_close(store);
}

const struct CMUnitTest row_tests[] = {
	cmocka_unit_test(test_nasty),
	cmocka_unit_test(test_broken_text),
	cmocka_unit_test(test_node_states),
	cmocka_unit_test(test_node_keys),
	cmocka_unit_test(test_documents),
	cmocka_unit_test(test_generations),
	cmocka_unit_test(test_kept),
};
const size_t row_tests_count = COUNT(row_tests);
