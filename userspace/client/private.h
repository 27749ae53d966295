/* SPDX-License-Identifier: MIT */
/* What the files of this room know of each other; nobody else includes it. */
#ifndef ML_CLIENT_PRIVATE_H
#define ML_CLIENT_PRIVATE_H

#include "client.h"
#include "curl.h"

/* One request, from its beginning to its answer. */
struct call {
	char *url;
	char *body;		/* wiped: it may hold a password */
	size_t body_length;
	uint8_t *data;		/* of the answer */
	size_t length, room, limit;
	bool raw, overflow;
	char reason[CURL_ERROR_SIZE];
};

struct loop;

struct ml_client {
	CURL *easy;
	char *base;		/* URL without a path behind it; what errors call the server */
	char *pins;		/* as libcurl wants it; NULL: a Unix socket */
	char *socket;
	struct curl_slist *addresses, *headers;
	const char *certificate, *key;
	unsigned int connect_ms;
	char local[46];		/* its end of the connection of the last answer; "": not known */
	bool fresh;		/* the next request has a connection of its own */
	struct call call;
	struct loop *loop;	/* loop.c; NULL: not attached */
};

/* Makes @client->easy ready for @request. call_end() must follow. */
int call_begin(struct ml_client *client, const struct ml_client_request *request,
	       struct ml_error *error);
/* What became of it; the call is empty then. */
int call_end(struct ml_client *client, CURLcode result, struct ml_client_answer *ret,
	     struct ml_error *error);
/* Nobody wants to know. */
void call_drop(struct ml_client *client);

/* answer.c */
int answer_read(struct ml_client *client, struct ml_client_answer *ret,
		struct ml_error *error);

/* loop.c */
void loop_free(struct ml_client *client);

#endif
