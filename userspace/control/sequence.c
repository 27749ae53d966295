// SPDX-License-Identifier: MIT
#include "sequence.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "audit_log.h"
#include "config.h"
#include "cosign.h"
#include "server.h"
#include "server_private.h"
#include "upkeep.h"

#define BATCH	256	/* leaves of one call: bounded memory */
#define LOOK	1000	/* milliseconds: without being woken too */

struct sequence {
	struct server *server;
	struct store *store;
	struct store_watch *watch;
	struct ml_note_key name;
	struct ml_secret_key *key;
	struct audit_log *log;
	struct cosigning *cosigning;
	struct upkeep *upkeep;
	char directory[CONFIG_PATH];
	uint64_t term, sequenced;
	bool office;			/* this process is the one */
	bool stuck;			/* and cannot write */
	atomic_bool stop;
	pthread_t thread;
	bool running;
};

struct batch {
	struct ml_bytes leaves[BATCH];
	size_t count;
};

static int leaf_take(void *arg, uint64_t index, struct ml_bytes leaf)
{
	struct batch *batch = arg;
	uint8_t *copy = malloc(leaf.length);

	(void)index;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, leaf.data, leaf.length);
	batch->leaves[batch->count].data = copy;
	batch->leaves[batch->count++].length = leaf.length;
	return batch->count == BATCH ? 1 : 0;
}

static void batch_clean(struct batch *batch)
{
	while (batch->count)
		free((void *)(uintptr_t)batch->leaves[--batch->count].data);
}

/* 1: there may be more; 0: all is in the log. */
static int batch_write(struct sequence *sequence, struct ml_error *error)
{
	struct batch batch = { .count = 0 };
	uint64_t next;
	int r = store_audit_read(sequence->store, sequence->sequenced, BATCH, leaf_take, &batch,
				 error);

	if (r < 0 || !batch.count) {
		batch_clean(&batch);
		return r < 0 ? r : 0;
	}
	next = sequence->sequenced + batch.count;
	r = audit_sequence(sequence->log, sequence->sequenced, batch.leaves, batch.count, error);
	if (!r)
		r = store_sequencer_advance(sequence->store, sequence->term, next, error);
	for (size_t i = 0; !r && i < batch.count; i++)
		upkeep_written(sequence->upkeep, sequence->sequenced + i, batch.leaves[i]);
	if (!r)
		sequence->sequenced = next;
	r = r ? r : batch.count == BATCH;
	batch_clean(&batch);
	return r;
}

/* Whoever is next can lock the log then. */
static void office_leave(struct sequence *sequence)
{
	audit_log_close(sequence->log);
	sequence->log = NULL;
	sequence->office = false;
}

/* The store has what the log lacks, and the log nothing that the store has not. */
static int office_take(struct sequence *sequence, struct ml_error *error)
{
	const char *directory = sequence->directory;
	int r = store_sequencer_take(sequence->store, &sequence->term, &sequence->sequenced, error);

	if (r)
		return r;
	config_path(server_config(sequence->server), "audit", sequence->directory);
	r = audit_log_open(directory, &sequence->name, sequence->key, &sequence->log, NULL, error);
	if (r)
		return r;
	if (audit_log_remark(sequence->log)[0])
		server_log(LOG_WARNING, "audit", "%s", audit_log_remark(sequence->log));
	sequence->office = true;
	if (audit_log_size(sequence->log) >= sequence->sequenced)
		return 0;
	r = ml_error_set(error, -EUCLEAN, "the audit log in %s has %llu entries, and the store says that %llu were written: restore it",
			 directory, (unsigned long long)audit_log_size(sequence->log),
			 (unsigned long long)sequence->sequenced);
	office_leave(sequence);
	return r;
}

/* An office that went with the connection to the database may be another's by now. */
static int look(struct sequence *sequence, struct ml_error *error)
{
	int r = sequence->office ? store_sequencer_hold(sequence->store, sequence->term, error) : 0;

	if (r == -ESTALE) {
		server_log(LOG_NOTICE, "audit", "another process writes the audit log from now on");
		office_leave(sequence);
	} else if (r) {
		return r;
	}
	r = sequence->office ? 0 : office_take(sequence, error);
	if (r == -EALREADY)
		return 0;	/* another process writes */
	while (!r && (r = batch_write(sequence, error)) == 1)
		r = 0;
	if (r == -ESTALE)
		office_leave(sequence);
	return r;
}

/* Told once, and once when it is over. */
static void stuck_set(struct sequence *sequence, int r, const struct ml_error *error)
{
	if (r && !sequence->stuck)
		server_log(LOG_CRIT, "audit", "the audit log cannot be written, so nothing is done any more: %s",
			   error->text);
	else if (!r && sequence->stuck)
		server_log(LOG_NOTICE, "audit", "the audit log is written again");
	sequence->stuck = r != 0;
	server_set_stuck(sequence->server, r ? error->text : NULL);
}

static int watch_open(struct sequence *sequence, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;

	config_store(server_config(sequence->server), target, &where);
	return store_watch_open(&where, &sequence->watch, error);
}

/* A watch that fails has lost its connection: there will be another, at some time. */
static void watch_wait(struct sequence *sequence)
{
	struct pollfd at = { .fd = -1, .events = POLLIN };
	bool changed;

	if (sequence->watch)
		at.fd = store_watch_fd(sequence->watch);
	poll(&at, 1, LOOK);
	if (sequence->watch && !store_watch_read(sequence->watch, &changed, NULL))
		return;
	store_watch_close(sequence->watch);
	sequence->watch = NULL;
	watch_open(sequence, NULL);
}

static void *sequence_main(void *arg)
{
	struct sequence *sequence = arg;
	struct ml_error error;

	while (!atomic_load(&sequence->stop)) {
		error.text[0] = '\0';
		stuck_set(sequence, look(sequence, &error), &error);
		server_tick(sequence->server, sequence->store);
		if (sequence->office && !sequence->stuck) {
			cosigning_tick(sequence->cosigning, sequence->log, sequence->directory);
			upkeep_tick(sequence->upkeep, sequence->log, sequence->directory);
		}
		watch_wait(sequence);
	}
	error.text[0] = '\0';
	stuck_set(sequence, look(sequence, &error), &error);
	return NULL;
}

static int key_read(struct sequence *sequence, struct ml_error *error)
{
	const struct config *config = server_config(sequence->server);
	char path[CONFIG_PATH];
	struct ml_public_key public;
	int r;

	config_path(config, "audit.key", path);
	r = ml_secret_key_read(path, NULL, &sequence->key, error);
	if (r)
		return r;
	ml_secret_key_public(sequence->key, &public);
	return config_audit_key(config, &public, &sequence->name, error);
}

static int sequence_open(struct sequence *sequence, struct ml_error *error)
{
	const struct config *config = server_config(sequence->server);
	char target[CONFIG_PATH];
	struct store_config where;
	int r = key_read(sequence, error);

	config_store(config, target, &where);
	if (!r)
		r = store_open(&where, config->network, &sequence->store, error);
	if (!r)
		r = watch_open(sequence, error);
	if (!r)
		r = cosigning_new(sequence->server, &sequence->name, &sequence->cosigning, error);
	if (!r)
		r = upkeep_new(sequence->server, sequence->store, &sequence->upkeep, error);
	if (r)
		return r;
	r = look(sequence, error);
	if (r)
		return r;
	r = pthread_create(&sequence->thread, NULL, sequence_main, sequence);
	if (r)
		return ml_error_set(error, -r, "cannot start a thread: %s", strerror(r));
	sequence->running = true;
	return 0;
}

int sequence_start(struct server *server, struct sequence **ret, struct ml_error *error)
{
	struct sequence *sequence = calloc(1, sizeof(*sequence));
	int r;

	if (!sequence)
		return ml_error_set(error, -ENOMEM, "out of memory");
	sequence->server = server;
	r = sequence_open(sequence, error);
	if (r)
		sequence_stop(sequence);
	else
		*ret = sequence;
	return r;
}

void sequence_stop(struct sequence *sequence)
{
	if (!sequence)
		return;
	atomic_store(&sequence->stop, true);
	if (sequence->running)
		pthread_join(sequence->thread, NULL);
	upkeep_free(sequence->upkeep);
	cosigning_free(sequence->cosigning);
	audit_log_close(sequence->log);
	store_watch_close(sequence->watch);
	store_close(sequence->store);
	ml_secret_key_free(sequence->key);
	free(sequence);
}
