// SPDX-License-Identifier: MIT
/*
 * killat N PID... -- COMMAND [ARGUMENT]...
 *
 * Watches the processes PID while COMMAND runs, and kills all of them with
 * SIGKILL as one of them is about to make the N-th system call (counted over
 * all, from 1). The call is not made. N = 0: only counts; KILLAT_LIST in the
 * environment: and lists. Status: COMMAND's, and "survived TOTAL" on standard
 * output; or 99 and "killed N PID CALL". KILLAT_CRASH in the environment: only
 * the one that makes the call, and by SIGSEGV, as if it had crashed. KILLAT_CHANGES:
 * see killat.h.
 */
#include "killat.h"

static pid_t run(char **command)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execvp(command[0], command);
	trace_fail(command[0]);
}

int main(int argc, char **argv)
{
	int i, status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 5)
		return 98;
	trace_begin(strtoul(argv[1], NULL, 10));
	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		trace_seize(atoi(argv[i]));
	if (i + 1 >= argc)
		return 98;
	status = trace_until(run(argv + i + 1));
	if (trace.struck) {
		printf("killed %lu %d %s\n", trace.calls, trace.struck_pid, trace.struck_call);
		return 99;
	}
	printf("survived %lu\n", trace.calls);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}
