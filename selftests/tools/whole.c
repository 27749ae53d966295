// SPDX-License-Identifier: MIT
/*
 * whole NAMESPACE WHILE dumps|explains IMAGE...
 *
 * Asks the kernel over and over, while file WHILE exists and somebody else loads
 * these images in turn: what it answers must be of one of them alone.
 *
 *   dumps	all rules. As an image has them, from the first to the last, or it is
 *		said that the dump was interrupted. "WHOLE INTERRUPTED", after each
 *   explains	what becomes of random packets. As the library says by one of the
 *		images, in every number of the answer, and always by the same one
 *		for the same (epoch, serial). "ANSWERS GENERATIONS", how many of each
 *		there were, after each generation's first and at the end
 *
 * Status: 0; 1 with a sentence where an answer is of no image; 2 cannot be asked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "file.h"
#include "kernel.h"
#include "netns.h"
#include "ruleset.h"
#include "tables_of.h"

#define MAX_IMAGES 8

static struct ml_tables images[MAX_IMAGES];
static unsigned int image_count;
static struct ml_kernel *kernel;
static struct ml_error error;

static void check(int code)
{
	if (!code)
		return;
	fprintf(stderr, "whole: %s\n", error.text);
	exit(2);
}

static void __attribute__((noreturn)) wrong(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static const char *while_exists;

static bool goes_on(void)
{
	return !access(while_exists, F_OK);
}

static void say(unsigned long first, unsigned long second)
{
	printf("%lu %lu\n", first, second);
	fflush(stdout);
}

/* The tables point into the bytes: they stay. */
static void read_image(const char *path)
{
	struct merlon_fault fault = { .what = "" };
	uint8_t *bytes;
	size_t length;

	if (image_count == MAX_IMAGES) {
		fprintf(stderr, "whole: more than %d images\n", MAX_IMAGES);
		exit(2);
	}
	check(ml_file_read(path, MERLON_MAX_IMAGE_BYTES, &bytes, &length, &error));
	if (ml_tables_of(bytes, length, &images[image_count++], &fault)) {
		fprintf(stderr, "whole: %s: %s\n", path, fault.what);
		exit(2);
	}
}

/* ------------------------------------------------------------------- dumps */

struct dump {
	uint32_t rules;
	bool fits[MAX_IMAGES];	/* as far as it has come */
};

static int take_rule(const struct ml_kernel_rule *rule, void *arg)
{
	struct dump *dump = arg;
	unsigned int i;

	dump->rules++;
	for (i = 0; i < image_count; i++)
		if (merlon_tables_rule_id(images[i].tables, dump->rules) != rule->id ||
		    merlon_tables_rule_action(images[i].tables, dump->rules) != rule->action)
			dump->fits[i] = false;
	return 0;
}

static bool is_whole(const struct dump *dump)
{
	unsigned int i;

	for (i = 0; i < image_count; i++)
		if (dump->fits[i] &&
		    merlon_tables_rule_count(images[i].tables) == dump->rules)
			return true;
	return false;
}

static void dumps(void)
{
	unsigned long whole = 0, interrupted = 0;
	struct dump dump;
	int code;

	while (goes_on()) {
		dump.rules = 0;
		memset(dump.fits, true, sizeof(dump.fits));
		code = ml_kernel_rules(kernel, take_rule, &dump, &error);
		if (code == -EINTR) {
			interrupted++;
		} else {
			check(code);
			if (!is_whole(&dump))
				wrong("a dump that is of no image, and not said to be interrupted");
			whole++;
		}
		say(whole, interrupted);
	}
}

/* ---------------------------------------------------------------- explains */

/* Addresses and ports that the images of concurrency.sh speak of, and others. */
static struct ml_packet random_packet(void)
{
	static const char *const addresses[2][3] = {
		{ "10.0.0.1", "10.9.0.2", "10.1.0.7" },
		{ "fd00::1", "fd09::2", "fc00::7" },
	};
	static const uint16_t ports[] = { 1111, 2222, 3333, 4999, 7 };
	bool six = random() % 2;
	struct ml_packet packet = {
		.family = six ? AF_INET6 : AF_INET,
		.protocol = random() % 4 ? 17 : 6,
		.selector = ports[random() % 5],
	};

	inet_pton(packet.family, addresses[six][random() % 3], packet.source);
	inet_pton(packet.family, addresses[six][random() % 3], packet.destination);
	return packet;
}

static bool says(const struct merlon_tables *tables, const struct ml_packet *packet,
		 const struct ml_kernel_answer *answer)
{
	struct merlon_trace trace;
	uint32_t rule;

	merlon_classify_trace(tables, packet->family, packet->source, packet->destination,
			      packet->protocol, packet->selector, &trace);
	rule = MERLON_VERDICT_RULE(trace.verdict);
	return answer->action == MERLON_VERDICT_ACTION(trace.verdict) &&
	       answer->rule_id == (rule ? merlon_tables_rule_id(tables, rule) : 0) &&
	       answer->source_class == trace.source_class &&
	       answer->destination_class == trace.destination_class &&
	       answer->service == trace.service;
}

/* Which images say so, as bits. */
static unsigned int who_says(const struct ml_packet *packet, const struct ml_kernel_answer *answer)
{
	unsigned int i, set = 0;

	for (i = 0; i < image_count; i++)
		set |= (unsigned int)says(images[i].tables, packet, answer) << i;
	return set;
}

static void explains(void)
{
	unsigned long answers = 0, generations = 0;
	uint64_t epoch = 0, serial = 0;
	struct ml_kernel_answer answer;
	struct ml_packet packet;
	unsigned int owners = 0;
	bool first;

	while (goes_on()) {
		packet = random_packet();
		check(ml_kernel_explain(kernel, &packet, &answer, &error));
		if (answer.epoch < epoch || (answer.epoch == epoch && answer.serial < serial))
			wrong("a generation older than the one before");
		first = answer.epoch != epoch || answer.serial != serial;
		if (first) {
			owners = ~0u;
			generations++;
		}
		epoch = answer.epoch;
		serial = answer.serial;
		owners &= who_says(&packet, &answer);
		if (!owners)
			wrong("an answer that is of no image, or of two");
		answers++;
		if (first)
			say(answers, generations);
	}
	say(answers, generations);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 5 || (strcmp(argv[3], "dumps") && strcmp(argv[3], "explains"))) {
		fprintf(stderr, "usage: whole NAMESPACE WHILE dumps|explains IMAGE...\n");
		return 2;
	}
	for (i = 4; i < argc; i++)
		read_image(argv[i]);
	netns_enter(argv[1]);
	check(ml_kernel_open(&kernel, &error));
	while_exists = argv[2];
	if (!strcmp(argv[3], "dumps"))
		dumps();
	else
		explains();
	ml_kernel_close(kernel);
	return 0;
}
