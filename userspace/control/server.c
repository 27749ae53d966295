// SPDX-License-Identifier: MIT
/* What all of the server shares, behind one lock. The loop is in serve.c. */
#include "server_struct.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "distribution.h"
#include "work.h"

const struct config *server_config(const struct server *server)
{
	return server->config;
}

const char *server_network(const struct server *server)
{
	return server->config->network;
}

const struct audit_form *server_audit_form(const struct server *server)
{
	return &server->form;
}

struct work *server_work(const struct server *server)
{
	return server->work;
}

struct calls *server_calls(const struct server *server)
{
	return server->calls;
}

const struct authority *server_authority(const struct server *server)
{
	return server->authority;
}

struct nonces *server_nonces(const struct server *server)
{
	return server->nonces;
}

struct ends *server_ends(const struct server *server)
{
	return server->ends;
}

struct seen *server_seen(const struct server *server)
{
	return server->seen;
}

void *server_guard_state(const struct server *server)
{
	return server->guard;
}

int64_t server_microseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int64_t monotonic(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* --------------------------------------------------------------------- roots */

int server_root(struct server *server, struct ml_root *ret, struct ml_error *error)
{
	int r = 0;

	pthread_mutex_lock(&server->lock);
	if (server->has_root)
		*ret = server->root;
	else
		r = -ENOENT;
	pthread_mutex_unlock(&server->lock);
	return r ? ml_error_set(error, r, "there is no root document yet") : 0;
}

void server_set_root(struct server *server, const struct ml_root *root)
{
	pthread_mutex_lock(&server->lock);
	server->root = *root;
	server->has_root = true;
	pthread_mutex_unlock(&server->lock);
}

/* --------------------------------------------------------------- generations */

static void put_locked(struct distribution *distribution)
{
	if (distribution && --distribution->references == 0)
		distribution_free(distribution);
}

void server_set_distribution(struct server *server, struct distribution *distribution)
{
	pthread_mutex_lock(&server->lock);
	put_locked(server->previous);
	server->previous = server->distribution;
	server->distribution = distribution;
	server->signer.waiting[0] = '\0';
	pthread_mutex_unlock(&server->lock);
	server_wake(server, NULL);
}

struct distribution *server_get_distribution(struct server *server, bool previous)
{
	struct distribution *found;

	pthread_mutex_lock(&server->lock);
	found = previous ? server->previous : server->distribution;
	if (found)
		found->references++;
	pthread_mutex_unlock(&server->lock);
	return found;
}

void server_put_distribution(struct server *server, struct distribution *distribution)
{
	pthread_mutex_lock(&server->lock);
	put_locked(distribution);
	pthread_mutex_unlock(&server->lock);
}

void server_set_signer(struct server *server, const char *key_id, const char *waiting)
{
	pthread_mutex_lock(&server->lock);
	server->signer.there = key_id;
	if (key_id) {
		snprintf(server->signer.key_id, sizeof(server->signer.key_id), "%s", key_id);
		snprintf(server->signer.waiting, sizeof(server->signer.waiting), "%s", waiting);
	}
	pthread_mutex_unlock(&server->lock);
}

void server_signer(struct server *server, struct signer_said *ret)
{
	pthread_mutex_lock(&server->lock);
	*ret = server->signer;
	pthread_mutex_unlock(&server->lock);
}

void server_set_cosigned(struct server *server, const struct cosigned_said *said)
{
	pthread_mutex_lock(&server->lock);
	server->cosigned = *said;
	pthread_mutex_unlock(&server->lock);
}

void server_cosigned(struct server *server, struct cosigned_said *ret)
{
	pthread_mutex_lock(&server->lock);
	*ret = server->cosigned;
	pthread_mutex_unlock(&server->lock);
}

/* -------------------------------------------------------------------- waking */

void server_wake(struct server *server, const char *node)
{
	pthread_mutex_lock(&server->lock);
	if (node && server->wake_count < SERVER_WAKES)
		snprintf(server->wakes[server->wake_count++], sizeof(server->wakes[0]), "%s", node);
	else
		server->wake_all = true;
	pthread_mutex_unlock(&server->lock);
	work_poke(server->work);
}

/* -------------------------------------------------------------------- stuck */

void server_set_stuck(struct server *server, const char *why)
{
	pthread_mutex_lock(&server->lock);
	snprintf(server->stuck, sizeof(server->stuck), "%s", why ? why : "");
	pthread_mutex_unlock(&server->lock);
}

bool server_is_stuck(struct server *server, char *ret, size_t size)
{
	bool stuck;

	pthread_mutex_lock(&server->lock);
	stuck = server->stuck[0];
	if (stuck)
		snprintf(ret, size, "the audit log cannot be written: %s", server->stuck);
	pthread_mutex_unlock(&server->lock);
	return stuck;
}

/* -------------------------------------------------------------------- audit */

int server_audit(struct server *server, struct store *store, const struct audit_event *event,
		 struct ml_error *error)
{
	struct audit_event full = *event;
	struct ml_bytes leaf;
	uint64_t index;
	uint8_t *bytes;
	int r;

	if (!full.time)
		full.time = server_microseconds();
	r = audit_leaf(&server->form, &full, &bytes, &leaf.length, error);
	if (r)
		return r;
	leaf.data = bytes;
	r = store_audit_append(store, leaf, &index, error);
	free(bytes);
	return r;
}

bool server_failure(struct server *server, enum audit_reason reason,
		    const struct sockaddr *source)
{
	bool tell;

	pthread_mutex_lock(&server->lock);
	tell = audit_failures_note(server->failures, reason, source, monotonic());
	pthread_mutex_unlock(&server->lock);
	return tell;
}

/* What is counted twice over its window is only in the summary: nobody was let in or refused. */
void server_failure_count(struct server *server, enum audit_reason reason, const char *address)
{
	struct sockaddr_storage source = { .ss_family = AF_UNSPEC };
	struct sockaddr_in *four = (struct sockaddr_in *)&source;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&source;
	const struct audit_event event = { .type = AUDIT_CONNECTION_REFUSE,
					   .source = (const struct sockaddr *)&source,
					   .reason = audit_reason_name(reason) };
	struct ml_error error;

	if (inet_pton(AF_INET, address, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	if (server_failure(server, reason, (const struct sockaddr *)&source) &&
	    server_audit(server, server->store, &event, &error))
		server_log(LOG_ERR, "audit", "%s", error.text);
}

static bool failures_next(struct server *server, bool all, struct audit_failures_summary *ret)
{
	bool found;

	pthread_mutex_lock(&server->lock);
	found = audit_failures_next(server->failures, monotonic(), all, ret);
	pthread_mutex_unlock(&server->lock);
	return found;
}

void server_failures_tell(struct server *server, struct store *store, bool all)
{
	struct audit_failures_summary summary;
	struct audit_event event;
	struct ml_error error;

	while (failures_next(server, all, &summary)) {
		audit_failures_event(&summary, server_microseconds() - monotonic(), &event);
		if (server_audit(server, store, &event, &error))
			server_log(LOG_ERR, "audit", "%s", error.text);
	}
}

/* Another process may have taken a newer one. */
static void root_look(struct server *server, struct store *store)
{
	struct store_document document;
	struct ml_root held, root;

	if (store_root_get(store, 0, &document, NULL))
		return;
	if (!server_root(server, &held, NULL) && document.id > held.version &&
	    !ml_root_succeed(&held, document.envelope, &root, NULL))
		server_set_root(server, &root);
	store_free(document.memory);
}

void server_tick(struct server *server, struct store *store)
{
	server_failures_tell(server, store, false);
	root_look(server, store);
	ends_tick(server->ends, server, store, time(NULL));
	if (server_guard.tick)
		server_guard.tick(server, store, time(NULL));
}

/* -------------------------------------------------------------------- journal */

/* What strangers sent must not draw on a terminal, nor begin a line. */
static void disarm(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void server_log(int level, const char *event, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	disarm(text);
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>%s: %s\n", level, event, text);
	else
		fprintf(stderr, "merlon-control: %s: %s\n", event, text);
}
