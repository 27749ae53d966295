// SPDX-License-Identifier: MIT
/* The audit log on disk survives death, and loss of power, at every step. */
#include "audit_log_fixture.h"

#include <sys/wait.h>

#include "power.h"

static char attic[160];

/* What is done while death waits, in the log that @begin has left. */
struct deed {
	const char *name;
	void (*begin)(void);
	void (*run)(void);
	void (*judge)(bool survived);	/* what must be so afterwards */
};

static void append_begin(void)
{
	struct audit_log *log = fixture_open();

	sequence(log, 0, 250);
	sequence(log, 250, 3);
	audit_log_close(log);
}

static void append_run(void)
{
	struct audit_log *log = fixture_open();

	sequence(log, 253, 6);
	sequence(log, 259, 1);
	audit_log_close(log);
}

static void append_judge(bool survived)
{
	struct audit_log *log = fixture_open();
	uint64_t size = audit_log_size(log);

	if (size != 253 && size != 259 && size != 260)
		fail_msg("%d entries", (int)size);
	assert_true(!survived || size == 260);
	assert_log(size);
	sequence(log, 253, 7);
	audit_log_close(log);
	assert_log(260);
}

static void create_begin(void)
{
}

static void create_run(void)
{
	struct audit_log *log = fixture_open();

	sequence(log, 0, 2);
	audit_log_close(log);
}

static void create_judge(bool survived)
{
	struct audit_log *log = fixture_open();

	assert_true(!survived || audit_log_size(log) == 2);
	sequence(log, 0, 2);
	audit_log_close(log);
	assert_log(2);
}

static void cosign_begin(void)
{
	struct audit_log *log = fixture_open();

	cosigner_new();
	sequence(log, 0, 9);
	cosign(log, 0);
	sequence(log, 9, 4);
	audit_log_close(log);
}

static void cosign_run(void)
{
	struct audit_log *log = fixture_open();

	cosign(log, 9);
	audit_log_close(log);
}

static void cosign_judge(bool survived)
{
	struct audit_log *log = fixture_open();
	struct ml_audit_head head;
	struct ml_cosigned seen;

	need(ml_audit_head_read(directory, &log_key, &signer_key, &head, &error));
	need(audit_cosign_seen(state_path, &log_key, &seen, &error));
	/* A signature that is out is remembered. */
	assert_true(seen.size >= head.cosigned.size);
	assert_true(!survived || head.cosigned.size == 13);
	cosign(log, seen.size);
	audit_log_close(log);
	assert_log(13);
}

static const struct deed deeds[] = {
	{ "an append over the edge of a tile", append_begin, append_run, append_judge },
	{ "a new log", create_begin, create_run, create_judge },
	{ "a cosignature", cosign_begin, cosign_run, cosign_judge },
};

/* In a process of its own. True: it came to its end. */
static bool run_until(const struct deed *deed, enum power how, unsigned long at)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		power_arm(scratch, attic, how, at);
		deed->run();
		/* What was acknowledged must outlive this, too. */
		power_off(scratch);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return true;
	}
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return false;
}

static unsigned long die_everywhere(const struct deed *deed, enum power how)
{
	unsigned long at = 0;
	bool survived;

	do {
		at++;
		fixture_clear();
		fixture_remove(attic);
		assert_int_equal(mkdir(attic, 0700), 0);
		deed->begin();
		survived = run_until(deed, how, at);
		deed->judge(survived);
	} while (!survived);
	return at - 1;
}

static void test_death(void **state)
{
	unsigned long killed, lost;
	size_t i;

	(void)state;
	/* Beside the log: what is undone must not undo this. */
	snprintf(attic, sizeof(attic), "%s/attic", scratch);
	for (i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		killed = die_everywhere(&deeds[i], POWER_KILLED);
		lost = die_everywhere(&deeds[i], POWER_LOST);
		assert_true(killed > 5 && lost == killed);
		print_message("# %s: killed at each of %lu steps, and the power lost at each\n",
			      deeds[i].name, killed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_death),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
