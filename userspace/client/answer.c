// SPDX-License-Identifier: MIT
/* From what libcurl says, and the server, to an answer or a sentence. */
#include "private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "strict.h"

/* -------------------------------------------------------------- way there */

struct failure {
	CURLcode result;
	int code;
	const char *sentence;
};

static const struct failure failures[] = {
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, -EKEYREJECTED, "has another key than the one that "
	  "this machine was told of: somebody may be in between, or the server was made anew" },
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "has a name that DNS does not know now" },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED, "does not answer: is it running, and is its "
	  "port open?" },
	{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "was too slow" },
	{ CURLE_SSL_CONNECT_ERROR, -EPROTO, "does not speak TLS 1.3 as merlon-control does" },
	{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED, "could not prove who it is" },
	{ CURLE_OUT_OF_MEMORY, -ENOMEM, "cannot be asked without memory" },
	{ CURLE_SSL_CERTPROBLEM, -EBADMSG, "would be shown a certificate that is damaged" },
	{ CURLE_HTTP2, -EPROTO, "broke the rules of HTTP/2" },
	{ CURLE_HTTP2_STREAM, -ECONNRESET, "ended the answer before it was complete" },
};

static const struct failure otherwise = {
	CURLE_OK, -ECONNRESET, "did not answer: the connection broke",
};

static const struct failure *failure_of(CURLcode result)
{
	size_t i;

	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].result == result)
			return &failures[i];
	return &otherwise;
}

static const char *name_of(const struct ml_client *client)
{
	return client->socket ? client->socket : client->base;
}

/* libcurl's own words are for whoever looks closer. */
static int failed(const struct ml_client *client, CURLcode result, struct ml_error *error)
{
	const struct failure *failure = failure_of(result);
	const char *reason = client->call.reason;

	if (client->call.overflow)
		return ml_error_set(error, -EMSGSIZE, "%s: its answer has more than %zu bytes, "
				    "which is too much", name_of(client), client->call.limit);
	if (result == CURLE_WRITE_ERROR)
		return ml_error_set(error, -ENOMEM, "%s: no memory for its answer",
				    name_of(client));
	return ml_error_set(error, failure->code, "%s %s (%.120s)", name_of(client),
			    failure->sentence, reason[0] ? reason : curl.easy_strerror(result));
}

/* ------------------------------------------------------------- its errors */

static const struct word {
	const char *word;
	int code;
} words[] = {
	{ "bad-request", -EINVAL }, { "refused", -EACCES }, { "expired", -EKEYEXPIRED }, { "not-found", -ENOENT },
	{ "conflict", -EEXIST }, { "too-many", -EBUSY }, { "unavailable", -EBUSY },
	{ "too-large", -E2BIG },
};

/* Where there is no word: what a balancer says, or the server before it knows more. */
static int code_of_status(long status)
{
	switch (status) {
	case 400: return -EINVAL;
	case 401:
	case 403: return -EACCES;
	case 404: return -ENOENT;
	case 409: return -EEXIST;
	case 413: return -E2BIG;
	case 429:
	case 502:
	case 503:
	case 504: return -EBUSY;
	default: return -EPROTO;
	}
}

static int code_of_word(const char *word, long status)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].word, word))
			return words[i].code;
	return code_of_status(status);
}

/* Of a stranger, for a terminal: one line of printable ASCII, not too long. */
static const char *tame(const char *text, char *buffer, size_t size)
{
	size_t i;

	for (i = 0; i < size - 1 && text[i]; i++)
		buffer[i] = (char)(text[i] < ' ' || text[i] > '~' ? '?' : text[i]);
	buffer[i] = '\0';
	return buffer;
}

static int refused(const struct ml_client *client, long status, struct ml_error *error)
{
	static const char *const keys[] = { "error", "sentence" };
	const char *word = NULL, *sentence = NULL;
	char text[300];
	json_t *json = NULL;
	int code;

	if (!ml_strict_load(client->call.data, client->call.length, "error", &json, NULL) &&
	    !ml_strict_keys(json, "error", keys, 2, NULL) &&
	    !ml_strict_string(json, "error", "error", &word, NULL) &&
	    !ml_strict_string(json, "error", "sentence", &sentence, NULL))
		code = ml_error_set(error, code_of_word(word, status), "%s says: %s",
				    name_of(client), tame(sentence, text, sizeof(text)));
	else
		code = ml_error_set(error, code_of_status(status), "%s answered with status %ld "
				    "and no sentence of Merlon's: is it a merlon-control?",
				    name_of(client), status);
	json_decref(json);
	return code;
}

/* ----------------------------------------------------------------- answer */

void ml_client_answer_clean(struct ml_client_answer *answer)
{
	json_decref(answer->json);
	free(answer->data);
	memset(answer, 0, sizeof(*answer));
}

static int read_json(struct ml_client *client, struct ml_client_answer *ret,
		     struct ml_error *error)
{
	struct ml_error inner;
	json_t *json;
	int code = ml_strict_load(client->call.data, client->call.length, "answer", &json,
				  &inner);

	if (code)
		return ml_error_set(error, -EBADMSG, "%s: its answer is not what it should be: "
				    "%.200s", name_of(client), inner.text);
	ret->json = json;
	return 0;
}

static void note_local(struct ml_client *client)
{
	const char *address = NULL;

	curl.easy_getinfo(client->easy, CURLINFO_LOCAL_IP, &address);
	snprintf(client->local, sizeof(client->local), "%s", address ? address : "");
}

const char *ml_client_local_address(const struct ml_client *client)
{
	return client->local;
}

int answer_read(struct ml_client *client, struct ml_client_answer *ret,
		struct ml_error *error)
{
	long status = 0, version = 0;

	curl.easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	curl.easy_getinfo(client->easy, CURLINFO_HTTP_VERSION, &version);
	if (version != CURL_HTTP_VERSION_2)
		return ml_error_set(error, -EPROTO, "%s does not speak HTTP/2: is it a "
				    "merlon-control?", name_of(client));
	if (status < 200 || status > 299)
		return refused(client, status, error);
	note_local(client);
	*ret = (struct ml_client_answer){ .status = (unsigned int)status };
	if (client->call.raw) {
		ret->data = client->call.data;
		ret->length = client->call.length;
		client->call.data = NULL;
		return 0;
	}
	return client->call.length ? read_json(client, ret, error) : 0;
}

int call_end(struct ml_client *client, CURLcode result, struct ml_client_answer *ret,
	     struct ml_error *error)
{
	int code = result == CURLE_OK ? answer_read(client, ret, error) :
					failed(client, result, error);

	call_drop(client);
	return code;
}
