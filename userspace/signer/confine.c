// SPDX-License-Identifier: MIT
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static void become(int directory, uid_t uid, gid_t gid)
{
	if (fchdir(directory) || chroot(".") || chdir("/"))
		die("cannot enclose myself in the state directory: %s", strerror(errno));
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		die("cannot become user %u: %s", uid, strerror(errno));
	if (uid && !setresuid(0, 0, 0))
		die("user %u can become root again", uid);
}

void confine(int directory, uid_t uid, gid_t gid)
{
	struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("cannot give up new privileges: %s", strerror(errno));
	if (!geteuid())
		become(directory, uid, gid);
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		die("cannot forbid core files: %s", strerror(errno));
}

#define CALL(name) SCMP_SYS(name)

/* What the C library, the event loop and the ledger need. */
static const int calls[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(close), CALL(fstat),
	CALL(newfstatat), CALL(lseek), CALL(fcntl), CALL(fdatasync),
	CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex),
	CALL(mlock), CALL(munlock),
	CALL(clock_gettime), CALL(gettimeofday), CALL(time), CALL(getrandom), CALL(getpid),
	CALL(gettid), CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(restart_syscall), CALL(exit), CALL(exit_group),
	CALL(sysinfo),	/* qsort(3), of much */
	CALL(accept4), CALL(getsockopt), CALL(sendmsg), CALL(recvmsg), CALL(sendto),
	CALL(recvfrom), CALL(shutdown),
	CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(timerfd_settime),
};

static void must(int code)
{
	if (code)
		die("cannot set up the system call filter: %s", strerror(-code));
}

void confine_calls(void)
{
	scmp_filter_ctx filter;

#ifdef SANITIZED
	return;
#endif
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		die("cannot set up the system call filter: is seccomp(2) itself refused?");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0));
	/* Memory, but never to be executed; signals, but only to itself (abort(3)). */
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
			      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
			      SCMP_A1(SCMP_CMP_EQ, FIONREAD)));
	must(seccomp_load(filter));
	seccomp_release(filter);
}
