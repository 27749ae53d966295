// SPDX-License-Identifier: MIT
/* The client, and what libcurl is told to do and not to do. */
#include "private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "key_string.h"

#define CONNECT_MS	10000u
#define RAW_RATE	1024	/* bytes a second, below which a block is given up */
#define RAW_SECONDS	30

int ml_client_setup(struct ml_error *error)
{
	/* Keys of sessions into a file, another configuration, other modules. */
	static const char *const obeyed[] = {
		"SSLKEYLOGFILE", "CURL_SSL_BACKEND", "OPENSSL_CONF", "OPENSSL_MODULES",
		"OPENSSL_ENGINES", "SSL_CERT_FILE", "SSL_CERT_DIR",
	};
	size_t i;
	int code;

	for (i = 0; i < sizeof(obeyed) / sizeof(obeyed[0]); i++)
		unsetenv(obeyed[i]);
	code = curl_load(error);
	if (code)
		return code;
	if (curl.global_init(CURL_GLOBAL_DEFAULT))
		return ml_error_set(error, -ENOMEM, "libcurl cannot be set up");
	return 0;
}

static int no_memory(struct ml_error *error)
{
	return ml_error_set(error, -ENOMEM, "no memory to ask the server");
}

/* ------------------------------------------------------------------ options */

/* "sha256//BASE64" */
static char *pin_text(const uint8_t pin[static 32])
{
	char base64[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL)];
	char *text;

	sodium_bin2base64(base64, sizeof(base64), pin, 32, sodium_base64_VARIANT_ORIGINAL);
	return asprintf(&text, "sha256//%s", base64) < 0 ? NULL : text;
}

/*
 * "HOST:PORT:ADDRESS,…" for libcurl, of "https://HOST:PORT/PATH". A host that is an
 * IPv6 address stands in brackets, and needs no other.
 */
static char *resolve_text(const char *url, const char *addresses)
{
	const char *host = url + strlen("https://");
	size_t length = strcspn(host, ":/");
	const char *port = host[length] == ':' ? host + length + 1 : "443";
	char *text;

	if (asprintf(&text, "%.*s:%.*s:%s", (int)length, host, (int)strcspn(port, "/"), port,
		     addresses) < 0)
		return NULL;
	return text;
}

static int set_addresses(struct ml_client *client, const char *url, const char *addresses)
{
	char *text;

	if (!addresses || url[strlen("https://")] == '[')
		return 0;
	text = resolve_text(url, addresses);
	client->addresses = text ? curl.slist_append(NULL, text) : NULL;
	free(text);
	return client->addresses ? 0 : -ENOMEM;
}

static int set_server(struct ml_client *client, const struct ml_client_options *options)
{
	size_t length;

	if (options->socket) {
		client->socket = strdup(options->socket);
		client->base = strdup("http://localhost");
		return client->socket && client->base ? 0 : -ENOMEM;
	}
	client->base = strdup(options->url);
	client->pins = pin_text(options->pin);
	if (!client->base || !client->pins)
		return -ENOMEM;
	length = strlen(client->base);
	if (client->base[length - 1] == '/')
		client->base[length - 1] = '\0';
	return set_addresses(client, options->url, options->addresses);
}

static int check_options(const struct ml_client_options *options, struct ml_error *error)
{
	if (!options->url == !options->socket)
		return ml_error_set(error, -EINVAL, "a client is for a URL or for a socket");
	if (options->url && !ml_url_valid(options->url))
		return ml_error_set(error, -EINVAL, "the server's URL is none: it must begin with "
				    "https:// and have neither user, query nor fragment");
	if (options->url && !options->pin)
		return ml_error_set(error, -EINVAL, "without the digest of its key no server is "
				    "believed");
	return 0;
}

static int set_headers(struct ml_client *client, const char *token)
{
	struct curl_slist *list = curl.slist_append(NULL, "Expect:"), *more = NULL;
	char *line = NULL;

	if (list && token && asprintf(&line, "Authorization: Bearer %s", token) >= 0)
		more = curl.slist_append(list, line);
	if (line)
		sodium_memzero(line, strlen(line));
	free(line);
	if (!list || (token && !more)) {
		curl.slist_free_all(list);
		return -ENOMEM;
	}
	if (client->headers && client->headers->next)
		sodium_memzero(client->headers->next->data,
			       strlen(client->headers->next->data));
	curl.slist_free_all(client->headers);
	client->headers = list;
	return 0;
}

int ml_client_new(const struct ml_client_options *options, struct ml_client **ret,
		  struct ml_error *error)
{
	struct ml_client *client;
	int code = check_options(options, error);

	if (code)
		return code;
	client = calloc(1, sizeof(*client));
	if (!client)
		return no_memory(error);
	client->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
	client->easy = curl.easy_init();
	if (!client->easy || set_server(client, options) || set_headers(client, NULL)) {
		ml_client_free(client);
		return no_memory(error);
	}
	ml_client_set_certificate(client, options->certificate, options->key);
	*ret = client;
	return 0;
}

void ml_client_free(struct ml_client *client)
{
	if (!client)
		return;
	loop_free(client);
	call_drop(client);
	curl.easy_cleanup(client->easy);
	curl.slist_free_all(client->addresses);
	if (client->headers)
		set_headers(client, NULL);
	curl.slist_free_all(client->headers);
	free(client->base);
	free(client->pins);
	free(client->socket);
	free(client);
}

void ml_client_set_certificate(struct ml_client *client, const char *certificate,
			       const char *key)
{
	client->certificate = certificate;
	client->key = key;
	client->fresh = true;
}

int ml_client_set_token(struct ml_client *client, const char *token, struct ml_error *error)
{
	return set_headers(client, token) ? no_memory(error) : 0;
}

/* --------------------------------------------------------------------- call */

/* Room for @more bytes, and one, so that nothing is NULL; doubled, within the limit. */
static bool make_room(struct call *call, size_t more)
{
	size_t wanted = call->length + more + 1;
	size_t room = call->room > call->limit / 2 ? call->limit + 1 : call->room * 2;
	uint8_t *data;

	if (wanted <= call->room)
		return true;
	if (room < wanted)
		room = wanted;
	data = realloc(call->data, room);
	if (!data)
		return false;
	call->data = data;
	call->room = room;
	return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
	struct call *call = arg;

	count *= size;
	if (count > call->limit - call->length) {
		call->overflow = true;
		return 0;
	}
	if (!make_room(call, count))
		return 0;
	memcpy(call->data + call->length, data, count);
	call->length += count;
	return count;
}

/* libcurl's macro of this name checks the value's type, and is not called. */
#define SET(option, value) \
	((void)(0 && curl_easy_setopt(easy, CURLOPT_##option, value)), \
	 failed |= curl.easy_setopt(easy, CURLOPT_##option, value) != CURLE_OK)

/* Nothing that libcurl would do by itself. */
static bool set_habits(const struct ml_client *client, CURL *easy)
{
	bool failed = false;

	SET(NOSIGNAL, 1L);
	SET(PROXY, "");
	SET(NOPROXY, "*");
	SET(FOLLOWLOCATION, 0L);
	SET(NETRC, (long)CURL_NETRC_IGNORED);
	SET(PROTOCOLS_STR, client->socket ? "http" : "https");
	SET(PATH_AS_IS, 1L);
	SET(CONNECTTIMEOUT_MS, (long)client->connect_ms);
	SET(HTTPHEADER, client->headers);
	SET(USERAGENT, "merlon/" MERLON_VERSION);
	SET(TCP_KEEPALIVE, 1L);
	SET(TCP_KEEPIDLE, 15L);
	SET(TCP_KEEPINTVL, 5L);
	/* The address of a name may change: it is not remembered for long. */
	SET(DNS_CACHE_TIMEOUT, 30L);
	return !failed;
}

static bool set_client_key(const struct ml_client *client, CURL *easy)
{
	struct curl_blob certificate = { .flags = CURL_BLOB_NOCOPY };
	struct curl_blob key = { .flags = CURL_BLOB_NOCOPY };
	bool failed = false;

	if (!client->certificate)
		return true;
	certificate.data = (void *)client->certificate;
	certificate.len = strlen(client->certificate);
	key.data = (void *)client->key;
	key.len = strlen(client->key);
	SET(SSLCERT_BLOB, &certificate);
	SET(SSLKEY_BLOB, &key);
	return !failed;
}

/*
 * The pin says who the server is, so whoever signed its certificate, for which name
 * and until when, is of no interest.
 */
static bool set_tls(const struct ml_client *client, CURL *easy)
{
	bool failed = false;

	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(SSLVERSION, (long)(CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3));
	SET(TLS13_CIPHERS, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
	SET(SSL_SESSIONID_CACHE, 0L);
	SET(PINNEDPUBLICKEY, client->pins);
	SET(SSL_VERIFYPEER, 0L);
	SET(SSL_VERIFYHOST, 0L);
	SET(RESOLVE, client->addresses);
	return !failed && set_client_key(client, easy);
}

static bool set_socket(const struct ml_client *client, CURL *easy)
{
	bool failed = false;

	SET(UNIX_SOCKET_PATH, client->socket);
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	/* Without TLS, libcurl 7.88 breaks the second request of a connection (curl #10634). */
	SET(FORBID_REUSE, 1L);
	return !failed;
}

static bool set_request(struct ml_client *client, const struct ml_client_request *request,
			CURL *easy)
{
	unsigned int timeout = request->timeout_ms;
	struct call *call = &client->call;
	bool failed = false;

	SET(URL, call->url);
	SET(CUSTOMREQUEST, request->method);
	SET(TIMEOUT_MS, (long)(timeout ? timeout : ML_CLIENT_TIMEOUT_MS));
	SET(LOW_SPEED_LIMIT, request->raw ? (long)RAW_RATE : 0L);
	SET(LOW_SPEED_TIME, request->raw ? (long)RAW_SECONDS : 0L);
	SET(FRESH_CONNECT, client->fresh ? 1L : 0L);
	SET(ERRORBUFFER, call->reason);
	SET(WRITEFUNCTION, take_body);
	SET(WRITEDATA, call);
	if (call->body) {
		SET(POSTFIELDS, call->body);
		SET(POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
	} else {
		SET(HTTPGET, 1L);
		SET(CUSTOMREQUEST, request->method);
	}
	client->fresh = false;
	return !failed;
}

static int call_fill(struct ml_client *client, const struct ml_client_request *request)
{
	struct call *call = &client->call;

	memset(call, 0, sizeof(*call));
	call->raw = request->raw;
	call->limit = request->limit ? request->limit : ML_CLIENT_LIMIT;
	if (asprintf(&call->url, "%s%s", client->base, request->path) < 0)
		call->url = NULL;
	if (!call->url)
		return -ENOMEM;
	if (!request->body)
		return 0;
	call->body = json_dumps(request->body, JSON_COMPACT | JSON_SORT_KEYS);
	call->body_length = call->body ? strlen(call->body) : 0;
	return call->body ? 0 : -ENOMEM;
}

int call_begin(struct ml_client *client, const struct ml_client_request *request,
	       struct ml_error *error)
{
	/* Options alone: the connection stays. */
	curl.easy_reset(client->easy);
	if (!call_fill(client, request) && set_habits(client, client->easy) &&
	    (client->socket ? set_socket : set_tls)(client, client->easy) &&
	    set_request(client, request, client->easy))
		return 0;
	call_drop(client);
	return no_memory(error);
}

void call_drop(struct ml_client *client)
{
	struct call *call = &client->call;

	if (call->body)
		sodium_memzero(call->body, call->body_length);
	if (call->data)
		sodium_memzero(call->data, call->length);
	free(call->body);
	free(call->data);
	free(call->url);
	memset(call, 0, sizeof(*call));
}

int ml_client_do(struct ml_client *client, const struct ml_client_request *request,
		 struct ml_client_answer *ret, struct ml_error *error)
{
	int code = call_begin(client, request, error);

	if (code)
		return code;
	return call_end(client, curl.easy_perform(client->easy), ret, error);
}
