// SPDX-License-Identifier: MIT
/*
 * Nodes whose membership ends: when the signer leaves them out, what they keep, who can
 * have them stay longer, and that a server that says what it likes cannot.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extension.h"
#include "prefix.h"
#include "signer_fixture.h"

#define LIFETIME	(10 * FIXTURE_DAY)

static void refused(int got, int want, const char *sentence)
{
	if (got != want || !strstr(last_error, sentence))
		fail_msg("got %d, wanted %d and \"%s\": %s", got, want, sentence, last_error);
}

static bool is_in(struct scene *scene, const char *name)
{
	struct ml_error error;

	if (issue(scene->signer, &error))
		fail_msg("%s", error.text);
	return ml_generation_find(scene->signer->generation, name) != SIZE_MAX;
}

/* A grant of one-time key 101 whose nodes may stay for ten days; n1 is in by it. */
static struct scene scene_ending(void)
{
	struct scene scene = scene_new();
	struct ml_grant grant = grant_of(101, 3);

	grant.lifetime = LIFETIME;
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), 0);
	assert_int_equal(bring(&scene, accept_join, join_of("n1", 101, 51), NULL), 0);
	return scene;
}

static struct ml_extension extension_of(uint8_t one_time, int64_t time, int64_t expires)
{
	struct ml_extension extension = { .network = TRUST_NETWORK, .node = "n1", .time = time,
					  .expires = expires };
	const struct ml_public_key key = public_of(one_time);

	ml_public_key_id(&key, extension.grant);
	return extension;
}

static struct ml_bytes extension_signed(const struct ml_extension *extension,
					const uint8_t *numbers)
{
	const struct ml_secret_key *keys[4];
	struct ml_bytes made;
	uint8_t *data = NULL;
	size_t count;

	for (count = 0; numbers[count]; count++)
		keys[count] = key_of(numbers[count]);
	fixture_need(ml_extension_sign(extension, keys, count, &data, &made.length, NULL),
		     "extension");
	made.data = data;
	return made;
}

static int extend(struct scene *scene, int64_t time, int64_t expires)
{
	const struct ml_extension extension = extension_of(101, time, expires);

	return bring(scene, accept_extension, extension_signed(&extension, KEYS(11, 12)), NULL);
}

/* ------------------------------------------------------------------- the end */

static void it_ends_at_its_second(void **state)
{
	struct scene scene = scene_ending();

	(void)state;
	assert_int_equal(bring(&scene, accept_join, join_of("stays", 100, 52), NULL), 0);
	assert_int_equal(ends_next(scene.signer), TRUST_NOW + LIFETIME);
	clock_now += LIFETIME - 1;
	assert_true(is_in(&scene, "n1"));
	clock_now += 1;
	assert_false(is_in(&scene, "n1"));
	assert_true(is_in(&scene, "stays"));
	assert_int_equal(ends_next(scene.signer), 0);
	assert_int_equal(ends_count(scene.signer, clock_now), 1);
	scene_end(&scene);
}

static void no_clock_brings_it_back(void **state)
{
	struct scene scene = scene_ending();

	(void)state;
	clock_now += LIFETIME;
	assert_false(is_in(&scene, "n1"));
	clock_now = TRUST_NOW;
	assert_false(is_in(&scene, "n1"));
	signer_restart(&scene);
	assert_false(scene.signer->changed);
	clock_now = 0;
	assert_false(is_in(&scene, "n1"));
	scene_end(&scene);
}

/* The clock that may not be set is enough. */
static void it_ends_while_the_clock_stands(void **state)
{
	struct scene scene = scene_ending();

	(void)state;
	assert_true(is_in(&scene, "n1"));
	clock_boot += LIFETIME;
	assert_false(is_in(&scene, "n1"));
	scene_end(&scene);
}

/* It ended while the signer was away: what is remade is another generation. */
static void a_restart_notices(void **state)
{
	struct scene scene = scene_ending();

	(void)state;
	assert_true(is_in(&scene, "n1"));
	clock_now += LIFETIME;
	signer_restart(&scene);
	assert_true(scene.signer->changed);
	assert_false(is_in(&scene, "n1"));
	scene_end(&scene);
}

static void what_it_had_stays_its_own(void **state)
{
	struct scene scene = scene_ending();
	struct ml_grant many = grant_of(102, 9);

	(void)state;
	many.expires += 9 * LIFETIME;
	assert_int_equal(bring(&scene, accept_grant, grant_signed(&many, KEYS(11, 12)), NULL), 0);
	clock_now += LIFETIME + SIGNER_LIFETIME;
	assert_false(is_in(&scene, "n1"));
	refused(bring(&scene, accept_join, join_of("n1", 102, 53), NULL), -EEXIST, "renewed");
	refused(bring(&scene, accept_join, join_of("n2", 102, 51), NULL), -EEXIST, "identity key");
	assert_int_equal(bring(&scene, accept_join, join_of("n3", 102, 54), NULL), 0);
	assert_int_not_equal(ml_prefix_compare(&scene.signer->nodes[1].addresses[0],
					       &scene.signer->nodes[0].addresses[0]), 0);
	scene_end(&scene);
}

static void revoked_is_more_than_ended(void **state)
{
	struct scene scene = scene_ending();
	struct ml_error error;
	json_t *answer;

	(void)state;
	clock_now += LIFETIME;
	assert_int_equal(accept_revoke(scene.signer, "n1", NULL, &answer, &error), 0);
	json_decref(answer);
	refused(extend(&scene, clock_now, 0), -ENOENT, "no node \"n1\"");
	assert_int_equal(ends_count(scene.signer, clock_now), 0);
	scene_end(&scene);
}

/* --------------------------------------------------------------- extensions */

static void it_is_extended(void **state)
{
	struct scene scene = scene_ending();
	struct ml_prefix address = scene.signer->nodes[0].addresses[0];

	(void)state;
	assert_int_equal(extend(&scene, TRUST_NOW, TRUST_NOW + 2 * LIFETIME), 0);
	clock_now += LIFETIME;
	assert_true(is_in(&scene, "n1"));
	clock_now += LIFETIME;
	assert_false(is_in(&scene, "n1"));
	assert_int_equal(extend(&scene, clock_now, clock_now + LIFETIME), 0);	/* behind its end */
	assert_true(is_in(&scene, "n1"));
	assert_memory_equal(&scene.signer->nodes[0].addresses[0], &address, sizeof(address));
	signer_restart(&scene);
	assert_int_equal(scene.signer->nodes[0].ends, clock_now + LIFETIME);
	assert_int_equal(extend(&scene, clock_now + 1, 0), 0);			/* for good */
	clock_now += 20 * LIFETIME;
	assert_true(is_in(&scene, "n1"));
	scene_end(&scene);
}

static void an_extension_can_be_an_end(void **state)
{
	struct scene scene = scene_ending();

	(void)state;
	assert_int_equal(extend(&scene, TRUST_NOW, TRUST_NOW + 60), 0);
	clock_now += 60;
	assert_false(is_in(&scene, "n1"));
	scene_end(&scene);
}

/* What a server could try that has old extensions, and no key. */
static void hostile_extensions(void **state)
{
	struct scene scene = scene_ending();
	struct ml_extension good = extension_of(101, TRUST_NOW, TRUST_NOW + 5 * LIFETIME), bad;
	struct ml_grant grant = grant_of(101, 3);
	uint64_t records;

	(void)state;
	records = scene.signer->ledger.records;
	refused(bring(&scene, accept_extension, extension_signed(&good, KEYS(31)), NULL),
		-EKEYREJECTED, "membership");
	refused(bring(&scene, accept_extension, extension_signed(&good, KEYS(11)), NULL),
		-EKEYREJECTED, "membership");
	grant.lifetime = 5 * LIFETIME;
	refused(bring(&scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), -EEXIST,
		"another grant");
	bad = extension_of(100, TRUST_NOW, TRUST_NOW + LIFETIME);	/* of a node that was n1 before */
	refused(bring(&scene, accept_extension, extension_signed(&bad, KEYS(11, 12)), NULL),
		-ENOENT, "has left");
	snprintf(bad.network, sizeof(bad.network), "other");
	refused(bring(&scene, accept_extension, extension_signed(&bad, KEYS(11, 12)), NULL),
		-EXDEV, "other");
	assert_int_equal(scene.signer->ledger.records, records);
	assert_int_equal(extend(&scene, TRUST_NOW + 1, TRUST_NOW + 60), 0);
	records = scene.signer->ledger.records;
	refused(bring(&scene, accept_extension, extension_signed(&good, KEYS(11, 12)), NULL),
		-ESTALE, "signed later");
	assert_int_equal(extend(&scene, TRUST_NOW + 1, TRUST_NOW + 60), 0);	/* the same again */
	clock_now += LIFETIME;
	refused(extend(&scene, TRUST_NOW + 2, TRUST_NOW + 90), -ETIME, "over already");
	assert_int_equal(scene.signer->ledger.records, records);
	assert_false(is_in(&scene, "n1"));
	scene_end(&scene);
}

/* A grant says it or not: both are the one text for what they say. */
static void the_lifetime_is_signed(void **state)
{
	struct ml_grant grant = grant_of(101, 3), read;
	struct ml_bytes envelope = grant_signed(&grant, KEYS(11));
	uint8_t *data;
	size_t length;

	(void)state;
	assert_int_equal(ml_grant_peek(envelope, &read, NULL), 0);
	assert_int_equal(read.lifetime, 0);
	drop(envelope);
	grant.lifetime = ML_LIFETIME_OF_NODE_MAX;
	envelope = grant_signed(&grant, KEYS(11));
	assert_int_equal(ml_grant_peek(envelope, &read, NULL), 0);
	assert_int_equal(read.lifetime, ML_LIFETIME_OF_NODE_MAX);
	drop(envelope);
	grant.lifetime = ML_LIFETIME_OF_NODE_MIN - 1;
	assert_int_equal(ml_grant_sign(&grant, NULL, 0, &data, &length, NULL), -EINVAL);
	grant.lifetime = ML_LIFETIME_OF_NODE_MAX + 1;
	assert_int_equal(ml_grant_sign(&grant, NULL, 0, &data, &length, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_at_its_second),
		cmocka_unit_test(no_clock_brings_it_back),
		cmocka_unit_test(it_ends_while_the_clock_stands),
		cmocka_unit_test(a_restart_notices),
		cmocka_unit_test(what_it_had_stays_its_own),
		cmocka_unit_test(revoked_is_more_than_ended),
		cmocka_unit_test(it_is_extended),
		cmocka_unit_test(an_extension_can_be_an_end),
		cmocka_unit_test(hostile_extensions),
		cmocka_unit_test(the_lifetime_is_signed),
	};

	return cmocka_run_group_tests_name("signer ends", tests, trust_setup, trust_teardown);
}
