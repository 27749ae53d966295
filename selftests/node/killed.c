// SPDX-License-Identifier: MIT
/*
 * node-killed N COMMAND [ARGUMENT]...: COMMAND, which is killed (SIGKILL) as it is about
 * to make its N-th system call, counted from its first as a program. The call is not
 * made. N = 0: only counts; KILLAT_LIST in the environment: and lists, on descriptor 3.
 * Status: COMMAND's, and "survived TOTAL" on descriptor 3; or 99, and "killed N CALL".
 * KILLAT_CHANGES: see killat.h.
 */
#include "../tools/killat.h"

static pid_t begin(char **command)
{
	int go[2];
	char byte = 0;
	pid_t pid;

	if (pipe(go))
		trace_fail("pipe");
	pid = fork();
	if (!pid) {
		/* Until it is traced. */
		if (read(go[0], &byte, 1) != 1)
			_exit(98);
		close(go[0]);
		close(go[1]);
		close(3);
		execv(command[0], command);
		trace_fail(command[0]);
	}
	trace_seize(pid);
	if (write(go[1], &byte, 1) != 1)
		trace_fail("pipe");
	return pid;
}

int main(int argc, char **argv)
{
	int status, result = 98;
	pid_t first, pid;

	if (argc < 3)
		return 98;
	trace_begin(strtoul(argv[1], NULL, 10));
	/* What killat.h lists goes where the command's own words do not. */
	first = begin(argv + 2);
	if (dup2(3, STDOUT_FILENO) < 0)
		trace_fail("descriptor 3");
	while (!trace.struck && trace.pid_count && (pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == first && WIFEXITED(status))
			result = WEXITSTATUS(status);
		trace_take(pid, status);
	}
	if (trace.struck)
		printf("killed %lu %s\n", trace.calls, trace.struck_call);
	else
		printf("survived %lu\n", trace.calls);
	return trace.struck ? 99 : result;
}
