// SPDX-License-Identifier: MIT
/* The whole life of a server process: set up, the loop, and the end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/thread.h>
#include <sodium.h>
#include <systemd/sd-daemon.h>

#include "calls.h"
#include "confine.h"
#include "distribution.h"
#include "file.h"
#include "locked.h"
#include "server_struct.h"
#include "work.h"

#define DRAIN_MS	10000
#define ADDRESS_KEY	32	/* bytes */
#define CERTIFICATE_TICK	(6 * 3600)	/* seconds between looks at the server's certificate */

/* ---------------------------------------------------------------- certificates */

static void files_fill(const struct server *server, char chain[static CONFIG_PATH],
		       char key[static CONFIG_PATH], char client[static CONFIG_PATH],
		       struct http_files *ret)
{
	const struct config *config = server->config;

	config_path(config, "server.pem", chain);
	config_path(config, "server.key", key);
	config_path(config, "authority.pem", client);
	if (config->certificate[0]) {
		snprintf(chain, CONFIG_PATH, "%s", config->certificate);
		snprintf(key, CONFIG_PATH, "%s", config->key);
	}
	*ret = (struct http_files){ chain, key, client };
}

static int64_t changed_at(const char *path)
{
	struct stat found;

	return stat(path, &found) ? 0 : found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec;
}

/* By another process of this network, or by whoever brings certificates from outside. */
static bool was_renewed(const struct server *server)
{
	char chain[CONFIG_PATH], key[CONFIG_PATH], client[CONFIG_PATH];
	struct http_files files;

	files_fill(server, chain, key, client, &files);
	return changed_at(chain) != server->certificate_time;
}

static int certificates_load(struct server *server, struct ml_error *error)
{
	char chain[CONFIG_PATH], key[CONFIG_PATH], client[CONFIG_PATH];
	struct http_files files;

	files_fill(server, chain, key, client, &files);
	server->certificate_time = changed_at(chain);
	return http_server_reload(server->http, &files, error);
}

static void reload(struct server *server)
{
	const struct audit_event event = { .type = AUDIT_CONFIG_CHANGE, .actor = "server",
					   .details = { .setting = "certificate" } };
	struct ml_error error;
	int r = authority_renew_server(server->authority, server->config->directory,
				       server->config->host, time(NULL), &error);

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)server_microseconds());
	if (r >= 0)
		r = certificates_load(server, &error);
	if (!r)
		r = server_audit(server, server->store, &event, &error);
	if (r)
		server_log(LOG_ERR, "reload", "the certificates stay as they were: %s", error.text);
	else
		server_log(LOG_NOTICE, "reload", "certificates were read again");
	sd_notify(0, "READY=1");
}

static void on_reload(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	reload(arg);
}

static void on_certificate_tick(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct ml_error error;
	int r = authority_renew_server(server->authority, server->config->directory,
				       server->config->host, time(NULL), &error);

	(void)fd;
	(void)what;
	if (r < 0)
		server_log(LOG_ERR, "certificate", "%s", error.text);
	else if (r || was_renewed(server))
		reload(server);
}

/* ------------------------------------------------------------------- the end */

static void on_stopped(struct http_server *http, void *data)
{
	struct server *server = data;

	(void)http;
	event_base_loopbreak(server->base);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
	struct server *server = arg;

	(void)number;
	(void)what;
	if (server->stopping)
		return;
	server->stopping = true;
	sd_notify(0, "STOPPING=1");
	server_log(LOG_NOTICE, "stopping", "requests that are under way are answered");
	calls_drain(server->calls);
	http_server_stop(server->http, DRAIN_MS, on_stopped, server);
}

/* --------------------------------------------------------------------- waking */

/* In the loop: what other threads wanted to be run again. */
static void on_poked(void *arg)
{
	struct server *server = arg;
	char names[SERVER_WAKES][ML_NAME_MAX + 1];
	size_t count;
	bool all;

	pthread_mutex_lock(&server->lock);
	memcpy(names, server->wakes, sizeof(names));
	count = server->wake_count;
	all = server->wake_all;
	server->wake_count = 0;
	server->wake_all = false;
	pthread_mutex_unlock(&server->lock);
	for (size_t i = 0; i < count && !all; i++)
		calls_wake(server->calls, names[i]);
	if (all)
		calls_wake(server->calls, NULL);
}

/* Refusals of the HTTP core are counted with the failures; summaries tell of them. */
void server_refused(struct server *server, const struct http_refusal *refusal)
{
	enum audit_reason reason = refusal->reason == HTTP_REFUSED_TLS ? AUDIT_REASON_TLS :
				   refusal->reason == HTTP_REFUSED_MALFORMED ||
				   refusal->reason == HTTP_REFUSED_PROTOCOL ?
				   AUDIT_REASON_MALFORMED : AUDIT_REASON_LIMIT;

	server_failure_count(server, reason, refusal->address);
}

/* -------------------------------------------------------------------- setting up */

static int root_load(struct server *server, struct ml_error *error)
{
	struct store_document document;
	struct ml_root root;
	int r = store_root_get(server->store, 0, &document, error);

	if (r)
		return r;
	r = ml_root_peek(document.envelope, &root, error);
	store_free(document.memory);
	if (!r)
		server_set_root(server, &root);
	return r;
}

/* Another process of this network may make it at the same moment: the first one's holds. */
static int address_key_make(const char *path, struct ml_error *error)
{
	uint8_t *key = ml_locked_alloc(ADDRESS_KEY, "the key of addresses", error);
	int r;

	if (!key)
		return -ENOMEM;
	randombytes_buf(key, ADDRESS_KEY);
	r = ml_file_write_new(path, key, ADDRESS_KEY, 0600, error);
	ml_locked_free(key);
	if (!r)
		server_log(LOG_NOTICE, "audit", "%s was made: addresses are hashed under it", path);
	return r == -EEXIST ? 0 : r;
}

/* Under which addresses are hashed: a file of its own, so that it can be destroyed. */
static int form_fill(struct server *server, struct ml_error *error)
{
	char path[CONFIG_PATH];
	size_t length = 0;
	int fd, r = 0;

	server->form.addresses = server->config->addresses;
	if (server->form.addresses != AUDIT_ADDRESS_HASHED)
		return 0;
	config_path(server->config, "address.key", path);
	if (access(path, F_OK))
		r = address_key_make(path, error);
	if (!r)
		r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	server->address_key = ml_locked_alloc(ADDRESS_KEY + 1, "the key of addresses", error);
	r = server->address_key ? ml_file_read_into(fd, path, server->address_key, ADDRESS_KEY + 1,
						    &length, error) : -ENOMEM;
	close(fd);
	if (!r && length != ADDRESS_KEY)
		r = ml_error_set(error, -EBADMSG, "%s: must have %d bytes", path, ADDRESS_KEY);
	server->form.address_key = server->address_key;
	return r;
}

static int store_setup(struct server *server, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;
	int r;

	config_store(server->config, target, &where);
	r = store_open(&where, server->config->network, &server->store, error);
	if (!r)
		r = root_load(server, error);
	if (!r)
		r = authority_open(server->config->directory, &server->authority, error);
	if (!r)
		r = authority_renew_server(server->authority, server->config->directory,
					   server->config->host, time(NULL), error);
	return r < 0 ? r : form_fill(server, error);
}

static int parts_make(struct server *server, struct ml_error *error)
{
	server->failures = audit_failures_new();
	server->nonces = nonces_new();
	server->seen = seen_new();
	server->ends = ends_new();
	server->base = event_base_new();
	if (server->base)
		server->calls = calls_new(server, server->base);
	if (!server->failures || !server->nonces || !server->seen || !server->ends ||
	    !server->calls)
		return ml_error_set(error, -ENOMEM, "out of memory");
	return server_guard.start ? server_guard.start(server, &server->guard, error) : 0;
}

static int http_setup(struct server *server, const int *listeners, size_t count,
		      struct ml_error *error)
{
	char chain[CONFIG_PATH], key[CONFIG_PATH], client[CONFIG_PATH];
	struct http_config config = { .sockets = listeners, .socket_count = count };

	files_fill(server, chain, key, client, &config.files);
	server->certificate_time = changed_at(chain);
	return http_server_new(server->base, &config, &calls_handler, server->calls, &server->http,
			       error);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static int events_setup(struct server *server, struct ml_error *error)
{
	static const struct timeval certificate = { CERTIFICATE_TICK, 0 };
	struct timeval often = { 3600, 0 };
	uint64_t patience;

	server->signals[0] = evsignal_new(server->base, SIGTERM, on_stop, server);
	server->signals[1] = evsignal_new(server->base, SIGINT, on_stop, server);
	server->signals[2] = evsignal_new(server->base, SIGHUP, on_reload, server);
	server->watchdog = event_new(server->base, -1, EV_PERSIST, on_watchdog, NULL);
	server->certificate = event_new(server->base, -1, EV_PERSIST, on_certificate_tick, server);
	for (int i = 0; i < 3; i++)
		if (!server->signals[i] || event_add(server->signals[i], NULL))
			return ml_error_set(error, -ENOMEM, "out of memory");
	if (sd_watchdog_enabled(0, &patience) > 0)
		often = (struct timeval){ (time_t)(patience / 2000000),
					  (suseconds_t)(patience / 2 % 1000000) };
	if (!server->watchdog || event_add(server->watchdog, &often) || !server->certificate ||
	    event_add(server->certificate, &certificate))
		return ml_error_set(error, -ENOMEM, "out of memory");
	return 0;
}

/* What cannot be told of does not begin. */
static int start_tell(struct server *server, enum audit_type type, struct ml_error *error)
{
	const struct audit_event event = { .type = type, .actor = "server",
					   .details = { .version = MERLON_VERSION,
							.network = server->config->network } };

	return server_audit(server, server->store, &event, error);
}

static int threads_start(struct server *server, struct ml_error *error)
{
	int r = sequence_start(server, &server->sequence, error);

	if (!r)
		r = work_start(server->work, error);
	if (!r)
		r = watch_start(server, &server->watch, error);
	return r ? r : confine_calls(error);
}

static int server_setup(struct server *server, const int *listeners, size_t count,
			struct ml_error *error)
{
	int r = store_setup(server, error);

	if (!r)
		r = parts_make(server, error);
	if (!r)
		r = work_new(server, server->base, on_poked, &server->work, error);
	if (r) {
		for (size_t i = 0; i < count; i++)
			close(listeners[i]);
		return r;
	}
	calls_set_work(server->calls, server->work);
	r = http_setup(server, listeners, count, error);
	if (!r)
		r = events_setup(server, error);
	if (!r)
		r = start_tell(server, AUDIT_SERVER_START, error);
	return r ? r : threads_start(server, error);
}

static void events_free(struct server *server)
{
	struct event *events[] = { server->signals[0], server->signals[1], server->signals[2],
				   server->watchdog, server->certificate };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i])
			event_free(events[i]);
}

/* ORDER: who asks, who works, who tells; then what they used. */
static void server_free(struct server *server)
{
	http_server_free(server->http);
	watch_stop(server->watch);
	work_free(server->work);
	sequence_stop(server->sequence);
	calls_free(server->calls);
	if (server_guard.stop && server->guard)
		server_guard.stop(server->guard);
	events_free(server);
	if (server->base)
		event_base_free(server->base);
	distribution_free(server->distribution);
	distribution_free(server->previous);
	authority_close(server->authority);
	audit_failures_free(server->failures);
	nonces_free(server->nonces);
	seen_free(server->seen);
	ends_free(server->ends);
	store_close(server->store);
	ml_locked_free(server->address_key);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

int server_run(const struct config *config, const int *listeners, size_t count,
	       struct ml_error *error)
{
	struct server *server = calloc(1, sizeof(*server));
	struct ml_error ignored;
	int r;

	if (!server)
		return ml_error_set(error, -ENOMEM, "out of memory");
	server->config = config;
	pthread_mutex_init(&server->lock, NULL);
	r = server_setup(server, listeners, count, error);
	if (!r) {
		server_log(LOG_NOTICE, "ready", "network %s, at %s", config->network, config->url);
		sd_notify(0, "READY=1");
		event_base_dispatch(server->base);
		server_failures_tell(server, server->store, true);
		start_tell(server, AUDIT_SERVER_STOP, &ignored);
		server_log(LOG_NOTICE, "stopped", "as told");
	}
	server_free(server);
	return r;
}
