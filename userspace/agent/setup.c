// SPDX-License-Identifier: MIT
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"

/* -------------------------------------------------------------- users */

/* A machine without the user has nobody, and nobody but root may ask. */
static int find_user(struct agent *agent, struct ml_error *error)
{
	const struct passwd *user = getpwnam(agent->options.user);
	const struct group *group;

	if (!user)
		user = getpwnam("nobody");
	if (!user || !user->pw_uid)
		return ml_error_set(error, -ENOENT, "there is neither a user '%s' nor a user "
				    "'nobody'", agent->options.user);
	agent->sync_uid = user->pw_uid;
	agent->sync_gid = user->pw_gid;
	group = getgrnam(agent->options.user);
	agent->status_gid = group ? group->gr_gid : (gid_t)-1;
	return 0;
}

int setup_read(struct agent *agent, struct ml_error *error)
{
	int code = ml_trust_read(agent->options.trust, &agent->trust, error);

	return code ? code : find_user(agent, error);
}

/* -------------------------------------------------------- directories */

static int open_directory(const char *path, mode_t mode, int *ret, struct stat *status,
			  struct ml_error *error)
{
	int fd;

	if (mkdir(path, mode) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				    strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, status))
		return ml_error_set(error, -errno, "cannot open the directory '%s': %s", path,
				    strerror(errno));
	*ret = fd;
	return 0;
}

static int open_state_dir(struct agent *agent, struct ml_error *error)
{
	const char *path = agent->options.state_dir;
	struct stat status;
	int code = open_directory(path, 0700, &agent->state_dir, &status, error);

	if (code)
		return code;
	if (status.st_uid || status.st_mode & 077)
		return ml_error_set(error, -EACCES, "others than root can get into '%s': run "
				    "'chown root %s; chmod 0700 %s'", path, path, path);
	agent->lock = openat(agent->state_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (agent->lock < 0)
		return ml_error_set(error, -errno, "cannot write in '%s': %s", path,
				    strerror(errno));
	if (flock(agent->lock, LOCK_EX | LOCK_NB))
		return ml_error_set(error, -EBUSY, "another merlond uses '%s'", path);
	return 0;
}

/* Where systemd did not make it (tests, a start by hand), it is given to sync here. */
static int open_inbox(struct agent *agent, struct ml_error *error)
{
	const char *path = agent->options.inbox;
	struct stat status;
	int code = open_directory(path, 0750, &agent->inbox, &status, error);

	if (code)
		return code;
	if (status.st_uid != agent->sync_uid &&
	    fchown(agent->inbox, agent->sync_uid, agent->sync_gid))
		return ml_error_set(error, -errno, "'%s' must belong to user '%s': run 'chown "
				    "%s %s'", path, agent->options.user,
				    agent->options.user, path);
	if (status.st_mode & 02)
		return ml_error_set(error, -EACCES, "everybody can write in '%s': run 'chmod "
				    "o-w %s'", path, path);
	return 0;
}

/* -------------------------------------------------------------- socket */

static int make_parent(const char *path, struct ml_error *error)
{
	char parent[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	if (mkdir(parent, 0755) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s",
				    parent, strerror(errno));
	return 0;
}

/* Everybody may connect: who asks is told by the kernel, and answered accordingly. */
static int bind_socket(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(0111);
	int code = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

	umask(mask);
	if (!code && listen(fd, 16))
		code = -errno;
	return code;
}

/* The lock is held: a socket that is there already is of a daemon that died. */
static int open_socket(struct agent *agent, struct ml_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = agent->options.socket;
	int code;

	if (strlen(path) >= sizeof(address.sun_path))
		return ml_error_set(error, -ENAMETOOLONG, "the path of the socket is too long: "
				    "'%s'", path);
	strcpy(address.sun_path, path);
	code = make_parent(path, error);
	if (code)
		return code;
	unlink(path);
	agent->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	code = agent->listener < 0 ? -errno : bind_socket(agent->listener, &address);
	if (code)
		return ml_error_set(error, code, "cannot listen at '%s': %s", path,
				    strerror(-code));
	return 0;
}

static int open_pairs(struct agent *agent, struct ml_error *error)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, agent->supervisor) ||
	    socketpair(AF_UNIX, type, 0, agent->sync_supervisor) ||
	    socketpair(AF_UNIX, type, 0, agent->apply_sync))
		return ml_error_set(error, -errno, "cannot make sockets: %s", strerror(errno));
	return 0;
}

int setup_open(struct agent *agent, struct ml_error *error)
{
	int code = open_state_dir(agent, error);

	if (!code)
		code = open_inbox(agent, error);
	if (!code)
		code = open_socket(agent, error);
	if (!code)
		code = open_pairs(agent, error);
	return code;
}
