// SPDX-License-Identifier: MIT
/* Starts the server that is probed, and hears what it says. */
#include "toy.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "pki.h"

static void toy_child(const char *directory, int out, const struct http_limits *limits)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	close(out);
	exit(toy_serve(directory, "127.0.0.1:0", limits));
}

struct toy *toy_start(const struct http_limits *limits)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	const char *line;
	int ends[2];

	strcpy(toy->directory, "/tmp/http-test.XXXXXX");
	if (!mkdtemp(toy->directory) || pipe2(ends, O_CLOEXEC))
		abort();
	pki_write(toy->directory);
	fflush(stdout);
	toy->pid = fork();
	if (!toy->pid) {
		close(ends[0]);
		toy_child(toy->directory, ends[1], limits);
	}
	close(ends[1]);
	fcntl(ends[0], F_SETPIPE_SZ, 1024 * 1024);
	toy->events = ends[0];
	line = toy_says(toy, "port ", 20000);
	if (!line) {
		fprintf(stderr, "toy: does not start: %.200s\n", toy->text);
		exit(1);
	}
	toy->port = (uint16_t)atoi(line + 5);
	line = toy_says(toy, "handed ", 20000);
	toy->handed = line ? (uint16_t)atoi(line + 7) : 0;
	return toy;
}

void toy_tell(struct toy *toy, int number)
{
	kill(toy->pid, number);
}

void toy_end(struct toy *toy)
{
	int status;

	/* One that has stopped by itself is a zombie, whom no signal reaches. */
	kill(toy->pid, SIGUSR2);
	if (waitpid(toy->pid, &status, 0) != toy->pid || status) {
		fprintf(stderr, "toy: ended badly, with status %x\n", status);
		exit(1);
	}
	close(toy->events);
	pki_remove(toy->directory);
	free(toy);
}

/* False: nothing came within @ms, or nothing will. */
static bool events_read(struct toy *toy, int ms)
{
	struct pollfd ready = { .fd = toy->events, .events = POLLIN };
	ssize_t length;

	if (toy->length == sizeof(toy->text) - 1)
		toy->length = 0;
	if (poll(&ready, 1, ms) <= 0)
		return false;
	length = read(toy->events, toy->text + toy->length,
		      sizeof(toy->text) - 1 - toy->length);
	if (length <= 0)
		return false;
	toy->length += (size_t)length;
	toy->text[toy->length] = 0;
	return true;
}

static char *line_find(struct toy *toy, const char *begin)
{
	char *line = toy->text, *end;

	for (; (end = strchr(line, '\n')); line = end + 1)
		if (!strncmp(line, begin, strlen(begin)))
			return line;
	return NULL;
}

const char *toy_says(struct toy *toy, const char *begin, int ms)
{
	static char found[512];
	uint64_t until = now_ms() + (uint64_t)ms;
	char *line, *end;

	while (!(line = line_find(toy, begin)))
		if (now_ms() >= until || !events_read(toy, (int)(until - now_ms())))
			return NULL;
	end = strchr(line, '\n');
	snprintf(found, sizeof(found), "%.*s", (int)(end - line), line);
	toy->length -= (size_t)(end + 1 - toy->text);
	memmove(toy->text, end + 1, toy->length + 1);
	return found;
}

unsigned int toy_count(struct toy *toy, const char *begin)
{
	unsigned int count = 0;
	char *line, *end;

	while (events_read(toy, 0))
		;
	for (line = toy->text; (end = strchr(line, '\n')); line = end + 1)
		count += !strncmp(line, begin, strlen(begin));
	return count;
}

void toy_forget(struct toy *toy)
{
	while (events_read(toy, 0))
		;
	toy->length = 0;
	toy->text[0] = 0;
}

void toy_usage(struct toy *toy, struct toy_usage *ret)
{
	const char *line;

	toy_tell(toy, SIGUSR1);
	line = toy_says(toy, "usage ", 10000);
	if (!line || sscanf(line, "usage %u %u %zu %zu", &ret->connections, &ret->requests,
			    &ret->memory, &ret->rss) != 4) {
		fprintf(stderr, "toy: does not tell its usage\n");
		exit(1);
	}
}
