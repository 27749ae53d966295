// SPDX-License-Identifier: MIT
#include "confine.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static int become(uid_t uid, gid_t gid, struct ml_error *error)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return ml_error_set(error, -errno, "cannot become user %u: %s", uid,
				    strerror(errno));
	if (uid && !setresuid(0, 0, 0))
		return ml_error_set(error, -EPERM, "user %u can become root again", uid);
	return 0;
}

int confine_rights(uid_t uid, gid_t gid, struct ml_error *error)
{
	struct rlimit none = { 0, 0 };
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return ml_error_set(error, -errno, "cannot give up new privileges: %s",
				    strerror(errno));
	if (!geteuid()) {
		r = become(uid, gid, error);
		if (r)
			return r;
	}
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return ml_error_set(error, -errno, "cannot forbid core files: %s", strerror(errno));
	return 0;
}

#define CALL(name) SCMP_SYS(name)

static const int calls[] = {
	/* the C library, threads that are there, memory */
	CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex), CALL(mlock),
	CALL(mlock2), CALL(munlock), CALL(clock_gettime), CALL(clock_nanosleep), CALL(nanosleep),
	CALL(gettimeofday), CALL(time), CALL(getrandom), CALL(getpid), CALL(gettid), CALL(getuid),
	CALL(geteuid), CALL(getgid), CALL(getegid), CALL(rt_sigaction), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(restart_syscall), CALL(exit), CALL(exit_group), CALL(sysinfo),
	CALL(uname), CALL(sched_yield), CALL(sched_getaffinity), CALL(rseq), CALL(membarrier),
	CALL(set_robust_list), CALL(adjtimex), CALL(clock_adjtime), CALL(getrusage),
	/* files: the store, the audit log, certificates that are read again */
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64), CALL(pwrite64),
	CALL(close), CALL(fstat), CALL(newfstatat), CALL(stat), CALL(lstat), CALL(statx),
	CALL(lseek), CALL(fcntl), CALL(fsync), CALL(fdatasync), CALL(ftruncate), CALL(fallocate),
	CALL(flock), CALL(openat), CALL(openat2), CALL(open), CALL(unlink), CALL(unlinkat),
	CALL(rename), CALL(renameat), CALL(renameat2), CALL(link), CALL(linkat), CALL(mkdir),
	CALL(mkdirat), CALL(rmdir), CALL(fchmod), CALL(fchown), CALL(getdents64), CALL(access),
	CALL(faccessat), CALL(faccessat2), CALL(getcwd), CALL(readlink), CALL(readlinkat), CALL(umask),
	CALL(utimensat), CALL(fstatfs), CALL(statfs), CALL(dup), CALL(sync_file_range),
	/* sockets: clients, the signer, a database, the journal; watches */
	CALL(accept4), CALL(socket), CALL(connect), CALL(getsockopt), CALL(setsockopt),
	CALL(getsockname), CALL(getpeername), CALL(sendmsg), CALL(sendmmsg), CALL(recvmsg),
	CALL(sendto), CALL(recvfrom), CALL(shutdown), CALL(bind), CALL(poll), CALL(ppoll),
	CALL(select), CALL(pselect6), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
	CALL(epoll_pwait2), CALL(epoll_create1), CALL(timerfd_settime), CALL(eventfd2), CALL(pipe2),
	CALL(inotify_init1), CALL(inotify_add_watch), CALL(inotify_rm_watch),
};

static int rules_add(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && !r; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	/* Memory, but never to be executed; signals, but only to itself (abort(3)). */
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	if (!r)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, FIONBIO));
	return r;
}

int confine_calls(struct ml_error *error)
{
	scmp_filter_ctx filter;
	int r;

	if (SANITIZED)
		return 0;
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return ml_error_set(error, -ENOMEM, "cannot set up the system call filter: is seccomp(2) itself refused?");
	r = rules_add(filter);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r ? ml_error_set(error, r, "cannot set up the system call filter: %s", strerror(-r)) : 0;
}
