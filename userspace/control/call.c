// SPDX-License-Identifier: MIT
/* What a handler has of its call: the query, the body, the answer. In a thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "call_private.h"
#include "server.h"
#include "strict.h"

static const struct {
	unsigned int status;
	const char *word;
} words[] = {
	[CALL_BAD_REQUEST] = { 400, "bad-request" },
	[CALL_REFUSED] = { 403, "refused" },
	[CALL_EXPIRED] = { 403, "expired" },
	[CALL_NOT_FOUND] = { 404, "not-found" },
	[CALL_CONFLICT] = { 409, "conflict" },
	[CALL_TOO_LARGE] = { 413, "too-large" },
	[CALL_TOO_MANY] = { 429, "too-many" },
	[CALL_UNAVAILABLE] = { 503, "unavailable" },
};

#define REFUSED	"this was refused; the server's audit log says why"
#define AWAY	"the server cannot do this just now: try again in a while"

/* -------------------------------------------------------------------- asked */

const char *call_query(const struct call *call, const char *name)
{
	const struct call_private *private = call->private;

	for (size_t i = 0; i < private->query_count; i++)
		if (!strcmp(private->query[i].name, name))
			return private->query[i].value;
	return NULL;
}

int call_query_number(const struct call *call, const char *name, int64_t max, int64_t *ret,
		      struct ml_error *error)
{
	const char *text = call_query(call, name);
	int64_t number = 0;

	for (const char *at = text; at && *at; at++) {
		if (*at < '0' || *at > '9' || number > (max - (*at - '0')) / 10)
			text = NULL;
		else
			number = number * 10 + (*at - '0');
		if (!text)
			break;
	}
	if (!text || !*text)
		return ml_error_set(error, -EBADMSG, "\"%s\" must be a number from 0 to %lld", name,
				    (long long)max);
	*ret = number;
	return 0;
}

static bool key_is(const char *pattern, const char *key)
{
	size_t length = strcspn(pattern, "?");

	return strlen(key) == length && !strncmp(pattern, key, length);
}

bool call_keys(struct call *call, const char *const *keys, size_t count)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(call->body, key, value) {
		for (i = 0; i < count && !key_is(keys[i], key); i++)
			;
		if (i == count) {
			call_refuse(call, CALL_BAD_REQUEST, "the body has a key that this request does not know");
			return false;
		}
	}
	for (i = 0; i < count; i++) {
		if (!strchr(keys[i], '?') && !json_object_get(call->body, keys[i])) {
			call_refuse(call, CALL_BAD_REQUEST, "the body lacks \"%s\"", keys[i]);
			return false;
		}
	}
	return true;
}

bool call_body(struct call *call)
{
	struct call_private *private = call->private;
	struct ml_error error = { .text = "" };

	if (!private->raw_length || call->body)
		return true;
	if (ml_strict_load(private->raw, private->raw_length, "body", &call->body, &error)) {
		call_refuse(call, CALL_BAD_REQUEST, "the body is not a JSON object in UTF-8, each key once");
		return false;
	}
	return true;
}

/* ----------------------------------------------------------------- answered */

static bool answer_begin(struct call *call, unsigned int status)
{
	struct call_private *private = call->private;

	if (private->answered)
		return false;
	private->answered = true;
	private->status = status;
	return true;
}

void call_answer(struct call *call, unsigned int status, json_t *body)
{
	struct call_private *private = call->private;
	size_t length;
	char *text = body ? ml_strict_dump(body, &length) : NULL;

	json_decref(body);
	if (!text) {
		call_refuse(call, CALL_UNAVAILABLE, AWAY);
		return;
	}
	if (!answer_begin(call, status)) {
		free(text);
		return;
	}
	private->type = "application/json";
	private->bytes = (uint8_t *)text;
	private->length = length;
}

void call_answer_empty(struct call *call, unsigned int status)
{
	answer_begin(call, status);
}

void call_answer_bytes(struct call *call, const char *type, uint8_t *bytes, size_t length)
{
	struct call_private *private = call->private;

	if (!answer_begin(call, 200)) {
		free(bytes);
		return;
	}
	private->type = type;
	private->bytes = bytes;
	private->length = length;
}

void call_refuse(struct call *call, enum call_word word, const char *format, ...)
{
	char sentence[512];
	va_list args;
	json_t *body;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	body = json_pack("{s:s, s:s}", "error", words[word].word, "sentence",
			 word == CALL_REFUSED ? REFUSED : sentence);
	if (body)
		call_answer(call, words[word].status, body);
	else
		answer_begin(call, 503);
}

static bool word_of(int code, enum call_word *ret)
{
	static const struct {
		int code;
		enum call_word word;
	} table[] = {
		{ ENOENT, CALL_NOT_FOUND }, { EEXIST, CALL_CONFLICT }, { EALREADY, CALL_CONFLICT },
		{ ESTALE, CALL_CONFLICT }, { EBADMSG, CALL_BAD_REQUEST },
		{ EINVAL, CALL_BAD_REQUEST }, { EILSEQ, CALL_BAD_REQUEST },
		{ EXDEV, CALL_BAD_REQUEST }, { ETIME, CALL_BAD_REQUEST },
		{ EKEYREJECTED, CALL_REFUSED }, { EKEYREVOKED, CALL_REFUSED },
		{ EPERM, CALL_REFUSED }, { EDQUOT, CALL_REFUSED }, { E2BIG, CALL_TOO_LARGE },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code == -code) {
			*ret = table[i].word;
			return true;
		}
	}
	return false;
}

void call_fail(struct call *call, int code, const struct ml_error *error)
{
	enum call_word word;

	if (word_of(code, &word)) {
		call_refuse(call, word, "%s", error->text);
		return;
	}
	server_log(LOG_ERR, "failed", "%s: %s", call->private->endpoint, error->text);
	call_refuse(call, CALL_UNAVAILABLE, AWAY);
}

void call_retry_after(struct call *call, int64_t seconds)
{
	snprintf(call->private->retry_after, sizeof(call->private->retry_after), "%lld",
		 (long long)(seconds < 1 ? 1 : seconds));
}

/* ------------------------------------------------------------------ waiting */

void call_wait(struct call *call, int64_t deadline)
{
	call->private->wait = true;
	call->private->deadline = deadline;
}

bool call_waited(const struct call *call)
{
	return call->private->waited;
}

int64_t call_begun(const struct call *call)
{
	return call->private->begun;
}

/* -------------------------------------------------------------------- audit */

bool call_leaf(struct call *call, const struct audit_event *event, struct ml_bytes *ret)
{
	struct audit_event full = *event;
	struct ml_error error = { .text = "" };
	char why[256];
	uint8_t *bytes;

	full.time = server_microseconds();
	full.source = (const struct sockaddr *)&call->source;
	full.user_agent = call->user_agent;
	full.endpoint = call->private->endpoint;
	if (!full.actor)
		full.actor = call->actor;
	if (server_is_stuck(call->server, why, sizeof(why))) {
		server_log(LOG_ERR, "failed", "%s: %s", call->private->endpoint, why);
	} else if (!audit_leaf(server_audit_form(call->server), &full, &bytes, &ret->length, &error)) {
		ret->data = bytes;
		return true;
	} else {
		server_log(LOG_ERR, "failed", "%s: %s", call->private->endpoint, error.text);
	}
	call_refuse(call, CALL_UNAVAILABLE, AWAY);
	return false;
}

void call_leaf_free(struct ml_bytes *leaf)
{
	free((void *)(uintptr_t)leaf->data);
	*leaf = (struct ml_bytes){ NULL, 0 };
}

bool call_audit(struct call *call, const struct audit_event *event)
{
	struct ml_error error = { .text = "" };
	struct ml_bytes leaf;
	uint64_t index;
	int r;

	if (!call_leaf(call, event, &leaf))
		return false;
	r = store_audit_append(call->store, leaf, &index, &error);
	call_leaf_free(&leaf);
	if (r)
		call_fail(call, -EIO, &error);
	return !r;
}
