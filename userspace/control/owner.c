// SPDX-License-Identifier: MIT
#include "owner.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int owner_become(uid_t uid, gid_t gid, struct ml_error *error)
{
	if (geteuid() != 0 && getuid() != 0)
		return 0;
	if ((uid && (setegid(gid) || seteuid(uid))) || (!uid && (seteuid(0) || setegid(0))))
		return ml_error_set(error, -errno, "cannot become user %u: %s", uid, strerror(errno));
	return 0;
}

int owner_find(const char *name, uid_t *ret_uid, gid_t *ret_gid, struct ml_error *error)
{
	const struct passwd *found;

	*ret_uid = geteuid();
	*ret_gid = getegid();
	if (geteuid())
		return 0;
	found = getpwnam(name);
	if (!found)
		return ml_error_set(error, -ENOENT, "there is no user '%s': run systemd-sysusers, or say who it is",
				    name);
	*ret_uid = found->pw_uid;
	*ret_gid = found->pw_gid;
	return 0;
}

int owner_directory(const char *path, uid_t uid, gid_t gid, struct ml_error *error)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				    strerror(errno));
	if (chmod(path, 0700) || (!geteuid() && chown(path, uid, gid)))
		return ml_error_set(error, -errno, "cannot give '%s' to user %u: %s", path, uid,
				    strerror(errno));
	return 0;
}
