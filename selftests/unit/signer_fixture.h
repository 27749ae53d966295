/* SPDX-License-Identifier: MIT */
/*
 * A signer in a directory of its own, whose clocks a test sets, and what the keys of
 * trust_fixture.h sign for it. It is in memory: a disk would be asked to sync hundreds of times. One-time keys are numbers from 100.
 */
#ifndef SIGNER_FIXTURE_H
#define SIGNER_FIXTURE_H

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "join.h"
#include "rotation.h"
#include "../../userspace/signer/signer.h"
#include "trust_fixture.h"

static int64_t clock_now = TRUST_NOW, clock_boot = 1000;

/* The program's own: whatever in it asks for the time is told the test's. */
int clock_gettime(clockid_t id, struct timespec *ret)
{
	*ret = (struct timespec){ .tv_sec = id == CLOCK_REALTIME ? clock_now : clock_boot };
	return 0;
}

struct scene {
	char path[64];
	int directory;
	struct signer *signer;
	struct ml_root root;
	uint64_t policy_version;
};

static const char plain_policy[] =
	"{\"network\": {\"ipv4\": \"100.64.0.0/24\", \"ipv6\": \"fd00:1::/64\"},\n"
	" \"tagOwners\": {\"tag:web\": []}, \"hosts\": {\"nas\": \"192.0.2.1\"},\n"
	" \"nodes\": {\"gate\": {\"addresses\": [\"100.64.0.2\"], \"publicKey\": \"CQ"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}},\n"
	" \"grants\": [{\"src\": [\"*\"], \"dst\": [\"tag:web\"], \"ip\": [\"tcp:443\"]}]}\n";

static inline int signer_try(struct scene *scene, bool begin, struct ml_error *error)
{
	uint8_t digest[32];
	struct ml_bytes first;
	struct ml_root root = root_of(1), read;

	first = root_signed(&root, KEYS(1, 2));
	fixture_need(ml_root_peek(first, &read, NULL), "root");
	memcpy(digest, read.digest, sizeof(digest));
	drop(first);
	return signer_open(scene->directory, begin ? TRUST_NETWORK : NULL, digest, fixture_key(31),
			   &scene->signer, error);
}

static inline void signer_start(struct scene *scene, bool begin)
{
	struct ml_error error = { .text = "" };

	if (signer_try(scene, begin, &error)) {
		fprintf(stderr, "fixture: signer: %s\n", error.text);
		abort();
	}
}

static inline void signer_restart(struct scene *scene)
{
	signer_close(scene->signer);
	signer_start(scene, false);
}

/* ------------------------------------------------------------- documents */

typedef int accept_function(struct signer *signer, struct ml_bytes envelope, json_t **ret,
			    struct ml_error *error);

static char last_error[512];

/* Brings @envelope, and drops it; the answer goes to @ret where that is wanted. */
static inline int bring(struct scene *scene, accept_function *accept, struct ml_bytes envelope,
			json_t **ret)
{
	struct ml_error error = { .text = "" };
	json_t *answer = NULL;
	int r = accept(scene->signer, envelope, &answer, &error);

	snprintf(last_error, sizeof(last_error), "%s", error.text);
	if (ret)
		*ret = answer;
	else
		json_decref(answer);
	drop(envelope);
	return r;
}

static inline struct ml_bytes policy_signed(uint64_t epoch, uint64_t version, const char *source,
					    const uint8_t *numbers)
{
	struct ml_policy_document document = {
		.network = TRUST_NETWORK, .epoch = epoch, .version = version,
		.source = (char *)source, .source_length = strlen(source),
	};
	const struct ml_secret_key *keys[4];
	struct ml_bytes made;
	uint8_t *data = NULL;
	size_t count;

	for (count = 0; numbers[count]; count++)
		keys[count] = key_of(numbers[count]);
	fixture_need(ml_policy_document_sign(&document, keys, count, &data, &made.length, NULL),
		     "policy");
	made.data = data;
	return made;
}

static inline struct ml_grant grant_of(uint8_t one_time, unsigned int uses)
{
	struct ml_grant grant = {
		.network = TRUST_NETWORK, .key = public_of(one_time), .uses = uses,
		.created = TRUST_NOW, .expires = TRUST_NOW + FIXTURE_DAY,
		.tags = { "tag:web" }, .tag_count = 1,
	};

	ml_public_key_id(&grant.key, grant.id);
	return grant;
}

static inline struct ml_bytes grant_signed(const struct ml_grant *grant, const uint8_t *numbers)
{
	const struct ml_secret_key *keys[4];
	struct ml_bytes made;
	uint8_t *data = NULL;
	size_t count;

	for (count = 0; numbers[count]; count++)
		keys[count] = key_of(numbers[count]);
	fixture_need(ml_grant_sign(grant, keys, count, &data, &made.length, NULL), "grant");
	made.data = data;
	return made;
}

/* What a node joins with: identity and WireGuard key come from one number. */
struct joining {
	const char *network, *name;
	uint8_t one_time, identity, signer;
	bool other_wireguard;		/* the key named is not the one of the proof */
};

static inline struct ml_bytes join_signed(const struct joining *by)
{
	struct ml_challenge challenge = { .time = TRUST_NOW, .signer = public_of(by->signer) };
	uint8_t wireguard[32], tls[32] = { 7 };
	const struct ml_join_input input = {
		.challenge = &challenge, .grant = key_of(by->one_time),
		.identity = key_of(by->identity), .wireguard = wireguard, .name = by->name,
		.tls_key = tls, .time = TRUST_NOW,
	};
	struct ml_bytes made;
	uint8_t *data = NULL;

	memset(wireguard, by->identity, sizeof(wireguard));
	snprintf(challenge.network, sizeof(challenge.network), "%s", by->network);
	randombytes_buf(challenge.nonce, sizeof(challenge.nonce));
	fixture_need(ml_join_make(&input, &data, &made.length, NULL), "join");
	made.data = data;
	return made;
}

static inline struct ml_bytes join_of(const char *name, uint8_t one_time, uint8_t identity)
{
	const struct joining by = { TRUST_NETWORK, name, one_time, identity, 31, false };

	return join_signed(&by);
}

/* ------------------------------------------------------------------ scene */

/* Root, policy, and a grant of one-time key 100 for three nodes. */
static inline void scene_furnish(struct scene *scene)
{
	struct ml_grant grant = grant_of(100, 3);

	scene->root = root_of(1);
	fixture_need(bring(scene, accept_root, root_signed(&scene->root, KEYS(1, 2)), NULL), "root");
	fixture_need(bring(scene, accept_policy, policy_signed(4, 1, plain_policy, KEYS(21)), NULL),
		     "policy");
	fixture_need(bring(scene, accept_grant, grant_signed(&grant, KEYS(11, 12)), NULL), "grant");
}

static inline struct scene scene_empty(void)
{
	struct scene scene = { .path = "/dev/shm/signer.XXXXXX" };

	clock_now = TRUST_NOW;
	clock_boot = 1000;
	if (!mkdtemp(scene.path))
		abort();
	scene.directory = open(scene.path, O_RDONLY | O_DIRECTORY);
	signer_start(&scene, true);
	return scene;
}

static inline struct scene scene_new(void)
{
	struct scene scene = scene_empty();

	scene_furnish(&scene);
	return scene;
}

static inline void scene_end(struct scene *scene)
{
	if (scene->signer)
		signer_close(scene->signer);
	unlinkat(scene->directory, "ledger", 0);
	close(scene->directory);
	rmdir(scene->path);
}

#endif
