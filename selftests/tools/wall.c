// SPDX-License-Identifier: MIT
/*
 * wall [-n NAMESPACE] COMMAND
 *
 *   load [--lifetime MS] < rules	compile and load; armed or not
 *   compile FILE < rules		the image alone
 *   swap WHILE FILE...			loads images in turn while file WHILE exists, one at
 *					least; after each, how many
 *   arm [observing|enforcing] [tunnels|everything]
 *   disarm
 *   state				"enforcing"
 *   passed|denied REASON		packets so far
 *   denials			those of every reason that had any, on one line
 *   hits RULE			packets so far; RULE as it was loaded
 *   events SECONDS			drop events, one on a line
 *
 * For tests of the packet path, without policy language, bundle or daemon. One
 * rule per line, '#' starts a comment:
 *
 *   tunnel wg0
 *   ignore wg9
 *   own 10.0.0.2/32 1			only tunnel 1 may deliver it
 *   reject-unmatched
 *   allow|drop|reject SOURCES DESTINATIONS SERVICES
 *   guard device|user|cgroup NAME	what numbers of circumstances mean
 *   guard allow|drop CIRCUMSTANCES DESTINATIONS SERVICES
 *
 * CIRCUMSTANCES: prefixes of what linux/merlon.h makes of them, or *.
 * SOURCES and DESTINATIONS: prefixes separated by commas, or *. SERVICES,
 * separated by commas: *, tcp, tcp/80, udp/1000-2000, icmp/8, icmp6/128, 47.
 * Status: 0, or 1 with a sentence.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "classifier.h"
#include "compile.h"
#include "kernel.h"
#include "netns.h"
#include "prefix.h"
#include "ruleset.h"

static struct ml_error error;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "wall: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static void check(int code)
{
	if (code)
		die("%s", error.text);
}

static void *room(void *list, size_t count, size_t size)
{
	list = reallocarray(list, count + 1, size);
	if (!list)
		die("no memory");
	memset((char *)list + count * size, 0, size);
	return list;
}

/* ------------------------------------------------------------------- rules */

/* The same text is the same rule, in every load and for "hits". */
static uint64_t id_of(const char *text)
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	uint64_t id;

	crypto_hash_sha256(digest, (const unsigned char *)text, strlen(text));
	memcpy(&id, digest, sizeof(id));
	return id;
}

static struct ml_prefix prefix_of(const char *text)
{
	struct ml_prefix prefix;

	if (ml_prefix_parse(text, &prefix))
		die("'%s' is not a prefix", text);
	return prefix;
}

static uint32_t add_set(struct ml_ruleset *ruleset, char *text)
{
	struct ml_prefixes list = { 0 };
	struct ml_prefix prefix;
	struct ml_set *set;
	char *word;

	ruleset->sets = room(ruleset->sets, ruleset->set_count, sizeof(*set));
	set = &ruleset->sets[ruleset->set_count];
	set->name = strdup(text);
	set->any = !strcmp(text, "*");
	while (!set->any && (word = strsep(&text, ","))) {
		prefix = prefix_of(word);
		ml_prefixes_add(&list, &prefix);
	}
	ml_prefixes_normalise(&list);
	set->prefixes = list.items;
	set->prefix_count = list.count;
	return (uint32_t)ruleset->set_count++;
}

static int protocol_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "*", ML_PROTOCOL_ANY }, { "icmp", 1 }, { "tcp", 6 }, { "udp", 17 },
		{ "dccp", 33 }, { "icmp6", 58 }, { "sctp", 132 }, { "udplite", 136 },
	};
	size_t i;
	char *end;
	long number;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i].name))
			return names[i].number;
	number = strtol(name, &end, 10);
	if (*end || number < 0 || number > 255)
		die("'%s' is not a protocol", name);
	return (int)number;
}

static struct ml_service_range service_of(char *text)
{
	struct ml_service_range range = { .last = 65535 };
	char *selector = text;
	unsigned int first, last;

	range.protocol = (int16_t)protocol_of(strsep(&selector, "/"));
	if (range.protocol != ML_PROTOCOL_ANY)
		range.last = (uint16_t)merlon_selector_max((u8)range.protocol);
	if (!selector)
		return range;
	switch (sscanf(selector, "%u-%u", &first, &last)) {
	case 1:
		last = first;
		break;
	case 2:
		break;
	default:
		die("'%s' is not a port or type", selector);
	}
	range.first = (uint16_t)first;
	range.last = (uint16_t)last;
	return range;
}

static void add_rule(struct ml_ruleset *ruleset, const char *line, uint8_t action,
		     char *words[3])
{
	struct ml_rule *rule;
	char *service;

	ruleset->rules = room(ruleset->rules, ruleset->rule_count, sizeof(*rule));
	rule = &ruleset->rules[ruleset->rule_count++];
	rule->id = id_of(line);
	rule->action = action;
	rule->text = strdup(line);
	rule->sources = room(NULL, 0, sizeof(*rule->sources));
	rule->destinations = room(NULL, 0, sizeof(*rule->destinations));
	*rule->sources = add_set(ruleset, words[0]);
	*rule->destinations = add_set(ruleset, words[1]);
	rule->source_count = rule->destination_count = 1;
	while ((service = strsep(&words[2], ","))) {
		rule->services = room(rule->services, rule->service_count,
				      sizeof(*rule->services));
		rule->services[rule->service_count++] = service_of(service);
	}
}

static void add_tunnel(struct ml_ruleset *ruleset, const char *name, bool ignored)
{
	struct ml_tunnel *tunnel;

	ruleset->tunnels = room(ruleset->tunnels, ruleset->tunnel_count, sizeof(*tunnel));
	tunnel = &ruleset->tunnels[ruleset->tunnel_count++];
	snprintf(tunnel->name, sizeof(tunnel->name), "%s", name);
	tunnel->ignored = ignored;
}

static void add_owner(struct ml_ruleset *ruleset, const char *prefix, const char *tunnel)
{
	struct ml_owner *owner;

	ruleset->owners = room(ruleset->owners, ruleset->owner_count, sizeof(*owner));
	owner = &ruleset->owners[ruleset->owner_count++];
	owner->prefix = prefix_of(prefix);
	owner->tunnel = (uint8_t)atoi(tunnel);
}

static struct ml_guard *guard_of(struct ml_ruleset *ruleset)
{
	if (!ruleset->guard)
		ruleset->guard = room(NULL, 0, sizeof(*ruleset->guard));
	return ruleset->guard;
}

/* "0.1.0.0/16" as well as "::0.1.0.0/112". */
static void add_circumstances(struct ml_set *set)
{
	struct ml_prefixes list = { 0 };
	struct ml_prefix six;
	size_t i;

	for (i = 0; i < set->prefix_count; i++) {
		six = (struct ml_prefix) { .family = AF_INET6,
					   .length = set->prefixes[i].length + 96 };
		memcpy(six.address + 12, set->prefixes[i].address, 4);
		ml_prefixes_add(&list, &set->prefixes[i]);
		ml_prefixes_add(&list, &six);
	}
	free(set->prefixes);
	ml_prefixes_normalise(&list);
	set->prefixes = list.items;
	set->prefix_count = list.count;
}

static void add_guard_rule(struct ml_ruleset *ruleset, const char *line, char *words[5])
{
	struct ml_ruleset *rules = &guard_of(ruleset)->rules;

	add_rule(rules, line, strcmp(words[1], "allow") ? MERLON_ACTION_DROP :
							  MERLON_ACTION_ALLOW, words + 2);
	add_circumstances(&rules->sets[*rules->rules[rules->rule_count - 1].sources]);
}

static void add_guard_name(struct ml_ruleset *ruleset, const char *kind, const char *name)
{
	struct ml_guard *guard = guard_of(ruleset);

	if (!strcmp(kind, "device")) {
		guard->devices = room(guard->devices, guard->device_count, sizeof(*guard->devices));
		snprintf(guard->devices[guard->device_count++], 16, "%s", name);
	} else if (!strcmp(kind, "user")) {
		guard->users = room(guard->users, guard->user_count, sizeof(*guard->users));
		guard->users[guard->user_count++] = (uint32_t)strtoul(name, NULL, 10);
	} else if (!strcmp(kind, "cgroup")) {
		guard->cgroups = room(guard->cgroups, guard->cgroup_count, sizeof(*guard->cgroups));
		snprintf(guard->cgroups[guard->cgroup_count++], 256, "%s", name);
	} else {
		die("not understood: guard %s", kind);
	}
}

static void read_line(struct ml_ruleset *ruleset, const char *line)
{
	char *copy = strdup(line), *rest = copy, *words[5] = { NULL }, *word;
	size_t n = 0;

	while (n < 5 && (word = strsep(&rest, " \t")))
		if (*word)
			words[n++] = word;
	if (!strcmp(words[0], "tunnel") && n == 2)
		add_tunnel(ruleset, words[1], false);
	else if (!strcmp(words[0], "ignore") && n == 2)
		add_tunnel(ruleset, words[1], true);
	else if (!strcmp(words[0], "own") && n == 3)
		add_owner(ruleset, words[1], words[2]);
	else if (!strcmp(words[0], "reject-unmatched"))
		ruleset->reject_unmatched = true;
	else if (!strcmp(words[0], "allow") && n == 4)
		add_rule(ruleset, line, MERLON_ACTION_ALLOW, words + 1);
	else if (!strcmp(words[0], "drop") && n == 4)
		add_rule(ruleset, line, MERLON_ACTION_DROP, words + 1);
	else if (!strcmp(words[0], "reject") && n == 4)
		add_rule(ruleset, line, MERLON_ACTION_REJECT, words + 1);
	else if (!strcmp(words[0], "guard") && n == 5)
		add_guard_rule(ruleset, line, words);
	else if (!strcmp(words[0], "guard") && n == 3)
		add_guard_name(ruleset, words[1], words[2]);
	else
		die("not understood: %s", line);
	free(copy);
}

static int compare_rules(const void *a, const void *b)
{
	const struct ml_rule *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_rules(struct ml_ruleset *ruleset)
{
	if (ruleset->rule_count)
		qsort(ruleset->rules, ruleset->rule_count, sizeof(*ruleset->rules),
		      compare_rules);
}

static int compare_owners(const void *a, const void *b)
{
	const struct ml_owner *x = a, *y = b;

	return ml_prefix_compare(&x->prefix, &y->prefix);
}

/* @line without comment and blanks around it. */
static char *trim(char *line)
{
	char *end;

	line[strcspn(line, "#\n")] = 0;
	line += strspn(line, " \t");
	for (end = line + strlen(line); end > line && strchr(" \t", end[-1]); end--)
		end[-1] = 0;
	return line;
}

static void read_rules(struct ml_ruleset *ruleset)
{
	char *buffer = NULL, *line;
	size_t size = 0;

	while (getline(&buffer, &size, stdin) >= 0) {
		line = trim(buffer);
		if (*line)
			read_line(ruleset, line);
	}
	free(buffer);
	sort_rules(ruleset);
	if (ruleset->guard)
		sort_rules(&ruleset->guard->rules);
	if (ruleset->owner_count)
		qsort(ruleset->owners, ruleset->owner_count, sizeof(*ruleset->owners),
		      compare_owners);
}

/* ---------------------------------------------------------------- commands */

static uint8_t *compile(size_t *length)
{
	struct ml_ruleset *ruleset = room(NULL, 0, sizeof(*ruleset));
	uint8_t *image;

	read_rules(ruleset);
	check(ml_image_compile(ruleset, &image, length, &error));
	ml_ruleset_free(ruleset);
	free(ruleset);
	return image;
}

static void load_image(struct ml_kernel *kernel, const uint8_t *image, size_t length,
		       uint64_t lifetime_ms)
{
	struct ml_kernel_generation generation = { .epoch = 1, .lifetime_ms = lifetime_ms };
	struct ml_kernel_status status;

	check(ml_kernel_status(kernel, &status, &error));
	generation.serial = status.last_serial + 1;
	crypto_hash_sha256(generation.digest, image, length);
	check(ml_kernel_load(kernel, &generation, image, length, &error));
}

static void load(struct ml_kernel *kernel, uint64_t lifetime_ms)
{
	size_t length;
	uint8_t *image = compile(&length);

	load_image(kernel, image, length, lifetime_ms);
	free(image);
}

static void compile_file(const char *path)
{
	size_t length;
	uint8_t *image = compile(&length);
	FILE *file = fopen(path, "w");

	if (!file || fwrite(image, 1, length, file) != length || fclose(file))
		die("%s: cannot be written", path);
	free(image);
}

static uint8_t *read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "r");
	uint8_t *bytes = malloc(MERLON_MAX_IMAGE_BYTES);

	if (!file || !bytes)
		die("%s: cannot be read", path);
	*length = fread(bytes, 1, MERLON_MAX_IMAGE_BYTES, file);
	fclose(file);
	return bytes;
}

static void swap(struct ml_kernel *kernel, const char *while_exists, int count, char **paths)
{
	uint8_t *images[8];
	size_t lengths[8];
	int i, loads = 0;

	if (count < 1 || count > 8)
		die("swap one to eight images");
	for (i = 0; i < count; i++)
		images[i] = read_file(paths[i], &lengths[i]);
	do {
		load_image(kernel, images[loads % count], lengths[loads % count], 3600 * 1000);
		printf("%d\n", ++loads);
		fflush(stdout);
	} while (!access(while_exists, F_OK));
}

static void print_count(struct ml_kernel *kernel, bool passed, const char *name)
{
	struct ml_kernel_status status;
	int i;

	check(ml_kernel_status(kernel, &status, &error));
	for (i = 0; i <= MERLON_REASON_MAX; i++)
		if (!strcmp(ml_reason_name(i), name))
			break;
	if (i > MERLON_REASON_MAX)
		die("'%s' is not a reason", name);
	printf("%ju\n", (uintmax_t)(passed ? status.passed : status.denied)[i]);
}

static void print_denials(struct ml_kernel *kernel)
{
	struct ml_kernel_status status;
	int i;

	check(ml_kernel_status(kernel, &status, &error));
	for (i = 0; i <= MERLON_REASON_MAX; i++)
		if (status.denied[i])
			printf("%s %ju ", ml_reason_name(i), (uintmax_t)status.denied[i]);
	printf("\n");
}

struct hits {
	uint64_t id, packets;
	bool found;
};

static int find_rule(const struct ml_kernel_rule *rule, void *arg)
{
	struct hits *hits = arg;

	if (rule->id == hits->id) {
		hits->packets = rule->packets;
		hits->found = true;
	}
	return 0;
}

static void print_hits(struct ml_kernel *kernel, const char *text)
{
	struct hits hits = { .id = id_of(text) };

	check(ml_kernel_rules(kernel, find_rule, &hits, &error));
	if (!hits.found)
		die("no such rule: %s", text);
	printf("%ju\n", (uintmax_t)hits.packets);
}

static void print_event(const struct ml_kernel_event *event)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

	if (event->command != MERLON_CMD_DROP_EVENT)
		return;
	inet_ntop(event->family, event->source, source, sizeof(source));
	inet_ntop(event->family, event->destination, destination, sizeof(destination));
	printf("%s %s %s in=%s out=%s %s:%u > %s:%u protocol=%u length=%u%s\n",
	       ml_hook_name(event->hook), ml_reason_name(event->reason),
	       ml_action_name(event->action), event->device_in, event->device_out,
	       source, event->source_port, destination, event->selector,
	       event->protocol, event->length, event->observed ? " observed" : "");
	fflush(stdout);
}

static void follow(struct ml_kernel *kernel, int seconds)
{
	struct pollfd ready = { .fd = ml_kernel_fd(kernel), .events = POLLIN };
	time_t end = time(NULL) + seconds;
	struct ml_kernel_event event;
	int code;

	check(ml_kernel_subscribe(kernel, &error));
	while (time(NULL) < end) {
		if (poll(&ready, 1, 200) <= 0)
			continue;
		code = ml_kernel_event_read(kernel, &event, &error);
		if (code && code != -EAGAIN)
			check(code);
		if (!code)
			print_event(&event);
	}
}

static enum merlon_mode mode_of(const char *name)
{
	return name && !strcmp(name, "observing") ? MERLON_MODE_OBSERVING :
						    MERLON_MODE_ENFORCING;
}

static enum merlon_scope scope_of(const char *name)
{
	return name && !strcmp(name, "everything") ? MERLON_SCOPE_EVERYTHING :
						     MERLON_SCOPE_TUNNELS;
}

static void print_state(struct ml_kernel *kernel)
{
	struct ml_kernel_status status;

	check(ml_kernel_status(kernel, &status, &error));
	printf("%s\n", ml_state_name(status.state));
}

int main(int argc, char **argv)
{
	const char *command, *arg;
	struct ml_kernel *kernel;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		netns_enter(argv[2]);
		argv += 2;
		argc -= 2;
	}
	command = argc > 1 ? argv[1] : "";
	arg = argc > 2 ? argv[2] : NULL;
	check(ml_kernel_open(&kernel, &error));
	if (!strcmp(command, "load"))
		load(kernel, argc > 3 ? strtoull(argv[3], NULL, 10) : 3600 * 1000);
	else if (!strcmp(command, "compile") && arg)
		compile_file(arg);
	else if (!strcmp(command, "swap") && argc > 3)
		swap(kernel, arg, argc - 3, argv + 3);
	else if (!strcmp(command, "arm"))
		check(ml_kernel_arm(kernel, scope_of(argc > 3 ? argv[3] : NULL), mode_of(arg), 0,
				    "test", &error));
	else if (!strcmp(command, "disarm"))
		check(ml_kernel_disarm(kernel, "test", &error));
	else if (!strcmp(command, "state"))
		print_state(kernel);
	else if ((!strcmp(command, "passed") || !strcmp(command, "denied")) && arg)
		print_count(kernel, *command == 'p', arg);
	else if (!strcmp(command, "denials"))
		print_denials(kernel);
	else if (!strcmp(command, "hits") && arg)
		print_hits(kernel, arg);
	else if (!strcmp(command, "events") && arg)
		follow(kernel, atoi(arg));
	else
		die("not understood: %s", command);
	ml_kernel_close(kernel);
	return 0;
}
