// SPDX-License-Identifier: MIT
/* Which system calls each process may still make, once it has started. */
#include "privilege.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#define CALL(name) SCMP_SYS(name)

/* What the C library needs to live and to end. */
static const int common[] = {
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(close), CALL(fstat),
	CALL(newfstatat), CALL(statx), CALL(lseek), CALL(fcntl),
	CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex),
	CALL(clock_gettime), CALL(clock_nanosleep), CALL(gettimeofday), CALL(time),
	CALL(getrandom), CALL(getpid), CALL(gettid), CALL(getuid), CALL(geteuid),
	CALL(getgid), CALL(getegid), CALL(uname),
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(restart_syscall), CALL(sched_yield), CALL(exit), CALL(exit_group),
	CALL(sendmsg), CALL(recvmsg), CALL(poll), CALL(ppoll),
};

/* Reads the trust again (SIGHUP), buries the others, removes the socket, logs. */
static const int supervisor[] = {
	CALL(openat), CALL(unlink), CALL(wait4), CALL(waitid),
	CALL(sendto), CALL(connect), CALL(getsockopt), CALL(setsockopt), CALL(shutdown),
	CALL(memfd_create), CALL(ftruncate), CALL(access), CALL(faccessat),
	CALL(readlink), CALL(readlinkat), CALL(getsockname), CALL(prctl),
};

/* Writes the state directory, asks the kernel by the sockets that are open. */
static const int apply[] = {
	CALL(openat), CALL(getdents64), CALL(fsync), CALL(fdatasync), CALL(fchmod),
	CALL(mkdir), CALL(mkdirat),
	CALL(ftruncate), CALL(rename), CALL(renameat), CALL(renameat2), CALL(link),
	CALL(linkat), CALL(unlink), CALL(unlinkat), CALL(fstatfs), CALL(access),
	CALL(faccessat), CALL(sendto), CALL(recvfrom), CALL(timerfd_settime),
	CALL(mlock), CALL(munlock),	/* of secrets */
};

/* Reads and cleans the inbox, serves the socket. */
static const int sync_[] = {
	CALL(openat), CALL(getdents64), CALL(rename), CALL(renameat), CALL(renameat2),
	CALL(unlink), CALL(unlinkat), CALL(memfd_create), CALL(ftruncate), CALL(fstatfs),
	CALL(pread64), CALL(accept4), CALL(getsockopt), CALL(sendto), CALL(recvfrom),
	CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
	CALL(timerfd_settime),
};

/*
 * Moreover the courier, of a node that is enrolled: connections to its server, blocks
 * and a certificate in its directory, a secret that is wiped.
 */
static const int courier[] = {
	CALL(connect), CALL(setsockopt), CALL(getsockname), CALL(getpeername), CALL(shutdown),
	CALL(fsync), CALL(fdatasync), CALL(fchmod), CALL(link), CALL(linkat), CALL(mkdir),
	CALL(mkdirat), CALL(munlock),
};

static void must(int code)
{
	if (code)
		die("cannot set up the system call filter: %s", strerror(-code));
}

static void allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0));
}

#define ALLOW(filter, calls) allow(filter, calls, sizeof(calls) / sizeof((calls)[0]))

/*
 * Memory, but never to be executed; signals, but only to itself (abort(3)); two
 * questions to a descriptor (is it a terminal, how much is there to read);
 * sockets, but only to the journal.
 */
static void allow_some(scmp_filter_ctx filter, enum filter_role role)
{
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1,
			      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
			      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
			      SCMP_A1(SCMP_CMP_EQ, TCGETS)));
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(ioctl), 1,
			      SCMP_A1(SCMP_CMP_EQ, FIONREAD)));
	if (role == FILTER_SUPERVISOR)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, AF_UNIX)));
}

/* TCP to anywhere: where that may lead is the kernel module's business. */
static void allow_tcp(scmp_filter_ctx filter)
{
	const unsigned int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	static const int families[] = { AF_INET, AF_INET6 };
	size_t i;

	for (i = 0; i < 2; i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(socket), 2,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]),
				      SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)flags,
					      SOCK_STREAM)));
}

void filter_install(enum filter_role role)
{
	scmp_filter_ctx filter;

#ifdef SANITIZED
	return;
#endif
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		die("cannot set up the system call filter: is seccomp(2) itself refused?");
	ALLOW(filter, common);
	if (role == FILTER_SUPERVISOR)
		ALLOW(filter, supervisor);
	else if (role == FILTER_APPLY)
		ALLOW(filter, apply);
	else
		ALLOW(filter, sync_);
	if (role == FILTER_COURIER) {
		ALLOW(filter, courier);
		allow_tcp(filter);
	}
	allow_some(filter, role);
	must(seccomp_load(filter));
	seccomp_release(filter);
}
