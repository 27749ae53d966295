// SPDX-License-Identifier: MIT
#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

void privilege_enclose(int directory)
{
	if (fchdir(directory) || chroot(".") || chdir("/"))
		die("cannot enclose myself in a directory: %s", strerror(errno));
}

static void drop_bounding_set(void)
{
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap))
			die("cannot drop capability %d: %s", cap, strerror(errno));
}

/* Root is a user as any other; none of it can be unset. */
static void lock_securebits(void)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
			     SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
			     SECBIT_KEEP_CAPS_LOCKED |
			     SECBIT_NO_CAP_AMBIENT_RAISE |
			     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	if (prctl(PR_SET_SECUREBITS, bits))
		die("cannot set the secure bits: %s", strerror(errno));
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		die("cannot clear the ambient capabilities: %s", strerror(errno));
}

static void set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)keep, .permitted = (uint32_t)keep },
		{ .effective = (uint32_t)(keep >> 32), .permitted = (uint32_t)(keep >> 32) },
	};

	if (syscall(SYS_capset, &head, data))
		die("cannot give up capabilities: %s", strerror(errno));
}

static void become(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		die("cannot become user %u: %s", uid, strerror(errno));
}

static void forbid_cores(void)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		die("cannot forbid core files: %s", strerror(errno));
}

/*
 * ORDER: the secure bits and the bounding set want capabilities, so the user
 * changes after them; the bits keep that change from touching capabilities, so
 * those go last, and only then can it be seen that there is no way back.
 */
void privilege_drop(uid_t uid, gid_t gid, uint64_t keep)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("cannot give up new privileges: %s", strerror(errno));
	drop_bounding_set();
	lock_securebits();
	become(uid, gid);
	set_capabilities(keep);
	forbid_cores();
	if (uid && !setresuid(0, 0, 0))
		die("user %u can become root again", uid);
}
