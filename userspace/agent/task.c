// SPDX-License-Identifier: MIT
#include "sync.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

#define TASKS_MAX 64

static void start_first(struct sync *sync);

static void end_first(struct sync *sync, const struct message_result *result)
{
	struct task *task = sync->first;

	sync->first = task->next;
	if (!sync->first)
		sync->last = NULL;
	task->done(task, result);
	if (task->fd >= 0)
		close(task->fd);
	free(task);
}

/* The first of the two verifications: what fails here never reaches privilege. */
static int verify(struct sync *sync, int fd, struct ml_error *error)
{
	struct ml_bundle bundle;
	struct ml_bytes file;
	int code = ml_sealed_map(fd, &file, error);

	if (code)
		return code;
	code = ml_bundle_verify(file, &sync->agent->trust, &bundle, error);
	munmap((void *)file.data, file.length);
	return code;
}

/* Refused here: apply does not know of it, so only the sentence is told. */
static void refuse_first(struct sync *sync, int code, const struct ml_error *error)
{
	struct message_result result;
	struct message_log fields = { .code = code };

	memset(&result, 0, sizeof(result));
	result.code = code;
	memcpy(result.sentence, error->text, sizeof(result.sentence) - 1);
	log_fields(LOG_WARNING, &fields, "refused", "a bundle was refused: %s", error->text);
	end_first(sync, &result);
}

static void start_first(struct sync *sync)
{
	struct ml_error error = { .code = 0 };
	struct task *task;
	int code;

	/* One that was added while another ended has been started by then. */
	if (sync->first && sync->first->id)
		return;
	while ((task = sync->first)) {
		code = task->type == MESSAGE_OFFER ? verify(sync, task->fd, &error) : 0;
		if (!code)
			break;
		refuse_first(sync, code, &error);
	}
	if (!task)
		return;
	task->id = ++sync->next_id;
	code = message_send(sync->agent->apply_sync[1], task->type, task->id, &task->signing,
			    task->fd);
	if (code)
		die("apply does not listen: %s", strerror(-code));
}

static size_t waiting(const struct sync *sync)
{
	const struct task *task;
	size_t count = 0;

	for (task = sync->first; task; task = task->next)
		count++;
	return count;
}

/* What is refused at once is told from the event loop, not before this returns. */
static void start_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	start_first(arg);
}

struct task *task_add(struct sync *sync, enum message_type type, int fd, task_done done,
		      void *owner)
{
	const struct timeval now = { 0, 0 };
	struct task *task = waiting(sync) < TASKS_MAX ? calloc(1, sizeof(*task)) : NULL;

	if (!task) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	task->type = type;
	task->fd = fd;
	task->done = done;
	task->owner = owner;
	if (sync->last) {
		sync->last->next = task;
	} else {
		sync->first = task;
		event_base_once(sync->base, -1, EV_TIMEOUT, start_later, sync, &now);
	}
	sync->last = task;
	return task;
}

void task_finish(struct sync *sync, const struct message *message)
{
	if (!sync->first || message->id != sync->first->id)
		die("apply answered what nobody asked");
	end_first(sync, &message->content.result);
	start_first(sync);
}
