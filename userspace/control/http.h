/* SPDX-License-Identifier: MIT */
/*
 * A server for HTTP/2 over TLS 1.3, and for nothing older. It runs in the
 * caller's event loop, in one thread, and knows nothing of who uses it.
 *
 *   TLS       1.3 (RFC 8446), TLS_AES_256_GCM_SHA384 and
 *             TLS_CHACHA20_POLY1305_SHA256, X25519 and P-256. No resumption and
 *             no early data: a ticket would outlive the check of a certificate.
 *   HTTP      2 (RFC 9113), chosen by ALPN (RFC 7301); a client that does not
 *             offer "h2" is not served. No push, no CONNECT, no trailers.
 *   requests  are handed out whole, when their body is complete. What is
 *             malformed never reaches the handler.
 *   replies   are given at once or later, from any event of the same loop.
 *
 * Everything that a client can make the server hold has a limit: see struct
 * http_limits. All memory but OpenSSL's is counted against those limits. What held
 * a request is wiped when the request ends; the last frames of a reply may stay in
 * their connection's buffer until it ends, and are wiped then.
 */
#ifndef MERLON_CONTROL_HTTP_H
#define MERLON_CONTROL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "error.h"

struct event_base;
struct http_request;
struct http_server;

/* ------------------------------------------------------------------ limits */

/*
 * A bucket of tokens: what costs a token may happen @burst times at once, and
 * @per_second times a second for ever.
 */
struct http_rate {
	unsigned int burst;
	unsigned int per_second;
};

/* Times in milliseconds, sizes in bytes. Nothing is unlimited: 0 is none at all. */
struct http_limits {
	unsigned int connections;		/* in all */
	unsigned int connections_address;	/* of one IPv4 address, or IPv6 /64 */
	unsigned int streams;			/* at once, of one connection */

	size_t memory;			/* of all connections together, but for TLS */
	size_t connection_memory;	/* of one, but for TLS, bodies and replies */
	size_t header_bytes;		/* names, values and 32 for each: RFC 9113, 6.5.2 */
	size_t body_bytes;		/* of one request, where begin() says nothing else */
	size_t bodies_connection;	/* of one connection's requests, unless one may be larger */
	size_t backlog_bytes;		/* of one connection's replies, unless a single one */

	unsigned int handshake_ms;
	unsigned int header_ms;		/* from the first byte of a request's fields to the last */
	unsigned int body_ms;		/* the same of its body; moreover body_rate adds time */
	unsigned int send_ms;		/* of a reply, once given; moreover send_rate adds time */
	unsigned int idle_ms;		/* without a request */
	unsigned int body_rate;		/* each so many bytes buy a second */
	unsigned int send_rate;

	struct http_rate resets;	/* streams of a connection ended early, by either side */
	struct http_rate frames;	/* frames of a connection that bring no request closer */
};

/* What the server uses where config.limits is NULL, to be changed at will. */
extern const struct http_limits http_limits_default;

/* ---------------------------------------------------------------- refusals */

enum http_reason {
	HTTP_REFUSED_UNSPEC,
	HTTP_REFUSED_CONNECTIONS,	/* too many in all */
	HTTP_REFUSED_ADDRESS,		/* too many of this address */
	HTTP_REFUSED_TLS,		/* handshake failed: an old version, no common suite, … */
	HTTP_REFUSED_ALPN,		/* does not speak HTTP/2 */
	HTTP_REFUSED_SLOW,		/* a limit in milliseconds; the detail says which */
	HTTP_REFUSED_FLOOD,		/* frames, or resets, beyond their rate */
	HTTP_REFUSED_MEMORY,		/* would hold too much */
	HTTP_REFUSED_HEADER,		/* fields too large */
	HTTP_REFUSED_BODY,		/* body too large */
	HTTP_REFUSED_PROTOCOL,		/* not HTTP/2; the connection is over */
	HTTP_REFUSED_MALFORMED,		/* a request that is none, or has two meanings */
	__HTTP_REFUSED_MAX,
};

struct http_refusal {
	enum http_reason reason;
	const char *detail;	/* a constant: what exactly, in words; never the client's bytes */
	const char *address;	/* the client's, as http_request_address() */
};

/* A reason's name for logs: "connections", "tls", …; "unknown" for what is none. */
const char *http_reason_name(enum http_reason reason);

/* ------------------------------------------------------------------ server */

struct http_handler {
	/**
	 * begin - a request's fields are complete (optional)
	 * @ret_limit: how long its body may be; what it was before is limits.body_bytes
	 *
	 * Return: 0 to go on; 400 to 599 to answer so at once, without its body.
	 */
	unsigned int (*begin)(struct http_request *request, size_t *ret_limit, void *data);
	/**
	 * handle - a request is complete
	 *
	 * Either replies, or calls http_request_keep() and replies later. A request
	 * for which neither was done is answered with 500.
	 */
	void (*handle)(struct http_request *request, void *data);
	/* Something was refused (optional). @refusal is the library's. */
	void (*refused)(const struct http_refusal *refusal, void *data);
};

struct http_files {
	const char *chain;	/* PEM: the server's certificate first, then those above it */
	const char *key;	/* PEM, without a passphrase; nobody else may read the file */
	/*
	 * PEM, or NULL. Where it is given, clients are asked for a certificate, and
	 * may have none: a request without one, or with one that does not hold
	 * (expired, of somebody else), is a request without a certificate.
	 */
	const char *client_ca;
};

struct http_config {
	const char *const *listen;	/* "192.0.2.1:443", "[2001:db8::1]:443"; port 0: any */
	size_t listen_count;
	/*
	 * Listening already, as systemd gives; taken over. Clients of a Unix socket speak
	 * HTTP/2 without TLS (RFC 9113, 3.3); limits of numbers are not theirs.
	 */
	const int *sockets;
	size_t socket_count;
	struct http_files files;	/* not kept */
	const struct http_limits *limits;	/* NULL: the default; copied */
};

/*
 * A socket that listens on @text, as in http_config.listen: for programs that give up their
 * rights before they make a server, and hand it over in http_config.sockets.
 */
int http_listen_on(const char *text, int *ret, struct ml_error *error);

/**
 * http_server_new - listen, from now on, in @base
 * @data: for @handler, which must outlive the server
 *
 * Writing to a connection that is gone raises SIGPIPE, which the program must ignore.
 *
 * Return: 0; -EINVAL: an address or limit that is none; -EBADMSG: a file that is no
 * certificate or key, or they do not belong together; or the errno of reading,
 * socket(2), bind(2) and listen(2).
 */
int http_server_new(struct event_base *base, const struct http_config *config,
		    const struct http_handler *handler, void *data,
		    struct http_server **ret, struct ml_error *error);

/**
 * http_server_reload - certificates anew, for the connections to come
 *
 * Those that are open keep theirs, and go on. On failure nothing changes.
 */
int http_server_reload(struct http_server *server, const struct http_files *files,
		       struct ml_error *error);

/**
 * http_server_stop - take no more connections, let the requests end
 * @limit_ms: what is still open then is cut
 * @stopped: called once, from the event loop, when the last connection is gone;
 *	it may free the server
 *
 * Clients are told by GOAWAY (RFC 9113, 6.8), and may send again elsewhere what
 * was not taken. Requests that wait for an event are the handler's to answer.
 */
void http_server_stop(struct http_server *server, unsigned int limit_ms,
		      void (*stopped)(struct http_server *server, void *data), void *data);

/*
 * Cuts whatever is open; requests that were kept are told that they are gone. Not
 * from within a call of the handler. NULL is allowed.
 */
void http_server_free(struct http_server *server);

/* The port of the @index-th address or socket, in host order; 0 where there is none. */
uint16_t http_server_port(const struct http_server *server, size_t index);

struct http_usage {
	unsigned int connections;
	unsigned int requests;		/* not yet answered, or not yet sent */
	size_t memory;			/* bytes, as limits.memory counts */
};
void http_server_usage(const struct http_server *server, struct http_usage *ret);

/* ----------------------------------------------------------------- request */

/*
 * What these return belongs to the request, which ends with http_reply() or when
 * the client goes away.
 */
const char *http_request_method(const struct http_request *request);
/* Decoded (RFC 3986): UTF-8, begins with "/", no segment is empty, "." or "..". */
const char *http_request_path(const struct http_request *request);
/*
 * A value of the query, decoded; "+" stays "+". NULL: the name does not occur (it
 * can only occur once).
 */
const char *http_request_query(const struct http_request *request, const char *name);
/* Name and value of the query's @index-th pair; false: there are not so many. */
bool http_request_query_at(const struct http_request *request, size_t index,
			  const char **ret_name, const char **ret_value);
/*
 * The value of a field, by its lower-case name; NULL: it does not occur. Where one
 * may occur several times (cookie, accept, …) it is joined as RFC 9110, 5.3 says.
 * ":authority" is the host that was asked for.
 */
const char *http_request_header(const struct http_request *request, const char *name);
/* NUL-terminated, which @ret_length does not count. */
const uint8_t *http_request_body(const struct http_request *request, size_t *ret_length);
/* "192.0.2.1" or "2001:db8::1"; IPv4 also where it came by an IPv6 socket; "" of local ones. */
const char *http_request_address(const struct http_request *request);
/* Did it come by a Unix socket? Then @ret_uid is who connected, as the kernel says. */
bool http_request_local(const struct http_request *request, uid_t *ret_uid);

struct http_certificate {
	uint8_t spki[32];	/* SHA-256 of the public key (SubjectPublicKeyInfo, DER) */
	char subject[256];	/* RFC 2253, UTF-8, control characters escaped */
	time_t until;		/* Unix seconds */
};
/* NULL: there is none, or it does not hold (any more). */
const struct http_certificate *http_request_certificate(const struct http_request *request);

/**
 * http_request_keep - the reply comes later
 * @gone: called when there is nobody to reply to any more: the client gave up,
 *	or the server ends. The request is no more after it.
 *
 * May be called in handle(), and again to name another @gone.
 */
void http_request_keep(struct http_request *request,
		       void (*gone)(struct http_request *request, void *data), void *data);

/* ------------------------------------------------------------------- reply */

struct http_field {
	const char *name;	/* lower case */
	const char *value;
};

struct http_reply {
	unsigned int status;		/* 200 to 599 */
	const struct http_field *fields;	/* beside content-length and date; at most 32 */
	size_t field_count;
	const void *body;		/* copied, unless @file says otherwise */
	size_t length;
	/*
	 * Instead of @body, where @from_file: @length bytes from @offset of @file,
	 * which the server reads as it sends, and closes, whatever happens.
	 */
	bool from_file;
	int file;
	uint64_t offset;
};

/*
 * Answers, and ends, the request. Where there is no memory for it the client gets
 * 503, or its stream is reset: there is nothing that a caller could do then.
 */
void http_reply(struct http_request *request, const struct http_reply *reply);
/*
 * The uniform error: {"status":404,"title":"Not Found"}, application/problem+json
 * (RFC 9457), and nothing of the inside. @status is from 400 to 599.
 */
void http_reply_error(struct http_request *request, unsigned int status);

#endif
