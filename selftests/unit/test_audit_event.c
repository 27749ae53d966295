// SPDX-License-Identifier: MIT
/*
 * Events: whatever strangers send becomes one line of ASCII, and no secret finds a
 * way in. Floods: what is written is bounded, and nothing is lost from the count.
 * Syslog: whole messages or none, and nobody waits.
 */
#include "audit_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <sodium.h>

#include "../../userspace/control/audit_failures.h"
#include "../../userspace/control/audit_syslog.h"
#include "utf8.h"

#define SECOND	INT64_C(1000000)

static const struct audit_form whole = { 0 };

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *four = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;

	storage.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(storage.ss_family, text, storage.ss_family == AF_INET6 ?
				   (void *)&six->sin6_addr : (void *)&four->sin_addr), 1);
	return storage;
}

/* The leaf, NUL-terminated, and read back. */
static char *leaf_of(const struct audit_form *form, const struct audit_event *event,
		     struct ml_audit_entry *ret)
{
	uint8_t *data;
	size_t length;

	need(audit_leaf(form, event, &data, &length, &error));
	assert_true(length <= ML_AUDIT_LEAF_MAX);
	need(ml_audit_entry_parse((struct ml_bytes){ data, length }, ret, &error));
	return (char *)data;
}

static void assert_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			fail_msg("byte %02x", (unsigned char)*text);
}

/* ------------------------------------------------------------------ events */

static void test_event(void **state)
{
	static const uint8_t digest[32] = { 0xab };
	struct sockaddr_storage from = address("2001:db8::7");
	const struct audit_event event = {
		.type = AUDIT_NODE_ENROL, .time = BEGINNING + 123456, .actor = "key:1",
		.source = (const struct sockaddr *)&from, .endpoint = "POST /v1/join",
		.user_agent = "merlond/1", .reason = "",
		.details = { .node = "gamma", .grant = digest, .uses = 1, .until = BEGINNING },
	};
	struct ml_audit_entry entry;
	char *text = leaf_of(&whole, &event, &entry), *salt = strstr(text, "\"salt\":\"");

	(void)state;
	assert_non_null(salt);
	memset(salt + 8, 'S', 32);
	assert_string_equal(text,
		"{\"actor\":\"key:1\",\"details\":{\"grant\":\"ab000000000000000000000000000000"
		"00000000000000000000000000000000\",\"node\":\"gamma\","
		"\"until\":\"2026-01-01T00:00:00.000000Z\",\"uses\":1},"
		"\"endpoint\":\"POST /v1/join\",\"event_type\":\"node.enrol\",\"level\":\"AUDIT\","
		"\"reason\":\"\",\"salt\":\"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS\","
		"\"source_ip\":\"2001:db8::7\",\"timestamp\":\"2026-01-01T00:00:00.123456Z\","
		"\"user_agent\":\"merlond/1\"}");
	assert_int_equal(entry.time, BEGINNING + 123456);
	ml_audit_entry_clean(&entry);
	free(text);
}

static void test_tables(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < __AUDIT_TYPE_MAX; i++) {
		const char *name = audit_type_name(i);

		assert_non_null(name);
		assert_in_range(strlen(name), 1, ML_AUDIT_TYPE_MAX);
		assert_in_range(audit_severity_of(name), AUDIT_ERROR, AUDIT_INFO);
		for (k = 0; k < i; k++)
			assert_string_not_equal(name, audit_type_name(k));
	}
	for (i = 0; i < __AUDIT_REASON_MAX; i++)
		assert_non_null(audit_reason_name(i));
	assert_null(audit_type_name(__AUDIT_TYPE_MAX));
}

/* Every text field, with everything that a line or a terminal could trip over. */
static void test_hostile_texts(void **state)
{
	static const char *const nasty[] = {
		"a\nb", "a\r\n{\"level\":\"AUDIT\"}", "\x1b[2J\x1b]0;x\x07", "\x9b" "31m", "\x7f\x08",
		"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80\xae" "txt.exe",
		"\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf", "\xc2\x85\xe2\x80\xa8", "\",\"actor\":\"root",
		"\\u0000", "\xf0\x9f\x98\x80", "\xe2\x82", "%s%n", "'; DROP TABLE nodes; --",
	};
	struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .time = BEGINNING };
	struct ml_audit_entry entry;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		event.actor = event.endpoint = event.user_agent = event.reason = nasty[i];
		event.details.node = event.details.file = nasty[i];
		text = leaf_of(&whole, &event, &entry);
		assert_ascii(text);
		assert_string_equal(entry.type, "auth.failure");
		assert_int_equal(json_object_size(entry.details), 2);
		ml_audit_entry_clean(&entry);
		free(text);
	}
}

/* As long as it likes: bounded, whole characters, and marked. */
static void test_long_texts(void **state)
{
	struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .time = BEGINNING };
	struct ml_audit_entry entry;
	char *text, *leaf;
	size_t at, n, length = 1 << 20;
	uint32_t point;

	(void)state;
	text = calloc(1, length + 1);
	for (at = 0; at + 4 <= length; at += 4)
		memcpy(text + at, "\xf0\x9f\x98\x80", 4);
	event.actor = event.endpoint = event.user_agent = event.reason = text;
	event.details = (struct audit_details){
		.node = text, .network = text, .administrator = text, .role = text, .tags = text,
		.owner = text, .method = text, .setting = text, .file = text, .version = text,
	};
	leaf = leaf_of(&whole, &event, &entry);
	assert_ascii(leaf);
	n = strlen(entry.user_agent);
	assert_in_range(n, 250, 256);
	assert_string_equal(entry.user_agent + n - 3, "\xe2\x80\xa6");
	for (at = 0; at < n; at += length) {
		length = ml_utf8_decode((const uint8_t *)entry.user_agent + at, n - at, &point);
		assert_true(length > 0 && point != 0xfffd);
	}
	assert_in_range(strlen(entry.actor), 120, 128);
	ml_audit_entry_clean(&entry);
	free(leaf);
	free(text);
}

/* One byte below the limit, at it, above it. */
static void test_limits(void **state)
{
	char text[20] = "0123456789abcdef";
	json_t *json;

	(void)state;
	json = ml_audit_text(text, 16);
	assert_string_equal(json_string_value(json), text);
	json_decref(json);
	json = ml_audit_text(text, 15);
	assert_string_equal(json_string_value(json), "0123456789ab\xe2\x80\xa6");
	json_decref(json);
	json = ml_audit_text("0123456789abc\xff", 16);
	assert_string_equal(json_string_value(json), "0123456789abc\xef\xbf\xbd");
	json_decref(json);
	json = ml_audit_text(NULL, 16);
	assert_string_equal(json_string_value(json), "");
	json_decref(json);
}

static void test_secrets(void **state)
{
	static const char canary[] = "merlon-key-1:AAAAcanaryAAAA";
	const struct audit_event event = {
		.type = AUDIT_NODE_REFUSE, .time = BEGINNING, .actor = canary,
		.user_agent = "-----BEGIN PRIVATE KEY-----canary",
		.endpoint = "GET /v1/x?key=canary#canary", .reason = "merlon-secret-key 1 canary",
		.details = { .node = canary, .setting = "tls.key" },
	};
	struct ml_audit_entry entry;
	char *text = leaf_of(&whole, &event, &entry);

	(void)state;
	assert_null(strstr(text, "canary"));
	assert_string_equal(entry.endpoint, "GET /v1/x");
	assert_non_null(strstr(text, "withheld"));
	assert_non_null(strstr(text, "tls.key"));
	ml_audit_entry_clean(&entry);
	free(text);
}

static void assert_source(const struct audit_form *form, const char *from, const char *want)
{
	struct sockaddr_storage storage = address(from);
	struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .time = BEGINNING,
				     .source = (const struct sockaddr *)&storage };
	struct ml_audit_entry entry;
	char *text = leaf_of(form, &event, &entry);

	assert_string_equal(entry.source, want);
	ml_audit_entry_clean(&entry);
	free(text);
}

static void test_addresses(void **state)
{
	static const uint8_t key[32] = { 7 }, other[32] = { 8 };
	const struct audit_form network = { AUDIT_ADDRESS_NETWORK, NULL };
	const struct audit_form hashed = { AUDIT_ADDRESS_HASHED, key };
	const struct audit_form keyless = { AUDIT_ADDRESS_HASHED, NULL };
	uint8_t input[18] = { AF_INET, 32, 192, 0, 2, 77 }, hash[16], *data;
	struct audit_event event = { .type = AUDIT_SERVER_STOP, .time = BEGINNING };
	char want[64] = "keyed:";
	size_t length;

	(void)state;
	assert_source(&whole, "192.0.2.77", "192.0.2.77");
	assert_source(&whole, "::ffff:192.0.2.77", "192.0.2.77");
	assert_source(&network, "192.0.2.77", "192.0.2.0/24");
	assert_source(&network, "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48");
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), key, sizeof(key));
	sodium_bin2hex(want + 6, sizeof(want) - 6, hash, sizeof(hash));
	assert_source(&hashed, "192.0.2.77", want);
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), other, sizeof(other));
	sodium_bin2hex(want + 6, sizeof(want) - 6, hash, sizeof(hash));
	assert_source(&(struct audit_form){ AUDIT_ADDRESS_HASHED, other }, "192.0.2.77", want);
	assert_int_equal(audit_leaf(&keyless, &event, &data, &length, &error), -EINVAL);
	event.time = 0;
	assert_int_equal(audit_leaf(&whole, &event, &data, &length, &error), -EINVAL);
}

static void test_entries_refused(void **state)
{
	static const char *const edits[][2] = {
		{ "AUDIT\"", "DEBUG\"" }, { "\"actor\":", "\"actos\":" }, { "{\"actor", "{ \"actor" },
		{ ".000000Z", ".00000Z0" }, { "2026-01-01", "2026-13-01" }, { "2026-01-01", "2026-02-30" },
		{ "auth.failure", "auth failure" }, { "\"details\":{}", "\"details\":[]" },
		{ "\"details\":{}", "\"details\":1 " }, { "auth.failure", "\xc3\xa1th.failure" },
	};
	const struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .time = BEGINNING };
	struct ml_audit_entry entry;
	char text[1024], *leaf = leaf_of(&whole, &event, &entry), *at;
	size_t i;

	(void)state;
	ml_audit_entry_clean(&entry);
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		at = strstr(leaf, edits[i][0]);
		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - leaf), leaf, edits[i][1],
			 at + strlen(edits[i][0]));
		if (ml_audit_entry_parse((struct ml_bytes){ (uint8_t *)text, strlen(text) }, &entry,
					 &error) != -EBADMSG)
			fail_msg("%s was taken", text);
	}
	free(leaf);
}

/* ------------------------------------------------------------------ floods */

static bool fails(struct audit_failures *failures, const char *from, int64_t now)
{
	struct sockaddr_storage storage = address(from);

	return audit_failures_note(failures, AUDIT_REASON_BAD_PASSWORD,
				   (const struct sockaddr *)&storage, now);
}

static void test_one_flood(void **state)
{
	struct audit_failures *failures = audit_failures_new();
	struct audit_failures_summary summary;
	struct audit_event event;
	struct ml_audit_entry entry;
	char *text;
	int i, single = 0;

	(void)state;
	for (i = 0; i < 1000; i++)
		single += fails(failures, "192.0.2.1", SECOND + i);
	assert_int_equal(single, AUDIT_FAILURES_SINGLE);
	assert_false(audit_failures_next(failures, 2 * SECOND, false, &summary));
	assert_true(audit_failures_next(failures, 62 * SECOND, false, &summary));
	assert_int_equal(summary.count, 995);
	assert_int_equal(summary.from, SECOND + 5);
	assert_int_equal(summary.until, SECOND + 999);
	audit_failures_event(&summary, BEGINNING, &event);
	text = leaf_of(&whole, &event, &entry);
	assert_string_equal(entry.type, "auth.failures");
	assert_non_null(strstr(text, "{\"count\":995,\"from\":\"2026-01-01T00:00:01.000005Z\","
			       "\"prefix\":\"192.0.2.1\",\"until\":\"2026-01-01T00:00:01.000999Z\"}"));
	assert_false(audit_failures_next(failures, 62 * SECOND, false, &summary));
	/* It goes on: the window is longer, nothing is single, nothing is lost. */
	assert_false(fails(failures, "192.0.2.1", 63 * SECOND));
	assert_false(audit_failures_next(failures, 125 * SECOND, false, &summary));
	assert_true(audit_failures_next(failures, 182 * SECOND, false, &summary));
	assert_int_equal(summary.count, 1);
	/* Quiet for a while: forgotten. */
	assert_true(fails(failures, "192.0.2.1", 2000 * SECOND));
	ml_audit_entry_clean(&entry);
	free(text);
	audit_failures_free(failures);
}

/* From everywhere: every failure is told of or counted, and few are written. */
static void test_wide_flood(void **state)
{
	struct audit_failures *failures = audit_failures_new();
	struct audit_failures_summary summary;
	uint64_t counted = 0, written = 0, everywhere = 0;
	const uint64_t total = 200000;
	char from[64];
	uint64_t i;

	(void)state;
	for (i = 0; i < total; i++) {
		snprintf(from, sizeof(from), "2001:db8:%x:%x::1", (int)(i >> 16), (int)(i & 0xffff));
		written += fails(failures, from, SECOND + (int64_t)i);
	}
	assert_int_equal(written, AUDIT_FAILURES_ALL);
	while (audit_failures_next(failures, 2 * SECOND, true, &summary)) {
		counted += summary.count;
		everywhere += summary.everywhere ? summary.count : 0;
		written++;
	}
	assert_int_equal(counted, total - AUDIT_FAILURES_ALL);
	assert_true(everywhere > total / 2);
	assert_in_range(written, 2, AUDIT_FAILURES_PLACES + AUDIT_FAILURES_ALL + 1);
	audit_failures_free(failures);
}

/* One /64 is one stranger; local sockets and other reasons are their own. */
static void test_who_is_who(void **state)
{
	struct audit_failures *failures = audit_failures_new();
	int i, single = 0;
	char from[64];

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(from, sizeof(from), "2001:db8::%x", i + 1);
		single += fails(failures, from, SECOND);
	}
	assert_int_equal(single, AUDIT_FAILURES_SINGLE);
	assert_true(fails(failures, "2001:db8:0:1::1", SECOND));
	assert_true(audit_failures_note(failures, AUDIT_REASON_BAD_CODE, NULL, SECOND));
	assert_true(audit_failures_note(failures, (enum audit_reason)999, NULL, SECOND));
	audit_failures_free(failures);
}

/* ------------------------------------------------------------------ syslog */

static const struct audit_syslog_from from_here = { "control.example.net", "merlon-control", "42" };

static char *message_of(const struct audit_event *event, size_t *ret_length)
{
	struct ml_bytes leaf = fixture_leaf(event);
	char *message;

	need(audit_syslog_format(&from_here, 7, leaf, &message, ret_length, &error));
	free((void *)leaf.data);
	assert_int_equal(*ret_length, strlen(message));
	return message;
}

static void test_syslog_format(void **state)
{
	const struct audit_event event = {
		.type = AUDIT_AUTH_FAILURE, .time = BEGINNING, .actor = "admin:anna",
		.reason = "a \"b\" \\c ]d\n",
	};
	static const char want[] =
		"<108>1 2026-01-01T00:00:00.000000Z control.example.net merlon-control 42 auth.failure "
		"[merlon@32473 index=\"7\" actor=\"admin:anna\" "
		"reason=\"a \\\\\\\"b\\\\\\\" \\\\\\\\c \\]d\\\\n\"] {\"actor\":";
	size_t length, said;
	char *message = message_of(&event, &length), *space = strchr(message, ' ');

	(void)state;
	said = strtoul(message, NULL, 10);
	assert_int_equal(said, strlen(space + 1));
	assert_int_equal(strncmp(space + 1, want, strlen(want)), 0);
	assert_ascii(message);
	free(message);
	assert_int_equal(audit_syslog_format(&from_here, 0, (struct ml_bytes){ (uint8_t *)"{}", 2 },
					     &message, &length, &error), -EBADMSG);
}

static int listener(const char path[static 96])
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%.95s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Reads what is there; whole frames are counted, the rest is kept. */
struct reader {
	char data[1 << 21];
	size_t length, frames;
};

static void reader_take(struct reader *reader, int fd)
{
	ssize_t n;
	size_t frame;
	char *space;

	while ((n = recv(fd, reader->data + reader->length,
			 sizeof(reader->data) - reader->length - 1, MSG_DONTWAIT)) > 0) {
		reader->length += (size_t)n;
		reader->data[reader->length] = '\0';
		for (;;) {
			frame = strtoul(reader->data, &space, 10);
			frame += (size_t)(space - reader->data) + 1;
			if (!reader->length || *space != ' ' || frame > reader->length)
				break;
			assert_int_equal(space[1], '<');
			reader->length -= frame;
			memmove(reader->data, reader->data + frame, reader->length + 1);
			reader->frames++;
		}
	}
}

/* Nobody listens; then somebody does not read; then the connection breaks in a message. */
static void test_syslog_never_waits(void **state)
{
	const struct audit_event event = { .type = AUDIT_AUTH_FAILURE, .time = BEGINNING };
	struct reader *reader = calloc(1, sizeof(*reader));
	struct audit_syslog *syslog;
	uint64_t lost, count = 8000, i;
	int64_t now = SECOND;
	char path[96], *message;
	size_t length;
	int server, client;

	(void)state;
	snprintf(path, sizeof(path), "%s/syslog", scratch);
	message = message_of(&event, &length);
	need(audit_syslog_new(path, &syslog, &error));
	audit_syslog_send(syslog, message, length, now);
	server = listener(path);
	for (i = 1; i < count; i++)	/* too soon to try again */
		audit_syslog_send(syslog, message, length, now);
	assert_int_equal(audit_syslog_socket(syslog), -1);
	lost = audit_syslog_lost(syslog, 1);
	assert_in_range(lost, 1, count - AUDIT_SYSLOG_ROOM / length + 1);
	assert_int_equal(audit_syslog_lost(syslog, 0), 0);
	audit_syslog_flush(syslog, now += 2 * SECOND);
	assert_true(audit_syslog_socket(syslog) >= 0);
	client = accept(server, NULL, NULL);
	reader_take(reader, client);
	/* What was sent in part is sent again as a whole; of the old connection it is lost. */
	assert_true(reader->length > 0);
	close(client);
	reader->length = 0;
	audit_syslog_flush(syslog, now += 2 * SECOND);
	audit_syslog_flush(syslog, now += 2 * SECOND);
	client = accept(server, NULL, NULL);
	while (audit_syslog_socket(syslog) >= 0) {
		reader_take(reader, client);
		audit_syslog_flush(syslog, now);
	}
	reader_take(reader, client);
	assert_int_equal(reader->length, 0);
	print_message("# of %d messages %d arrived and %d were lost, as it says\n", (int)count,
		      (int)reader->frames, (int)lost);
	assert_int_equal(reader->frames + lost, count);
	audit_syslog_free(syslog);
	close(client);
	close(server);
	free(message);
	free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_hostile_texts),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_entries_refused),
		cmocka_unit_test(test_one_flood),
		cmocka_unit_test(test_wide_flood),
		cmocka_unit_test(test_who_is_who),
		cmocka_unit_test(test_syslog_format),
		cmocka_unit_test(test_syslog_never_waits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
