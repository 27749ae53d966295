// SPDX-License-Identifier: MIT
/*
 * nltool STEP [, STEP]...: speaks to the module's netlink family, well or ill.
 * Each step prints one line, "NAME: ok" or "NAME: ERRNO sentence". Exit status:
 * 0, 1 where the last step was refused, 2 usage. "@N" before a step chooses
 * one of eight sockets.
 *
 *   image FILE [rules=N] [from=K] [tunnel=NAME] [second=NAME] [reject] [small]
 *                              a policy image; rule k, from K on, speaks of TCP
 *                              and UDP port 1000 + k between 10.0.0.0/24 or fd00::/64
 *   send COMMAND [dump] [ATTRIBUTE]...  ATTRIBUTE: NAME[:TYPE][=VALUE], TYPE one
 *                              of u8 u16 u32 u64 str hex zero (VALUE bytes); NAME
 *                              and COMMAND may be numbers
 *   raw HEX                    what stands behind the netlink header
 *   begin FILE EPOCH SERIAL MS [bytes=N] [bad]     bad: another digest
 *   chunk FILE OFFSET BYTES
 *   chunks FILE
 *   commit, abort, close
 *   load FILE EPOCH SERIAL MS  begin, chunks, commit
 *   renew FILE EPOCH SERIAL MS
 *   arm MODE [CONFIRM_S], confirm, disarm
 *   status                     NAME=VALUE, one line each
 *   rules                      ID ACTION PACKETS BYTES, one line each
 *   explain SOURCE DESTINATION PROTOCOL SELECTOR
 *   join, listen MS [COUNT]    events, one line each
 *   join-all                   every group's number up to 64, known or not
 *   sockets COUNT              so many that hear events and are not read, or as many
 *                              as there can be; how many
 *   hold                       reads standard input to its end
 *   await STATE MS
 *   flips FILE EPOCH [bytes]   each bit turned, each a load; judged by the library
 *   truncations FILE EPOCH     each length
 *   interrupted FILE FILE2 EPOCH  rules, with a load of FILE2 in the midst
 *   race FILE EPOCH MS         eight processes, everything at once
 *   lives COUNT FILE           network namespaces that die armed, with a device, timers
 *                              that fire meanwhile and a load half done
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/merlon.h>

#include "tables_of.h"
#include "nltool_arm.h"
#include "nltool_link.h"
#include "nltool_load.h"
#include "nltool_steps.h"

/* ------------------------------------------------------------------ arming */

static void step_arm(int argc, char **argv)
{
	arm(MERLON_SCOPE_TUNNELS,
	    !strcmp(argv[1], "observing") ? MERLON_MODE_OBSERVING : MERLON_MODE_ENFORCING,
	    argc > 2 ? (uint32_t)number(argv[2]) : 0);
}

static void step_confirm(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	plain(MERLON_CMD_CONFIRM);
}

static int disarm(void)
{
	struct nlmsghdr *message = request(MERLON_CMD_DISARM, 0);

	mnl_attr_put_strz(message, MERLON_A_WHY, "a test is over");
	return talk(message, NULL);
}

static void step_disarm(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	disarm();
}

/* ------------------------------------------------------------- ill messages */

static void put_hex(struct nlmsghdr *message, uint16_t type, const char *hex)
{
	uint8_t bytes[1024];
	size_t i, length = strlen(hex) / 2;
	unsigned int byte;

	for (i = 0; i < length && i < sizeof(bytes); i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			die(hex);
		bytes[i] = (uint8_t)byte;
	}
	mnl_attr_put(message, type, length, bytes);
}

static enum type type_of(int attribute, const char *name)
{
	size_t i;

	if (!name)
		return attribute > 0 && attribute <= MERLON_A_MAX ? attributes[attribute].type :
								    U32;
	for (i = 0; i < sizeof(type_names) / sizeof(*type_names); i++)
		if (!strncmp(name, type_names[i], strlen(type_names[i])))
			return (enum type)i;
	die(name);
}

static void put_attribute(struct nlmsghdr *message, const char *text)
{
	const char *value = strchr(text, '='), *type = strchr(text, ':');
	int attribute = attribute_of(text, strcspn(text, ":="));
	uint16_t number_of = (uint16_t)attribute;
	static const uint8_t zeros[60000];

	value = value ? value + 1 : "0";
	switch (type_of(attribute, type ? type + 1 : NULL)) {
	case U8:
		mnl_attr_put_u8(message, number_of, (uint8_t)number(value));
		break;
	case U16:
		mnl_attr_put_u16(message, number_of, (uint16_t)number(value));
		break;
	case U32:
		mnl_attr_put_u32(message, number_of, (uint32_t)number(value));
		break;
	case U64:
		mnl_attr_put_u64(message, number_of, number(value));
		break;
	case STR:
		mnl_attr_put_strz(message, number_of, value);
		break;
	case HEX:
		put_hex(message, number_of, value);
		break;
	case ZERO:
		mnl_attr_put(message, number_of, number(value) % sizeof(zeros), zeros);
		break;
	}
}

static void step_send(int argc, char **argv)
{
	bool dump = argc > 2 && !strcmp(argv[2], "dump");
	struct nlmsghdr *message = request(command_of(argv[1]), dump ? NLM_F_DUMP : 0);
	int i;

	for (i = dump ? 3 : 2; i < argc; i++)
		put_attribute(message, argv[i]);
	talk(message, NULL);
}

/* What follows the netlink header, byte by byte. */
static void step_raw(int argc, char **argv)
{
	struct nlmsghdr *message;
	unsigned int byte;
	const char *hex;

	(void)argc;
	find_family();
	message = mnl_nlmsg_put_header(out);
	message->nlmsg_type = family_id;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++sequence;
	for (hex = argv[1]; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[message->nlmsg_len++] = (uint8_t)byte;
	talk(message, NULL);
}

/* ---------------------------------------------------------------- questions */

static void print_value(const struct nlattr *attr, enum type type)
{
	const uint8_t *bytes = mnl_attr_get_payload(attr);
	size_t i, length = mnl_attr_get_payload_len(attr);
	uint64_t wide = 0;

	if (type == STR) {
		printf("%.*s", (int)length, (const char *)bytes);
	} else if (type == HEX) {
		for (i = 0; i < length; i++)
			printf("%02x", bytes[i]);
	} else {
		memcpy(&wide, bytes, length < sizeof(wide) ? length : sizeof(wide));
		printf("%llu", (unsigned long long)wide);
	}
}

static void print_reasons(const struct nlattr *nest, char end)
{
	const struct nlattr *attr;
	uint64_t pair[2];

	mnl_attr_for_each_nested(attr, nest) {
		memcpy(pair, mnl_attr_get_payload(attr), sizeof(pair));
		printf("%s=%llu/%llu%c", reasons[mnl_attr_get_type(attr)],
		       (unsigned long long)pair[0], (unsigned long long)pair[1], end);
	}
}

static void print_attributes(const struct nlmsghdr *message, char end)
{
	const struct nlattr *attr;
	int type;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		type = mnl_attr_get_type(attr);
		if (type == MERLON_A_PAD || type > MERLON_A_MAX)
			continue;
		if (type == MERLON_A_REASON_COUNTS) {
			print_reasons(attr, end);
			continue;
		}
		printf("%s=", attributes[type].name);
		if (type == MERLON_A_STATE)
			printf("%s", states[mnl_attr_get_u32(attr)]);
		else if (type == MERLON_A_REASON)
			printf("%s", reasons[mnl_attr_get_u8(attr)]);
		else
			print_value(attr, attributes[type].type);
		putchar(end);
	}
	if (end != '\n')
		putchar('\n');
}

static void each_status(const struct nlmsghdr *message)
{
	print_attributes(message, '\n');
}

static void step_status(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	talk(request(MERLON_CMD_GET_STATUS, 0), each_status);
}

static void each_line(const struct nlmsghdr *message)
{
	print_attributes(message, ' ');
}

static void step_rules(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	talk(request(MERLON_CMD_GET_RULES, NLM_F_DUMP), each_line);
}

static void step_explain(int argc, char **argv)
{
	bool six = strchr(argv[1], ':');
	struct nlmsghdr *message = request(MERLON_CMD_EXPLAIN, 0);
	uint8_t address[16];

	(void)argc;
	mnl_attr_put_u8(message, MERLON_A_FAMILY, six ? AF_INET6 : AF_INET);
	if (inet_pton(six ? AF_INET6 : AF_INET, argv[1], address) != 1)
		die(argv[1]);
	mnl_attr_put(message, MERLON_A_SOURCE, six ? 16 : 4, address);
	if (inet_pton(six ? AF_INET6 : AF_INET, argv[2], address) != 1)
		die(argv[2]);
	mnl_attr_put(message, MERLON_A_DESTINATION, six ? 16 : 4, address);
	mnl_attr_put_u8(message, MERLON_A_PROTOCOL, (uint8_t)number(argv[3]));
	mnl_attr_put_u16(message, MERLON_A_SELECTOR, (uint16_t)number(argv[4]));
	talk(message, each_line);
}

/* ------------------------------------------------------------------- events */

static void step_join(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	find_family();
	outcome = (struct outcome){ .missing = -1 };
	if (mnl_socket_setsockopt(link_of(chosen), NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)) < 0)
		outcome.code = errno;
}

static void step_join_all(int argc, char **argv)
{
	uint32_t i;

	(void)argc;
	(void)argv;
	outcome = (struct outcome){ .missing = -1 };
	for (i = 1; i <= 64; i++)
		mnl_socket_setsockopt(link_of(chosen), NETLINK_ADD_MEMBERSHIP, &i, sizeof(i));
}

/* 0, or an errno. */
static int deaf_socket(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return errno;
	return 0;
}

static void step_sockets(int argc, char **argv)
{
	uint64_t i, count = number(argv[1]);
	struct rlimit files = { .rlim_cur = count + 64, .rlim_max = count + 64 };
	int code = 0;

	(void)argc;
	find_family();
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("limit of files");
	for (i = 0; i < count && !code; i++)
		code = deaf_socket();
	printf("%llu sockets\n", (unsigned long long)(code ? i - 1 : i));
	outcome = (struct outcome){ .missing = -1, .code = code };
}

static bool ready(uint64_t until)
{
	struct pollfd poll_one = { mnl_socket_get_fd(link_of(chosen)), POLLIN, 0 };
	uint64_t now = now_ms();

	return now < until && poll(&poll_one, 1, (int)(until - now)) > 0;
}

static unsigned int hear(void)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)in;
	ssize_t length = mnl_socket_recvfrom(link_of(chosen), in, sizeof(in));
	const struct genlmsghdr *head;
	int left = (int)length;
	unsigned int heard = 0;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		head = mnl_nlmsg_get_payload(message);
		if (head->cmd != MERLON_CMD_DROP_EVENT && head->cmd != MERLON_CMD_STATE_EVENT)
			continue;
		printf("%s ", commands[head->cmd]);
		each_line(message);
		heard++;
	}
	fflush(stdout);
	return heard;
}

static void step_listen(int argc, char **argv)
{
	uint64_t until = now_ms() + number(argv[1]);
	uint64_t count = argc > 2 ? number(argv[2]) : UINT64_MAX;

	outcome = (struct outcome){ .missing = -1 };
	while (count && ready(until))
		count -= hear();
}

static void step_hold(int argc, char **argv)
{
	char byte;

	(void)argc;
	(void)argv;
	printf("holding\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	outcome = (struct outcome){ .missing = -1 };
}

static uint32_t state_now;

static void each_state(const struct nlmsghdr *message)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == MERLON_A_STATE)
			state_now = mnl_attr_get_u32(attr);
}

static void step_await(int argc, char **argv)
{
	uint64_t until = now_ms() + number(argv[2]);

	(void)argc;
	do {
		talk(request(MERLON_CMD_GET_STATUS, 0), each_state);
		if (!strcmp(states[state_now], argv[1]))
			return;
		usleep(20000);
	} while (now_ms() < until);
	outcome.code = ETIMEDOUT;
	snprintf(outcome.sentence, sizeof(outcome.sentence), "is %s", states[state_now]);
}

/* ---------------------------------------------------------------- bad images */

struct tally {
	unsigned int refused, accepted, wrong;
};

/* The kernel must say of @image what the library says, and why. */
static void compare_one(const struct image *image, uint64_t epoch, uint64_t serial,
			struct tally *tally)
{
	struct merlon_fault fault = { 0 };
	struct ml_tables tables = { .tables = NULL };
	int expected = ml_tables_of(image->bytes, image->length, &tables, &fault);
	int code = load(image, epoch, serial, 600000);

	ml_tables_clean(&tables);
	if (expected)
		tally->refused++;
	else
		tally->accepted++;
	if (code == -expected && (!expected || strstr(outcome.sentence, fault.what)))
		return;
	tally->wrong++;
	printf("wrong: serial %llu: library %d (%s), kernel %d (%s)\n",
	       (unsigned long long)serial, expected, fault.what ? fault.what : "", code,
	       outcome.sentence);
}

static void step_flips(int argc, char **argv)
{
	struct image image = read_image(argv[1]);
	size_t bits = 8 * (argc > 3 ? number(argv[3]) : image.length);
	struct tally tally = { 0 };
	size_t bit;

	for (bit = 0; bit < bits; bit++) {
		image.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		digest(&image);
		compare_one(&image, number(argv[2]), bit + 1, &tally);
		image.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	printf("%zu bits, %u refused, %u other images, %u wrong\n", bits, tally.refused,
	       tally.accepted, tally.wrong);
	outcome = (struct outcome){ .missing = -1, .code = tally.wrong ? EBADMSG : 0 };
	free(image.bytes);
}

static void step_truncations(int argc, char **argv)
{
	struct image image = read_image(argv[1]);
	size_t length, whole = image.length;
	struct tally tally = { 0 };

	(void)argc;
	for (length = sizeof(struct merlon_image_header); length < whole; length++) {
		image.length = length;
		digest(&image);
		compare_one(&image, number(argv[2]), length, &tally);
	}
	printf("%zu lengths, %u refused, %u other images, %u wrong\n",
	       whole - sizeof(struct merlon_image_header), tally.refused, tally.accepted,
	       tally.wrong);
	outcome = (struct outcome){ .missing = -1,
				    .code = tally.wrong || tally.accepted ? EBADMSG : 0 };
	free(image.bytes);
}

/* ------------------------------------------------------------------ at once */

static uint64_t last_id;
static bool ascending = true;

static void each_id(const struct nlmsghdr *message)
{
	const struct nlattr *attr;
	uint64_t id;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != MERLON_A_RULE_ID)
			continue;
		id = mnl_attr_get_u64(attr);
		ascending = ascending && id > last_id;
		last_id = id;
	}
}

static void step_interrupted(int argc, char **argv)
{
	struct image first = read_image(argv[1]), second = read_image(argv[2]);
	uint64_t epoch = number(argv[3]);
	struct outcome whole;
	uint32_t dump;

	(void)argc;
	if (load(&first, epoch, 1, 600000))
		return;
	post(request(MERLON_CMD_GET_RULES, NLM_F_DUMP));
	receive(each_id);
	dump = sequence;
	whole = outcome;
	chosen = 7;
	if (load(&second, epoch, 2, 600000))
		return;
	chosen = 0;
	sequence = dump;
	outcome = whole;
	while (!receive(each_id))
		;
	printf("%u rules, %s\n", outcome.messages, ascending ? "ascending" : "in disorder");
}

static void meddle(const struct image *image, uint64_t epoch, unsigned int seed)
{
	uint64_t serial = now_ms() * 1000 + (uint64_t)random() % 1000;

	switch (seed % 12) {
	case 0: case 1: case 2: case 3:
		load(image, epoch, serial, 1 + (uint64_t)random() % 100);
		break;
	case 4:
		load_begin(image, epoch, serial, 1000);
		load_chunk(image, 0, image->length / 2);
		break;
	case 5:
		hang_up(0);
		break;
	case 6:
		plain(MERLON_CMD_LOAD_ABORT);
		break;
	case 7:
		arm(MERLON_SCOPE_TUNNELS, 1 + (uint32_t)random() % 2, (uint32_t)random() % 2);
		break;
	case 8:
		disarm();
		break;
	case 9:
		renew(image, epoch, serial, 1 + (uint64_t)random() % 100);
		break;
	case 10:
		talk(request(MERLON_CMD_GET_RULES, NLM_F_DUMP), NULL);
		break;
	default:
		plain(MERLON_CMD_GET_STATUS);
		plain(MERLON_CMD_CONFIRM);
	}
}

static void step_race(int argc, char **argv)
{
	struct image image = read_image(argv[1]);
	uint64_t until = now_ms() + number(argv[3]);
	unsigned long rounds = 0;
	int i, status, bad = 0;

	(void)argc;
	find_family();
	for (i = 0; i < 8; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sockets[0] = NULL;
		srandom((unsigned int)i + 1);
		for (; now_ms() < until; rounds++)
			meddle(&image, number(argv[2]), (unsigned int)random());
		_exit(rounds ? 0 : 1);
	}
	while (wait(&status) > 0)
		bad |= status;
	outcome = (struct outcome){ .missing = -1, .code = bad ? ECHILD : 0 };
	free(image.bytes);
}

/* wg0, up */
static void add_tunnel_device(void)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(out);
	struct mnl_socket *route = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct ifinfomsg *link;
	struct nlattr *nest;

	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
	message->nlmsg_seq = ++sequence;
	link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	link->ifi_flags = link->ifi_change = IFF_UP;
	mnl_attr_put_strz(message, IFLA_IFNAME, "wg0");
	nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, "wireguard");
	mnl_attr_nest_end(message, nest);
	if (!route || mnl_socket_sendto(route, message, message->nlmsg_len) < 0 ||
	    mnl_socket_recvfrom(route, in, sizeof(in)) < 0)
		die("rtnetlink");
	message = (struct nlmsghdr *)in;
	errno = -((struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
	if (errno)
		die("wg0");
	mnl_socket_close(route);
}

/* Namespaces are cleaned up behind one's back, and not faster than they can be. */
static void wait_for_the_dead(unsigned long most)
{
	uint64_t until = now_ms() + 60000;
	unsigned long count, fewest = ULONG_MAX;

	while ((count = armed_namespaces()) > most && now_ms() < until) {
		if (count < fewest) {
			fewest = count;
			until = now_ms() + 60000;
		}
		usleep(10000);
	}
	if (count > most) {
		errno = ETIMEDOUT;
		die("namespaces stay");
	}
}

static void live(const struct image *image, uint64_t i)
{
	if (unshare(CLONE_NEWNET))
		die("unshare");
	add_tunnel_device();
	if (load(image, 1, 1, i % 4 ? 60000 : 1 + i % 32) ||
	    arm(MERLON_SCOPE_TUNNELS, i % 3 ? MERLON_MODE_ENFORCING : MERLON_MODE_OBSERVING,
		i % 5 ? 0 : 1)) {
		report("life");
		exit(2);
	}
	if (i % 2)
		load_begin(image, 1, 2, 1000);
	hang_up(0);
}

static void step_lives(int argc, char **argv)
{
	uint64_t i, worker, count = number(argv[1]);
	unsigned long armed = armed_namespaces();
	struct image image = read_image(argv[2]);
	int status, bad = 0;

	(void)argc;
	find_family();
	for (worker = 0; worker < 4; worker++) {
		if (fork())
			continue;
		sockets[0] = NULL;
		for (i = worker; i < count; i += 4) {
			live(&image, i);
			wait_for_the_dead(armed + 64);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		bad |= status;
	wait_for_the_dead(armed);
	outcome = (struct outcome){ .missing = -1, .code = bad ? ECHILD : 0 };
	free(image.bytes);
}

/* ---------------------------------------------------------------------- main */

static const struct {
	const char *name;
	int arguments;
	void (*run)(int argc, char **argv);
	bool quiet;
} steps[] = {
	{ "image", 1, step_image, true },
	{ "send", 1, step_send, false },
	{ "raw", 1, step_raw, false },
	{ "begin", 4, step_begin, false },
	{ "chunk", 3, step_chunk, false },
	{ "chunks", 1, step_chunks, false },
	{ "commit", 0, step_commit, false },
	{ "abort", 0, step_abort, false },
	{ "close", 0, step_close, false },
	{ "load", 4, step_load, false },
	{ "renew", 4, step_renew, false },
	{ "arm", 1, step_arm, false },
	{ "confirm", 0, step_confirm, false },
	{ "disarm", 0, step_disarm, false },
	{ "status", 0, step_status, false },
	{ "rules", 0, step_rules, false },
	{ "explain", 4, step_explain, false },
	{ "join", 0, step_join, false },
	{ "join-all", 0, step_join_all, false },
	{ "listen", 1, step_listen, false },
	{ "sockets", 1, step_sockets, false },
	{ "hold", 0, step_hold, false },
	{ "await", 2, step_await, false },
	{ "flips", 2, step_flips, false },
	{ "truncations", 2, step_truncations, false },
	{ "interrupted", 3, step_interrupted, false },
	{ "race", 3, step_race, false },
	{ "lives", 2, step_lives, false },
};

static void run_step(int argc, char **argv)
{
	size_t i;

	chosen = 0;
	if (argc && argv[0][0] == '@') {
		chosen = (unsigned int)number(argv[0] + 1) % SOCKETS;
		argc--;
		argv++;
	}
	for (i = 0; argc && i < sizeof(steps) / sizeof(*steps); i++) {
		if (strcmp(steps[i].name, argv[0]) || argc <= steps[i].arguments)
			continue;
		steps[i].run(argc, argv);
		if (!steps[i].quiet)
			report(argv[0]);
		return;
	}
	fprintf(stderr, "nltool: no step '%s', or too few arguments\n", argc ? argv[0] : "");
	exit(2);
}

int main(int argc, char **argv)
{
	int from = 1, to;

	if (sodium_init() < 0)
		die("sodium");
	for (to = 1; to <= argc; to++) {
		if (to < argc && strcmp(argv[to], ","))
			continue;
		run_step(to - from, argv + from);
		from = to + 1;
	}
	return outcome.code ? 1 : 0;
}
