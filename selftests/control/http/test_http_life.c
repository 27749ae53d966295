// SPDX-License-Identifier: MIT
/*
 * Long polls, certificates that change, the end of the server, and what an idle
 * connection costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define IDLE (SANITIZED ? 60 : 500)
#define IDLE_MOST 500
#define IDLE_BYTES (60 * 1024)	/* so that 10,000 fit into 600 MB */
#define LOADERS 4

/* A sanitizer's own memory is not what is measured. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static struct toy *start(void)
{
	struct http_limits limits = http_limits_default;

	limits.connections_address = 2 * IDLE;
	return toy_start(&limits);
}

/* --------------------------------------------------------------- long polls */

static void test_wait_and_wake(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	struct client *other = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	client_get(client, 1, "/wait");
	client_get(client, 3, "/wait");
	/* Others on the same connection are served meanwhile. */
	assert_served(client, 5);
	client_get(other, 1, "/wake");
	client_answer(client, 3, &answer, WAIT_MS);
	assert_string_equal(answer.text, "woken");
	assert_int_equal(toy_count(toy, "gone"), 0);
	client_close(client);
	client_close(other);
	toy_end(toy);
}

static void test_gone_by_reset(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	struct client *other = client_greet(toy->port, NULL);

	(void)state;
	client_get(client, 1, "/wait");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	client_frame(client, RST_STREAM, 0, 1, "\0\0\0\10", 4);
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
	/* Nobody is woken who is not there; and the connection goes on. */
	assert_served(other, 1);
	client_get(other, 3, "/wake");
	assert_served(client, 3);
	assert_nothing_left(toy, 2);
	client_close(client);
	client_close(other);
	toy_end(toy);
}

static void test_gone_by_close(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	client_get(client, 1, "/wait");
	client_get(client, 3, "/wait");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	client_close(client);
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
	assert_nothing_left(toy, 0);
	toy_end(toy);
}

/* toy_end() has the server freed while a request waits. */
static void test_gone_by_the_end(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	client_get(client, 1, "/wait");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	toy_tell(toy, SIGUSR2);
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
	client_close(client);
	toy_end(toy);
}

static void test_handed_socket(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->handed, NULL);

	(void)state;
	assert_int_not_equal(toy->handed, toy->port);
	assert_served(client, 1);
	client_close(client);
	toy_end(toy);
}

/* A ticket would bring a client certificate back without asking for its key. */
static void test_no_ticket(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);

	(void)state;
	assert_served(client, 1);
	assert_false(client_can_resume(client));
	client_close(client);
	toy_end(toy);
}

static void test_large_replies(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	client_get(client, 1, "/file");
	client_answer(client, 1, &answer, WAIT_MS);
	assert_int_equal(answer.length, 1024 * 1024);
	assert_memory_equal(answer.text, "abcdefghijklmnopabcd", 20);
	client_get(client, 3, "/copy?900000");
	client_answer(client, 3, &answer, WAIT_MS);
	assert_int_equal(answer.length, 900000);
	client_close(client);
	toy_end(toy);
}

/* ----------------------------------------------------------------- reloading */

static void assert_name(struct toy *toy, const char *want)
{
	struct client *client = client_greet(toy->port, NULL);
	char name[64] = "";

	client_server_name(client, name, sizeof(name));
	assert_string_equal(name, want);
	client_close(client);
}

static void file_cut(const struct toy *toy, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", toy->directory, name);
	assert_int_equal(truncate(path, 100), 0);
}

static void test_reload(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	assert_name(toy, "first");
	client_get(client, 1, "/wait");
	toy_tell(toy, SIGHUP);
	assert_non_null(toy_says(toy, "reloaded", WAIT_MS));
	assert_name(toy, "second");
	/* What was open goes on, with the request that waits on it. */
	assert_served(client, 3);
	client_get(client, 5, "/wake");
	client_answer(client, 1, &answer, WAIT_MS);
	assert_string_equal(answer.text, "woken");
	/* Files that are broken change nothing. */
	file_cut(toy, "server.key");
	toy_tell(toy, SIGHUP);
	assert_non_null(toy_says(toy, "not reloaded: ", WAIT_MS));
	assert_name(toy, "second");
	client_close(client);
	toy_end(toy);
}

/*
 * One of LOADERS: requests over one connection until told to end, some of them
 * over new ones. Ends with how many were lost, at most 100.
 */
static int load(uint16_t port, int control, int told)
{
	struct client *client = client_greet(port, NULL);
	struct answer answer;
	uint32_t stream = 1;
	int lost = 0;
	char byte;

	while (read(control, &byte, 1) < 0) {
		if (!client_get(client, stream, "/hello"))
			lost++;
		client_answer(client, stream, &answer, WAIT_MS);
		lost += answer.status != 200;
		stream += 2;
		if (stream == 3 && write(told, "1", 1) != 1)
			lost++;
		if (stream > 99 || answer.closed) {
			client_close(client);
			client = client_open(port, NULL);
			if (!client)
				return 100;
			client_close(client);
			client = client_greet(port, NULL);
			stream = 1;
		}
	}
	client_close(client);
	return lost < 100 ? lost : 100;
}

struct loaders {
	pid_t pids[LOADERS];
	int end;		/* closed, it tells them to end */
};

static void loaders_start(struct loaders *loaders, uint16_t port)
{
	int control[2], told[2], i;
	char byte;

	assert_int_equal(pipe2(control, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	for (i = 0; i < LOADERS; i++) {
		loaders->pids[i] = fork();
		if (!loaders->pids[i]) {
			close(control[1]);
			_exit(load(port, control[0], told[1]));
		}
	}
	close(control[0]);
	/* Each has had an answer before anything begins. */
	for (i = 0; i < LOADERS; i++)
		assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(told[1]);
	loaders->end = control[1];
}

/* How many requests were lost. */
static int loaders_end(struct loaders *loaders)
{
	int i, status, lost = 0;

	close(loaders->end);
	for (i = 0; i < LOADERS; i++) {
		waitpid(loaders->pids[i], &status, 0);
		lost += WIFEXITED(status) ? WEXITSTATUS(status) : 100;
	}
	return lost;
}

static void test_reload_under_load(void **state)
{
	struct toy *toy = start();
	struct loaders loaders;
	int i;

	(void)state;
	loaders_start(&loaders, toy->port);
	for (i = 0; i < 20; i++) {
		toy_tell(toy, SIGHUP);
		assert_non_null(toy_says(toy, "reloaded", WAIT_MS));
	}
	assert_int_equal(loaders_end(&loaders), 0);
	toy_end(toy);
}

/* The same with a server that cuts its connections: the test can see a loss. */
static void test_cut_under_load(void **state)
{
	struct toy *toy = start();
	struct loaders loaders;

	(void)state;
	loaders_start(&loaders, toy->port);
	toy_tell(toy, SIGWINCH);
	assert_non_null(toy_says(toy, "cut", WAIT_MS));
	assert_true(loaders_end(&loaders) > 0);
	toy_end(toy);
}

/* ------------------------------------------------------------------- the end */

static void test_stop(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	struct client *idle = client_greet(toy->port, NULL);
	struct answer answer;
	struct frame frame;
	uint32_t last = 0;
	bool woken = false;

	(void)state;
	assert_served(idle, 1);
	client_get(client, 1, "/wait");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	toy_tell(toy, SIGTERM);
	/* First a GOAWAY that refuses nothing, then, behind PING, what was taken. */
	while (client_read(client, &frame, WAIT_MS) == HEARD_FRAME) {
		if (frame.type == PING)
			client_frame(client, PING, ACK, 0, frame.payload, 8);
		woken = woken || (frame.type == DATA && frame.stream == 1);
		if (frame.type != GOAWAY)
			continue;
		last = (uint32_t)frame.payload[0] << 24 | (uint32_t)frame.payload[1] << 16 |
			(uint32_t)frame.payload[2] << 8 | frame.payload[3];
		if (last != 0x7fffffff)
			break;
		/* What crosses with it is served. */
		client_get(client, 3, "/wake");
	}
	assert_int_equal(last, 3);
	if (!woken) {
		client_answer(client, 1, &answer, WAIT_MS);
		assert_string_equal(answer.text, "woken");
	}
	client_answer(idle, 3, &answer, WAIT_MS);
	assert_true(answer.goaway);
	assert_int_equal(answer.code, 0);
	assert_true(answer.closed);
	client_close(idle);
	client_close(client);
	assert_non_null(toy_says(toy, "stopped", WAIT_MS));
	toy_end(toy);
}

/* A request that nobody answers does not keep the server from ending. */
static void test_stop_limit(void **state)
{
	struct toy *toy = start();
	struct client *client = client_greet(toy->port, NULL);
	uint64_t begin = now_ms();

	(void)state;
	client_get(client, 1, "/wait");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	toy_tell(toy, SIGTERM);
	assert_non_null(toy_says(toy, "gone", WAIT_MS));
	assert_non_null(toy_says(toy, "stopped", WAIT_MS));
	assert_in_range(now_ms() - begin, 1400, 10000);
	client_close(client);
	toy_end(toy);
}

/* -------------------------------------------------------------------- memory */

/* What OpenSSL and the allocator hold is in RSS alone. */
static void test_memory_of_idle(void **state)
{
	static struct client *clients[IDLE_MOST];
	struct toy *toy = start();
	char node[128];
	struct toy_usage before, after;
	size_t each;
	int i;

	(void)state;
	snprintf(node, sizeof(node), "%s/node", toy->directory);
	/* The first ones pay for what all share. */
	for (i = 0; i < 20; i++)
		clients[i] = client_greet(toy->port, node);
	toy_usage(toy, &before);
	for (; i < IDLE; i++) {
		clients[i] = client_greet(toy->port, node);
		client_get(clients[i], 1, "/wait");
		assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	}
	toy_usage(toy, &after);
	assert_int_equal(after.connections, IDLE);
	assert_int_equal(after.requests, IDLE - 20);
	each = (after.rss - before.rss) / (IDLE - 20);
	print_message("# %d connections, each with a certificate and a request that waits: %zu bytes each, %zu of them counted\n",
		      IDLE, each, (after.memory - before.memory) / (IDLE - 20));
	assert_in_range(each, 1024, SANITIZED ? SIZE_MAX : IDLE_BYTES);
	for (i = 0; i < IDLE; i++)
		client_close(clients[i]);
	assert_nothing_left(toy, 0);
	toy_usage(toy, &after);
	assert_int_equal(after.memory, 0);
	toy_end(toy);
}

int main(void)
{
	const struct rlimit files = { 2 * IDLE + 64, 2 * IDLE + 64 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait_and_wake),
		cmocka_unit_test(test_gone_by_reset),
		cmocka_unit_test(test_gone_by_close),
		cmocka_unit_test(test_gone_by_the_end),
		cmocka_unit_test(test_handed_socket),
		cmocka_unit_test(test_no_ticket),
		cmocka_unit_test(test_large_replies),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_under_load),
		cmocka_unit_test(test_cut_under_load),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_limit),
		cmocka_unit_test(test_memory_of_idle),
	};

	setrlimit(RLIMIT_NOFILE, &files);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
