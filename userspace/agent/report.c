// SPDX-License-Identifier: MIT
/* How things are: for sync's clients, for systemd, for the log. */
#include "apply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "store.h"
#include "tunnel.h"

#define DAY 86400

/* A module that was loaded anew has forgotten everything: so starts this process. */
void report_kernel(struct apply *apply, struct ml_kernel_status *ret)
{
	static uint64_t epoch, serial;
	struct ml_error error;

	if (ml_kernel_status(apply->kernel, ret, &error))
		die("the kernel module does not answer: %s", error.text);
	if (ret->last_epoch < epoch || (ret->last_epoch == epoch && ret->last_serial < serial))
		die("the kernel module was loaded anew: starting over, to load what it forgot");
	epoch = ret->last_epoch;
	serial = ret->last_serial;
}

const char *report_date(int64_t seconds, char ret[static REPORT_DATE])
{
	time_t value = (time_t)seconds;
	struct tm parts;

	if (!gmtime_r(&value, &parts) ||
	    !strftime(ret, REPORT_DATE, "%Y-%m-%d %H:%M:%S UTC", &parts))
		snprintf(ret, REPORT_DATE, "never");
	return ret;
}

/* -------------------------------------------------------------------- dates */

/* Dates are judged by the later of the clock and the floor: see design. */
static int64_t age(const struct apply *apply)
{
	int64_t now = time(NULL);

	if (now < apply->watermark.floor)
		now = apply->watermark.floor;
	return now - apply->accepted.issued;
}

/*
 * Three daily renewals missed, and a fifth of the lifetime gone: a policy that
 * was signed for months is not renewed daily.
 */
static bool stale(const struct apply *apply)
{
	int64_t lifetime = apply->accepted.expires - apply->accepted.issued;

	return apply->has_accepted && age(apply) > ML_DAEMON_STALE_SECONDS &&
	       age(apply) > lifetime / 5;
}

/*
 * The kernel takes no lifetime above its limit, whatever was signed: what is in
 * force there ends earlier then, to the minute. Of what is not in force the
 * signed date counts.
 */
int64_t report_expires(const struct ml_statement *statement,
		       const struct ml_kernel_status *status)
{
	int64_t end = time(NULL) + (int64_t)(status->lifetime_ms / 1000);

	if (!status->has_generation || status->epoch != statement->epoch ||
	    status->serial != statement->serial || end + 60 >= statement->expires)
		return statement->expires;
	return end - end % 60;
}

/* ------------------------------------------------------------------ clients */

static void fill_kernel(const struct ml_kernel_status *status, struct message_result *ret)
{
	ret->state = status->state;
	ret->scope = status->scope;
	ret->mode = status->mode;
	if (status->has_generation) {
		ret->epoch = status->epoch;
		ret->serial = status->serial;
	}
}

void report_fill(struct apply *apply, struct message_result *ret)
{
	struct ml_kernel_status status;
	struct store_arming kept;

	report_kernel(apply, &status);
	fill_kernel(&status, ret);
	store_read_arming(&kept);
	ret->armed_scope = kept.scope;
	ret->armed_mode = kept.mode;
	ret->quarantined = journal_count();
	ret->pending_count = apply->pending_count;
	memcpy(ret->pending, apply->pending, sizeof(ret->pending));
	tunnel_fill(ret);
	if (!apply->has_accepted)
		return;
	ret->accepted = true;
	ret->issued = apply->accepted.issued;
	ret->not_before = apply->accepted.not_before;
	ret->expires = report_expires(&apply->accepted, &status);
	ret->stale = stale(apply);
	ret->bundle_scope = apply->bundle_scope;
}

/* ------------------------------------------------------------------ systemd */

void report_status(struct apply *apply)
{
	static struct message_text last;
	struct message_text text = { { 0 } };
	struct ml_kernel_status status;
	char date[REPORT_DATE];

	report_kernel(apply, &status);
	if (status.has_generation)
		snprintf(text.text, sizeof(text.text),
			 "%s; generation %ju.%ju of network '%s' for node '%s', expires %s%s%s",
			 ml_state_name(status.state), (uintmax_t)status.epoch,
			 (uintmax_t)status.serial, apply->agent->trust.network,
			 apply->agent->trust.node, apply->has_accepted ?
			 report_date(report_expires(&apply->accepted, &status), date) :
			 "unknown",
			 stale(apply) ? "; stale: renewals are missing" : "",
			 tunnel_has_problem() ? "; the tunnel is not as it should be" : "");
	else
		snprintf(text.text, sizeof(text.text), "%s; no generation in the kernel",
			 ml_state_name(status.state));
	if (!strcmp(text.text, last.text))
		return;
	last = text;
	message_send(apply->agent->supervisor[1], MESSAGE_STATUS, 0, &text, -1);
}

/* ------------------------------------------------------------------- health */

/* What is so today was so yesterday: once a day is enough. */
static bool said_today(time_t *last)
{
	time_t now = time(NULL);

	if (*last && now - *last < DAY && now >= *last)
		return true;
	*last = now;
	return false;
}

static void warn_stale(struct apply *apply)
{
	static time_t last;

	if (stale(apply) && !said_today(&last))
		log_line(LOG_WARNING, "stale", "the last accepted bundle was issued %jd days "
			 "ago: renewals are missing", (intmax_t)(age(apply) / DAY));
}

/* What begins to send past every guard is told at once, what ends as well. */
static void tell_holes(const struct ml_kernel_status *status)
{
	static uint32_t known;
	uint32_t changed = known ^ status->holes;

	for (unsigned int bit = 0; bit < 32; bit++) {
		if (!(changed & 1u << bit))
			continue;
		if (status->holes & 1u << bit)
			log_line(LOG_WARNING, "hole", "the guard does not hold %s",
				 ml_hole_advice(bit));
		else
			log_line(LOG_NOTICE, "hole-closed", "%s: gone, or not in scope",
				 ml_hole_name(bit));
	}
	known = status->holes;
}

static void check_kernel(struct apply *apply)
{
	static time_t last;
	struct ml_kernel_status status;
	struct store_arming kept;

	report_kernel(apply, &status);
	tell_holes(&status);
	store_read_arming(&kept);
	if (!kept.scope || status.state != MERLON_STATE_DISARMED)
		last = 0;
	else if (!said_today(&last))
		log_line(LOG_WARNING, "disarmed", "the kernel is disarmed, but shall be armed "
			 "after a reboot: run 'merlon arm' or 'merlon disarm'");
}

void report_health(struct apply *apply)
{
	warn_stale(apply);
	check_kernel(apply);
	report_status(apply);
}
