/* SPDX-License-Identifier: MIT */
/*
 * One HTTP/2 connection as bytes in and bytes out: no socket, no TLS, no clock
 * of its own. What a connection feeds it, a fuzzer can.
 */
#ifndef MERLON_CONTROL_HTTP_SESSION_H
#define MERLON_CONTROL_HTTP_SESSION_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "http_fields.h"
#include "http_flood.h"
#include "http_memory.h"

/* Who is at the other end. */
struct http_peer {
	char address[INET6_ADDRSTRLEN];
	struct http_certificate *certificate;	/* or NULL */
	bool local;			/* by a local socket: */
	uid_t uid;
};

struct http_context {
	const struct http_limits *limits;
	const struct http_handler *handler;
	void *data;			/* the handler's */
	const struct http_peer *peer;
	struct http_account *above;	/* counts bodies, replies, and all of the session */
	unsigned int *requests;		/* counts those of all sessions */
	/* There is output, and nobody who is just now feeding or emptying the session. */
	void (*wake)(void *wake_data);
	void *wake_data;
};

enum http_stage {
	HTTP_STAGE_FIELDS,	/* arriving */
	HTTP_STAGE_BODY,	/* arriving */
	HTTP_STAGE_HANDLER,	/* within begin() or handle() */
	HTTP_STAGE_KEPT,
	HTTP_STAGE_REPLY,	/* being sent */
	HTTP_STAGE_UNWANTED,	/* answered, and still sending its body */
	HTTP_STAGE_REFUSED,	/* reset; what still comes is not looked at */
};

struct http_request {
	LIST_ENTRY(http_request) entry;
	struct http_session *session;
	int32_t stream;
	enum http_stage stage;
	bool complete;			/* the client has sent all of it */
	uint64_t since;			/* of the stage, in milliseconds */
	struct http_fields fields;
	struct http_target target;
	const struct http_problem *problem;	/* that will be the answer */
	uint8_t *body;
	size_t body_length, body_room, body_limit;
	void (*gone)(struct http_request *request, void *data);
	void *gone_data;
	struct http_outgoing {
		uint8_t *copy;		/* of the body, or NULL */
		int file;		/* or -1 */
		uint64_t offset;	/* in the file, of its first byte */
		uint64_t length, sent;
		bool counted;		/* in the session's replies */
	} reply;
};

struct http_session {
	struct http_context context;
	struct nghttp2_session *h2;
	struct http_account account;	/* nghttp2's memory, and requests without their bodies */
	LIST_HEAD(http_requests, http_request) requests;
	size_t bodies;			/* bytes of bodies held */
	size_t backlog;			/* bytes of replies copied and not yet sent */
	uint64_t now;			/* milliseconds, CLOCK_MONOTONIC */

	struct http_bucket frames, resets;
	unsigned int continuations;	/* of the block that arrives */
	size_t block_sent, block_bytes;	/* its bytes on the wire, and decompressed */
	uint64_t block_since;		/* 0: no block is arriving */

	bool told;			/* of what nghttp2 did not like */
	unsigned int replies;		/* being sent */
	uint64_t reply_since;		/* and since when there was always one */
	uint64_t sent;			/* bytes of replies since then */

	bool greeted;			/* the client's first SETTINGS have come */
	uint64_t quiet_since;		/* without a request */
	uint64_t drain_at;		/* when the second GOAWAY is due; 0: never */
	bool busy;			/* within input, output or a timer of the session */
	bool over;			/* refused: the last words are in farewell */
	bool dead;			/* and did not get out in time */
	uint64_t end_at;		/* when what is over must be gone; 0: it is not over */
	uint8_t farewell[17];		/* GOAWAY */
	size_t farewell_length;
};

/* CLOCK_MONOTONIC, milliseconds. */
uint64_t http_now(void);

/* -ENOMEM. @context is copied. */
int http_session_new(const struct http_context *context, uint64_t now,
		     struct http_session **ret);
/* Kept requests are told that they are gone. */
void http_session_free(struct http_session *session);

/* Bytes of the client. Never fails: a session that is over takes and ignores them. */
void http_session_input(struct http_session *session, const uint8_t *bytes, size_t length,
			uint64_t now);
/* What to send next, whole frames: 0: nothing now. Valid until the next call. */
size_t http_session_output(struct http_session *session, const uint8_t **ret, uint64_t now);
/* Nothing more will come or go: close, once all output is sent. */
bool http_session_finished(const struct http_session *session);
/* Take no more requests, and end with the last. */
void http_session_drain(struct http_session *session, uint64_t now);
/* When http_session_expire() must be called at the latest; UINT64_MAX: never. */
uint64_t http_session_deadline(const struct http_session *session);
void http_session_expire(struct http_session *session, uint64_t now);

/* ---------------------------------------------- among http_session*.c alone */

/* Tells the handler of a refusal. */
void http_session_refused(struct http_session *session, enum http_reason reason,
			  const char *detail);
/* Ends the connection with GOAWAY. @code: NGHTTP2_… */
void http_session_fail(struct http_session *session, uint32_t code, enum http_reason reason,
		       const char *detail);
/* One frame, or what is like one, that asks for nothing. */
void http_session_spend(struct http_session *session);
void http_session_no_memory(struct http_session *session);
/* The second GOAWAY, which says what was taken. */
void http_session_drain_finish(struct http_session *session);
/* There is something to send. */
void http_session_touch(struct http_session *session);

struct http_request *http_request_new(struct http_session *session, int32_t stream);
void http_request_free(struct http_request *request);
/* A field has come, a piece of the body has come, the fields or all are complete. */
void http_request_field(struct http_request *request, const char *name, size_t name_length,
			const char *value, size_t value_length);
void http_request_data(struct http_request *request, const uint8_t *bytes, size_t length);
void http_request_begin(struct http_request *request);
void http_request_complete(struct http_request *request);
/* As @problem says: an answer, or a reset. */
void http_request_refuse(struct http_request *request, const struct http_problem *problem);
/* What the client sent is not needed any more: wiped, and freed. */
void http_request_forget(struct http_request *request);
/* By when the stage must be over; UINT64_MAX: whenever it likes. */
uint64_t http_request_deadline(const struct http_request *request);
void http_request_expire(struct http_request *request);
/* Frees what a reply holds. */
void http_outgoing_free(struct http_request *request);

#endif
