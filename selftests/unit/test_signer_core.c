// SPDX-License-Identifier: MIT
/*
 * The signer's core: what a server that says what it likes can bring about, what a
 * restart remembers, what a damaged ledger does, and which clock it believes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "signer_fixture.h"

static void refused(int got, int want, const char *sentence)
{
	if (got != want || !strstr(last_error, sentence))
		fail_msg("got %d, wanted %d and \"%s\": %s", got, want, sentence, last_error);
}

/* The answer's first address. */
static const char *address_of(json_t *answer, char text[static 64])
{
	snprintf(text, 64, "%s", json_string_value(json_array_get(
					json_object_get(answer, "addresses"), 0)));
	json_decref(answer);
	return text;
}

static void let_in(struct scene *scene, const char *name, uint8_t one_time, uint8_t identity,
		   const char *address)
{
	json_t *answer = NULL;
	char text[64];

	if (bring(scene, accept_join, join_of(name, one_time, identity), &answer))
		fail_msg("%s: %s", name, last_error);
	assert_string_equal(address_of(answer, text), address);
}

static void sign(struct scene *scene)
{
	struct ml_error error;

	if (issue(scene->signer, &error))
		fail_msg("%s", error.text);
}

/* ------------------------------------------------------------------- joins */

static void nodes_join(void **state)
{
	struct scene scene = scene_new();
	struct ml_bytes first = join_of("n1", 100, 51), again;
	json_t *one = NULL, *two = NULL;

	(void)state;
	again = (struct ml_bytes){ malloc(first.length), first.length };
	memcpy((void *)again.data, first.data, first.length);
	assert_int_equal(bring(&scene, accept_join, first, &one), 0);
	assert_int_equal(bring(&scene, accept_join, again, &two), 0);
	assert_true(json_equal(one, two));	/* .2 is gate's, of the policy */
	assert_string_equal(json_string_value(json_array_get(json_object_get(one, "addresses"), 0)),
			    "100.64.0.1");
	assert_string_equal(json_string_value(json_array_get(json_object_get(one, "addresses"), 1)),
			    "fd00:1::1");
	json_decref(one);
	json_decref(two);
	assert_int_equal(scene.signer->grants[0].used, 1);
	let_in(&scene, "n2", 100, 52, "100.64.0.3");
	sign(&scene);
	assert_int_equal(scene.signer->generation->count, 3);
	scene_end(&scene);
}

static void used_up_is_used_up(void **state)
{
	struct scene scene = scene_new();
	struct ml_grant once = grant_of(101, 1);

	(void)state;
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&once, KEYS(11, 12)), NULL), 0);
	let_in(&scene, "n1", 101, 51, "100.64.0.1");
	refused(bring(&scene, accept_join, join_of("n2", 101, 52), NULL), -EKEYREJECTED,
		"was for 1 node");
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&once, KEYS(11, 12)), NULL), 0);
	once.uses = 2;	/* signed, and still no second grant for the same key */
	refused(bring(&scene, accept_grant, grant_signed(&once, KEYS(11, 12)), NULL), -EEXIST,
		"another grant");
	signer_restart(&scene);
	refused(bring(&scene, accept_join, join_of("n2", 101, 52), NULL), -EKEYREJECTED,
		"was for 1 node");
	scene_end(&scene);
}

static void key_ids(uint8_t one, uint8_t other, char from[static 65], char to[static 65])
{
	const struct ml_public_key keys[] = { public_of(one), public_of(other) };

	ml_public_key_id(&keys[0], from);
	ml_public_key_id(&keys[1], to);
}

static void wireguard_text(uint8_t number, char ret[static 65])
{
	uint8_t private[32], public[32];

	memset(private, number, sizeof(private));
	crypto_scalarmult_base(public, private);
	sodium_bin2base64(ret, 65, public, sizeof(public), sodium_base64_VARIANT_ORIGINAL);
}

static void hostile_joins(void **state)
{
	char from[65], to[65];
	struct scene scene = scene_new();
	struct joining other = { "other-net", "n1", 100, 51, 31, false };
	struct ml_bytes honest;

	(void)state;
	refused(bring(&scene, accept_join, join_signed(&other), NULL), -EXDEV, "other-net");
	other.network = TRUST_NETWORK;
	other.signer = 32;
	refused(bring(&scene, accept_join, join_signed(&other), NULL), -EKEYREJECTED,
		"another signer");
	refused(bring(&scene, accept_join, join_of("n1", 110, 51), NULL), -ENOENT, "no grant");
	/* A stolen grant, with another one-time key. */
	honest = join_of("n1", 110, 51);
	key_ids(110, 100, from, to);
	refused(bring(&scene, accept_join, forged(ML_JOIN_TYPE, honest, from, to, KEYS(110, 51)), NULL),
		-EKEYREJECTED, "signed by");
	drop(honest);
	/* Both signatures are right, and the WireGuard key is another's. */
	honest = join_of("n1", 100, 51);
	wireguard_text(51, from);
	wireguard_text(52, to);
	refused(bring(&scene, accept_join, forged(ML_JOIN_TYPE, honest, from, to, KEYS(100, 51)), NULL),
		-EKEYREJECTED, "proof");
	drop(honest);
	refused(bring(&scene, accept_join, join_of("gate", 100, 51), NULL), -EEXIST, "taken");
	refused(bring(&scene, accept_join, join_of("nas", 100, 51), NULL), -EEXIST, "taken");
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	refused(bring(&scene, accept_join, join_of("n1", 100, 52), NULL), -EEXIST, "taken");
	refused(bring(&scene, accept_join, join_of("n2", 100, 51), NULL), -EEXIST, "identity key");
	assert_int_equal(scene.signer->grants[0].used, 1);
	scene_end(&scene);
}

/* ---------------------------------------------------------- grants, policy, root */

static void hostile_grants(void **state)
{
	struct scene scene = scene_new();
	struct ml_grant grant = grant_of(101, 1);

	(void)state;
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(21, 22)), NULL),
		-EKEYREJECTED, "membership");
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11)), NULL), -EKEYREJECTED,
		"membership");
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(31, 32)), NULL),
		-EKEYREJECTED, "membership");
	strcpy(grant.network, "other-net");
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), -EXDEV,
		"other-net");
	grant = grant_of(101, 1);
	grant.created -= 2 * FIXTURE_DAY;
	grant.expires = TRUST_NOW;
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), -ETIME,
		"expired");
	/* Tags that the policy does not know bring nobody in. */
	grant = grant_of(101, 1);
	strcpy(grant.tags[0], "tag:db");
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), 0);
	refused(bring(&scene, accept_join, join_of("n1", 101, 51), NULL), -EINVAL, "tagOwners");
	scene_end(&scene);
}

static void hostile_policies(void **state)
{
	struct scene scene = scene_new();
	static const char without_tag[] = "{\"network\": {\"ipv4\": \"100.64.0.0/24\"}}";
	static const char failing[] =
		"{\"network\": {\"ipv4\": \"100.64.0.0/24\"}, \"tagOwners\": {\"tag:web\": []},\n"
		" \"tests\": [{\"src\": \"tag:web\", \"accept\": [\"tag:web:80\"]}]}";

	(void)state;
	refused(bring(&scene, accept_policy, policy_signed(4, 2, plain_policy, KEYS(11, 12)), NULL),
		-EKEYREJECTED, "policy");
	refused(bring(&scene, accept_policy, policy_signed(4, 1, without_tag, KEYS(21)), NULL),
		-ESTALE, "version");
	refused(bring(&scene, accept_policy, policy_signed(3, 9, plain_policy, KEYS(21)), NULL),
		-ESTALE, "epoch");
	refused(bring(&scene, accept_policy, policy_signed(5, 9, plain_policy, KEYS(21)), NULL),
		-ENOENT, "epoch");
	refused(bring(&scene, accept_policy, policy_signed(4, 2, "{", KEYS(21)), NULL), -EINVAL, "");
	refused(bring(&scene, accept_policy, policy_signed(4, 2, failing, KEYS(21)), NULL), -EINVAL,
		"");
	assert_int_equal(bring(&scene, accept_policy, policy_signed(4, 1, plain_policy, KEYS(21)),
			       NULL), 0);	/* the one in force, again */
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	refused(bring(&scene, accept_policy, policy_signed(4, 2, without_tag, KEYS(21)), NULL),
		-EINVAL, "\"n1\"");
	assert_int_equal(scene.signer->policy.version, 1);
	scene_end(&scene);
}

static void hostile_roots(void **state)
{
	struct scene scene = scene_empty();
	struct ml_root second = root_of(2), first = root_of(1);

	(void)state;
	refused(bring(&scene, accept_policy, policy_signed(4, 1, plain_policy, KEYS(21)), NULL),
		-EAGAIN, "root document");
	first.epoch = 9;	/* properly signed, and not the one that was pinned */
	refused(bring(&scene, accept_root, root_signed(&first, KEYS(1, 2)), NULL), -EKEYREJECTED, "");
	scene_furnish(&scene);
	refused(bring(&scene, accept_root, root_signed(&second, KEYS(1)), NULL), -EKEYREJECTED, "");
	assert_int_equal(bring(&scene, accept_root, root_signed(&second, KEYS(1, 2)), NULL), 0);
	assert_int_equal(bring(&scene, accept_root, root_signed(&second, KEYS(1, 2)), NULL), 0);
	first = root_of(1);
	refused(bring(&scene, accept_root, root_signed(&first, KEYS(1, 2)), NULL), -ESTALE,
		"version 1");
	signer_restart(&scene);
	refused(bring(&scene, accept_root, root_signed(&first, KEYS(1, 2)), NULL), -ESTALE,
		"version 1");
	assert_int_equal(scene.signer->root.version, 2);
	scene_end(&scene);
}

/* A root that takes a policy key away begins an epoch: the old policy ends with the old one. */
static void an_epoch_ends_a_policy(void **state)
{
	struct scene scene = scene_new();
	struct ml_root next = root_of(2);
	struct ml_error error;

	(void)state;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	sign(&scene);
	next.epoch = 5;
	role_set(&next, ML_ROLE_POLICY, 1, KEYS(22));
	assert_int_equal(bring(&scene, accept_root, root_signed(&next, KEYS(1, 2)), NULL), 0);
	assert_int_equal(issue(scene.signer, &error), -EAGAIN);
	assert_non_null(strstr(error.text, "sign the policy again"));
	refused(bring(&scene, accept_policy, policy_signed(4, 1, plain_policy, KEYS(22)), NULL),
		-ESTALE, "epoch");
	refused(bring(&scene, accept_policy, policy_signed(5, 1, plain_policy, KEYS(21)), NULL),
		-EKEYREJECTED, "policy");
	assert_int_equal(bring(&scene, accept_policy, policy_signed(5, 1, plain_policy, KEYS(22)),
			       NULL), 0);
	sign(&scene);
	assert_int_equal(scene.signer->statement.epoch, 5);
	assert_int_equal(scene.signer->statement.serial, 2);
	scene_end(&scene);
}

/* ----------------------------------------------------- rotation, revocation, addresses */

static struct ml_bytes rotation_of(const char *node, uint64_t counter, uint8_t identity,
				   uint8_t next, uint8_t wireguard)
{
	const struct ml_public_key signer = public_of(31);
	uint8_t private[32];
	const struct ml_rotation_input input = {
		.network = TRUST_NETWORK, .node = node, .counter = counter, .signer = &signer,
		.identity = key_of(identity), .next = next ? key_of(next) : NULL,
		.wireguard = private,
	};
	struct ml_bytes made;
	uint8_t *data = NULL;

	memset(private, wireguard, sizeof(private));
	fixture_need(ml_rotation_make(&input, &data, &made.length, NULL), "rotation");
	made.data = data;
	return made;
}

static void nodes_change_keys(void **state)
{
	struct scene scene = scene_new();

	(void)state;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	let_in(&scene, "n2", 100, 52, "100.64.0.3");
	refused(bring(&scene, accept_rotation, rotation_of("n1", 1, 52, 0, 61), NULL),
		-EKEYREJECTED, "identity key");
	refused(bring(&scene, accept_rotation, rotation_of("n1", 1, 51, 0, 52), NULL), -EEXIST,
		"WireGuard key");
	assert_int_equal(bring(&scene, accept_rotation, rotation_of("n1", 3, 51, 53, 61), NULL), 0);
	refused(bring(&scene, accept_rotation, rotation_of("n1", 2, 53, 0, 62), NULL), -ESTALE, "");
	signer_restart(&scene);
	refused(bring(&scene, accept_rotation, rotation_of("n1", 4, 51, 0, 62), NULL),
		-EKEYREJECTED, "identity key");
	assert_int_equal(bring(&scene, accept_rotation, rotation_of("n1", 4, 53, 0, 62), NULL), 0);
	sign(&scene);
	scene_end(&scene);
}

static int take_out(struct scene *scene, const char *node, const char *grant)
{
	struct ml_error error = { .text = "" };
	json_t *answer = NULL;
	int r = accept_revoke(scene->signer, node, grant, &answer, &error);

	snprintf(last_error, sizeof(last_error), "%s", error.text);
	json_decref(answer);
	return r;
}

/* Of a pool of six: an address is free again when no generation that names it is valid. */
static void addresses_wait(void **state)
{
	static const char tiny[] =
		"{\"network\": {\"ipv4\": \"100.64.0.0/29\"}, \"tagOwners\": {\"tag:web\": []}}";
	struct scene scene = scene_new();
	struct ml_grant many = grant_of(101, 25);

	(void)state;
	many.expires = TRUST_NOW + 30 * FIXTURE_DAY;
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&many, KEYS(11, 12)), NULL), 0);
	assert_int_equal(bring(&scene, accept_policy, policy_signed(4, 2, tiny, KEYS(21)), NULL), 0);
	let_in(&scene, "n1", 100, 50, "100.64.0.1");
	sign(&scene);
	for (uint8_t i = 2; i <= 6; i++) {
		char name[8], address[32];

		snprintf(name, sizeof(name), "n%u", i);
		snprintf(address, sizeof(address), "100.64.0.%u", i);
		let_in(&scene, name, 101, 50 + i, address);
	}
	refused(bring(&scene, accept_join, join_of("n7", 101, 57), NULL), -ENOSPC, "wider");
	assert_int_equal(take_out(&scene, "n1", NULL), 0);
	assert_int_equal(take_out(&scene, "n1", NULL), 0);	/* again is nothing new */
	refused(take_out(&scene, "n9", NULL), -ENOENT, "n9");
	refused(bring(&scene, accept_join, join_of("n7", 101, 57), NULL), -ENOSPC, "kept");
	clock_now += SIGNER_LIFETIME - 1;
	refused(bring(&scene, accept_join, join_of("n7", 101, 57), NULL), -ENOSPC, "kept");
	signer_restart(&scene);
	refused(bring(&scene, accept_join, join_of("n7", 101, 57), NULL), -ENOSPC, "kept");
	clock_now += 1;
	let_in(&scene, "n7", 101, 57, "100.64.0.1");
	scene_end(&scene);
}

static void revoked_is_revoked(void **state)
{
	static const char speaks[] =
		"{\"network\": {\"ipv4\": \"100.64.0.0/24\"}, \"tagOwners\": {\"tag:web\": []},\n"
		" \"grants\": [{\"src\": [\"n1\"], \"dst\": [\"tag:web\"], \"ip\": [\"*\"]}]}";
	struct scene scene = scene_new();
	struct ml_grant other = grant_of(101, 9);
	struct ml_bytes join = join_of("n1", 100, 51), again;

	(void)state;
	again = (struct ml_bytes){ malloc(join.length), join.length };
	memcpy((void *)again.data, join.data, join.length);
	assert_int_equal(bring(&scene, accept_join, join, NULL), 0);
	let_in(&scene, "n2", 100, 52, "100.64.0.3");
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&other, KEYS(11, 12)), NULL), 0);
	assert_int_equal(bring(&scene, accept_policy, policy_signed(4, 2, speaks, KEYS(21)), NULL), 0);
	sign(&scene);
	assert_int_equal(take_out(&scene, "n1", NULL), 0);
	sign(&scene);		/* although the policy speaks of it */
	assert_int_equal(ml_generation_find(scene.signer->generation, "n1"), SIZE_MAX);
	refused(bring(&scene, accept_join, again, NULL), -EKEYREJECTED, "was revoked");
	refused(bring(&scene, accept_join, join_of("n3", 100, 53), NULL), -EKEYREJECTED, "revoked");
	refused(bring(&scene, accept_join, join_of("n1", 101, 53), NULL), -EEXIST, "still speaks");
	assert_int_equal(bring(&scene, accept_policy, policy_signed(4, 3, plain_policy, KEYS(21)),
			       NULL), 0);
	let_in(&scene, "n1", 101, 53, "100.64.0.4");
	sign(&scene);
	signer_restart(&scene);
	assert_non_null(scene.signer->generation);
	scene_end(&scene);
}

/* -------------------------------------------------------------------- clocks */

static void clocks(void **state)
{
	struct scene scene = scene_new();
	struct ml_grant grant = grant_of(101, 9);
	int64_t issued;

	(void)state;
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), 0);
	clock_now = TRUST_NOW + 3600;		/* an hour ahead */
	clock_boot += 3600;
	let_in(&scene, "n1", 101, 51, "100.64.0.1");
	sign(&scene);
	issued = scene.signer->statement.issued;
	assert_int_equal(issued, TRUST_NOW + 3600);
	clock_now = TRUST_NOW;			/* and back */
	sign(&scene);
	assert_int_equal(scene.signer->statement.issued, issued);
	signer_restart(&scene);
	clock_now = 0;				/* 1970 */
	let_in(&scene, "n2", 101, 52, "100.64.0.3");
	sign(&scene);
	assert_int_equal(scene.signer->statement.issued, issued);
	clock_boot += FIXTURE_DAY;		/* a day goes by all the same */
	refused(bring(&scene, accept_join, join_of("n3", 101, 53), NULL), -ETIME, "expired");
	sign(&scene);
	assert_int_equal(scene.signer->statement.issued, issued + FIXTURE_DAY);
	signer_restart(&scene);
	refused(bring(&scene, accept_join, join_of("n3", 101, 53), NULL), -ETIME, "expired");
	scene_end(&scene);
}

static void an_expired_root_takes_its_successor_alone(void **state)
{
	struct scene scene = scene_new();
	struct ml_root next = root_of(2);
	struct ml_grant grant = grant_of(101, 1);
	struct ml_error error;

	(void)state;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	clock_now = TRUST_NOW + TRUST_YEAR;
	assert_int_equal(issue(scene.signer, &error), -ETIME);
	grant.expires = clock_now + FIXTURE_DAY;
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), -ETIME, "root");
	assert_int_equal(take_out(&scene, "n1", NULL), 0);	/* what takes away is always taken */
	next.expires = clock_now + TRUST_YEAR;
	assert_int_equal(bring(&scene, accept_root, root_signed(&next, KEYS(1, 2)), NULL), 0);
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), 0);
	sign(&scene);
	scene_end(&scene);
}

/* -------------------------------------------------------------------- ledger */

static void a_restart_remembers_all(void **state)
{
	struct scene scene = scene_new();
	struct ml_merkle_hash before, after;
	uint64_t records;
	int64_t latest;

	(void)state;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	let_in(&scene, "n2", 100, 52, "100.64.0.3");
	assert_int_equal(take_out(&scene, "n1", NULL), 0);
	assert_int_equal(bring(&scene, accept_rotation, rotation_of("n2", 1, 52, 0, 61), NULL), 0);
	sign(&scene);
	ml_merkle_tree_root(scene.signer->generation->tree, &before);
	records = scene.signer->ledger.records;
	latest = scene.signer->latest_expires;
	signer_restart(&scene);
	assert_int_equal(scene.signer->ledger.records, records);
	assert_int_equal(scene.signer->ledger.torn, 0);
	assert_int_equal(scene.signer->latest_expires, latest);
	assert_int_equal(scene.signer->active, 1);
	assert_false(scene.signer->changed);
	ml_merkle_tree_root(scene.signer->generation->tree, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	scene_end(&scene);
}

static size_t ledger_load(const struct scene *scene, uint8_t **ret)
{
	int fd = openat(scene->directory, "ledger", O_RDONLY);
	struct stat status;

	assert_return_code(fstat(fd, &status), errno);
	*ret = malloc((size_t)status.st_size);
	assert_int_equal(read(fd, *ret, (size_t)status.st_size), status.st_size);
	close(fd);
	return (size_t)status.st_size;
}

static void ledger_store(const struct scene *scene, const uint8_t *bytes, size_t length)
{
	int fd = openat(scene->directory, "ledger", O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, length, 0), length);
	assert_return_code(ftruncate(fd, (off_t)length), errno);
	close(fd);
}

static int reopen(struct scene *scene)
{
	struct ml_error error = { .text = "" };
	int r = signer_try(scene, false, &error);

	snprintf(last_error, sizeof(last_error), "%s", error.text);
	if (r)
		scene->signer = NULL;
	return r;
}

/* The chain alone, without signatures: it is quick, and it is what must notice. */
static int ignore(void *arg, const struct ledger_record *record, struct ml_error *error)
{
	(void)record;
	(void)error;
	++*(unsigned int *)arg;
	return 0;
}

static void every_byte_counts(void **state)
{
	struct scene scene = scene_new();
	struct ledger ledger;
	struct ml_error error;
	unsigned int records = 0;
	uint8_t *bytes;
	size_t length;

	(void)state;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	sign(&scene);
	signer_close(scene.signer);
	scene.signer = NULL;
	length = ledger_load(&scene, &bytes);
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= (uint8_t)(1u << i % 8);
		ledger_store(&scene, bytes, length);
		if (ledger_open(scene.directory, "ledger", ignore, &records, &ledger, &error) != -EBADMSG)
			fail_msg("byte %zu of %zu can be altered", i, length);
		bytes[i] ^= (uint8_t)(1u << i % 8);
	}
	bytes[length - 1] ^= 0x40;
	ledger_store(&scene, bytes, length);
	assert_int_equal(reopen(&scene), -EBADMSG);
	bytes[length - 1] ^= 0x40;
	ledger_store(&scene, bytes, length);
	assert_int_equal(reopen(&scene), 0);
	free(bytes);
	scene_end(&scene);
}

/* Cut anywhere: what is whole stays, what is not goes, and nothing that was told is lost. */
static void torn_tails_are_cut(void **state)
{
	struct scene scene = scene_new();
	size_t before, length, cut;
	uint8_t *bytes;

	(void)state;
	before = scene.signer->ledger.length;
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	signer_close(scene.signer);
	length = ledger_load(&scene, &bytes);
	for (cut = before; cut < length; cut += 7) {
		ledger_store(&scene, bytes, cut);
		assert_int_equal(reopen(&scene), 0);
		assert_int_equal(scene.signer->ledger.torn, cut - before);
		assert_int_equal(scene.signer->active, 0);
		signer_close(scene.signer);
	}
	/* The length reached the disk, and what it is the length of did not. */
	memset(bytes + length - 300, 0, 200);
	ledger_store(&scene, bytes, length);
	assert_int_equal(reopen(&scene), 0);
	assert_int_equal(scene.signer->ledger.torn, length - before);
	let_in(&scene, "n1", 100, 51, "100.64.0.1");
	signer_restart(&scene);
	assert_int_equal(scene.signer->active, 1);
	free(bytes);
	scene_end(&scene);
}

/* Who writes a ledger of his own, with a proper chain, still lacks the keys. */
static void a_made_up_ledger_lets_nobody_in(void **state)
{
	struct scene scene = scene_new();
	struct ml_grant grant = grant_of(101, 25);
	struct ml_bytes forged_grant = grant_signed(&grant, KEYS(99, 98));
	struct ml_error error;

	(void)state;
	assert_int_equal(signer_record(scene.signer, LEDGER_GRANT,
				       json_pack("{s:I}", "time", (json_int_t)TRUST_NOW),
				       forged_grant, &error), 0);
	drop(forged_grant);
	signer_close(scene.signer);
	assert_int_equal(reopen(&scene), -EKEYREJECTED);
	assert_non_null(strstr(last_error, "record 5"));
	scene_end(&scene);
}

static void one_signer_one_ledger(void **state)
{
	struct scene scene = scene_new();
	struct scene second = scene;
	struct ml_error error;

	(void)state;
	assert_int_equal(signer_try(&second, false, &error), -EBUSY);
	assert_int_equal(fchmodat(scene.directory, "ledger", 0640, 0), 0);
	signer_close(scene.signer);
	assert_int_equal(reopen(&scene), -EACCES);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_join),
		cmocka_unit_test(used_up_is_used_up),
		cmocka_unit_test(hostile_joins),
		cmocka_unit_test(hostile_grants),
		cmocka_unit_test(hostile_policies),
		cmocka_unit_test(hostile_roots),
		cmocka_unit_test(an_epoch_ends_a_policy),
		cmocka_unit_test(nodes_change_keys),
		cmocka_unit_test(addresses_wait),
		cmocka_unit_test(revoked_is_revoked),
		cmocka_unit_test(clocks),
		cmocka_unit_test(an_expired_root_takes_its_successor_alone),
		cmocka_unit_test(a_restart_remembers_all),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(torn_tails_are_cut),
		cmocka_unit_test(a_made_up_ledger_lets_nobody_in),
		cmocka_unit_test(one_signer_one_ledger),
	};

	return cmocka_run_group_tests_name("signer", tests, trust_setup, trust_teardown);
}
