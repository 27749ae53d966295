// SPDX-License-Identifier: MIT
/* merlond: options, and the split into three. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "daemon.h"
#include "keys.h"
#include "log.h"
#include "setup.h"
#include "tunnel.h"

static const char usage[] =
"Usage: merlond [options]\n"
"Hands signed policy to the kernel module, and stays in the foreground.\n"
"\n"
"  -n, --check          read the configuration, say what is wrong with it, end\n"
"  -f, --foreground     as it is anyway\n"
"  -v, --verbose        log what interests a developer\n"
"      --trust FILE     whom to trust (" ML_DAEMON_TRUST ")\n"
"      --state-dir DIR  what must not be forgotten (" ML_DAEMON_STATE_DIR ")\n"
"      --inbox DIR      where bundles arrive (" ML_DAEMON_INBOX ")\n"
"      --socket PATH    where merlon asks (" ML_DAEMON_SOCKET ")\n"
"      --user NAME      who the unprivileged half is (" ML_DAEMON_USER ")\n"
"      --tunnel FILE    make and change the WireGuard device, with this private key\n"
"      --listen-port N  the UDP port of a device that is made (51820)\n"
"      --take-over      of a device, too, that merlond did not make\n"
"      --no-tunnel      of an enrolled node: the device is somebody else's\n"
"      --version\n"
"  -h, --help\n"
"\n"
"SIGHUP reads FILE again. Status 0: ended as told; 1: died, 2: never started.\n";

enum { OPT_TRUST = 256, OPT_STATE, OPT_INBOX, OPT_SOCKET, OPT_USER, OPT_TUNNEL, OPT_PORT,
       OPT_TAKE_OVER, OPT_NO_TUNNEL, OPT_VERSION };

static const struct option options[] = {
	{ "check", no_argument, NULL, 'n' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "trust", required_argument, NULL, OPT_TRUST },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "inbox", required_argument, NULL, OPT_INBOX },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "user", required_argument, NULL, OPT_USER },
	{ "tunnel", required_argument, NULL, OPT_TUNNEL },
	{ "listen-port", required_argument, NULL, OPT_PORT },
	{ "take-over", no_argument, NULL, OPT_TAKE_OVER },
	{ "no-tunnel", no_argument, NULL, OPT_NO_TUNNEL },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void __attribute__((noreturn)) complain(const char *text)
{
	fprintf(stderr, "%s", text);
	exit(2);
}

static void __attribute__((noreturn)) tell(const char *text)
{
	printf("%s", text);
	exit(0);
}

static uint16_t port_of(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !port || port > UINT16_MAX)
		complain("--listen-port wants a number from 1 to 65535\n");
	return (uint16_t)port;
}

static void take_option(struct agent_options *to, int option)
{
	switch (option) {
	case 'n': to->check = true; break;
	case 'f': break;
	case 'v': to->verbose = true; break;
	case 'h': tell(usage);
	case OPT_TRUST: to->trust = optarg; break;
	case OPT_STATE: to->state_dir = optarg; break;
	case OPT_INBOX: to->inbox = optarg; break;
	case OPT_SOCKET: to->socket = optarg; break;
	case OPT_USER: to->user = optarg; break;
	case OPT_TUNNEL: to->tunnel = optarg; break;
	case OPT_PORT: to->listen_port = port_of(optarg); break;
	case OPT_TAKE_OVER: to->take_over = true; break;
	case OPT_NO_TUNNEL: to->no_tunnel = true; break;
	case OPT_VERSION: tell("merlond " MERLON_VERSION "\n");
	default: complain("Try 'merlond --help'.\n");
	}
}

static void read_options(struct agent_options *ret, int argc, char **argv)
{
	int option;

	*ret = (struct agent_options){
		.state_dir = ML_DAEMON_STATE_DIR, .inbox = ML_DAEMON_INBOX,
		.socket = ML_DAEMON_SOCKET, .trust = ML_DAEMON_TRUST,
		.user = ML_DAEMON_USER,
	};
	while ((option = getopt_long(argc, argv, "nfvh", options, NULL)) != -1)
		take_option(ret, option);
	if (optind < argc)
		complain("merlond takes no arguments. Try 'merlond --help'.\n");
}

/* With the configuration read: an enrolled node has a tunnel without being told. */
static void check_options(struct agent_options *given)
{
	if (!given->tunnel && (given->listen_port || given->take_over))
		complain("--listen-port and --take-over are for --tunnel. "
			 "Try 'merlond --help'.\n");
	if (!given->listen_port)
		given->listen_port = TUNNEL_PORT;
}

static void __attribute__((noreturn)) fail(const struct ml_error *error)
{
	char text[ML_DAEMON_MESSAGE];

	log_line(LOG_CRIT, "not-started", "%s", ml_error_string(error, text, sizeof(text)));
	exit(2);
}

/* What libraries do once, and could not do later without files. */
static void prepare_libraries(void)
{
	struct ml_error error;

	tzset();
	json_object_seed(0);
	if (ml_keys_setup(&error))
		fail(&error);
}

static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Each child closes what is not its own: an end that stays open hides a death. */
static pid_t start_apply(struct agent *agent)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	log_setup(agent->supervisor[1], "apply", agent->options.verbose);
	close(agent->supervisor[0]);
	close(agent->sync_supervisor[0]);
	close(agent->sync_supervisor[1]);
	close(agent->apply_sync[1]);
	close(agent->inbox);
	close(agent->listener);
	exit(apply_run(agent));
}

static pid_t start_sync(struct agent *agent)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	log_setup(agent->sync_supervisor[1], "sync", agent->options.verbose);
	close(agent->supervisor[0]);
	close(agent->supervisor[1]);
	close(agent->sync_supervisor[0]);
	close(agent->apply_sync[0]);
	close(agent->state_dir);
	close(agent->lock);
	exit(sync_run(agent));
}

static void close_childrens_ends(struct agent *agent)
{
	close(agent->supervisor[1]);
	close(agent->sync_supervisor[1]);
	close(agent->apply_sync[0]);
	close(agent->apply_sync[1]);
	close(agent->inbox);
	close(agent->listener);
}

static int run(struct agent *agent)
{
	struct ml_error error;
	pid_t apply, sync;

	if (geteuid())
		complain("merlond must be started by root: it gives up all but CAP_NET_ADMIN\n");
	if (setup_open(agent, &error))
		fail(&error);
	block_signals();
	apply = start_apply(agent);
	sync = apply > 0 ? start_sync(agent) : -1;
	if (sync < 0)
		die("fork: %s", strerror(errno));
	close_childrens_ends(agent);
	return supervise(agent, apply, sync);
}

int main(int argc, char **argv)
{
	struct agent agent = { .trust = { .key_count = 0 } };
	struct ml_error error;

	read_options(&agent.options, argc, argv);
	log_setup(-1, "supervisor", agent.options.verbose);
	prepare_libraries();
	if (setup_read(&agent, &error))
		fail(&error);
	check_options(&agent.options);
	if (!agent.options.check)
		return run(&agent);
	printf("%s: %zu key(s) for network '%s', node '%s'\n", agent.enrolled ?
	       agent.enrolment.url : agent.options.trust, agent.trust.key_count, agent.trust.network, agent.trust.node);
	return 0;
}
