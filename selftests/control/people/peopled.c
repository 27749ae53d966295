// SPDX-License-Identifier: MIT
/*
 * The routes of people on a server without a signer, whose clock the test moves: the
 * HTTP core, calls, threads, guard and routes are merlon-control's own.
 *
 *   peopled serve DIRECTORY        listens at 127.0.0.1 ("port N") and at DIRECTORY/admin.sock
 *   peopled tick DIRECTORY SECONDS moves its clock on
 *   peopled now DIRECTORY          Unix seconds, as it sees them
 *   peopled code DIRECTORY SECRET [STEPS]   TOTP, so many steps from now
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <liboath/oath.h>
#include <sodium.h>

#include "audit_failures.h"
#include "calls.h"
#include "config.h"
#include "ends.h"
#include "http.h"
#include "keys.h"
#include "pki.h"
#include "routes.h"
#include "seen.h"
#include "server.h"
#include "signer_client.h"
#include "work.h"

#define NETWORK "example-net"

struct server {
	struct config config;
	struct audit_form form;
	struct event_base *base;
	struct http_server *http;
	struct calls *calls;
	struct work *work;
	struct seen *seen;
	void *guard;
	struct store *store;	/* of the tick's */
	pthread_mutex_t lock;
	struct audit_failures *failures;
};

static struct server self;

/* --------------------------------------------------------------------- clock */

static const volatile int64_t *moved;	/* seconds, in a file */

time_t __wrap_time(time_t *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	/* Deadlines of condition variables are the machine's. */
	if (clock == CLOCK_MONOTONIC && moved)
		ret->tv_sec += *moved;
	return r;
}

time_t __wrap_time(time_t *ret)
{
	struct timespec now;

	__real_clock_gettime(CLOCK_REALTIME, &now);
	if (moved)
		now.tv_sec += *moved;
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t *clock_map(const char *directory)
{
	char path[300];
	int64_t *map;
	int fd;

	snprintf(path, sizeof(path), "%s/clock", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(int64_t)))
		die(path);
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	close(fd);
	return map;
}

/* ------------------------------------------------------------ server.h, in small */

const struct config *server_config(const struct server *server) { return &server->config; }
const char *server_network(const struct server *server) { return server->config.network; }
const struct audit_form *server_audit_form(const struct server *server) { return &server->form; }
void *server_guard_state(const struct server *server) { return server->guard; }
struct calls *server_calls(const struct server *server) { return server->calls; }
struct work *server_work(const struct server *server) { return server->work; }
/* No node asks here, and no signer says when one ends. */
struct ends *server_ends(const struct server *server)
{
	(void)server;
	return NULL;
}

bool ends_get(struct ends *ends, const char *node, int64_t *ret)
{
	(void)ends;
	(void)node;
	*ret = 0;
	return false;
}

bool ends_has_ended(struct ends *ends, const char *node, int64_t now)
{
	(void)ends;
	(void)node;
	(void)now;
	return false;
}

struct seen *server_seen(const struct server *server) { return server->seen; }

int64_t server_microseconds(void)
{
	return (int64_t)__wrap_time(NULL) * 1000000;
}

static int64_t monotonic(void)
{
	struct timespec now;

	__wrap_clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool server_is_stuck(struct server *server, char *ret, size_t size)
{
	(void)server;
	(void)ret;
	(void)size;
	return false;
}

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

void server_refused(struct server *server, const struct http_refusal *refusal)
{
	(void)server;
	fprintf(stderr, "refused: %s\n", refusal->detail);
}

void server_log(int level, const char *event, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "<%d>%s: ", level, event);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* There is no signer, and no route here asks one. */
int signer_client_new(const char *path, struct signer_client **ret, struct ml_error *error)
{
	(void)path;
	(void)error;
	*ret = NULL;
	return 0;
}

void signer_client_free(struct signer_client *client)
{
	(void)client;
}

const struct route_table route_open, route_node, route_endpoints, route_documents, route_state;

/* --------------------------------------------------------------------- serving */

static void summaries(void)
{
	struct audit_failures_summary summary;
	struct audit_event event;
	struct ml_error error;
	bool more;

	do {
		pthread_mutex_lock(&self.lock);
		more = audit_failures_next(self.failures, monotonic(), false, &summary);
		pthread_mutex_unlock(&self.lock);
		if (more) {
			audit_failures_event(&summary, server_microseconds() - monotonic(), &event);
			server_audit(&self, self.store, &event, &error);
		}
	} while (more);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	summaries();
	server_guard.tick(&self, self.store, __wrap_time(NULL));
}

static void on_poked(void *server)
{
	(void)server;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	(void)arg;
	event_base_loopbreak(self.base);
}

static int local_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, self.config.admin_socket, sizeof(address.sun_path) - 4);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64) ||
	    chmod(self.config.admin_socket, 0666))
		die("local socket");
	return fd;
}

static void check(int code, const struct ml_error *error)
{
	if (!code)
		return;
	fprintf(stderr, "peopled: %s\n", error->text);
	exit(1);
}

static void store_begin(void)
{
	char target[CONFIG_PATH];
	struct store_config where;
	struct ml_error error;
	int r;

	config_store(&self.config, target, &where);
	r = store_create(&where, NETWORK, time(NULL), &error);
	check(r == -EEXIST ? 0 : r, &error);
	check(store_open(&where, NETWORK, &self.store, &error), &error);
}

static void http_begin(const char *directory)
{
	const char *const listen[] = { "127.0.0.1:0" };
	const int local = local_socket();
	char chain[300], key[300], ca[300];
	const struct http_config config = { .listen = listen, .listen_count = 1,
					    .sockets = &local, .socket_count = 1,
					    .files = { chain, key, ca } };
	struct ml_error error;

	pki_write(directory);
	snprintf(chain, sizeof(chain), "%s/server.pem", directory);
	snprintf(key, sizeof(key), "%s/server.key", directory);
	snprintf(ca, sizeof(ca), "%s/ca.pem", directory);
	check(http_server_new(self.base, &config, &calls_handler, self.calls, &self.http, &error),
	      &error);
}

static void begin(const char *directory)
{
	struct ml_error error = { 0 };

	strcpy(self.config.network, NETWORK);
	strcpy(self.config.store, "sqlite");
	snprintf(self.config.directory, sizeof(self.config.directory), "%s", directory);
	snprintf(self.config.admin_socket, sizeof(self.config.admin_socket), "%s/admin.sock",
		 directory);
	pthread_mutex_init(&self.lock, NULL);
	check(ml_keys_setup(&error), &error);
	store_begin();
	self.failures = audit_failures_new();
	self.seen = seen_new();
	self.base = event_base_new();
	self.calls = calls_new(&self, self.base);
	check(server_guard.start(&self, &self.guard, &error), &error);
	check(work_new(&self, self.base, on_poked, &self.work, &error), &error);
	calls_set_work(self.calls, self.work);
	http_begin(directory);
	check(work_start(self.work, &error), &error);
}

static int serve(const char *directory)
{
	static const struct timeval often = { 0, 100000 };
	struct event *tick, *term;

	moved = clock_map(directory);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	begin(directory);
	tick = event_new(self.base, -1, EV_PERSIST, on_tick, NULL);
	term = evsignal_new(self.base, SIGTERM, on_signal, NULL);
	event_add(tick, &often);
	event_add(term, NULL);
	printf("port %u\n", http_server_port(self.http, 0));
	event_base_dispatch(self.base);
	http_server_free(self.http);
	work_free(self.work);
	calls_free(self.calls);
	server_guard.stop(self.guard);
	store_close(self.store);
	seen_free(self.seen);
	audit_failures_free(self.failures);
	event_free(tick);
	event_free(term);
	event_base_free(self.base);
	return 0;
}

/* ----------------------------------------------------------------------- tools */

static int code(const char *text, long steps)
{
	char *secret, digits[8];
	size_t length;

	if (oath_base32_decode(text, strlen(text), &secret, &length) != OATH_OK ||
	    oath_totp_generate(secret, length, __wrap_time(NULL) + steps * 30, 30, 0, 6,
			       digits) != OATH_OK)
		return 1;
	puts(digits);
	free(secret);
	return 0;
}

int main(int argc, char **argv)
{
	int64_t *map;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc < 3)
		return 2;
	moved = map = clock_map(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "tick"))
		*map += strtol(argv[3], NULL, 10);
	else if (argc >= 4 && !strcmp(argv[1], "code"))
		return code(argv[3], argc > 4 ? strtol(argv[4], NULL, 10) : 0);
	else if (!strcmp(argv[1], "now"))
		printf("%lld\n", (long long)__wrap_time(NULL));
	return 0;
}
