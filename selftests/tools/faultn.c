// SPDX-License-Identifier: MIT
/*
 * faultn once|onwards all|modules FROM TO INSIDE OUTSIDE SMALL LARGE OPERATION...
 * faultn once|onwards all|modules module FILE
 *
 * Every allocation of an operation fails, one after the other: the first, then
 * the second, until the operation comes to its end without one (once: that one
 * alone; onwards: and all that follow; modules: of those below a module's code).
 * Each time:
 *
 *   - It succeeds, and all is as it should be then; or it is refused with
 *     ENOMEM or ENOBUFS, and all is as it was. What was done and could not be
 *     answered (ENOBUFS of the socket) is one of the two, and nothing between.
 *   - From namespace FROM, a packet that is denied does not arrive in TO, and one
 *     that is allowed does: to the address INSIDE through the tunnel, to OUTSIDE
 *     past it. All arrive where the operation has disarmed.
 *
 * "everything" and "tunnels" among the operations are the scope of those that follow.
 * SMALL and LARGE are images by nltool: rules for the ports from 1000 on. One line
 * for each operation, with what was injected; status 1 where anything was wrong.
 */
#include <sodium.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "faultn.h"
#include "faultn_commands.h"
#include "faultn_deeds.h"
#include "faultn_judge.h"
#include "nltool_arm.h"
#include "nltool_link.h"
#include "nltool_load.h"

#define MAX_FAULTS 5000

/* --------------------------------------------------------------------- deeds */

static void prepare_create(void)
{
	prepare_armed();
	deed_sweep();
	deed_write_create();
}

static void prepare_device(void (*write)(void))
{
	prepare_armed();
	deed_create();
	write();
}

static void prepare_up(void)
{
	prepare_device(deed_write_up);
}

static void prepare_rename(void)
{
	prepare_device(deed_write_rename);
}

static void prepare_move(void)
{
	prepare_armed();
	deed_create();
	deed_write_move(deed_far);
}

static void prepare_return(void)
{
	prepare_move();
	need(deed_send(), "move");
	deed_enter(deed_far);
	deed_hang_up();
	deed_write_move(deed_here);
	deed_enter(deed_here);
}

/* Packets that were denied, for being a tunnel's that is not named, or not allowed. */
static struct {
	uint64_t unknown, known;
} denied;

static void each_denied(const struct nlmsghdr *message)
{
	const struct nlattr *attr, *one;
	uint64_t pair[2];

	denied.unknown = denied.known = 0;
	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != MERLON_A_REASON_COUNTS)
			continue;
		mnl_attr_for_each_nested(one, attr) {
			memcpy(pair, mnl_attr_get_payload(one), sizeof(pair));
			if (mnl_attr_get_type(one) == MERLON_REASON_UNKNOWN_TUNNEL)
				denied.unknown = pair[1];
			else if (mnl_attr_get_type(one) == MERLON_REASON_RULE ||
				 mnl_attr_get_type(one) == MERLON_REASON_NO_RULE)
				denied.known += pair[1];
		}
	}
}

static void count_denied(void)
{
	chosen = 1;
	if (talk(request(MERLON_CMD_GET_STATUS, 0), each_denied))
		die("status");
	chosen = 0;
}

static void bring_up(const char *name)
{
	struct ifinfomsg *link;

	deed_hang_up();
	link = deed_begin(RTM_NEWLINK, 0, name);
	link->ifi_flags = link->ifi_change = IFF_UP;
	need(deed_send(), name);
}

/* Packets that the device was given, whatever became of them: /proc/net/dev. */
static uint64_t device_load(const char *name)
{
	unsigned long long sent, errors, dropped;
	uint64_t sum = 0;
	char line[256], *rest;
	FILE *file = fopen("/proc/thread-self/net/dev", "re");

	if (!file)
		die("/proc/net/dev");
	while (fgets(line, sizeof(line), file)) {
		rest = strchr(line, ':');
		if (!rest)
			continue;
		*rest++ = '\0';
		if (!strcmp(line + strspn(line, " "), name) &&
		    sscanf(rest, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu %llu %llu", &sent,
			   &errors, &dropped) == 3)
			sum = sent + errors + dropped;
	}
	fclose(file);
	return sum;
}

/*
 * By one name it is the policy's, by the other nobody's. A device to which the kernel
 * could not give what IPv4 needs has nothing to be judged: there is no route through it,
 * and nothing came to it.
 */
static bool device_is_judged(const char *name)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(JUDGE_DENIED) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known = !strcmp(name, DEED_DEVICE), unreachable;
	uint64_t unknown_before, known_before, load;

	bring_up(name);
	count_denied();
	unknown_before = denied.unknown;
	known_before = denied.known;
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1))
		die(name);
	to.sin_addr.s_addr = htonl(0x0a006301);
	load = device_load(name);
	unreachable = sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
		      errno == ENETUNREACH;
	close(fd);
	if (unreachable)
		return !faults.modules && device_load(name) == load;
	count_denied();
	return denied.unknown == unknown_before + !known && denied.known == known_before + known;
}

static int done_created(const struct view *before, const struct view *after)
{
	if (!same(before, after))
		return -1;
	if (!if_nametoindex(DEED_DEVICE))
		return 0;
	return device_is_judged(DEED_DEVICE) ? 1 : -1;
}

static int done_up(const struct view *before, const struct view *after)
{
	bool up = deed_is_up(DEED_DEVICE);

	return !same(before, after) || !device_is_judged(DEED_DEVICE) ? -1 : up;
}

static int done_renamed(const struct view *before, const struct view *after)
{
	bool old = if_nametoindex(DEED_DEVICE), new = if_nametoindex(DEED_OTHER);

	if (!same(before, after) || old == new)
		return -1;
	return device_is_judged(new ? DEED_OTHER : DEED_DEVICE) ? new : -1;
}

static int done_moved(const struct view *before, const struct view *after)
{
	bool here = if_nametoindex(DEED_DEVICE), there = deed_is_far(DEED_DEVICE);

	if (!same(before, after) || here == there)
		return -1;
	return here && !device_is_judged(DEED_DEVICE) ? -1 : there;
}

static int done_returned(const struct view *before, const struct view *after)
{
	int done = done_moved(before, after);

	return done < 0 ? done : !done;
}

/* The new one has Merlon, and is not armed. */
static int done_namespace(const struct view *before, const struct view *after)
{
	struct view empty = { .state = MERLON_STATE_DISARMED }, new;
	struct stat here, there;
	int done = 0;

	if (fstat(deed_here, &here) || stat("/proc/thread-self/ns/net", &there))
		die("ns/net");
	if (here.st_ino != there.st_ino) {
		hang_up(1);
		new = look();
		hang_up(1);
		done = same(&new, &empty) ? 1 : -1;
		deed_enter(deed_here);
	}
	return same(before, after) ? done : -1;
}

/* ----------------------------------------------------------------- the loop */

struct operation {
	const char *name;
	void (*prepare)(void);
	struct nlmsghdr *(*ask)(void);
	int (*done)(const struct view *before, const struct view *after);
	int (*act)(void);	/* instead of a command */
	const char *reject;	/* see faults_reject() */
};

#define COMMAND(_name, _prepare, _ask, _done) \
	{ .name = _name, .prepare = prepare_##_prepare, .ask = ask_##_ask, .done = done_##_done }
#define DEED(_name, _prepare, _done, _act, _reject) \
	{ .name = _name, .prepare = prepare_##_prepare, .done = done_##_done, .act = _act, \
	  .reject = _reject }

static const struct operation operations[] = {
	COMMAND("status", armed, status, asking),
	COMMAND("rules", armed, rules, asking),
	COMMAND("explain", armed, explain, asking),
	COMMAND("arm", loaded, arm, armed),
	COMMAND("arm-lockdown", open, arm, armed),
	COMMAND("arm-again", observing, arm_unconfirmed, armed_unconfirmed),
	COMMAND("arm-other", armed, arm_other, armed_other),
	COMMAND("confirm", unconfirmed, confirm, confirmed),
	COMMAND("disarm", armed, disarm, disarmed),
	COMMAND("begin", armed, begin, begun),
	COMMAND("begin-large", armed, begin_large, begun),
	COMMAND("chunk", begun, chunk, chunk),
	COMMAND("commit", sent, commit, commit),
	COMMAND("commit-large", sent_large, commit, commit_large),
	COMMAND("abort", begun, abort, gone),
	COMMAND("renew", loaded_small, renew, renewed),
	DEED("device-create", create, created, deed_send, NULL),
	DEED("device-up", up, up, deed_send, NULL),
	DEED("device-rename", rename, renamed, deed_send, NULL),
	/* A device that cannot be renamed in sysfs is a WARNING to the kernel. */
	DEED("device-move", move, moved, deed_send, "device_rename"),
	DEED("device-return", return, returned, deed_send, "device_rename"),
	DEED("namespace", armed, namespace, deed_unshare, NULL),
};

struct tally {
	unsigned int injected, refused, survived, unanswered, wrong;
};

static void complain(const struct operation *operation, unsigned int n, const char *what,
		     struct tally *tally)
{
	tally->wrong++;
	printf("wrong: %s, fault %u: %s (%s %s)\n", operation->name, n, what,
	       strerrorname_np(outcome.code), outcome.sentence);
}

enum answer { ANSWERED, NOT_SENT, NOT_ANSWERED };

/* Like talk(), where nothing that fails ends the program. */
static enum answer exchange(const struct nlmsghdr *message)
{
	const struct nlmsghdr *each = (const struct nlmsghdr *)in;
	bool complete = false;
	ssize_t length;
	int left;

	outcome = (struct outcome){ .missing = -1 };
	if (mnl_socket_sendto(link_of(chosen), message, message->nlmsg_len) < 0) {
		outcome.code = errno;
		return NOT_SENT;
	}
	while (!complete) {
		length = mnl_socket_recvfrom(link_of(chosen), in, sizeof(in));
		if (length < 0) {
			outcome.code = errno;
			return NOT_ANSWERED;
		}
		left = (int)length;
		for (each = (const struct nlmsghdr *)in; mnl_nlmsg_ok(each, left);
		     each = mnl_nlmsg_next(each, &left))
			complete = take(each, NULL) || complete;
	}
	return ANSWERED;
}

/* What cannot be told from a lost answer is one. */
static enum answer act(const struct operation *operation)
{
	int code = operation->act();

	outcome = (struct outcome){ .code = code, .missing = -1 };
	return code == ENOBUFS ? NOT_ANSWERED : ANSWERED;
}

/* No answer at all would be a mistake, and must not be waited for without end. */
static void set_patience(void)
{
	struct timeval patience = { .tv_sec = 60 };

	if (setsockopt(mnl_socket_get_fd(link_of(chosen)), SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)))
		die("SO_RCVTIMEO");
}

/*
 * Whose allocation failed answers. Of a deed's those that are not Merlon's may: what is then
 * said (ENFILE, EINVAL, EAFNOSUPPORT, …) is the kernel's own.
 */
static bool is_announced(const struct operation *operation, int code)
{
	return code == ENOMEM || code == ENOBUFS ||
	       (operation->act && (code == ENFILE || !faults.modules));
}

static const char *compare(const struct operation *operation, enum answer answer, int code,
			   int done)
{
	if (done < 0)
		return "half done";
	if (code && !is_announced(operation, code))
		return "an errno that nobody announced";
	if (answer == NOT_ANSWERED)
		return NULL;
	if (!code && !done)
		return "not done, and said to be";
	return NULL;
}

/* ORDER: what the scope is now is known when it was looked for. */
static const char *judge_now(void)
{
	struct view now = look();

	return judge_state(now.state, now.scope);
}

/* One fault. Return: was there one? */
static bool inject(const struct operation *operation, unsigned int n, struct tally *tally)
{
	struct view before, after;
	struct nlmsghdr *message;
	enum answer answer;
	const char *wrong;
	bool injected;
	int code, done;

	operation->prepare();
	before = look();
	message = operation->ask ? operation->ask() : NULL;
	set_patience();
	faults_begin(n);
	answer = message ? exchange(message) : act(operation);
	injected = faults_end();
	code = outcome.code;
	after = look();
	done = operation->done(&before, &after);
	wrong = compare(operation, answer, code, done);
	if (!wrong && code && answer != NOT_ANSWERED && done && operation->done != done_asking)
		wrong = "done, and said not to be";
	if (!wrong)
		wrong = judge_now();
	outcome.code = code;
	if (wrong)
		complain(operation, n, wrong, tally);
	tally->injected += injected;
	tally->unanswered += injected && answer == NOT_ANSWERED;
	tally->refused += injected && code && answer != NOT_ANSWERED;
	tally->survived += injected && !code;
	hang_up(0);
	return injected;
}

static unsigned int run(const struct operation *operation)
{
	struct tally tally = { 0 };
	unsigned int n = 1;

	faults_reject(operation->reject);
	while (n < MAX_FAULTS && inject(operation, n, &tally))
		n++;
	if (outcome.code)
		complain(operation, n, "refused without a fault", &tally);
	printf("%s: %u injected, %u refused, %u done all the same, %u not answered, %u wrong\n",
	       operation->name, tally.injected, tally.refused, tally.survived,
	       tally.unanswered, tally.wrong);
	fflush(stdout);
	return tally.wrong + (tally.injected ? 0 : 1);
}

/* ------------------------------------------------------- without a judge */

/* Dies armed, with a device and a load half done. */
static void live(void)
{
	unsigned int i;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	for (i = 0; i < SOCKETS; i++)
		sockets[i] = NULL;
	deed_route = NULL;
	deed_write_create();
	need(deed_send(), DEED_DEVICE);
	need(load(&small, 1, 1, 3600000), "load");
	need(arm(scope, MERLON_MODE_ENFORCING, 3600), "arm");
	need(load_begin(&small, 1, 2, 3600000), "begin");
	_exit(0);
}

/* A dead namespace is armed until a worker has come to it. */
static bool nobody_is_armed(void)
{
	uint64_t until = now_ms() + 120000;

	while (armed_namespaces() && now_ms() < until)
		usleep(10000);
	return !armed_namespaces();
}

/* The namespace's end cannot be refused: it must come, and leave nothing. */
static unsigned int run_end(void)
{
	unsigned int n, failed = 0;
	int status;

	disarm();
	if (!nobody_is_armed())
		die("namespaces that died before");
	for (n = 1; n <= 24; n++) {
		deed_workers_begin(n);
		if (!fork())
			live();
		if (wait(&status) < 0 || status)
			return 1;
		status = nobody_is_armed();
		failed += deed_workers_end();
		if (!status) {
			printf("wrong: namespace-end, fault %u: it stays\n", n);
			return 1;
		}
	}
	printf("namespace-end: %u injected\n", failed);
	return failed ? 0 : 1;
}

/* The module FILE, with the modules that it needs loaded before. */
static int run_module(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	unsigned int n, refused = 0, survived = 0, wrong = 0;
	bool injected = true;
	int code;

	if (fd < 0)
		die(file);
	for (n = 1; injected && n < MAX_FAULTS; n++) {
		faults_begin(n);
		code = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
		injected = faults_end();
		refused += injected && code;
		survived += injected && !code;
		if ((code && code != ENOMEM) || !code == !!access("/sys/module/merlon", F_OK)) {
			printf("wrong: module, fault %u: %s\n", n, strerrorname_np(code));
			wrong++;
		}
		if (!code && syscall(SYS_delete_module, "merlon", O_NONBLOCK))
			die("delete_module");
	}
	printf("module: %u injected, %u refused, %u done all the same, %u wrong\n",
	       refused + survived, refused, survived, wrong);
	return wrong || code || !refused;
}

/* -------------------------------------------------------------------- main */

static unsigned int run_named(const char *name)
{
	size_t i;

	if (!strcmp(name, "namespace-end"))
		return run_end();
	if (!strcmp(name, "everything") || !strcmp(name, "tunnels")) {
		scope = *name == 'e' ? MERLON_SCOPE_EVERYTHING : MERLON_SCOPE_TUNNELS;
		other_scope = MERLON_SCOPE_EVERYTHING + MERLON_SCOPE_TUNNELS - scope;
		return 0;
	}
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, name))
			return run(&operations[i]);
	fprintf(stderr, "faultn: no operation '%s'\n", name);
	exit(2);
}

static void open_all(char **argv)
{
	judge_open(argv[0], argv[1], argv[2], argv[3]);
	netns_enter(argv[1]);
	deed_far = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	netns_enter(argv[0]);
	deed_here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	small = read_image(argv[4]);
	large = read_image(argv[5]);
	/* Somebody listens, so that events are made. */
	chosen = 2;
	find_family();
	if (mnl_socket_setsockopt(link_of(chosen), NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)) < 0)
		die("join");
	chosen = 0;
	serial = now_ms();
}

int main(int argc, char **argv)
{
	unsigned int wrong = 0;
	int i;

	if (argc < 4 || sodium_init() < 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	faults_setup(!strcmp(argv[1], "onwards"), !strcmp(argv[2], "modules"));
	if (!strcmp(argv[3], "module") && argc == 5)
		return run_module(argv[4]);
	if (argc < 10)
		return 2;
	open_all(argv + 3);
	for (i = 9; i < argc; i++)
		wrong += run_named(argv[i]);
	prepare_armed();
	if (judge_now() || judge.leaked)
		wrong++;
	printf("judge: %llu probes, %lu arrived, %lu past the tunnel, %lu that were denied\n",
	       (unsigned long long)judge.sent, judge.arrived, judge.outside_arrived, judge.leaked);
	return wrong ? 1 : 0;
}
