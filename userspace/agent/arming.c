// SPDX-License-Identifier: MIT
/*
 * Arming is the administrator's: `merlon arm` tells the kernel. What is kept
 * here is what the kernel did last, so that a reboot does not disarm a machine.
 */
#include "apply.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "store.h"

/* An arming that still waits for its confirmation may be undone: it is not kept. */
static struct store_arming arming_of(const struct ml_kernel_status *status)
{
	struct store_arming none = { .scope = MERLON_SCOPE_UNSPEC };

	if (status->state == MERLON_STATE_DISARMED || status->confirm_s)
		return none;
	return (struct store_arming){ .scope = status->scope, .mode = status->mode };
}

static void arm(struct apply *apply, const struct store_arming *arming)
{
	struct ml_error error;

	if (ml_kernel_arm(apply->kernel, arming->scope, arming->mode, 0,
			  "merlond: armed as before the restart", &error))
		die("cannot arm as before (%s, %s): %s", ml_scope_name(arming->scope),
		    ml_mode_name(arming->mode), error.text);
	log_line(LOG_NOTICE, "armed", "armed as before: %s, %s", ml_scope_name(arming->scope),
		 ml_mode_name(arming->mode));
}

/*
 * ORDER: arms before anything is loaded: a moment of lockdown, not one without
 * a wall. A kernel that is armed already was armed while nobody listened.
 */
void arming_restore(struct apply *apply)
{
	struct ml_kernel_status status;
	struct store_arming kept, actual;

	store_read_arming(&kept);
	report_kernel(apply, &status);
	if (status.state == MERLON_STATE_DISARMED) {
		if (kept.scope != MERLON_SCOPE_UNSPEC)
			arm(apply, &kept);
		return;
	}
	actual = arming_of(&status);
	if (actual.scope != MERLON_SCOPE_UNSPEC &&
	    (actual.scope != kept.scope || actual.mode != kept.mode))
		store_write_arming(&actual);
}

int arming_learn(struct apply *apply, struct ml_error *error)
{
	struct ml_kernel_status status;
	struct store_arming actual;

	report_kernel(apply, &status);
	if (status.confirm_s)
		return ml_error_set(error, -EINPROGRESS, "the kernel waits %u s for a "
				    "confirmation: the arming is kept when it is confirmed",
				    status.confirm_s);
	actual = arming_of(&status);
	store_write_arming(&actual);
	if (actual.scope != MERLON_SCOPE_UNSPEC && !status.has_generation)
		accept_restore(apply);
	log_line(LOG_NOTICE, "arming", "after a reboot: %s, %s",
		 actual.scope ? ml_scope_name(actual.scope) : "disarmed",
		 actual.scope ? ml_mode_name(actual.mode) : "nothing");
	return 0;
}
