// SPDX-License-Identifier: MIT
/* serve: what is done with root's rights, before they are given up. */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "confine.h"
#include "http.h"
#include "server_private.h"

#define FILES	16384	/* descriptors: connections, and some */

static const char usage[] =
"Usage: merlon-control serve [OPTION...]\n"
"The server, in the foreground. SIGHUP: read certificates again; SIGTERM: answer what is\n"
"under way, and end.\n"
"\n"
"      --config FILE   (" CONFIG_FILE ")\n"
"      --user NAME     who the server is, when root starts it (" CONFIG_USER ")\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "user", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* ------------------------------------------------------------- the local socket */

/* One that nobody answers at is of a server that died. */
static int socket_clear(const struct sockaddr_un *address, struct ml_error *error)
{
	struct stat status;
	int fd, r;

	if (lstat(address->sun_path, &status))
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return ml_error_set(error, -EEXIST, "'%s' is there, and is no socket",
				    address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	close(fd);
	if (!r)
		return ml_error_set(error, -EADDRINUSE, "another server listens at '%s'",
				    address->sun_path);
	unlink(address->sun_path);
	return 0;
}

/* Everybody may connect: the kernel tells who it is, and each route asks for that. */
static int local_listen(const char *path, int *ret, struct ml_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	r = socket_clear(&address, error);
	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0111);
	r = fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, 64) ? -errno : 0;
	umask(mask);
	if (!r) {
		*ret = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return ml_error_set(error, r, "cannot listen at '%s': %s", path, strerror(-r));
}

/* ------------------------------------------------------------------- listening */

static int listeners_open(const struct config *config, int ret[static CONFIG_LISTEN + 1],
			  size_t *ret_count, struct ml_error *error)
{
	size_t count = 0;
	int r = 0;

	for (; count < config->listen_count && !r; count += !r)
		r = http_listen_on(config->listen[count], &ret[count], error);
	if (!r) {
		r = local_listen(config->admin_socket, &ret[count], error);
		count += !r;
	}
	if (r)
		while (count)
			close(ret[--count]);
	*ret_count = count;
	return r;
}

/* What systemd holds for us stays open while the server is replaced. */
static int listeners_get(const struct config *config, int ret[static CONFIG_LISTEN + 1],
			 size_t *ret_count, struct ml_error *error)
{
	int given = sd_listen_fds(1), r;

	if (given <= 0)
		return listeners_open(config, ret, ret_count, error);
	if (given > CONFIG_LISTEN)
		return ml_error_set(error, -E2BIG, "systemd gives %d sockets; at most %d are taken",
				    given, CONFIG_LISTEN);
	for (int i = 0; i < given; i++)
		ret[i] = SD_LISTEN_FDS_START + i;
	r = local_listen(config->admin_socket, &ret[given], error);
	*ret_count = (size_t)given + 1;
	return r;
}

static int user_find(const char *name, struct passwd *ret, struct ml_error *error)
{
	const struct passwd *found = getpwnam(name);

	if (!found)
		return ml_error_set(error, -ENOENT, "there is no user '%s': say --user, or run systemd-sysusers",
				    name);
	*ret = *found;
	return 0;
}

static void files_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= FILES)
		return;
	limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve(const char *config_file, const char *user, struct ml_error *error)
{
	struct passwd self = { .pw_uid = geteuid(), .pw_gid = getegid() };
	int listeners[CONFIG_LISTEN + 1];
	struct config config;
	size_t count = 0;
	int r = config_read(config_file, &config, error);

	if (!r && !geteuid())
		r = user_find(user, &self, error);
	if (!r)
		r = listeners_get(&config, listeners, &count, error);
	if (r)
		return r;
	files_raise();
	r = confine_rights(self.pw_uid, self.pw_gid, error);
	return r ? r : server_run(&config, listeners, count, error);
}

int command_serve(int argc, char **argv)
{
	const char *config = CONFIG_FILE, *user = CONFIG_USER;
	struct ml_error error;
	int option, r;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'c')
			config = optarg;
		else if (option == 'u')
			user = optarg;
		else if (option == 'h')
			return fputs(usage, stdout) < 0 ? 2 : 0;
		else
			return command_usage("serve", "wrong options");
	}
	if (optind < argc)
		return command_usage("serve", "takes no arguments");
	tzset();
	signal(SIGXFSZ, SIG_IGN);	/* a full disk is an error, not an end */
	r = serve(config, user, &error);
	return r ? command_failed(&error) : 0;
}
