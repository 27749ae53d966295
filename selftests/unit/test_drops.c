// SPDX-License-Identifier: MIT
/*
 * `merlon drops --follow --json` when the kernel tells faster than it is read.
 * The kernel is played here: one drop, a loss (-ENOBUFS), another drop.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../userspace/cli/drops.c"
#include "describe_stubs.h"

static unsigned int reads, remarks;

int live_open(const struct cli *cli, struct live *ret, struct ml_error *error)
{
	(void)cli;
	(void)error;
	memset(ret, 0, sizeof(*ret));
	return 0;
}

void live_close(struct live *live)
{
	(void)live;
}

const struct ml_rule *live_rule(const struct live *live, uint64_t id)
{
	(void)live;
	(void)id;
	return NULL;
}

json_t *live_rule_json(const struct live *live, uint64_t id)
{
	(void)live;
	(void)id;
	return json_null();
}

int ml_kernel_open(struct ml_kernel **ret, struct ml_error *error)
{
	(void)error;
	*ret = NULL;
	return 0;
}

void ml_kernel_close(struct ml_kernel *kernel)
{
	(void)kernel;
}

int ml_kernel_subscribe(struct ml_kernel *kernel, struct ml_error *error)
{
	(void)kernel;
	(void)error;
	return 0;
}

int ml_kernel_fd(const struct ml_kernel *kernel)
{
	(void)kernel;
	return -1;
}

int ml_kernel_event_read(struct ml_kernel *kernel, struct ml_kernel_event *ret,
			 struct ml_error *error)
{
	(void)kernel;
	if (++reads == 2)
		return ml_error_set(error, -ENOBUFS, "lost");
	*ret = (struct ml_kernel_event){
		.command = MERLON_CMD_DROP_EVENT, .reason = MERLON_REASON_NO_RULE,
		.action = MERLON_ACTION_DROP, .family = AF_INET,
		.protocol = IPPROTO_TCP, .selector = 22,
	};
	return 0;
}

int cli_fail(struct cli *cli, const struct ml_error *error)
{
	(void)cli;
	(void)error;
	return CLI_FAILURE;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	(void)cli;
	return strcmp(name, "count") ? NULL : "2";
}

void cli_remark(const struct cli *cli, const char *format, ...)
{
	(void)format;
	remarks += !cli->json;
}

int units_number_parse(const char *name, const char *text, uint64_t least, uint64_t most,
		       uint64_t *ret, struct ml_error *error)
{
	(void)name;
	(void)least;
	(void)most;
	(void)error;
	*ret = strtoul(text, NULL, 10);
	return 0;
}

/* The events of what was printed, a letter each: d and l. */
static void told(const char *text, char ret[static 8])
{
	size_t count = 0;
	json_t *json;

	while (*text && count < 7) {
		json = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
		assert_non_null(json);
		ret[count++] = *json_string_value(json_object_get(json, "event"));
		assert_non_null(json_object_get(json, "time"));
		json_decref(json);
		text = strchr(text, '\n') + 1;
	}
	ret[count] = '\0';
}

static void test_lost_in_json(void **state)
{
	struct cli cli = { .json = true };
	char *text, events[8];
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	(void)state;
	assert_non_null(stream);
	cli.output = ml_output_open(stream, true);
	assert_int_equal(drops_run(&cli), CLI_YES);
	ml_output_discard(cli.output);
	ml_output_close(cli.output);
	fclose(stream);
	told(text, events);
	assert_string_equal(events, "dld");
	free(text);
}

static void test_lost_in_text(void **state)
{
	struct cli cli = { 0 };
	size_t length;
	char *text;
	FILE *stream = open_memstream(&text, &length);

	(void)state;
	assert_non_null(stream);
	reads = remarks = 0;
	cli.output = ml_output_open(stream, false);
	assert_int_equal(drops_run(&cli), CLI_YES);
	ml_output_close(cli.output);
	fclose(stream);
	assert_null(strstr(text, "lost"));
	assert_int_equal(remarks, 2);	/* that it began, and the loss */
	free(text);
}

static void test_replies(void **state)
{
	static const struct {
		struct ml_kernel_event event;
		bool reply;
	} cases[] = {
		{ { .protocol = IPPROTO_TCP, .reply = true }, true },
		{ { .protocol = IPPROTO_UDP, .reason = MERLON_REASON_NOT_OPENED }, true },
		{ { .protocol = IPPROTO_ICMP, .selector = 3, .reason = MERLON_REASON_NOT_OPENED }, false },
		{ { .protocol = IPPROTO_TCP, .reason = MERLON_REASON_NO_RULE }, false },
		{ { .protocol = IPPROTO_ICMP, .selector = 0 }, true },
		{ { .protocol = IPPROTO_ICMP, .selector = 8 }, false },
		{ { .protocol = IPPROTO_ICMPV6, .selector = 129 }, true },
		{ { .protocol = IPPROTO_ICMPV6, .selector = 128 }, false },
		{ { .protocol = IPPROTO_UDP, .selector = 0 }, false },
	};
	char text[DESCRIBE_TEXT + 16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(drop_service(&cases[i].event, text),
				    cases[i].reply ? "reply, x" : "x");
}

static void test_way(void **state)
{
	static const struct {
		struct ml_kernel_event event;
		const char *way;
	} cases[] = {
		{ { .hook = MERLON_HOOK_PREROUTING, .device_in = "eth0" }, "eth0→" },
		{ { .hook = MERLON_HOOK_INPUT, .device_in = "wg0" }, "wg0→here" },
		{ { .hook = MERLON_HOOK_FORWARD, .device_in = "wg0", .device_out = "eth0" }, "wg0→eth0" },
		{ { .hook = MERLON_HOOK_POSTROUTING, .device_out = "wg0" }, "→wg0" },
	};
	char text[48];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(drop_way(&cases[i].event, text), cases[i].way);
}

/* Frames without IP: no address is made up, in words and in JSON. */
static void test_frames(void **state)
{
	static const struct {
		uint16_t ethertype;
		const char *text;
	} cases[] = {
		{ 0x0806, "ARP" }, { 0x88cc, "EtherType 0x88cc" }, { 0x0800, "IPv4" },
		{ 0x888e, "EAPOL" }, { 0, "a frame that is not understood" },
	};
	char text[3 * DESCRIBE_TEXT + 32];
	struct live live = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ml_kernel_event event = { .ethertype = cases[i].ethertype };

		assert_string_equal(packet_text(&live, &event, text), cases[i].text);
		event.family = AF_INET;
		assert_string_equal(packet_text(&live, &event, text), "x → x  x");
	}
}

/* What drop_json() says of @event; the caller drops it. */
static json_t *json_of(const struct ml_kernel_event *event)
{
	struct live live = { 0 };
	struct ml_output *out;
	size_t length;
	json_t *json;
	char *text;
	FILE *stream = open_memstream(&text, &length);

	assert_non_null(stream);
	out = ml_output_open(stream, true);
	drop_json(out, &live, event);
	ml_output_close(out);
	fclose(stream);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	free(text);
	return json;
}

static void test_frames_in_json(void **state)
{
	static const char *const absent[] = {
		"family", "source", "sourceName", "destination", "destinationName", "protocol",
		"sourcePort", "selector", "service",
	};
	struct ml_kernel_event event = {
		.hook = MERLON_HOOK_EGRESS, .ethertype = 0x88cc, .device_out = "eth0",
	};
	json_t *json = json_of(&event);

	(void)state;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		assert_non_null(json_object_get(json, absent[i]));
		assert_true(json_is_null(json_object_get(json, absent[i])));
	}
	assert_int_equal(json_integer_value(json_object_get(json, "ethertype")), 0x88cc);
	assert_string_equal(json_string_value(json_object_get(json, "deviceOut")), "eth0");
	json_decref(json);
	event.family = AF_INET6;
	event.protocol = IPPROTO_UDP;
	event.ethertype = 0;
	json = json_of(&event);
	assert_string_equal(json_string_value(json_object_get(json, "family")), "ipv6");
	assert_string_equal(json_string_value(json_object_get(json, "service")), "x");
	assert_int_equal(json_integer_value(json_object_get(json, "protocol")), 17);
	assert_true(json_is_null(json_object_get(json, "ethertype")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_in_json),
		cmocka_unit_test(test_lost_in_text),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_way),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frames_in_json),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
