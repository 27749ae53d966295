// SPDX-License-Identifier: MIT
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "tunnel.h"

/* -------------------------------------------------------------- users */

/* A machine without the user has nobody, and nobody but root may ask. */
static int find_user(struct agent *agent, struct ml_error *error)
{
	const struct passwd *user = getpwnam(agent->options.user);
	const struct group *group;

	if (!user) {
		log_line(LOG_WARNING, "user", "there is no user '%s': the unprivileged half "
			 "runs as 'nobody', which other programs may share",
			 agent->options.user);
		user = getpwnam("nobody");
	}
	if (!user || !user->pw_uid)
		return ml_error_set(error, -ENOENT, "there is neither a user '%s' nor a user "
				    "'nobody'", agent->options.user);
	agent->sync_uid = user->pw_uid;
	agent->sync_gid = user->pw_gid;
	group = getgrnam(agent->options.user);
	agent->status_gid = group ? group->gr_gid : (gid_t)-1;
	return 0;
}

/* Without a node's name bundles of every node of the network would do here. */
int setup_trust(const char *path, struct ml_trust *ret, struct ml_error *error)
{
	struct ml_trust trust;
	int code;

	memset(&trust, 0, sizeof(trust));
	code = ml_trust_read(path, &trust, error);
	if (code)
		return code;
	if (!trust.node[0])
		return ml_error_set(error, -EINVAL, "%s: \"node\" is empty: name the node "
				    "that this machine is, whose bundles it shall take", path);
	*ret = trust;
	return 0;
}

#define PATH 512

static const char *path_in(const char *directory, const char *name, char ret[static PATH])
{
	snprintf(ret, PATH, "%s/%s", directory, name);
	return ret;
}

/* 1: not enrolled. */
static int setup_enrolled(struct agent *agent, struct ml_error *error)
{
	static char key[PATH];		/* options point to it */
	struct agent_options *options = &agent->options;
	char path[PATH];
	int code = ml_enrolment_read(path_in(options->state_dir, ML_ENROLLED_FILE, path),
				     &agent->enrolment, error);

	if (code)
		return code == -ENOENT || code == -ENOTDIR ? 1 : code;
	code = ml_root_read(path_in(options->state_dir, ML_ROOT_FILE, path), &agent->root,
			    error);
	if (!code)
		code = ml_root_trust(&agent->root, agent->enrolment.node, &agent->trust, error);
	if (code)
		return code;
	agent->enrolled = true;
	if (!options->tunnel && !options->no_tunnel)
		options->tunnel = path_in(options->state_dir, ML_WIREGUARD_FILE, key);
	return 0;
}

/* systemd hands it over, since the unit does not let merlond see /proc/sys. */
static void find_boot(struct agent *agent)
{
	const char *given = getenv("MERLON_BOOT_ID");
	FILE *file = given && given[0] ? NULL : fopen("/proc/sys/kernel/random/boot_id", "re");

	snprintf(agent->boot, sizeof(agent->boot), "%s", given && given[0] ? given : "-");
	if (file && fscanf(file, "%36s", agent->boot) != 1)
		strcpy(agent->boot, "-");
	if (file)
		fclose(file);
}

int setup_read(struct agent *agent, struct ml_error *error)
{
	int code = setup_enrolled(agent, error);

	if (code == 1)
		code = setup_trust(agent->options.trust, &agent->trust, error);
	find_boot(agent);
	if (!code)
		code = tunnel_check(&agent->options, error);
	return code ? code : find_user(agent, error);
}

/* -------------------------------------------------------- directories */

static int open_directory(const char *path, mode_t mode, int *ret, struct stat *status,
			  bool *ret_made, struct ml_error *error)
{
	int fd;

	*ret_made = !mkdir(path, mode);
	if (!*ret_made && errno != EEXIST)
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
	bool made;
	int code = open_directory(path, 0700, &agent->state_dir, &status, &made, error);

	if (code)
		return code;
	if (status.st_uid || status.st_mode & 077)
		return ml_error_set(error, -EACCES, "others than root can get into '%s': run "
				    "'chown root %s; chmod 0700 %s'", path, path, path);
	agent->lock = openat(agent->state_dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	/* A directory that cannot be written can still be loaded from. */
	if (agent->lock < 0 && errno == EROFS)
		agent->lock = openat(agent->state_dir, "lock", O_RDONLY | O_CLOEXEC);
	if (agent->lock < 0)
		return ml_error_set(error, -errno, "cannot write in '%s': %s", path,
				    strerror(errno));
	if (flock(agent->lock, LOCK_EX | LOCK_NB))
		return ml_error_set(error, -EBUSY, "another merlond uses '%s'", path);
	return 0;
}

/*
 * Where systemd did not make it (tests, a start by hand), it is made here and
 * given to sync; what was there before is nobody's to give away.
 */
static int open_inbox(struct agent *agent, struct ml_error *error)
{
	const char *path = agent->options.inbox;
	struct stat status;
	bool made;
	int code = open_directory(path, 0750, &agent->inbox, &status, &made, error);

	if (code)
		return code;
	if (status.st_uid != agent->sync_uid &&
	    (!made || fchown(agent->inbox, agent->sync_uid, agent->sync_gid)))
		return ml_error_set(error, -EACCES, "'%s' must belong to user %ju: run 'chown "
				    "%ju %s'", path, (uintmax_t)agent->sync_uid,
				    (uintmax_t)agent->sync_uid, path);
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
static int remove_socket(const char *path, struct ml_error *error)
{
	struct stat status;

	if (lstat(path, &status))
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return ml_error_set(error, -EEXIST, "'%s' is there, and is no socket: give "
				    "another path, or remove it", path);
	unlink(path);
	return 0;
}

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
	if (!code)
		code = remove_socket(path, error);
	if (code)
		return code;
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
