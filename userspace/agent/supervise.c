// SPDX-License-Identifier: MIT
/*
 * The supervisor repairs nothing: when one of the others ends, all end, and
 * systemd starts all anew. The kernel judges on meanwhile.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "message.h"
#include "privilege.h"
#include "setup.h"
#include "store.h"

struct child {
	const char *name;
	pid_t pid;
	int socket;
	bool ready, answered;
};

enum { APPLY, SYNC, CHILDREN };

static struct {
	struct agent *agent;
	struct child children[CHILDREN];
	int signals;
	int64_t feed_every_ms;	/* 0: nobody wants to know */
	int64_t next_feed_ms;	/* on CLOCK_MONOTONIC */
	bool ending;		/* was told to */
	bool failed;
} self;

/* ------------------------------------------------------------- systemd */

static void tell_ready(void)
{
	if (!self.children[APPLY].ready || !self.children[SYNC].ready)
		return;
	sd_notify(0, "READY=1");
	log_line(LOG_INFO, "ready", "ready: trusts %zu key(s) for network '%s', node '%s'",
		 self.agent->trust.key_count, self.agent->trust.network,
		 self.agent->trust.node);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

/* For poll(2): until the watchdog is to be fed; -1: never. */
static int until_feed(void)
{
	int64_t left = self.next_feed_ms - now_ms();

	if (!self.feed_every_ms)
		return -1;
	return left > 0 ? (int)left : 0;
}

/*
 * When it is due, however much the others have to say meanwhile. A process that
 * does not answer holds the watchdog back for all.
 */
static void feed_watchdog(void)
{
	size_t i;

	if (until_feed())
		return;
	self.next_feed_ms = now_ms() + self.feed_every_ms;
	if (self.children[APPLY].answered && self.children[SYNC].answered)
		sd_notify(0, "WATCHDOG=1");
	for (i = 0; i < CHILDREN; i++) {
		self.children[i].answered = false;
		message_send(self.children[i].socket, MESSAGE_PING, 0, NULL, -1);
	}
}

/* ------------------------------------------------------------- children */

static void take(struct child *child, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_LOG:
		log_write(child->name, &message->content.log);
		break;
	case MESSAGE_PONG:
		child->answered = true;
		break;
	case MESSAGE_READY:
		child->ready = child->answered = true;
		tell_ready();
		break;
	case MESSAGE_STATUS:
		if (child == &self.children[APPLY])
			sd_notifyf(0, "STATUS=%s", message->content.text.text);
		break;
	default:
		die("%s sent a message of type %u to the supervisor", child->name,
		    message->type);
	}
}

static void listen_to(struct child *child)
{
	struct message message;
	int code = message_receive(child->socket, &message);

	if (code == 1) {
		take(child, &message);
	} else if (code == -EBADMSG) {
		die("%s sent something that is no message", child->name);
	} else {
		close(child->socket);
		child->socket = -1;
	}
}

/* For apply's next life: see journal.c. It may not work, and nothing hangs on it. */
static void leave_note(const char *name)
{
	int fd = openat(self.agent->state_dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

/* By what a process does itself; SIGKILL comes from outside, for many reasons. */
static bool crashed(int status)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS,
				       SIGTRAP };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (WIFSIGNALED(status) && WTERMSIG(status) == signals[i])
			return true;
	return false;
}

static void judge_end(const struct child *child, int status)
{
	if (child != &self.children[APPLY])
		return;
	if (crashed(status))
		leave_note(STORE_CRASHED);
	else if (WIFEXITED(status))
		leave_note(STORE_ENDING);
}

static const char *how_it_ended(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "with status %d", WEXITSTATUS(status));
	return text;
}

static void reap(void)
{
	char text[80];
	int status;
	size_t i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < CHILDREN; i++) {
			if (self.children[i].pid != pid)
				continue;
			self.children[i].pid = -1;
			judge_end(&self.children[i], status);
			/* As told, or because the other one is gone. */
			if ((self.ending || self.failed) && WIFEXITED(status) &&
			    !WEXITSTATUS(status))
				continue;
			self.failed = true;
			log_line(LOG_ERR, "ended", "%s ended %s; the policy in the kernel "
				 "stays as it is", self.children[i].name,
				 how_it_ended(status, text, sizeof(text)));
		}
	}
}

/* ------------------------------------------------------------- signals */

static void trust_again(void)
{
	struct ml_error error;
	struct ml_trust trust;
	size_t i;

	if (self.agent->enrolled) {
		log_line(LOG_NOTICE, "trust", "enrolled: the network's root says whom to trust, "
			 "and no file is read again");
		return;
	}
	if (setup_trust(self.agent->options.trust, &trust, &error)) {
		log_line(LOG_ERR, "trust", "the trust of before stays: %s", error.text);
		return;
	}
	self.agent->trust = trust;
	for (i = 0; i < CHILDREN; i++)
		message_send(self.children[i].socket, MESSAGE_TRUST, 0, &trust, -1);
	log_line(LOG_NOTICE, "trust", "trusts %zu key(s) for network '%s', node '%s' now",
		 trust.key_count, trust.network, trust.node);
}

static void take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(self.signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap();
	else if (info.ssi_signo == SIGHUP)
		trust_again();
	else
		self.ending = true;
}

/* Blocked before anything is forked: the others never see these, they see EOF. */
static void watch_signals(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (self.signals < 0)
		die("signalfd: %s", strerror(errno));
}

/* ----------------------------------------------------------------- life */

static void wait_and_serve(void)
{
	struct pollfd polled[] = {
		{ .fd = self.children[APPLY].socket, .events = POLLIN },
		{ .fd = self.children[SYNC].socket, .events = POLLIN },
		{ .fd = self.signals, .events = POLLIN },
	};

	if (poll(polled, 3, until_feed()) < 0)
		return;
	feed_watchdog();
	if (polled[APPLY].revents)
		listen_to(&self.children[APPLY]);
	if (polled[SYNC].revents)
		listen_to(&self.children[SYNC]);
	if (polled[CHILDREN].revents)
		take_signal();
}

/* An end of their sockets is what tells them: apply finishes what it is about. */
static void end_children(void)
{
	struct pollfd signals = { .fd = self.signals, .events = POLLIN };
	size_t i;

	for (i = 0; i < CHILDREN; i++)
		if (self.children[i].socket >= 0)
			shutdown(self.children[i].socket, SHUT_WR);
	while (self.children[APPLY].pid > 0 || self.children[SYNC].pid > 0) {
		for (i = 0; i < CHILDREN; i++)
			while (self.children[i].socket >= 0)
				listen_to(&self.children[i]);
		poll(&signals, 1, 1000);
		take_signal();
		reap();
	}
}

static void prepare(struct agent *agent, pid_t apply, pid_t sync)
{
	uint64_t usec = 0;

	self.agent = agent;
	self.children[APPLY] = (struct child){ "apply", apply, agent->supervisor[0], false,
					       false };
	self.children[SYNC] = (struct child){ "sync", sync, agent->sync_supervisor[0], false,
					      false };
	if (sd_watchdog_enabled(0, &usec) > 0)
		self.feed_every_ms = (int64_t)(usec / 3000);
	self.next_feed_ms = now_ms() + self.feed_every_ms;
	watch_signals();
	privilege_drop(0, 0, 0);
	filter_install(FILTER_SUPERVISOR);
}

int supervise(struct agent *agent, pid_t apply, pid_t sync)
{
	prepare(agent, apply, sync);
	while (!self.ending && self.children[APPLY].pid > 0 && self.children[SYNC].pid > 0 &&
	       self.children[APPLY].socket >= 0 && self.children[SYNC].socket >= 0)
		wait_and_serve();
	self.failed |= !self.ending;
	sd_notify(0, "STOPPING=1");
	if (self.ending)
		leave_note(STORE_ENDING);
	end_children();
	unlink(agent->options.socket);
	if (!self.failed)
		log_line(LOG_INFO, "stopped", "stopped; the policy in the kernel stays");
	return self.failed ? 1 : 0;
}
