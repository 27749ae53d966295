// SPDX-License-Identifier: MIT
/* The courier's round: what is asked when, and when again. */
#include "courier.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "date.h"
#include "log.h"
#include "strict.h"

#define WAIT_SECONDS	55
#define POLL_MS		((WAIT_SECONDS + 20) * 1000u)
/* A leaf of the largest kind as base64, and what is around it. */
#define ANSWER_BYTES	(ML_BUNDLE_MAX_LEAF / 3 * 4 + (64u << 10))

/* Pauses in ms: the first, and what it may grow to, doubling. */
#define FIRST_MS	500
#define AWAY_MS		4000		/* nobody answers: back within 5 s of the server */
#define AWAY_LONG_MS	30000		/* the same, after LONG_MS: it will not be at once */
#define BUSY_MS		60000		/* it says that it has too much to do */
#define WRONG_MS	300000		/* it says what it will say again */
#define LONG_MS		600000

#define ENDS_SOON	(7 * 86400)	/* seconds before: people are told */

static struct courier self;

/* --------------------------------------------------------------------- pauses */

int64_t courier_boot_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

static void wake_after(struct courier *courier, uint32_t ms)
{
	const struct timeval when = { ms / 1000, ms % 1000 * 1000 };

	event_add(courier->again, &when);
}

void courier_next(struct courier *courier)
{
	wake_after(courier, 0);
}

static uint32_t limit_of(const struct courier *courier, int code)
{
	switch (code) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ETIMEDOUT:
	case -EHOSTUNREACH:
		return courier_boot_ms() - courier->failing_since < LONG_MS ? AWAY_MS : AWAY_LONG_MS;
	case -EBUSY:
	case -EKEYEXPIRED:	/* until somebody renews our membership */
	case -ENOMEM:
	case -ENOSPC:
		return BUSY_MS;
	default:
		return WRONG_MS;
	}
}

/* Half of it is chance, so that a thousand nodes do not come back as one. */
static uint32_t pause_of(const struct courier *courier, int code)
{
	uint32_t limit = limit_of(courier, code), pause = FIRST_MS;
	unsigned int i;

	for (i = 1; i < courier->failures && pause < limit; i++)
		pause *= 2;
	if (pause > limit)
		pause = limit;
	return pause / 2 + randombytes_uniform(pause / 2 + 1);
}

void courier_fail(struct courier *courier, int code, const struct ml_error *error)
{
	struct message_log fields = { .code = code };

	if (!courier->failing_since)
		courier->failing_since = courier_boot_ms();
	courier->failures++;
	if (strcmp(courier->problem, error->text))
		log_fields(LOG_WARNING, &fields, "courier", "%s", error->text);
	snprintf(courier->problem, sizeof(courier->problem), "%s", error->text);
	courier_forget(&courier->offer);
	courier->told[0] = '\0';	/* it may be another server, or one that forgot */
	wake_after(courier, pause_of(courier, code));
}

void courier_well(struct courier *courier)
{
	if (courier->problem[0])
		log_line(LOG_NOTICE, "courier", "the server is as it should be again");
	courier->problem[0] = '\0';
	courier->failures = 0;
	courier->failing_since = 0;
}

void courier_ask(struct courier *courier, const struct ml_client_request *request,
		 ml_client_done done)
{
	struct ml_error error;
	int code = ml_client_start(courier->client, request, done, courier, &error);

	if (code)
		courier_fail(courier, code, &error);
}

/* ----------------------------------------------------------------------- poll */

/* {"ends":T}: for people. What counts is the signer, and what it says we cannot prove. */
static int ends_hear(struct courier *courier, const json_t *json, struct ml_error *error)
{
	static const char *const keys[] = { "ends" };
	int64_t ends;
	int code = ml_strict_keys(json, "generation", keys, 1, error);

	if (!code)
		code = ml_strict_number(json, "generation", "ends", 0, ML_DATE_MAX, &ends, error);
	if (code)
		return code;
	courier->ends = ends;
	courier->ending = false;
	courier_well(courier);
	courier_next(courier);
	return 0;
}

static void ends_tell(struct courier *courier)
{
	char text[ML_DATE_TEXT];

	if (courier->ending || !courier->ends || time(NULL) < courier->ends - ENDS_SOON)
		return;
	courier->ending = true;
	log_line(LOG_WARNING, "membership", "the membership of this node ends at %s: have it renewed, by 'merlon-control node renew %s' on the server",
		 ml_date_format(courier->ends, text), courier->sync->agent->enrolment.node);
}

static void answered(struct courier *courier, const json_t *json)
{
	struct ml_error error;
	int code;

	if (json_object_get(json, "ends")) {
		code = ends_hear(courier, json, &error);
	} else if (json_object_get(json, "endpoints")) {
		code = courier_listen(courier, json, &error);
	} else {
		code = courier_read(json, &courier->offer, &error);
		if (!code)
			courier_roots(courier);
	}
	if (code)
		courier_fail(courier, code, &error);
}

static void polled(void *data, int code, struct ml_client_answer *answer,
		   const struct ml_error *error)
{
	struct courier *courier = data;

	/* By its clock the certificate may have ended: renew it by the identity. */
	courier->disowned = code == -EACCES;
	if (code) {
		courier_fail(courier, code, error);
	} else if (!answer->json) {
		courier_well(courier);
		courier_next(courier);
	} else {
		answered(courier, answer->json);
	}
}

static void poll_server(struct courier *courier)
{
	struct ml_client_request request = {
		.method = "GET", .limit = ANSWER_BYTES, .timeout_ms = POLL_MS,
	};
	char path[200];

	snprintf(path, sizeof(path), "/v1/generation?epoch=%ju&serial=%ju&endpoints=%s&ends=%jd&wait=%d",
		 (uintmax_t)courier->epoch, (uintmax_t)courier->serial, courier->endpoints,
		 (intmax_t)courier->ends, WAIT_SECONDS);
	request.path = path;
	courier_ask(courier, &request, polled);
}

static void round_begins(evutil_socket_t fd, short what, void *arg)
{
	struct courier *courier = arg;

	(void)fd;
	(void)what;
	ends_tell(courier);
	if (!courier_renew(courier) && !courier_tell(courier))
		poll_server(courier);
}

/* ---------------------------------------------------------------------- start */

/* Where we are is what the kernel has, or had. */
static void situated(struct task *task, const struct message_result *result)
{
	struct courier *courier = task->owner;

	courier->epoch = result->epoch;
	courier->serial = result->serial;
	if (!courier_recall(courier))
		courier_next(courier);
}

void courier_start(struct sync *sync)
{
	if (!task_add(sync, MESSAGE_QUERY, -1, situated, &self))
		die("out of memory");
}

/* While sockets for the event loop can still be made: libcurl's own, not the server's. */
void courier_setup(struct sync *sync)
{
	const struct ml_enrolment *enrolment = &sync->agent->enrolment;
	const struct ml_client_options options = {
		.url = enrolment->url, .pin = enrolment->server_key,
		.addresses = enrolment->addresses[0] ? enrolment->addresses : NULL,
	};
	struct ml_error error;

	self.sync = sync;
	self.again = evtimer_new(sync->base, round_begins, &self);
	if (!self.again)
		die("out of memory");
	if (ml_client_new(&options, &self.client, &error) ||
	    ml_client_attach(self.client, sync->base, &error))
		die("%s", error.text);
	courier_renew_setup(&self);
}

void courier_status(json_t *status)
{
	if (!self.client)
		return;
	json_object_set_new(status, "server", json_pack("{s:I, s:I, s:s, s:s}",
		"certificateExpires", (json_int_t)self.until,
		"membershipEnds", (json_int_t)self.ends, "problem", self.problem, "url",
		self.sync->agent->enrolment.url));
}
