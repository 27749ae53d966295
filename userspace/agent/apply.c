// SPDX-License-Identifier: MIT
/* The privileged process: what it is asked, and when it acts on its own. */
#include "apply.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "log.h"
#include "privilege.h"
#include "store.h"
#include "tunnel.h"

#define HEALTH_SECONDS 60

static struct apply self;
static int due_timer, health_timer;

/* ------------------------------------------------------------------- timers */

static void make_timers(void)
{
	struct itimerspec often = {
		.it_interval.tv_sec = HEALTH_SECONDS, .it_value.tv_sec = HEALTH_SECONDS,
	};

	due_timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	health_timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (due_timer < 0 || health_timer < 0 ||
	    timerfd_settime(health_timer, 0, &often, NULL))
		die("cannot make timers: %s", strerror(errno));
}

/*
 * Also when somebody sets the clock: then it may be due already. A clock that was
 * set after the timer had run out, and before it is set again, is told only here.
 */
static void do_due(void)
{
	struct itimerspec when = { .it_value.tv_sec = 0 };
	int code;

	do {
		when.it_value.tv_sec = accept_due(&self);
		code = timerfd_settime(due_timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
				       &when, NULL);
	} while (code && errno == ECANCELED);
	if (code)
		die("cannot set a timer: %s", strerror(errno));
	report_status(&self);
}

static void take_timer(int timer)
{
	uint64_t count;

	if (read(timer, &count, sizeof(count)) < 0 && errno == EAGAIN)
		return;
	if (timer == due_timer) {
		do_due();
		return;
	}
	tunnel_tend();
	report_health(&self);
}

/* -------------------------------------------------------------------- sync */

static int do_offer(int fd, int (*take)(struct apply *apply, struct ml_bytes bytes,
					struct ml_error *error), struct ml_error *error)
{
	struct ml_bytes file;
	int code = ml_sealed_map(fd, &file, error);

	if (!code) {
		code = take(&self, file, error);
		munmap((void *)file.data, file.length);
	}
	close(fd);
	return code;
}

static void answer(uint32_t id, int code, const struct ml_error *error,
		   struct message_result *result)
{
	result->code = code;
	if (code)
		memcpy(result->sentence, error->text, sizeof(result->sentence) - 1);
	report_fill(&self, result);
	message_send(self.agent->apply_sync[0], MESSAGE_RESULT, id, result, -1);
}

static void take_request(const struct message *message)
{
	struct message_result result = { .code = 0 };
	struct ml_error error = { .code = 0 };
	int code = 0;

	switch (message->type) {
	case MESSAGE_ROOTS:
		code = do_offer(message->fd, enrolled_roots, &error);
		break;
	case MESSAGE_ENDPOINTS:
		code = do_offer(message->fd, tunnel_endpoints, &error);
		break;
	case MESSAGE_SIGN:
		code = enrolled_sign(&self, &message->content.signing, result.signature,
				     &error);
		break;
	case MESSAGE_OFFER:
		code = do_offer(message->fd, accept_offer, &error);
		if (!code || code == -EAGAIN)
			do_due();
		break;
	case MESSAGE_REARMED:
		code = arming_learn(&self, &error);
		break;
	case MESSAGE_QUERY:
		break;
	default:
		die("sync sent a message of type %u", message->type);
	}
	answer(message->id, code, &error, &result);
}

/* -------------------------------------------------------------- supervisor */

static void take_order(const struct message *message)
{
	switch (message->type) {
	case MESSAGE_PING:
		message_send(self.agent->supervisor[1], MESSAGE_PONG, 0, NULL, -1);
		break;
	case MESSAGE_TRUST:
		self.agent->trust = message->content.trust;
		break;
	default:
		die("the supervisor sent a message of type %u", message->type);
	}
}

/* --------------------------------------------------------------------- life */

/* 0: the other side is gone, and this process has nothing left to do. */
static int listen_to(int socket, void (*take)(const struct message *message))
{
	struct message message;
	int code = message_receive(socket, &message);

	if (code == 1)
		take(&message);
	else if (code)
		die("a message that is none: %s", strerror(-code));
	return code;
}

static int serve(void)
{
	struct pollfd polled[] = {
		{ .fd = self.agent->supervisor[1], .events = POLLIN },
		{ .fd = self.agent->apply_sync[0], .events = POLLIN },
		{ .fd = due_timer, .events = POLLIN },
		{ .fd = health_timer, .events = POLLIN },
		{ .fd = tunnel_timer(), .events = POLLIN },
	};

	if (poll(polled, 5, -1) < 0)
		return errno == EINTR;
	if (polled[0].revents && !listen_to(polled[0].fd, take_order))
		return 0;
	if (polled[1].revents && !listen_to(polled[1].fd, take_request))
		return 0;
	if (polled[2].revents)
		take_timer(due_timer);
	if (polled[3].revents)
		take_timer(health_timer);
	if (polled[4].revents) {
		tunnel_tend();
		report_status(&self);
	}
	return 1;
}

static void start(struct agent *agent)
{
	struct ml_error error;

	self.agent = agent;
	make_timers();
	tunnel_open(agent);
	privilege_enclose(agent->state_dir);
	privilege_drop(0, 0, 1ull << CAP_NET_ADMIN);
	if (ml_kernel_open(&self.kernel, &error))
		die("%s", error.text);
	filter_install(FILTER_APPLY);
}

int apply_run(struct agent *agent)
{
	struct ml_kernel_status status;

	start(agent);
	store_setup();
	enrolled_check(agent);
	store_read_watermark(&self.watermark);
	accept_catch_up(&self);
	report_kernel(&self, &status);
	journal_setup(agent->boot, &status, &self.watermark);
	arming_restore(&self);
	accept_restore(&self);
	do_due();
	report_health(&self);
	message_send(agent->supervisor[1], MESSAGE_READY, 0, NULL, -1);
	while (serve())
		;
	tunnel_close();
	return 0;
}
