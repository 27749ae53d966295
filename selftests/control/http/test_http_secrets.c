// SPDX-License-Identifier: MIT
/* What a client has said is not in the server's memory when it is done with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* How often @what occurs in [@begin, @end) of a process's memory. */
static unsigned int memory_count(int fd, unsigned long begin, unsigned long end,
				 const char *what)
{
	size_t size = end - begin;
	char *bytes = malloc(size), *at;
	ssize_t length = pread(fd, bytes, size, (off_t)begin);
	unsigned int count = 0;

	for (at = bytes; length > 0; at++, count++) {
		at = memmem(at, (size_t)(bytes + length - at), what, strlen(what));
		if (!at)
			break;
	}
	free(bytes);
	return count;
}

/* In all that the process can write. */
static unsigned int process_count(pid_t pid, const char *what)
{
	char path[64], line[512], rights[5];
	unsigned long begin, end;
	unsigned int count = 0;
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3 &&
		    rights[1] == 'w' && end - begin < 1ul << 30)
			count += memory_count(fd, begin, end, what);
	fclose(maps);
	close(fd);
	return count;
}

/*
 * DATA that ends with @canary, behind so much else that no later and shorter
 * message can overwrite it by chance.
 */
static void send_canary(struct client *client, uint32_t stream, const char *canary)
{
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes + sizeof(bytes) - strlen(canary), canary, strlen(canary));
	client_frame(client, DATA, END_STREAM, stream, bytes, sizeof(bytes));
}

/*
 * A credential in a field, and a secret in a body and its answer. While a request
 * waits they are there, which shows that the search finds them; afterwards not.
 */
static void test_secrets_are_wiped(void **state)
{
	const struct pair wait[] = { { ":method", "POST" }, { ":scheme", "https" },
				     { ":authority", "localhost" }, { ":path", "/wait" },
				     { "authorization", "Bearer canary-in-a-field" } };
	const struct pair echo[] = { { ":method", "POST" }, { ":scheme", "https" },
				     { ":authority", "localhost" }, { ":path", "/echo" },
				     { "cookie", "canary-in-a-cookie" } };
	struct toy *toy = toy_start(NULL);
	struct client *client = client_greet(toy->port, NULL);
	struct answer answer;

	(void)state;
	client_headers(client, 1, 0, wait, 5);
	send_canary(client, 1, "canary-in-a-body");
	assert_non_null(toy_says(toy, "handled /wait", WAIT_MS));
	assert_true(process_count(toy->pid, "canary-in-a-field") > 0);
	assert_true(process_count(toy->pid, "canary-in-a-body") > 0);
	client_headers(client, 3, 0, echo, 5);
	send_canary(client, 3, "canary-to-echo");
	client_answer(client, 3, &answer, WAIT_MS);
	assert_int_equal(answer.length, 4096);
	client_get(client, 5, "/wake");
	client_answer(client, 5, &answer, WAIT_MS);
	assert_nothing_left(toy, 1);
	assert_int_equal(process_count(toy->pid, "canary-in-a-field"), 0);
	assert_int_equal(process_count(toy->pid, "canary-in-a-body"), 0);
	assert_int_equal(process_count(toy->pid, "canary-in-a-cookie"), 0);
	/* An answer's last frame stays in nghttp2's buffer as long as the connection. */
	client_close(client);
	assert_nothing_left(toy, 0);
	assert_int_equal(process_count(toy->pid, "canary-to-echo"), 0);
	toy_end(toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_are_wiped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
