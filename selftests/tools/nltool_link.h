/* SPDX-License-Identifier: MIT */
/* nltool's way to the kernel: sockets, names, messages and what comes back. */
#ifndef NLTOOL_LINK_H
#define NLTOOL_LINK_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/merlon.h>

#define SOCKETS 8
#define BUFFER (128u << 10)

struct outcome {
	int code;		/* errno, 0: done */
	char sentence[256];
	int missing;		/* attribute, or -1 */
	bool interrupted;
	unsigned int messages;
};

static struct mnl_socket *sockets[SOCKETS];
static unsigned int chosen;
static uint16_t family_id;
static uint32_t group;
static uint32_t sequence = 1;
static uint8_t out[BUFFER], in[BUFFER];
static struct outcome outcome;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "nltool: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*end || !*text) {
		fprintf(stderr, "nltool: '%s' is no number\n", text);
		exit(2);
	}
	return value;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------- names */

enum type { U8, U16, U32, U64, STR, HEX, ZERO };

static const char *const type_names[] = { "u8", "u16", "u32", "u64", "str", "hex", "zero" };

static const struct {
	const char *name;
	enum type type;
} attributes[] = {
#define A(_name, _type) [MERLON_A_##_name] = { #_name, _type }
	A(PAD, ZERO), A(STATE, U32), A(SCOPE, U32), A(MODE, U32), A(CONFIRM_S, U32),
	A(WHY, STR), A(EPOCH, U64), A(SERIAL, U64), A(LIFETIME_MS, U64),
	A(IMAGE_BYTES, U32), A(DIGEST, HEX), A(OFFSET, U32), A(DATA, HEX), A(RULE_ID, U64),
	A(ACTION, U8), A(PACKETS, U64), A(BYTES, U64), A(FAMILY, U8), A(SOURCE, HEX),
	A(DESTINATION, HEX), A(PROTOCOL, U8), A(SOURCE_PORT, U16), A(SELECTOR, U16),
	A(REASON, U8), A(SOURCE_CLASS, U32), A(DESTINATION_CLASS, U32), A(SERVICE, U32),
	A(HOOK, U8), A(DEVICE_IN, STR), A(DEVICE_OUT, STR), A(OBSERVED, ZERO),
	A(SUPPRESSED, U64), A(LENGTH, U32), A(MODULE_VERSION, STR), A(MEMORY, U64),
	A(RULES, U32), A(PAIRS, U32), A(HOSTS, U32), A(REASON_COUNTS, HEX),
	A(LAST_EPOCH, U64), A(LAST_SERIAL, U64), A(MAX_LIFETIME_MS, U64),
	A(REPLY, ZERO), A(ETHERTYPE, U16), A(GUARD_RULES, U32), A(HOLES, U32),
};

_Static_assert(sizeof(attributes) / sizeof(attributes[0]) == __MERLON_A_MAX,
	       "each attribute has a name here");

static const char *const commands[] = {
#define C(_name) [MERLON_CMD_##_name] = #_name
	C(GET_STATUS), C(ARM), C(CONFIRM), C(DISARM), C(LOAD_BEGIN), C(LOAD_CHUNK),
	C(LOAD_COMMIT), C(LOAD_ABORT), C(RENEW), C(GET_RULES), C(EXPLAIN), C(DROP_EVENT),
	C(STATE_EVENT),
};

static const char *const states[] = {
	"unspec", "disarmed", "observing", "lockdown", "enforcing", "expired",
};

static const char *const reasons[] = {
	"unspec", "rule", "no-rule", "lockdown", "expired", "unknown-tunnel", "spoofed",
	"header", "fragment", "not-opened", "translated",
};

static inline int attribute_of(const char *name, size_t length)
{
	unsigned int i;

	for (i = 1; i <= MERLON_A_MAX; i++)
		if (strlen(attributes[i].name) == length &&
		    !strncmp(attributes[i].name, name, length))
			return (int)i;
	return (int)strtol(name, NULL, 0);
}

static inline uint8_t command_of(const char *name)
{
	uint8_t i;

	for (i = 1; i <= MERLON_CMD_MAX; i++)
		if (!strcmp(commands[i], name))
			return i;
	return (uint8_t)number(name);
}

/* ----------------------------------------------------------------- exchange */

static struct mnl_socket *link_of(unsigned int i)
{
	int yes = 1;

	if (sockets[i])
		return sockets[i];
	sockets[i] = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!sockets[i] || mnl_socket_bind(sockets[i], 0, MNL_SOCKET_AUTOPID) < 0)
		die("socket");
	mnl_socket_setsockopt(sockets[i], NETLINK_EXT_ACK, &yes, sizeof(yes));
	mnl_socket_setsockopt(sockets[i], NETLINK_CAP_ACK, &yes, sizeof(yes));
	return sockets[i];
}

static void hang_up(unsigned int i)
{
	if (sockets[i])
		mnl_socket_close(sockets[i]);
	sockets[i] = NULL;
}

static struct nlmsghdr *begin(uint16_t type, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(out);
	struct genlmsghdr *head;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	message->nlmsg_seq = ++sequence;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->cmd = command;
	head->version = MERLON_GENL_VERSION;
	return message;
}

static int note_refusal(const struct nlattr *attr, void *data)
{
	(void)data;
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
		snprintf(outcome.sentence, sizeof(outcome.sentence), "%s",
			 mnl_attr_get_str(attr));
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MISS_TYPE)
		outcome.missing = (int)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static void note_end(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t skip = sizeof(*error);

	outcome.code = -*(const int *)mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != NLMSG_ERROR || !(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += error->msg.nlmsg_len - sizeof(error->msg);
	mnl_attr_parse(message, (unsigned int)MNL_ALIGN(skip), note_refusal, NULL);
}

typedef void (*each_fn)(const struct nlmsghdr *message);

static bool take(const struct nlmsghdr *message, each_fn each)
{
	if (message->nlmsg_seq != sequence)
		return false;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		outcome.interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		note_end(message);
		return true;
	}
	outcome.messages++;
	if (each)
		each(message);
	return false;
}

/* One datagram. Return: the answer is complete. */
static bool receive(each_fn each)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)in;
	ssize_t length = mnl_socket_recvfrom(link_of(chosen), in, sizeof(in));
	int left = (int)length;
	bool done = false;

	if (length < 0)
		die("receive");
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		done = take(message, each) || done;
	return done;
}

static void post(const struct nlmsghdr *message)
{
	outcome = (struct outcome){ .missing = -1 };
	if (mnl_socket_sendto(link_of(chosen), message, message->nlmsg_len) < 0)
		die("send");
}

static int talk(const struct nlmsghdr *message, each_fn each)
{
	post(message);
	while (!receive(each))
		;
	return outcome.code;
}

static int take_family_attribute(const struct nlattr *attr, void *data)
{
	const struct nlattr *one, *part;

	(void)data;
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		family_id = mnl_attr_get_u16(attr);
	if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
		return MNL_CB_OK;
	mnl_attr_for_each_nested(one, attr)
		mnl_attr_for_each_nested(part, one)
			if (mnl_attr_get_type(part) == CTRL_ATTR_MCAST_GRP_ID)
				group = mnl_attr_get_u32(part);
	return MNL_CB_OK;
}

static void take_family(const struct nlmsghdr *message)
{
	mnl_attr_parse(message, sizeof(struct genlmsghdr), take_family_attribute, NULL);
}

/* Asking for it is what loads the module where it is not there. */
static void find_family(void)
{
	struct nlmsghdr *message = begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);

	if (family_id)
		return;
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, MERLON_GENL_NAME);
	if (talk(message, take_family) || !family_id) {
		fprintf(stderr, "nltool: no family merlon\n");
		exit(2);
	}
}

static struct nlmsghdr *request(uint8_t command, uint16_t flags)
{
	find_family();
	return begin(family_id, command, flags);
}

static inline void report(const char *step)
{
	printf("%s: ", step);
	if (!outcome.code)
		printf("ok");
	else
		printf("%s %s", strerrorname_np(outcome.code), outcome.sentence);
	if (outcome.missing >= 0)
		printf(" [%s]", outcome.missing <= MERLON_A_MAX ?
		       attributes[outcome.missing].name : "?");
	printf("%s\n", outcome.interrupted ? " interrupted" : "");
	fflush(stdout);
}

#endif
