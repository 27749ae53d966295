// SPDX-License-Identifier: MIT
/* Dates are one JSON object that is never changed, but replaced: who reads it holds it. */
#include "ends.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "admit_private.h"
#include "date.h"
#include "server.h"
#include "store.h"

struct ends {
	pthread_mutex_t lock;		/* guards @dates and @fresh */
	json_t *dates;			/* NULL: not known */
	bool fresh;			/* @dates are others than the store was held against */
	/* the sequencer's thread alone */
	json_t *told;			/* who was told of in the journal, and of which date */
	int64_t looked, next;		/* when last; when one ends, or will soon */
	bool failed;
};

struct ends *ends_new(void)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends)
		return NULL;
	pthread_mutex_init(&ends->lock, NULL);
	ends->told = json_object();
	if (ends->told)
		return ends;
	free(ends);
	return NULL;
}

void ends_free(struct ends *ends)
{
	if (!ends)
		return;
	json_decref(ends->dates);
	json_decref(ends->told);
	pthread_mutex_destroy(&ends->lock);
	free(ends);
}

/* NULL: not known. */
static json_t *dates_hold(struct ends *ends)
{
	json_t *dates;

	pthread_mutex_lock(&ends->lock);
	dates = json_incref(ends->dates);
	pthread_mutex_unlock(&ends->lock);
	return dates;
}

/* @dates is given away; NULL: none is held. */
static void dates_drop(struct ends *ends, json_t *dates)
{
	pthread_mutex_lock(&ends->lock);
	json_decref(dates);
	pthread_mutex_unlock(&ends->lock);
}

static void dates_replace(struct ends *ends, json_t *dates)
{
	pthread_mutex_lock(&ends->lock);
	json_decref(ends->dates);
	ends->dates = dates;
	ends->fresh = true;
	pthread_mutex_unlock(&ends->lock);
}

static int64_t date_of(const json_t *dates, const char *node)
{
	return json_integer_value(json_object_get(dates, node));
}

int ends_take(struct ends *ends, const json_t *dates, struct ml_error *error)
{
	const char *name;
	json_t *date, *copy;

	if (!json_is_object(dates))
		return ml_error_set(error, -EBADMSG, "the signer's answer: \"ends\" is no object");
	json_object_foreach((json_t *)dates, name, date)
		if (!json_is_integer(date) || json_integer_value(date) <= 0)
			return ml_error_set(error, -EBADMSG, "the signer's answer: a node's end is no date");
	copy = json_deep_copy(dates);
	if (!copy)
		return ml_error_set(error, -ENOMEM, "out of memory");
	dates_replace(ends, copy);
	return 0;
}

void ends_put(struct ends *ends, const char *node, int64_t date)
{
	json_t *dates = dates_hold(ends), *copy = dates ? json_copy(dates) : NULL;
	int r = copy ? 0 : -1;

	dates_drop(ends, dates);
	if (!r && date)
		r = json_object_set_new(copy, node, json_integer((json_int_t)date));
	else if (!r)
		json_object_del(copy, node);
	if (r)
		json_decref(copy);
	else
		dates_replace(ends, copy);
}

bool ends_get(struct ends *ends, const char *node, int64_t *ret)
{
	bool known;

	pthread_mutex_lock(&ends->lock);
	known = ends->dates;
	*ret = date_of(ends->dates, node);
	pthread_mutex_unlock(&ends->lock);
	return known;
}

bool ends_has_ended(struct ends *ends, const char *node, int64_t now)
{
	int64_t date;

	return ends_get(ends, node, &date) && date && date <= now;
}

void ends_summarize(struct ends *ends, int64_t now, struct ends_summary *ret)
{
	json_t *dates = dates_hold(ends), *item;
	const char *name;

	*ret = (struct ends_summary){ .known = dates };
	json_object_foreach(dates, name, item) {
		int64_t date = json_integer_value(item);

		ret->expired += date <= now;
		if (date <= now || date > now + ENDS_SOON)
			continue;
		ret->soon++;
		if (ret->date && date >= ret->date)
			continue;
		ret->date = date;
		snprintf(ret->next, sizeof(ret->next), "%s", name);
	}
	dates_drop(ends, dates);
}

/* ------------------------------------------------------------------ the store */

struct change {
	char node[ML_NAME_MAX + 1];
	enum store_node_state from, to;
	int64_t date;
};

struct look {
	const json_t *dates;
	int64_t now;
	struct change *changes;
	size_t count, room;
};

static int look_add(struct look *look, const struct change *change)
{
	if (look->count == look->room) {
		size_t room = look->room ? 2 * look->room : 16;
		void *more = reallocarray(look->changes, room, sizeof(*look->changes));

		if (!more)
			return -ENOMEM;
		look->changes = more;
		look->room = room;
	}
	look->changes[look->count++] = *change;
	return 0;
}

static int node_look(void *arg, const struct store_node *node)
{
	struct look *look = arg;
	struct change change = { .from = node->state, .date = date_of(look->dates, node->name) };

	if (node->state != STORE_NODE_ACTIVE && node->state != STORE_NODE_EXPIRED)
		return 0;
	change.to = change.date && change.date <= look->now ? STORE_NODE_EXPIRED :
		STORE_NODE_ACTIVE;
	if (change.to == change.from)
		return 0;
	snprintf(change.node, sizeof(change.node), "%s", node->name);
	return look_add(look, &change);
}

/* Where it is in another state by now, another process was first, or it is revoked. */
static int change_make(struct server *server, struct store *store, const struct change *change,
		       struct ml_error *error)
{
	bool ended = change->to == STORE_NODE_EXPIRED;
	const struct audit_event event = {
		.type = ended ? AUDIT_NODE_EXPIRE : AUDIT_CONFIG_CHANGE,
		.details = { .node = change->node, .setting = ended ? NULL : "state",
			     .expires = change->date * 1000000 } };
	struct ml_bytes leaf;
	int r = admit_leaf(server, &event, &leaf, error);

	if (r)
		return r;
	r = store_node_set_state(store, change->node, change->from, change->to, leaf, error);
	admit_leaf_free(&leaf);
	if (r)
		return r == -ESTALE || r == -ENOENT ? 0 : r;
	server_log(LOG_NOTICE, "node", "%s %s", change->node,
		   ended ? "has expired: 'merlon-control node renew' brings it back" :
		   "is a node again: its membership was renewed");
	server_wake(server, change->node);
	return 0;
}

static int store_follow(struct server *server, struct store *store, const json_t *dates,
			int64_t now, struct ml_error *error)
{
	struct look look = { .dates = dates, .now = now };
	int r = store_node_each(store, node_look, &look, error);

	for (size_t i = 0; i < look.count && !r; i++)
		r = change_make(server, store, &look.changes[i], error);
	free(look.changes);
	return r;
}

/* ---------------------------------------------------------------- the journal */

/* Each node and date once; many are one line. */
static void soon_tell(struct ends *ends, const json_t *dates, int64_t now)
{
	const char *name, *first = NULL;
	char text[ML_DATE_TEXT];
	int64_t earliest = 0;
	size_t count = 0;
	json_t *item;

	json_object_foreach((json_t *)dates, name, item) {
		int64_t date = json_integer_value(item);

		if (date <= now || date > now + ENDS_SOON || date_of(ends->told, name) == date)
			continue;
		json_object_set(ends->told, name, item);
		count++;
		if (earliest && date >= earliest)
			continue;
		earliest = date;
		first = name;
	}
	if (count)
		server_log(LOG_WARNING, "alert", "%zu node%s will expire within %d days, %s first, at %s: 'merlon-control node renew NAME' has it stay",
			   count, count == 1 ? "" : "s", ENDS_SOON / 86400, first,
			   ml_date_format(earliest, text));
}

static int64_t next_of(const json_t *dates, int64_t now)
{
	int64_t next = INT64_MAX;
	const char *name;
	json_t *item;

	json_object_foreach((json_t *)dates, name, item) {
		int64_t date = json_integer_value(item);
		int64_t then = date - ENDS_SOON > now ? date - ENDS_SOON : date;

		if (then > now && then < next)
			next = then;
	}
	return next;
}

/* Also when the clock was set back. */
static bool is_due(struct ends *ends, int64_t now)
{
	bool fresh;

	pthread_mutex_lock(&ends->lock);
	fresh = ends->fresh;
	ends->fresh = false;
	pthread_mutex_unlock(&ends->lock);
	return fresh || ends->failed || now >= ends->next || now < ends->looked;
}

void ends_tick(struct ends *ends, struct server *server, struct store *store, int64_t now)
{
	json_t *dates = dates_hold(ends);
	struct ml_error error = { .text = "" };
	int r;

	if (!dates || !is_due(ends, now)) {
		dates_drop(ends, dates);
		return;
	}
	r = store_follow(server, store, dates, now, &error);
	if (r && !ends->failed)
		server_log(LOG_ERR, "node", "what has expired cannot be written down, and is refused all the same: %s",
			   error.text);
	ends->failed = r;
	soon_tell(ends, dates, now);
	ends->looked = now;
	ends->next = next_of(dates, now);
	dates_drop(ends, dates);
}
