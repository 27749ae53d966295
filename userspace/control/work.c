// SPDX-License-Identifier: MIT
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "config.h"
#include "server.h"
#include "signer_client.h"

STAILQ_HEAD(jobs, job);

struct work {
	struct server *server;
	void (*poked)(void *server);
	int wake;			/* eventfd: the loop has something to look at */
	struct event *event;

	pthread_mutex_t lock;		/* guards the fields up to @count */
	pthread_cond_t more;
	struct jobs waiting, done;
	size_t waiting_count;
	bool stopping;

	struct worker workers[WORK_THREADS];
	pthread_t threads[WORK_THREADS];
	size_t count;			/* of threads that run */
};

void work_poke(struct work *work)
{
	const uint64_t one = 1;
	ssize_t done = write(work->wake, &one, sizeof(one));

	(void)done;	/* full: the loop is going to look anyway */
}

static struct job *job_take(struct work *work)
{
	struct job *job = NULL;

	pthread_mutex_lock(&work->lock);
	while (STAILQ_EMPTY(&work->waiting) && !work->stopping)
		pthread_cond_wait(&work->more, &work->lock);
	if (!work->stopping) {
		job = STAILQ_FIRST(&work->waiting);
		STAILQ_REMOVE_HEAD(&work->waiting, next);
		work->waiting_count--;
	}
	pthread_mutex_unlock(&work->lock);
	return job;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct work *work = server_work(worker->server);
	struct job *job;

	while ((job = job_take(work))) {
		job->run(job, worker);
		pthread_mutex_lock(&work->lock);
		STAILQ_INSERT_TAIL(&work->done, job, next);
		pthread_mutex_unlock(&work->lock);
		work_poke(work);
	}
	return NULL;
}

/* In the loop. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;
	struct jobs done = STAILQ_HEAD_INITIALIZER(done);
	uint64_t count;
	struct job *job;
	ssize_t length = read(fd, &count, sizeof(count));

	(void)length;
	(void)what;
	pthread_mutex_lock(&work->lock);
	STAILQ_CONCAT(&done, &work->done);
	pthread_mutex_unlock(&work->lock);
	while ((job = STAILQ_FIRST(&done))) {
		STAILQ_REMOVE_HEAD(&done, next);
		job->done(job);
	}
	work->poked(work->server);
}

bool work_submit(struct work *work, struct job *job, bool always)
{
	bool room;

	pthread_mutex_lock(&work->lock);
	room = always || work->waiting_count < WORK_QUEUE;
	if (room) {
		STAILQ_INSERT_TAIL(&work->waiting, job, next);
		work->waiting_count++;
		pthread_cond_signal(&work->more);
	}
	pthread_mutex_unlock(&work->lock);
	return room;
}

static int workers_open(struct work *work, struct ml_error *error)
{
	const struct config *config = server_config(work->server);
	char target[CONFIG_PATH];
	struct store_config where;
	int r = 0;

	config_store(config, target, &where);
	for (size_t i = 0; i < WORK_THREADS && !r; i++) {
		struct worker *worker = &work->workers[i];

		worker->server = work->server;
		r = store_open(&where, config->network, &worker->store, error);
		if (!r)
			r = signer_client_new(config->signer_socket, &worker->signer, error);
	}
	return r;
}

int work_new(struct server *server, struct event_base *base, void (*poked)(void *server),
	     struct work **ret, struct ml_error *error)
{
	struct work *work = calloc(1, sizeof(*work));
	int r;

	if (!work)
		return ml_error_set(error, -ENOMEM, "out of memory");
	work->server = server;
	work->poked = poked;
	STAILQ_INIT(&work->waiting);
	STAILQ_INIT(&work->done);
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->more, NULL);
	work->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work->wake >= 0)
		work->event = event_new(base, work->wake, EV_READ | EV_PERSIST, on_wake, work);
	if (!work->event || event_add(work->event, NULL))
		r = ml_error_set(error, -ENOMEM, "no memory or descriptor to be woken by");
	else
		r = workers_open(work, error);
	if (r)
		work_free(work);
	else
		*ret = work;
	return r;
}

int work_start(struct work *work, struct ml_error *error)
{
	for (; work->count < WORK_THREADS; work->count++) {
		int r = pthread_create(&work->threads[work->count], NULL, worker_main,
				       &work->workers[work->count]);

		if (r)
			return ml_error_set(error, -r, "cannot start a thread: %s", strerror(r));
	}
	return 0;
}

void work_free(struct work *work)
{
	struct job *job;

	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->stopping = true;
	pthread_cond_broadcast(&work->more);
	pthread_mutex_unlock(&work->lock);
	while (work->count)
		pthread_join(work->threads[--work->count], NULL);
	STAILQ_CONCAT(&work->done, &work->waiting);
	while ((job = STAILQ_FIRST(&work->done))) {
		STAILQ_REMOVE_HEAD(&work->done, next);
		job->done(job);
	}
	for (size_t i = 0; i < WORK_THREADS; i++) {
		signer_client_free(work->workers[i].signer);
		store_close(work->workers[i].store);
	}
	if (work->event)
		event_free(work->event);
	if (work->wake >= 0)
		close(work->wake);
	pthread_cond_destroy(&work->more);
	pthread_mutex_destroy(&work->lock);
	free(work);
}
