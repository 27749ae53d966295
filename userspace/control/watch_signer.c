// SPDX-License-Identifier: MIT
/*
 * Asks the signer for the next generation, keeps it and hands it out. When the signer
 * was away, it is told first what it may have missed: each document is judged by it as
 * ever, and what it has already it answers as before.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "distribution.h"
#include "ends.h"
#include "sequence.h"
#include "server.h"
#include "server_private.h"
#include "signer_client.h"
#include "strict.h"
#include "watch_blocks.h"
#include "watch_kept.h"

#define WHAT		"the signer's answer"
#define PATIENCE	60
#define AGAIN		500		/* milliseconds, while the signer is away */

struct watch {
	struct server *server;
	struct store *store;
	struct signer_client *signer;
	uint64_t since;			/* serial of the generation that is held */
	bool whole;			/* all its blocks were seen in the store, by this process */
	int64_t ends;			/* version of the dates that are held */
	int told;			/* why it does not work, as an errno; 0: it does */
	atomic_bool stop;
	pthread_t thread;
	bool running;
};

/* -------------------------------------------------------------- generations */

/* Hashes the leaves that are new; of those that were kept the hash is known. */
static int leaves_hash(struct watch *watch, struct distribution *distribution,
		       const struct fetch *fetch, struct ml_error *error)
{
	for (size_t i = 0; i < distribution->count; i++) {
		struct distribution_node *node = &distribution->nodes[i];
		const struct store_block *block;
		size_t length;
		uint8_t *content;
		int r;

		if (node->kept)
			continue;
		block = fetch_find(fetch, node->leaf);
		if (block->content.data) {
			ml_merkle_leaf(block->content.data, block->content.length, &node->hash);
			continue;
		}
		r = store_block_get(watch->store, node->leaf, &content, &length, error);
		if (r)
			return r;
		ml_merkle_leaf(content, length, &node->hash);
		free(content);
	}
	return 0;
}

static int node_take(const json_t *item, struct distribution_node *ret, struct ml_error *error)
{
	int r = ml_strict_name(item, WHAT, "name", ret->name, error);

	if (!r)
		r = ml_strict_hash(item, WHAT, "image", ret->image, error);
	if (!r)
		r = ml_strict_hash(item, WHAT, "leaf", ret->leaf, error);
	return r ? r : ml_strict_hash(item, WHAT, "rules", ret->rules, error);
}

/* @before: NULL: @answer has all there are. */
static int nodes_take(const struct distribution *before, const json_t *answer,
		      struct distribution **ret, struct ml_error *error)
{
	struct distribution *made;
	json_t *nodes, *gone = NULL, *item;
	size_t i;
	int r = ml_strict_array(answer, WHAT, "nodes", &nodes, error);

	if (!r)
		r = ml_strict_array(answer, WHAT, "gone", &gone, error);
	made = r ? NULL : distribution_new(json_array_size(nodes) + (before ? before->count : 0));
	if (!r && !made)
		r = ml_error_set(error, -ENOMEM, "out of memory");
	for (i = 0; !r && i < json_array_size(nodes); i++) {
		item = json_array_get(nodes, i);
		r = node_take(item, &made->nodes[made->count++], error);
	}
	if (!r && kept_add(made, before, gone))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	if (r)
		distribution_free(made);
	else
		*ret = made;
	return r;
}

static int generation_store(struct watch *watch, const struct distribution *made,
			    const struct store_kept *kept, const struct fetch *fetch,
			    struct ml_error *error)
{
	const struct audit_event event = {
		.type = AUDIT_SIGNER_SIGN, .time = server_microseconds(), .actor = "signer",
		.details = { .epoch = (int64_t)made->statement.epoch,
			     .serial = (int64_t)made->statement.serial,
			     .size = (int64_t)made->count },
	};
	struct store_generation generation = { .epoch = made->statement.epoch,
					       .serial = made->statement.serial,
					       .envelope = made->envelope, .added = time(NULL) };
	struct ml_bytes leaf;
	uint8_t *bytes;
	char *tree;
	int r = audit_leaf(server_audit_form(watch->server), &event, &bytes, &leaf.length, error);

	if (r)
		return r;
	leaf.data = bytes;
	memcpy(generation.root, made->statement.root, sizeof(generation.root));
	tree = distribution_tree_text(made, &generation.tree.length);
	generation.tree.data = (uint8_t *)tree;
	r = tree ? store_generation_publish(watch->store, &generation, kept, fetch->blocks,
					    fetch->count, leaf, error) :
		ml_error_set(error, -ENOMEM, "out of memory");
	free(tree);
	free(bytes);
	return r;
}

static int generation_make(struct watch *watch, struct distribution *made,
			   const struct store_kept *kept, struct ml_bytes envelope,
			   struct ml_error *error)
{
	struct fetch fetch = { .count = 0 };
	struct ml_root root;
	int r = fetch_fill(&fetch, made) ? ml_error_set(error, -ENOMEM, "out of memory") :
		fetch_run(&fetch, watch->store, watch->signer, error);

	if (!r)
		r = leaves_hash(watch, made, &fetch, error);
	if (!r)
		r = server_root(watch->server, &root, error);
	if (!r)
		r = distribution_seal(made, &root, envelope, error);
	if (!r)
		r = generation_store(watch, made, kept, &fetch, error);
	fetch_clean(&fetch);
	/* It is in the store: this process, or another, was killed behind that. */
	return r == -ESTALE && made->tree ? 0 : r;
}

/* Who ends when. ORDER: before the generation without those that have, so that they are told. */
static int ends_fetch(struct watch *watch, struct ml_error *error)
{
	json_t *answer;
	int64_t version;
	int r = signer_client_ask(watch->signer, json_pack("{s:s}", "request", "ends"),
				  (struct ml_bytes){ NULL, 0 }, PATIENCE, &answer, NULL, NULL, error);

	if (r)
		return r;
	r = ml_strict_number(answer, WHAT, "version", 0, INT64_MAX, &version, error);
	if (!r)
		r = ends_take(server_ends(watch->server), json_object_get(answer, "ends"), error);
	if (!r)
		watch->ends = version;
	json_decref(answer);
	return r;
}

static int ends_follow(struct watch *watch, const json_t *answer, struct ml_error *error)
{
	int64_t version;
	int r = ml_strict_number(answer, WHAT, "ends", 0, INT64_MAX, &version, error);

	return r || version == watch->ends ? r : ends_fetch(watch, error);
}

/* Of this thread: microseconds. */
static int64_t cpu(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

/*
 * What is kept is neither asked for nor looked at: once in a process's life, and after whatever
 * went wrong, all blocks are, so that the store gets those again that it has lost.
 */
static void kept_forget(struct distribution *made)
{
	for (size_t i = 0; i < made->count; i++)
		made->nodes[i].kept = false;
}

static int generation_follow(struct watch *watch, const struct distribution *before,
			     const json_t *answer, struct ml_bytes envelope,
			     struct distribution **ret, struct ml_error *error)
{
	struct store_kept kept = { .gone = NULL };
	bool keeps = before && watch->whole;
	int r = nodes_take(before, answer, ret, error);

	if (r)
		return r;
	if (!keeps)
		kept_forget(*ret);
	else if (kept_compare(before, *ret, &kept))
		r = ml_error_set(error, -ENOMEM, "out of memory");
	if (!r)
		r = generation_make(watch, *ret, keeps ? &kept : NULL, envelope, error);
	free(kept.gone);
	watch->whole = !r;
	if (r)
		distribution_free(*ret);
	return r;
}

static void generation_offer(struct watch *watch, struct distribution *made, int64_t cost)
{
	watch->since = made->statement.serial;
	watch->whole = true;
	server_log(LOG_INFO, "generation", "%llu.%llu: %zu nodes, %lld us of CPU",
		   (unsigned long long)made->statement.epoch,
		   (unsigned long long)made->statement.serial, made->count, (long long)cost);
	server_set_distribution(watch->server, made);
}

static int generation_take(struct watch *watch, const json_t *answer, struct ml_bytes envelope,
			   struct ml_error *error)
{
	struct distribution *before = server_get_distribution(watch->server, false), *made;
	bool full = json_is_true(json_object_get(answer, "full"));
	int64_t begun = cpu();
	int r = ends_follow(watch, answer, error);

	if (!r)
		r = generation_follow(watch, full ? NULL : before, answer, envelope, &made, error);
	server_put_distribution(watch->server, before);
	if (!r)
		generation_offer(watch, made, cpu() - begun);
	return r;
}

/* ------------------------------------------------------------------ the signer */

/* A signer that has forgotten what it signed would sign its serials twice. */
static int ledger_judge(struct watch *watch, const json_t *status, struct ml_error *error)
{
	struct store_generation last;
	int64_t epoch, serial;
	int r = store_generation_last(watch->store, &last, error);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = ml_strict_number(status, WHAT, "epoch", 0, INT64_MAX, &epoch, error);
	if (!r)
		r = ml_strict_number(status, WHAT, "serial", 0, INT64_MAX, &serial, error);
	if (!r && ((uint64_t)epoch < last.epoch ||
		   ((uint64_t)epoch == last.epoch && (uint64_t)serial < last.serial)))
		r = ml_error_set(error, -EUCLEAN, "the signer's ledger ends at generation %lld.%lld, and %llu.%llu was handed out: it was put back from an old copy; restore a newer one, or raise the root's epoch (docs/operations.md)",
				 (long long)epoch, (long long)serial,
				 (unsigned long long)last.epoch, (unsigned long long)last.serial);
	store_free(last.memory);
	/* Of a later epoch: its serials are lower, and it has no changes since ours. */
	if (!r && (uint64_t)serial < watch->since)
		watch->since = 0;
	return r;
}

static int greet(struct watch *watch, struct ml_error *error)
{
	const char *key, *waiting;
	json_t *answer;
	int r = admit_again(watch->server, watch->store, watch->signer, error);

	if (!r)
		r = admit_ledger(watch->server, watch->store, watch->signer, error);
	if (!r)
		r = ends_fetch(watch, error);
	if (r)
		return r;
	r = signer_client_ask(watch->signer, json_pack("{s:s}", "request", "status"),
			      (struct ml_bytes){ NULL, 0 }, PATIENCE, &answer, NULL, NULL, error);

	if (r)
		return r;
	r = ml_strict_string(answer, WHAT, "key", &key, error);
	if (!r)
		r = ml_strict_string(answer, WHAT, "waiting", &waiting, error);
	if (!r)
		r = ledger_judge(watch, answer, error);
	if (!r)
		server_set_signer(watch->server, key, waiting);
	json_decref(answer);
	return r;
}

static int follow(struct watch *watch, struct ml_error *error)
{
	json_t *answer, *header = json_pack("{s:s, s:I, s:b}", "request", "generation", "since",
					    (json_int_t)watch->since, "wait", 1);
	struct ml_bytes envelope;
	uint8_t *blob;
	int r = signer_client_ask(watch->signer, header, (struct ml_bytes){ NULL, 0 }, 0, &answer,
				  &blob, &envelope.length, error);

	if (r)
		return r;
	envelope.data = blob;
	r = generation_take(watch, answer, envelope, error);
	json_decref(answer);
	free(blob);
	return r;
}

static void complain(struct watch *watch, int why, const struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_SIGNER_LOST, .actor = "signer",
					   .reason = error->text };

	if (watch->told == why || atomic_load(&watch->stop))
		return;
	watch->told = why;
	server_log(LOG_ERR, "signer", "%s", error->text);
	server_audit(watch->server, watch->store, &event, NULL);
}

static void *watch_main(void *arg)
{
	struct watch *watch = arg;
	struct ml_error error;

	while (!atomic_load(&watch->stop)) {
		int r = greet(watch, &error);

		if (!r && watch->told)
			server_log(LOG_NOTICE, "signer", "is there again");
		if (!r)
			watch->told = 0;
		while (!r && !atomic_load(&watch->stop))
			r = follow(watch, &error);
		server_set_signer(watch->server, NULL, NULL);
		complain(watch, r, &error);
		for (int i = 0; i < AGAIN / 50 && !atomic_load(&watch->stop); i++)
			usleep(50000);
	}
	return NULL;
}

static int held_load(struct watch *watch, struct ml_error *error)
{
	struct distribution *distribution;
	struct store_generation stored;
	struct ml_root root;
	int r = store_generation_last(watch->store, &stored, error);

	if (r)
		return r == -ENOENT ? 0 : r;
	r = server_root(watch->server, &root, error);
	if (!r)
		r = distribution_load(&stored, &root, &distribution, error);
	store_free(stored.memory);
	/* Of an epoch that is over: the signer's next takes its place. */
	if (r == -ESTALE)
		return 0;
	if (r)
		return r;
	watch->since = distribution->statement.serial;
	server_set_distribution(watch->server, distribution);
	return 0;
}

static int watch_open(struct watch *watch, struct ml_error *error)
{
	const struct config *config = server_config(watch->server);
	char target[CONFIG_PATH];
	struct store_config where;
	int r;

	config_store(config, target, &where);
	r = store_open(&where, config->network, &watch->store, error);
	if (!r)
		r = signer_client_new(config->signer_socket, &watch->signer, error);
	if (r)
		return r;
	signer_client_stop_on(watch->signer, &watch->stop);
	r = held_load(watch, error);
	if (r)
		return r;
	r = pthread_create(&watch->thread, NULL, watch_main, watch);
	if (r)
		return ml_error_set(error, -r, "cannot start a thread: %s", strerror(r));
	watch->running = true;
	return 0;
}

int watch_start(struct server *server, struct watch **ret, struct ml_error *error)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return ml_error_set(error, -ENOMEM, "out of memory");
	watch->server = server;
	r = watch_open(watch, error);
	if (r)
		watch_stop(watch);
	else
		*ret = watch;
	return r;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	atomic_store(&watch->stop, true);
	if (watch->running)
		pthread_join(watch->thread, NULL);
	signer_client_free(watch->signer);
	store_close(watch->store);
	free(watch);
}
