/* SPDX-License-Identifier: MIT */
/*
 * What `merlon arm --scope everything` refuses to cut: an SSH connection whose
 * answers the guard of the bundle in force does not let out. The bundle's rules
 * come from a policy; the session and the kernel are played here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../userspace/cli/arm.c"
#include "describe_stubs.h"
#include "policy.h"
#include "prefix.h"

static struct session session;
static bool has_session = true;

bool session_find(struct session *ret)
{
	*ret = session;
	return has_session;
}

const char *session_network_root(void)
{
	return NULL;
}

void unheld_by_guards(struct ml_output *out, const struct ml_kernel_status *status)
{
	(void)out;
	(void)status;
}

void unheld_by_watch(struct ml_output *out)
{
	(void)out;
}

int live_open(const struct cli *cli, struct live *ret, struct ml_error *error)
{
	(void)cli;
	memset(ret, 0, sizeof(*ret));
	return ml_error_set(error, -ENOENT, "none");
}

void live_close(struct live *live)
{
	(void)live;
}

int cli_fail(struct cli *cli, const struct ml_error *error)
{
	(void)cli;
	(void)error;
	return CLI_FAILURE;
}

int cli_failf(struct cli *cli, const char *format, ...)
{
	(void)cli;
	(void)format;
	return CLI_FAILURE;
}

int cli_refuse(struct cli *cli, const struct ml_error *error)
{
	(void)cli;
	(void)error;
	return CLI_NO;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	(void)cli;
	(void)name;
	return NULL;
}

void cli_remark(const struct cli *cli, const char *format, ...)
{
	(void)cli;
	(void)format;
}

int units_duration_parse(const char *text, int64_t *ret, struct ml_error *error)
{
	(void)text;
	(void)ret;
	return ml_error_set(error, -EINVAL, "none");
}

/* ------------------------------------------------------------------- tests */

static void session_set(uint8_t family, const char *client, const char *way, const char *tunnel)
{
	struct ml_prefix address;

	assert_int_equal(ml_prefix_parse(client, &address), 0);
	session = (struct session){ .family = family, .server_port = 22 };
	memcpy(session.client, address.address, 16);
	snprintf(session.way, sizeof(session.way), "%s", way);
	snprintf(session.device, sizeof(session.device), "%s", tunnel);
}

static void ruleset_of(const char *text, struct ml_ruleset *ret)
{
	struct ml_policy *policy;
	struct ml_error error;

	if (ml_policy_parse("policy", text, strlen(text), &policy, &error) ||
	    ml_policy_ruleset(policy, NULL, ret, &error))
		fail_msg("%s", error.text);
	ml_policy_free(policy);
}

#define GUARD(allow) "{\"guard\": {\"scope\": \"everything\", \"allow\": [" allow "]}}"

static void test_allowances(void **state)
{
	static const char outside[] = GUARD("{\"dst\": [\"*\"], \"ip\": [\"tcp:22\"], \"from\": \"outside\", "
					    "\"device\": \"eth0\"}");
	static const struct {
		const char *policy, *client, *way;
		bool refused;
	} cases[] = {
		{ GUARD("\"ssh-from:198.51.100.0/24\""), "198.51.100.9", "eth0", false },
		{ GUARD("\"ssh-from:198.51.100.0/24\""), "198.51.101.9", "eth0", true },
		{ GUARD("\"ssh-from:2001:db8::/32\""), "2001:db8::9", "eth0", false },
		{ GUARD("\"ssh-from:2001:db8::/32\""), "198.51.100.9", "eth0", true },
		{ GUARD("\"lan\""), "192.168.1.5", "eth0", false },
		{ GUARD("\"ntp\""), "192.168.1.5", "eth0", true },
		{ GUARD(""), "192.168.1.5", "eth0", true },
		{ outside, "198.51.100.9", "eth0", false },
		{ outside, "198.51.100.9", "eth1", true },
		/* What is sent from here is not what answers. */
		{ GUARD("{\"dst\": [\"*\"], \"ip\": [\"tcp:22\"]}"), "198.51.100.9", "eth0", true },
		/* Whose socket it is, is not known before. */
		{ GUARD("{\"dst\": [\"*\"], \"ip\": [\"tcp:22\"], \"from\": \"outside\", \"user\": 0}"),
		  "198.51.100.9", "eth0", true },
	};
	const struct plan plan = { .scope = MERLON_SCOPE_EVERYTHING, .mode = MERLON_MODE_ENFORCING };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct live live = { .ruleset = &live.rules };
		struct ml_error error = { 0 };
		int code;

		ruleset_of(cases[i].policy, &live.rules);
		session_set(strchr(cases[i].client, ':') ? AF_INET6 : AF_INET, cases[i].client,
			    cases[i].way, "");
		code = check_session(&live, &plan, &error);
		if (code != (cases[i].refused ? -EPERM : 0))
			fail_msg("case %zu: %d %s", i, code, error.text);
		if (code)
			assert_non_null(strstr(error.text, "would cut your own SSH connection"));
		ml_ruleset_free(&live.rules);
	}
}

/* Without the bundle nothing is known; in the scope of tunnels nothing is cut. */
static void test_unknown(void **state)
{
	struct plan plan = { .scope = MERLON_SCOPE_EVERYTHING, .mode = MERLON_MODE_ENFORCING };
	struct live live = { 0 };
	struct ml_error error;

	(void)state;
	session_set(AF_INET, "198.51.100.9", "eth0", "");
	assert_int_equal(check_session(&live, &plan, &error), -EPERM);
	assert_non_null(strstr(error.text, "not known"));
	plan.scope = MERLON_SCOPE_TUNNELS;
	assert_int_equal(check_session(&live, &plan, &error), 0);
	plan.scope = MERLON_SCOPE_EVERYTHING;
	has_session = false;
	assert_int_equal(check_session(&live, &plan, &error), 0);
	has_session = true;
}

/* --force and --observe cut nothing unasked. */
static void test_told(void **state)
{
	struct plan plan = { .scope = MERLON_SCOPE_EVERYTHING, .mode = MERLON_MODE_ENFORCING };
	struct live live = { .status = { .has_generation = true, .lifetime_ms = 1 } };
	struct ml_error error;

	(void)state;
	session_set(AF_INET, "198.51.100.9", "eth0", "");
	assert_int_equal(check_all(&live, &plan, &error), -EPERM);
	plan.force = true;
	assert_int_equal(check_all(&live, &plan, &error), 0);
	plan.force = false;
	plan.mode = MERLON_MODE_OBSERVING;
	assert_int_equal(check_all(&live, &plan, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowances),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
