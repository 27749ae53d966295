// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "adopt.h"
#include "describe.h"

#define ROWS 256	/* different flows that are told apart */

struct row {
	struct ml_kernel_event event;	/* the first of its kind */
	uint64_t count;
};

struct heard {
	struct row rows[ROWS];
	size_t count;
	uint64_t events, untold;	/* untold: by the kernel's limit, or for want of a row */
};

static bool same_flow(const struct ml_kernel_event *a, const struct ml_kernel_event *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
	       a->selector == b->selector && a->reason == b->reason &&
	       !memcmp(a->source, b->source, 16) && !memcmp(a->destination, b->destination, 16);
}

static void hear(struct heard *heard, const struct ml_kernel_event *event)
{
	if (event->command != MERLON_CMD_DROP_EVENT)
		return;
	heard->events++;
	heard->untold += event->suppressed;
	for (size_t i = 0; i < heard->count; i++) {
		if (same_flow(&heard->rows[i].event, event)) {
			heard->rows[i].count++;
			return;
		}
	}
	if (heard->count < ROWS)
		heard->rows[heard->count++] = (struct row){ *event, 1 };
	else
		heard->untold++;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int gather(struct ml_kernel *kernel, unsigned int seconds, struct heard *heard,
		  struct ml_error *error)
{
	struct pollfd poller = { .fd = ml_kernel_fd(kernel), .events = POLLIN };
	int64_t end = now_ms() + (int64_t)seconds * 1000, left;
	struct ml_kernel_event event;
	int code;

	while ((left = end - now_ms()) > 0) {
		if (poll(&poller, 1, (int)left) <= 0)
			continue;
		code = ml_kernel_event_read(kernel, &event, error);
		if (!code)
			hear(heard, &event);
		else if (code != -EAGAIN && code != -ENOBUFS)
			return code;
	}
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static const struct ml_column columns[] = {
	{ "packets", "PACKETS", true },
	{ "source", "SOURCE", false },
	{ "destination", "DESTINATION", false },
	{ "service", "SERVICE", false },
	{ "reason", "REASON", false },
};

static void row_print(struct ml_output *out, const struct ml_ruleset *ruleset,
		      const struct row *row)
{
	const struct ml_kernel_event *event = &row->event;
	char text[DESCRIBE_TEXT];

	ml_output_cell(out, json_integer((json_int_t)row->count), ML_PLAIN, "%" PRIu64,
		       row->count);
	ml_output_cell(out, describe_address_json(event->family, event->source), ML_PLAIN, "%s",
		       describe_address(ruleset, event->family, event->source, text));
	ml_output_cell(out, describe_address_json(event->family, event->destination), ML_PLAIN,
		       "%s", describe_address(ruleset, event->family, event->destination, text));
	describe_service(event->protocol, event->selector, text);
	ml_output_cell(out, json_string(text), ML_PLAIN, "%s", text);
	ml_output_cell(out, json_string(ml_reason_name(event->reason)), ML_DIM, "%s",
		       ml_reason_name(event->reason));
}

static void print(struct ml_output *out, const struct ml_ruleset *ruleset, struct heard *heard,
		  unsigned int seconds)
{
	ml_output_say(out, ML_STRONG, "%s", "");
	if (heard->count)
		ml_output_say(out, ML_WARN, "In %u s, this would have been dropped:", seconds);
	else
		ml_output_say(out, ML_GOOD, "In %u s, nothing came that would have been dropped.",
			      seconds);
	qsort(heard->rows, heard->count, sizeof(*heard->rows), by_count);
	ml_output_table(out, "wouldDrop", columns, 5);
	for (size_t i = 0; i < heard->count; i++)
		row_print(out, ruleset, &heard->rows[i]);
	ml_output_table_end(out);
	ml_output_value(out, "wouldDropUntold", json_integer((json_int_t)heard->untold));
	if (heard->untold)
		ml_output_say(out, ML_DIM, "and %" PRIu64 " more packets", heard->untold);
}

int adopt_listen(struct cli *cli, struct ml_kernel *kernel, const struct ml_ruleset *ruleset,
		 unsigned int seconds, struct ml_error *error)
{
	struct heard *heard = calloc(1, sizeof(*heard));
	int code;

	if (!heard)
		return ml_error_set(error, -ENOMEM, "out of memory");
	code = gather(kernel, seconds, heard, error);
	if (!code)
		print(cli->output, ruleset, heard, seconds);
	free(heard);
	return code;
}
