// SPDX-License-Identifier: MIT
/*
 * node-client URL PIN METHOD PATH [LIMIT [TIMEOUT]]: one question by userspace/client,
 * once as it is and once in an event loop; both must have the same answer. URL may be
 * the path of a Unix socket, PIN is 64 hex digits. Prints "STATUS JSON", or the
 * error's name and its sentence, and ends with 1.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "client.h"
#include "keys.h"

struct outcome {
	struct event_base *base;
	char text[1200];
	int code;
};

static struct outcome plain, looped;

static void tell(struct outcome *outcome, int code, const struct ml_client_answer *answer,
		 const struct ml_error *error)
{
	char *json = code ? NULL : json_dumps(answer->json, JSON_COMPACT | JSON_SORT_KEYS);

	outcome->code = code;
	if (code)
		snprintf(outcome->text, sizeof(outcome->text), "%s %s", strerrorname_np(-code),
			 error->text);
	else
		snprintf(outcome->text, sizeof(outcome->text), "%u %s", answer->status,
			 json ? json : "");
	free(json);
}

static void done(void *data, int code, struct ml_client_answer *answer,
		 const struct ml_error *error)
{
	struct outcome *outcome = data;

	tell(outcome, code, answer, error);
	event_base_loopbreak(outcome->base);
}

static void need(int code, const struct ml_error *error)
{
	if (!code)
		return;
	fprintf(stderr, "node-client: %s\n", error->text);
	exit(2);
}

static struct ml_client *client_of(const char *url, const char *pin)
{
	struct ml_client_options options = { .connect_ms = 3000 };
	uint8_t digest[32] = { 0 };
	struct ml_client *client;
	struct ml_error error;

	sodium_hex2bin(digest, sizeof(digest), pin, strlen(pin), NULL, NULL, NULL);
	if (*url == '/')
		options.socket = url;
	else
		options.url = url;
	options.pin = digest;
	need(ml_client_new(&options, &client, &error), &error);
	return client;
}

int main(int argc, char **argv)
{
	struct ml_client_request request = { .limit = 0 };
	struct ml_client_answer answer = { .status = 0 };
	struct ml_client *client;
	struct ml_error error;
	int code;

	if (argc < 5)
		return 2;
	need(ml_keys_setup(&error), &error);
	need(ml_client_setup(&error), &error);
	request.method = argv[3];
	request.path = argv[4];
	request.limit = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
	request.timeout_ms = argc > 6 ? (unsigned int)atoi(argv[6]) : 5000;
	client = client_of(argv[1], argv[2]);
	code = ml_client_do(client, &request, &answer, &error);
	tell(&plain, code, &answer, &error);
	ml_client_answer_clean(&answer);
	looped.base = event_base_new();
	need(ml_client_attach(client, looped.base, &error), &error);
	need(ml_client_start(client, &request, done, &looped, &error), &error);
	event_base_dispatch(looped.base);
	ml_client_free(client);
	event_base_free(looped.base);
	puts(plain.text);
	if (strcmp(plain.text, looped.text))
		printf("but in an event loop: %s\n", looped.text);
	return plain.code || strcmp(plain.text, looped.text);
}
