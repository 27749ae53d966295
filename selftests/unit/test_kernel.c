// SPDX-License-Identifier: MIT
/*
 * What programs make of the kernel's messages, and merlond of its clients'.
 * Messages are written here byte by byte: the library is not its own judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon.h"
#include "genl.h"
#include "kernel_message.h"

/* A message under construction; aligned as the kernel's are. */
struct bytes {
	uint8_t data[2048] __attribute__((aligned(4)));
	size_t length;
};

static void put(struct bytes *to, const void *data, size_t length)
{
	if (length)
		memcpy(to->data + to->length, data, length);
	to->length += length;
	while (to->length % 4)
		to->data[to->length++] = 0;
}

static const struct nlmsghdr *finish(struct bytes *to, uint16_t type, uint16_t flags)
{
	struct nlmsghdr head = { .nlmsg_len = (uint32_t)to->length, .nlmsg_type = type,
				 .nlmsg_flags = flags, .nlmsg_seq = 1 };

	memcpy(to->data, &head, sizeof(head));
	return (const struct nlmsghdr *)to->data;
}

static void start(struct bytes *to, uint8_t command)
{
	struct genlmsghdr head = { .cmd = command, .version = 1 };

	memset(to, 0, sizeof(*to));
	to->length = NLMSG_HDRLEN;
	put(to, &head, sizeof(head));
}

static void put_attr(struct bytes *to, uint16_t type, const void *data, uint16_t length)
{
	uint16_t head[2] = { (uint16_t)(4 + length), type };

	put(to, head, sizeof(head));
	put(to, data, length);
}

static void put_u64(struct bytes *to, uint16_t type, uint64_t value)
{
	put_attr(to, type, &value, sizeof(value));
}

static void put_u32(struct bytes *to, uint16_t type, uint32_t value)
{
	put_attr(to, type, &value, sizeof(value));
}

static void put_u8(struct bytes *to, uint16_t type, uint8_t value)
{
	put_attr(to, type, &value, sizeof(value));
}

/* ------------------------------------------------------------------- status */

static void put_counts(struct bytes *to)
{
	struct bytes nest = { .length = 0 };
	uint64_t rule[2] = { 100, 1 }, none[2] = { 0, 77 };

	put_attr(&nest, MERLON_REASON_RULE, rule, sizeof(rule));
	put_attr(&nest, MERLON_REASON_NO_RULE, none, sizeof(none));
	put_attr(to, MERLON_A_REASON_COUNTS | NLA_F_NESTED, nest.data, (uint16_t)nest.length);
}

static const struct nlmsghdr *status_message(struct bytes *to)
{
	uint8_t digest[32];

	memset(digest, 0xab, sizeof(digest));
	start(to, MERLON_CMD_GET_STATUS);
	put_u32(to, MERLON_A_STATE, MERLON_STATE_ENFORCING);
	put_u32(to, MERLON_A_SCOPE, MERLON_SCOPE_TUNNELS);
	put_u32(to, MERLON_A_MODE, MERLON_MODE_ENFORCING);
	put_attr(to, MERLON_A_PAD, NULL, 0);
	put_u64(to, MERLON_A_EPOCH, 3);
	put_u64(to, MERLON_A_SERIAL, UINT64_C(0x100000002));
	put_u64(to, MERLON_A_LIFETIME_MS, 5000);
	put_attr(to, MERLON_A_DIGEST, digest, sizeof(digest));
	put_u32(to, MERLON_A_RULES, 12);
	put_u64(to, MERLON_A_LAST_EPOCH, 3);
	put_u64(to, MERLON_A_LAST_SERIAL, UINT64_C(0x100000002));
	put_attr(to, MERLON_A_MODULE_VERSION, "0.1.0", 6);
	put_attr(to, 900, "of the future", 13);
	put_counts(to);
	return finish(to, 30, 0);
}

static void status_is_read(void **state)
{
	struct ml_kernel_status status;
	struct bytes bytes;

	(void)state;
	ml_kernel_status_from(status_message(&bytes), &status);
	assert_int_equal(status.state, MERLON_STATE_ENFORCING);
	assert_int_equal(status.scope, MERLON_SCOPE_TUNNELS);
	assert_int_equal(status.mode, MERLON_MODE_ENFORCING);
	assert_true(status.has_generation);
	assert_true(status.epoch == 3 && status.serial == UINT64_C(0x100000002));
	assert_int_equal(status.lifetime_ms, 5000);
	assert_int_equal(status.digest[31], 0xab);
	assert_int_equal(status.rules, 12);
	assert_string_equal(status.module_version, "0.1.0");
	assert_int_equal(status.passed[MERLON_REASON_RULE], 100);
	assert_int_equal(status.denied[MERLON_REASON_RULE], 1);
	assert_int_equal(status.denied[MERLON_REASON_NO_RULE], 77);
	assert_int_equal(status.denied[MERLON_REASON_EXPIRED], 0);
}

static void status_without_generation(void **state)
{
	struct ml_kernel_status status;
	struct bytes bytes;

	(void)state;
	start(&bytes, MERLON_CMD_GET_STATUS);
	put_u32(&bytes, MERLON_A_STATE, MERLON_STATE_LOCKDOWN);
	put_u64(&bytes, MERLON_A_LAST_EPOCH, 1);
	memset(&status, 0xff, sizeof(status));
	ml_kernel_status_from(finish(&bytes, 30, 0), &status);
	assert_int_equal(status.state, MERLON_STATE_LOCKDOWN);
	assert_false(status.has_generation);
	assert_true(status.epoch == 0 && status.serial == 0);
	assert_int_equal(status.last_epoch, 1);
}

/* Under ASan: nothing is read behind the end (in whole words, as messages are). */
static void status_cut_anywhere(void **state)
{
	struct ml_kernel_status status;
	struct nlmsghdr *copy;
	struct bytes bytes;
	size_t length;

	(void)state;
	status_message(&bytes);
	for (length = NLMSG_HDRLEN; length < bytes.length; length++) {
		copy = calloc(1, (length + 3) & ~(size_t)3);
		assert_non_null(copy);
		memcpy(copy, bytes.data, length);
		copy->nlmsg_len = (uint32_t)length;
		ml_kernel_status_from(copy, &status);
		free(copy);
	}
}

/* An attribute that is shorter than its type is as one that is absent. */
static void short_attributes(void **state)
{
	struct ml_kernel_status status;
	struct bytes bytes;

	(void)state;
	start(&bytes, MERLON_CMD_GET_STATUS);
	put_attr(&bytes, MERLON_A_STATE, "\x04", 1);
	put_u32(&bytes, MERLON_A_EPOCH, 9);
	put_attr(&bytes, MERLON_A_MODULE_VERSION,
		 "a version that is longer than anybody would ever give to it", 59);
	ml_kernel_status_from(finish(&bytes, 30, 0), &status);
	assert_int_equal(status.state, MERLON_STATE_UNSPEC);
	assert_int_equal(status.epoch, 0);
	assert_int_equal(strlen(status.module_version), sizeof(status.module_version) - 1);
}

/* ------------------------------------------------------------------- others */

static void rule_is_read(void **state)
{
	struct ml_kernel_rule rule;
	struct bytes bytes;

	(void)state;
	start(&bytes, MERLON_CMD_GET_RULES);
	put_u64(&bytes, MERLON_A_RULE_ID, UINT64_C(0xfedcba9876543210));
	put_u8(&bytes, MERLON_A_ACTION, MERLON_ACTION_REJECT);
	put_u64(&bytes, MERLON_A_PACKETS, 10);
	put_u64(&bytes, MERLON_A_BYTES, 840);
	ml_kernel_rule_from(finish(&bytes, 30, NLM_F_MULTI), &rule);
	assert_true(rule.id == UINT64_C(0xfedcba9876543210));
	assert_int_equal(rule.action, MERLON_ACTION_REJECT);
	assert_int_equal(rule.packets, 10);
	assert_int_equal(rule.bytes, 840);
}

static void answer_is_read(void **state)
{
	struct ml_kernel_answer answer;
	struct bytes bytes;

	(void)state;
	start(&bytes, MERLON_CMD_EXPLAIN);
	put_u8(&bytes, MERLON_A_ACTION, MERLON_ACTION_DROP);
	put_u8(&bytes, MERLON_A_REASON, MERLON_REASON_NO_RULE);
	put_u32(&bytes, MERLON_A_SOURCE_CLASS, 5);
	put_u32(&bytes, MERLON_A_DESTINATION_CLASS, 6);
	put_u32(&bytes, MERLON_A_SERVICE, 7);
	put_u64(&bytes, MERLON_A_SERIAL, 8);
	ml_kernel_answer_from(finish(&bytes, 30, 0), &answer);
	assert_int_equal(answer.action, MERLON_ACTION_DROP);
	assert_int_equal(answer.reason, MERLON_REASON_NO_RULE);
	assert_true(answer.rule_id == 0);
	assert_int_equal(answer.source_class, 5);
	assert_int_equal(answer.destination_class, 6);
	assert_int_equal(answer.service, 7);
	assert_int_equal(answer.serial, 8);
}

static void drop_event_is_read(void **state)
{
	struct ml_kernel_event event;
	struct bytes bytes;
	uint16_t port = 443;

	(void)state;
	start(&bytes, MERLON_CMD_DROP_EVENT);
	put_u8(&bytes, MERLON_A_REASON, MERLON_REASON_RULE);
	put_u8(&bytes, MERLON_A_HOOK, MERLON_HOOK_FORWARD);
	put_u8(&bytes, MERLON_A_FAMILY, 2);
	put_attr(&bytes, MERLON_A_SOURCE, "\x0a\0\0\1", 4);
	put_attr(&bytes, MERLON_A_DESTINATION, "\x0a\0\0\2", 4);
	put_attr(&bytes, MERLON_A_SELECTOR, &port, sizeof(port));
	put_attr(&bytes, MERLON_A_DEVICE_IN, "wg0", 4);
	put_attr(&bytes, MERLON_A_OBSERVED, NULL, 0);
	put_attr(&bytes, MERLON_A_REPLY, NULL, 0);
	put_u64(&bytes, MERLON_A_SUPPRESSED, 4);
	assert_int_equal(ml_kernel_event_from(finish(&bytes, 30, 0), &event), 0);
	assert_int_equal(event.command, MERLON_CMD_DROP_EVENT);
	assert_int_equal(event.hook, MERLON_HOOK_FORWARD);
	assert_memory_equal(event.source, "\x0a\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(event.destination[3], 2);
	assert_int_equal(event.selector, 443);
	assert_true(event.observed);
	assert_true(event.reply);
	assert_string_equal(event.device_in, "wg0");
	assert_string_equal(event.device_out, "");
	assert_int_equal(event.suppressed, 4);
}

static void state_event_is_read(void **state)
{
	struct ml_kernel_event event;
	struct bytes bytes;

	(void)state;
	start(&bytes, MERLON_CMD_STATE_EVENT);
	put_u32(&bytes, MERLON_A_STATE, MERLON_STATE_EXPIRED);
	assert_int_equal(ml_kernel_event_from(finish(&bytes, 30, 0), &event), 0);
	assert_int_equal(event.status.state, MERLON_STATE_EXPIRED);
	start(&bytes, 200);
	assert_int_equal(ml_kernel_event_from(finish(&bytes, 30, 0), &event), -ENOMSG);
	start(&bytes, 0);
	bytes.length = NLMSG_HDRLEN;
	assert_int_equal(ml_kernel_event_from(finish(&bytes, 30, 0), &event), -ENOMSG);
}

/* ----------------------------------------------------------------- refusals */

#define SENTENCE "offset is not the end of what came before"

/* As the kernel sends it: the code, the request's header (and, not capped, its
 * content), then attributes. */
static const struct nlmsghdr *refusal(struct bytes *to, int code, size_t echoed,
				      uint16_t flags, uint16_t sentence_length)
{
	struct nlmsghdr request = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + echoed) };
	uint8_t content[64] = { 0 };

	memset(to, 0, sizeof(*to));
	to->length = NLMSG_HDRLEN;
	put(to, &code, sizeof(code));
	put(to, &request, sizeof(request));
	put(to, content, echoed);
	put_u32(to, NLMSGERR_ATTR_OFFS, 12);
	put_attr(to, NLMSGERR_ATTR_MSG, SENTENCE, sentence_length);
	return finish(to, NLMSG_ERROR, flags);
}

static void refusals_have_sentences(void **state)
{
	const uint16_t capped = NLM_F_ACK_TLVS | NLM_F_CAPPED;
	struct bytes bytes;
	const char *text;

	(void)state;
	assert_int_equal(ml_genl_refusal(refusal(&bytes, -EINVAL, 0, capped,
						 sizeof(SENTENCE)), &text), -EINVAL);
	assert_string_equal(text, SENTENCE);
	assert_int_equal(ml_genl_refusal(refusal(&bytes, -EBUSY, 24, NLM_F_ACK_TLVS,
						 sizeof(SENTENCE)), &text), -EBUSY);
	assert_string_equal(text, SENTENCE);
	/* Without the flag nothing follows that could be read. */
	assert_int_equal(ml_genl_refusal(refusal(&bytes, -EINVAL, 0, NLM_F_CAPPED,
						 sizeof(SENTENCE)), &text), -EINVAL);
	assert_null(text);
	/* A sentence that does not end is none. */
	assert_int_equal(ml_genl_refusal(refusal(&bytes, -EINVAL, 0, capped, 9), &text),
			 -EINVAL);
	assert_null(text);
	assert_int_equal(ml_genl_refusal(refusal(&bytes, 0, 0, capped, 0), &text), 0);
	assert_null(text);
}

static void odd_refusals(void **state)
{
	struct bytes bytes;
	const char *text;
	int code = -EINTR;

	(void)state;
	refusal(&bytes, -EINVAL, 0, 0, 0);
	bytes.length = NLMSG_HDRLEN + 8;
	assert_int_equal(ml_genl_refusal(finish(&bytes, NLMSG_ERROR, 0), &text), -EBADMSG);
	/* The end of a dump has a code, or not. */
	memset(&bytes, 0, sizeof(bytes));
	bytes.length = NLMSG_HDRLEN;
	assert_int_equal(ml_genl_refusal(finish(&bytes, NLMSG_DONE, NLM_F_MULTI), &text), 0);
	put(&bytes, &code, sizeof(code));
	assert_int_equal(ml_genl_refusal(finish(&bytes, NLMSG_DONE, NLM_F_MULTI), &text),
			 -EINTR);
	/* An echo that claims to be longer than the message. */
	refusal(&bytes, -EINVAL, 0, NLM_F_ACK_TLVS, sizeof(SENTENCE));
	((struct nlmsgerr *)(bytes.data + NLMSG_HDRLEN))->msg.nlmsg_len = 1u << 30;
	assert_int_equal(ml_genl_refusal((struct nlmsghdr *)bytes.data, &text), -EINVAL);
	assert_null(text);
}

/* -------------------------------------------------------------------- names */

static void names_are_known(void **state)
{
	(void)state;
	assert_string_equal(ml_state_name(MERLON_STATE_ENFORCING), "enforcing");
	assert_string_equal(ml_reason_name(MERLON_REASON_NO_RULE), "no-rule");
	assert_string_equal(ml_hook_name(MERLON_HOOK_POSTROUTING), "postrouting");
	assert_string_equal(ml_action_name(99), "unknown");
	assert_string_equal(ml_scope_name(-1), "unknown");
	assert_string_equal(ml_mode_name(MERLON_MODE_OBSERVING), "observing");
}

/* ------------------------------------------------------------------ merlond */

static int parse(const char *text, struct ml_daemon_request *request)
{
	struct ml_error error;

	return ml_daemon_request_parse(text, strlen(text), request, &error);
}

static void requests_are_read(void **state)
{
	struct ml_daemon_request request;

	(void)state;
	assert_int_equal(parse("{\"request\":\"status\"}", &request), 0);
	assert_int_equal(request.type, ML_DAEMON_STATUS);
	assert_int_equal(parse("{\"request\":\"armed\",\"scope\":\"everything\","
			       "\"mode\":\"observing\"}", &request), 0);
	assert_int_equal(request.type, ML_DAEMON_ARMED);
	assert_int_equal(request.scope, MERLON_SCOPE_EVERYTHING);
	assert_int_equal(request.mode, MERLON_MODE_OBSERVING);
}

static void bad_requests_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "null", "{}", "{\"request\":1}", "{\"request\":\"\"}",
		"{\"request\":\"stop\"}", "{\"request\":\"status\",\"x\":1}",
		"{\"request\":\"status\",\"request\":\"apply\"}",
		"{\"request\":\"armed\"}", "{\"request\":\"armed\",\"scope\":\"tunnels\"}",
		"{\"request\":\"armed\",\"scope\":\"none\",\"mode\":\"enforcing\"}",
		"{\"request\":\"status\"} trailing",
	};
	struct ml_daemon_request request = { .type = ML_DAEMON_NONE };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i], &request), -EBADMSG);
		assert_int_equal(request.type, ML_DAEMON_NONE);
	}
}

static void sealed_bytes_come_back(void **state)
{
	static const char text[] = "these bytes";
	struct ml_bytes bytes = { (const uint8_t *)text, sizeof(text) }, back;
	struct ml_error error;
	int fd;

	(void)state;
	assert_int_equal(ml_sealed_create(bytes, &fd, &error), 0);
	assert_int_equal(ml_sealed_map(fd, &back, &error), 0);
	assert_int_equal(back.length, sizeof(text));
	assert_memory_equal(back.data, text, sizeof(text));
	munmap((void *)back.data, back.length);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
}

static void unsealed_bytes_are_refused(void **state)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	struct ml_error error;
	struct ml_bytes back;

	(void)state;
	assert_true(fd >= 0 && write(fd, "x", 1) == 1);
	assert_int_equal(ml_sealed_map(fd, &back, &error), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(ml_sealed_map(fd, &back, &error), -EPERM);
	close(fd);
	assert_int_equal(ml_sealed_map(0, &back, &error), -EPERM);
	assert_int_equal(ml_sealed_create((struct ml_bytes){ NULL, 0 }, &fd, &error), 0);
	assert_int_equal(ml_sealed_map(fd, &back, &error), -EBADMSG);
	close(fd);
}

static void nobody_listens(void **state)
{
	struct ml_daemon *daemon = NULL;
	struct ml_error error;

	(void)state;
	assert_int_equal(ml_daemon_open("/nonexistent/merlond.sock", &daemon, &error), -ENOENT);
	assert_non_null(strstr(error.text, "merlond does not run"));
	assert_null(daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_read),
		cmocka_unit_test(status_without_generation),
		cmocka_unit_test(status_cut_anywhere),
		cmocka_unit_test(short_attributes),
		cmocka_unit_test(rule_is_read),
		cmocka_unit_test(answer_is_read),
		cmocka_unit_test(drop_event_is_read),
		cmocka_unit_test(state_event_is_read),
		cmocka_unit_test(refusals_have_sentences),
		cmocka_unit_test(odd_refusals),
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(sealed_bytes_come_back),
		cmocka_unit_test(unsealed_bytes_are_refused),
		cmocka_unit_test(nobody_listens),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
