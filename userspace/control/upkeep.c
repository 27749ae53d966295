// SPDX-License-Identifier: MIT
#include "upkeep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "audit_log.h"
#include "audit_syslog.h"
#include "config.h"
#include "server.h"
#include "tiles.h"

#define LOST_SECONDS	60		/* between two entries on what syslog did not take */
#define PRUNE_SECONDS	86400		/* between two looks for what is old */
#define COLLECT_SECONDS	600		/* the same, of generations */
#define KEEP_SECONDS	3600		/* a generation; nodes are given the last and the one before */

struct upkeep {
	struct server *server;
	struct store *store;
	struct audit_syslog *syslog;	/* NULL: not wanted */
	char host[256], process[16];
	int64_t lost_next, prune_next, collect_next;	/* CLOCK_MONOTONIC, microseconds */
	bool pruning;			/* entry @event tells of it, and may not be in the log yet */
	uint64_t event, minimum;
};

static int64_t monotonic(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int upkeep_new(struct server *server, struct store *store, struct upkeep **ret,
	       struct ml_error *error)
{
	const struct config *config = server_config(server);
	struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
	int r = 0;

	if (!upkeep)
		return ml_error_set(error, -ENOMEM, "out of memory");
	upkeep->server = server;
	upkeep->store = store;
	gethostname(upkeep->host, sizeof(upkeep->host) - 1);
	snprintf(upkeep->process, sizeof(upkeep->process), "%d", getpid());
	if (config->syslog[0])
		r = audit_syslog_new(config->syslog, &upkeep->syslog, error);
	if (r)
		upkeep_free(upkeep);
	else
		*ret = upkeep;
	return r;
}

void upkeep_free(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	if (upkeep->syslog) {
		audit_syslog_flush(upkeep->syslog, monotonic());
		audit_syslog_free(upkeep->syslog);
	}
	free(upkeep);
}

/* --------------------------------------------------------------------- syslog */

void upkeep_written(struct upkeep *upkeep, uint64_t index, struct ml_bytes leaf)
{
	const struct audit_syslog_from from = { upkeep->host, "merlon-control", upkeep->process };
	size_t length;
	char *message;

	if (!upkeep->syslog || audit_syslog_format(&from, index, leaf, &message, &length, NULL))
		return;
	audit_syslog_send(upkeep->syslog, message, length, monotonic());
	free(message);
}

static void syslog_tick(struct upkeep *upkeep)
{
	struct audit_event event = { .type = AUDIT_LOG_LOST, .actor = "server" };
	struct ml_error error;
	uint64_t lost;

	audit_syslog_flush(upkeep->syslog, monotonic());
	if (monotonic() < upkeep->lost_next)
		return;
	lost = audit_syslog_lost(upkeep->syslog, 1);
	if (!lost)
		return;
	upkeep->lost_next = monotonic() + LOST_SECONDS * INT64_C(1000000);
	event.details.count = (int64_t)lost;
	server_log(LOG_WARNING, "syslog", "%" PRIu64 " messages were lost: nobody reads them", lost);
	if (server_audit(upkeep->server, upkeep->store, &event, &error))
		server_log(LOG_ERR, "audit", "%s", error.text);
}

/* -------------------------------------------------------------------- pruning */

/* Is the last bundle that may go still there? Else all of them are gone. */
static bool is_there(const char *directory, uint64_t minimum)
{
	const struct ml_tile last = { ML_TILE_ENTRIES, minimum / ML_TILE_WIDTH - 1, ML_TILE_WIDTH };
	char path[CONFIG_PATH + ML_TILE_PATH], tile[ML_TILE_PATH];

	snprintf(path, sizeof(path), "%s/%s", directory, ml_tile_path(&last, tile));
	return !access(path, F_OK);
}

static int announce(struct upkeep *upkeep, uint64_t minimum, struct ml_error *error)
{
	const struct audit_event event = { .type = AUDIT_LOG_PRUNE, .actor = "server",
					   .time = server_microseconds(),
					   .details = { .minimum = (int64_t)minimum } };
	struct ml_bytes leaf;
	uint8_t *bytes;
	int r = audit_leaf(server_audit_form(upkeep->server), &event, &bytes, &leaf.length, error);

	if (r)
		return r;
	leaf.data = bytes;
	r = store_audit_append(upkeep->store, leaf, &upkeep->event, error);
	free(bytes);
	upkeep->minimum = minimum;
	upkeep->pruning = !r;
	return r;
}

static int plan(struct upkeep *upkeep, struct audit_log *log, const char *directory, int days,
		struct ml_error *error)
{
	uint64_t minimum = 0;
	int r = audit_prune_plan(log, server_microseconds(), days, &minimum, error);

	if (r || !minimum || !is_there(directory, minimum))
		return r;
	return announce(upkeep, minimum, error);
}

/* From the log, and from the store, which would keep them else. */
static int prune(struct upkeep *upkeep, struct audit_log *log, int days, struct ml_error *error)
{
	int r = audit_prune(log, upkeep->event, server_microseconds(), days, error);

	upkeep->pruning = false;
	if (!r)
		r = store_audit_forget(upkeep->store, upkeep->minimum, error);
	if (!r)
		server_log(LOG_NOTICE, "prune", "audit entries before %" PRIu64 " were older than %d days, and are gone",
			   upkeep->minimum, days);
	return r;
}

static void prune_tick(struct upkeep *upkeep, struct audit_log *log, const char *directory,
		       int days)
{
	struct ml_error error = { .text = "" };
	int r = 0;

	if (upkeep->pruning && audit_log_size(log) > upkeep->event)
		r = prune(upkeep, log, days, &error);
	else if (!upkeep->pruning && monotonic() >= upkeep->prune_next)
		r = plan(upkeep, log, directory, days, &error);
	else
		return;
	if (!upkeep->pruning)
		upkeep->prune_next = monotonic() + PRUNE_SECONDS * INT64_C(1000000);
	if (r)
		server_log(LOG_ERR, "prune", "%s", error.text);
}

/* ---------------------------------------------------------------- generations */

/* Each takes room for every block of every node, and slows those behind it down. */
static void collect_tick(struct upkeep *upkeep)
{
	struct ml_error error;
	uint64_t blocks = 0;

	if (monotonic() < upkeep->collect_next)
		return;
	upkeep->collect_next = monotonic() + COLLECT_SECONDS * INT64_C(1000000);
	if (store_generation_collect(upkeep->store, time(NULL) - KEEP_SECONDS, &blocks, &error))
		server_log(LOG_ERR, "generation", "old ones cannot be forgotten: %s", error.text);
	else if (blocks)
		server_log(LOG_INFO, "generation", "%" PRIu64 " blocks of old ones are forgotten", blocks);
}

void upkeep_tick(struct upkeep *upkeep, struct audit_log *log, const char *directory)
{
	int days = server_config(upkeep->server)->audit_days;

	if (upkeep->syslog)
		syslog_tick(upkeep);
	if (days)
		prune_tick(upkeep, log, directory, days);
	collect_tick(upkeep);
}
