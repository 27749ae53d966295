// SPDX-License-Identifier: MIT
/* The server that is probed. */
#include "toy.h"

#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include "keys.h"

#define WAITERS 4096
#define FILE_BYTES (1024 * 1024)
#define STOP_MS 1500

static struct {
	struct event_base *base;
	struct http_server *server;
	char directory[64];
	struct http_request *waiting[WAITERS];
	size_t waiters;
	int file;
	unsigned int reloads;
	struct event *signals[5];
} self;

static void paths_get(struct http_files *ret, const char *name)
{
	static char chain[PATH_MAX], key[PATH_MAX], ca[PATH_MAX];

	snprintf(chain, sizeof(chain), "%s/%s.pem", self.directory, name);
	snprintf(key, sizeof(key), "%s/%s.key", self.directory, name);
	snprintf(ca, sizeof(ca), "%s/ca.pem", self.directory);
	*ret = (struct http_files){ chain, key, ca };
}

static void reply_text(struct http_request *request, const char *text, size_t length)
{
	static const struct http_field type = { "content-type", "text/plain" };

	http_reply(request, &(struct http_reply){ .status = 200, .fields = &type,
						  .field_count = 1, .body = text,
						  .length = length });
}

static void on_gone(struct http_request *request, void *data)
{
	size_t i;

	(void)data;
	for (i = 0; i < self.waiters && self.waiting[i] != request; i++)
		;
	self.waiting[i] = self.waiting[--self.waiters];
	printf("gone\n");
}

static void wait_get(struct http_request *request)
{
	if (self.waiters == WAITERS) {
		http_reply_error(request, 503);
		return;
	}
	self.waiting[self.waiters++] = request;
	http_request_keep(request, on_gone, NULL);
}

static void wake_get(struct http_request *request)
{
	while (self.waiters)
		reply_text(self.waiting[--self.waiters], "woken", 5);
	reply_text(request, "", 0);
}

static void query_get(struct http_request *request)
{
	char text[4096] = "";
	size_t i, used = 0;
	const char *name, *value;

	for (i = 0; http_request_query_at(request, i, &name, &value); i++)
		used += snprintf(text + used, sizeof(text) - used, "%s=%s;", name, value);
	reply_text(request, text, used);
}

static void head_get(struct http_request *request)
{
	const char *name = "", *value = "";

	http_request_query_at(request, 0, &name, &value);
	value = http_request_header(request, name);
	value = value ? value : "(none)";
	reply_text(request, value, strlen(value));
}

static void who_get(struct http_request *request)
{
	const struct http_certificate *certificate = http_request_certificate(request);
	char text[400] = "nobody";
	size_t i, used;

	if (certificate) {
		used = snprintf(text, sizeof(text), "%s ", certificate->subject);
		for (i = 0; i < 32; i++)
			used += snprintf(text + used, sizeof(text) - used, "%02x",
					 certificate->spki[i]);
	}
	reply_text(request, text, strlen(text));
}

static void file_get(struct http_request *request)
{
	http_reply(request, &(struct http_reply){ .status = 200, .from_file = true,
						  .file = dup(self.file), .offset = 16,
						  .length = FILE_BYTES });
}

static void copy_get(struct http_request *request)
{
	const char *name = "0", *value;
	size_t length;
	char *bytes;

	http_request_query_at(request, 0, &name, &value);
	length = strtoul(name, NULL, 10);
	bytes = calloc(1, length + 1);
	reply_text(request, bytes, length);
	free(bytes);
}

static void echo_post(struct http_request *request)
{
	size_t length;
	const uint8_t *body = http_request_body(request, &length);

	reply_text(request, (const char *)body, length);
}

static void large_post(struct http_request *request)
{
	char text[32];
	size_t length;

	http_request_body(request, &length);
	reply_text(request, text, snprintf(text, sizeof(text), "%zu", length));
}

static void hello_get(struct http_request *request)
{
	reply_text(request, "hello", 5);
}

static void forgotten_get(struct http_request *request)
{
	(void)request;
}

static void unsound_get(struct http_request *request)
{
	static const struct http_field field = { "x-split", "a\r\nset-cookie: b" };

	http_reply(request, &(struct http_reply){ .status = 200, .fields = &field,
						  .field_count = 1 });
}

static const struct {
	const char *path;
	void (*handle)(struct http_request *request);
} routes[] = {
	{ "/hello", hello_get },	 { "/query", query_get }, { "/head", head_get },
	{ "/who", who_get },		 { "/echo", echo_post },  { "/large", large_post },
	{ "/file", file_get },		 { "/copy", copy_get },	  { "/wait", wait_get },
	{ "/forgotten", forgotten_get }, { "/wake", wake_get },	  { "/unsound", unsound_get },
};

static void on_handle(struct http_request *request, void *data)
{
	const char *path = http_request_path(request);
	size_t i;

	(void)data;
	printf("handled %s\n", path);
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!strcmp(routes[i].path, path)) {
			routes[i].handle(request);
			return;
		}
	}
	http_reply_error(request, 404);
}

static unsigned int on_begin(struct http_request *request, size_t *ret_limit, void *data)
{
	(void)data;
	if (!strcmp(http_request_path(request), "/large"))
		*ret_limit = 1024 * 1024;
	return !strcmp(http_request_path(request), "/early") ? 401 : 0;
}

static void on_refused(const struct http_refusal *refusal, void *data)
{
	(void)data;
	printf("refused %s: %s (%s)\n", http_reason_name(refusal->reason), refusal->detail,
	       refusal->address);
}

static void on_stopped(struct http_server *server, void *data)
{
	(void)data;
	http_server_free(server);
	self.server = NULL;
	printf("stopped\n");
	event_base_loopbreak(self.base);
}

static size_t rss(void)
{
	long pages = 0, ignored;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void usage_say(void)
{
	struct http_usage usage;

	http_server_usage(self.server, &usage);
	printf("usage %u %u %zu %zu\n", usage.connections, usage.requests, usage.memory, rss());
}

static void reload(void)
{
	struct http_files files;
	struct ml_error error;

	paths_get(&files, self.reloads++ % 2 ? "server" : "second");
	if (http_server_reload(self.server, &files, &error))
		printf("not reloaded: %s\n", error.text);
	else
		printf("reloaded\n");
}

/* Ends, and begins anew on the same port: what a reload must not be. */
static void restart(void)
{
	static const struct http_handler handler = { on_begin, on_handle, on_refused };
	struct http_config config = { .listen_count = 1 };
	char address[32];
	const char *const addresses[] = { address };

	snprintf(address, sizeof(address), "127.0.0.1:%u", http_server_port(self.server, 0));
	config.listen = addresses;
	paths_get(&config.files, "server");
	http_server_free(self.server);
	if (http_server_new(self.base, &config, &handler, NULL, &self.server, NULL))
		abort();
	printf("cut\n");
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (number == SIGHUP)
		reload();
	else if (number == SIGUSR1)
		usage_say();
	else if (number == SIGWINCH)
		restart();
	else if (number == SIGUSR2)
		event_base_loopbreak(self.base);
	else
		http_server_stop(self.server, STOP_MS, on_stopped, NULL);
}

/* Bytes 'a' to 'p' in turn, 16 more than are sent. */
static int file_make(void)
{
	static char bytes[FILE_BYTES + 16];
	int fd = memfd_create("toy", MFD_CLOEXEC);
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 16);
	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		abort();
	return fd;
}

/* One that is handed over, as systemd does. */
static int socket_make(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 64))
		abort();
	return fd;
}

static void server_start(const char *directory, const char *address,
			 const struct http_limits *limits)
{
	static const struct http_handler handler = { on_begin, on_handle, on_refused };
	const int handed = socket_make();
	struct http_config config = { .listen = &address, .listen_count = 1,
				      .sockets = &handed, .socket_count = 1,
				      .limits = limits };
	struct ml_error error = { 0 };

	snprintf(self.directory, sizeof(self.directory), "%s", directory);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	self.base = event_base_new();
	self.file = file_make();
	paths_get(&config.files, "server");
	if (ml_keys_setup(&error) ||
	    http_server_new(self.base, &config, &handler, NULL, &self.server, &error)) {
		printf("not started: %s\n", error.text);
		exit(1);
	}
}

int toy_serve(const char *directory, const char *address, const struct http_limits *limits)
{
	static const int numbers[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGWINCH };
	sigset_t all;
	size_t i;

	server_start(directory, address, limits);
	for (i = 0; i < 5; i++) {
		self.signals[i] = evsignal_new(self.base, numbers[i], on_signal, NULL);
		event_add(self.signals[i], NULL);
	}
	printf("port %u\n", http_server_port(self.server, 0));
	printf("handed %u\n", http_server_port(self.server, 1));
	event_base_dispatch(self.base);
	/* Whoever tells it to end once more, while it does, tells it nothing new. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	http_server_free(self.server);
	for (i = 0; i < 5; i++)
		event_free(self.signals[i]);
	event_base_free(self.base);
	close(self.file);
	return 0;
}
