// SPDX-License-Identifier: MIT
/*
 * Where this node can be reached is told to the server, and what the server says of the
 * peers goes to apply: both are hints, which nobody has signed. The last ones are kept, so
 * that a node that starts while its server is away finds its peers.
 */
#include "courier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "endpoints.h"
#include "file.h"
#include "strict.h"

#define FILE_NAME	ML_COURIER_DIR "/endpoints.json"

/* --------------------------------------------------------------------- telling */

static void told(void *data, int code, struct ml_client_answer *answer,
		 const struct ml_error *error)
{
	struct courier *courier = data;

	(void)answer;
	if (code) {
		courier_fail(courier, code, error);
		return;
	}
	memcpy(courier->told, courier->telling, sizeof(courier->told));
	courier_well(courier);
	courier_next(courier);
}

bool courier_tell(struct courier *courier)
{
	const struct agent_options *options = &courier->sync->agent->options;
	const char *address = ml_client_local_address(courier->client);
	struct ml_client_request request = { .method = "POST", .path = "/v1/endpoints" };
	json_t *body;

	if (!options->tunnel)
		return false;
	snprintf(courier->telling, sizeof(courier->telling), "from %s", address);
	if (!strcmp(courier->telling, courier->told))
		return false;
	body = json_pack("{s:[], s:i}", "addresses", "port", options->listen_port);
	if (*address)
		json_array_append_new(json_object_get(body, "addresses"), json_string(address));
	request.body = body;
	courier_ask(courier, &request, told);
	json_decref(body);
	return true;
}

/* -------------------------------------------------------------------- listening */

static void keep(const json_t *json)
{
	size_t length;
	char *text = ml_strict_dump(json, &length);

	/* One that cannot be kept is asked for again. */
	if (text)
		(void)ml_file_write_atomic(FILE_NAME, text, length, 0600, NULL);
	free(text);
}

static void learned(struct task *task, const struct message_result *result)
{
	struct courier *courier = task->owner;
	struct ml_error error = { .code = result->code };

	if (result->code) {
		memcpy(error.text, result->sentence, sizeof(error.text));
		courier_fail(courier, result->code, &error);
		return;
	}
	memcpy(courier->endpoints, courier->next_endpoints, sizeof(courier->endpoints));
	courier_well(courier);
	courier_next(courier);
}

static int hand_on(struct courier *courier, json_t *peers, struct ml_error *error)
{
	json_t *json = json_pack("{s:O}", "peers", peers);
	struct ml_bytes bytes;
	char *text = json ? ml_strict_dump(json, &bytes.length) : NULL;
	int fd, code;

	json_decref(json);
	if (!text)
		return ml_error_set(error, -ENOMEM, "no memory for endpoints");
	bytes.data = (uint8_t *)text;
	code = ml_sealed_create(bytes, &fd, error);
	free(text);
	if (!code && !task_add(courier->sync, MESSAGE_ENDPOINTS, fd, learned, courier))
		code = ml_error_set(error, -EBUSY, "too much waits for apply");
	return code;
}

static int learn(struct courier *courier, const json_t *json, struct ml_error *error)
{
	static const char *const keys[] = { "digest", "peers" };
	char digest[65];
	json_t *peers;
	int code = ml_strict_keys(json, "endpoints", keys, 2, error);

	if (!code)
		code = ml_strict_key_id(json, "endpoints", "digest", digest, error);
	if (!code)
		code = ml_strict_array(json, "endpoints", "peers", &peers, error);
	if (code)
		return code;
	memcpy(courier->next_endpoints, digest, sizeof(digest));
	return hand_on(courier, peers, error);
}

int courier_listen(struct courier *courier, const json_t *answer, struct ml_error *error)
{
	static const char *const keys[] = { "endpoints" };
	json_t *json;
	int code = ml_strict_keys(answer, "generation", keys, 1, error);

	if (!code)
		code = ml_strict_object(answer, "generation", "endpoints", &json, error);
	if (!code)
		code = learn(courier, json, error);
	if (!code)
		keep(json);
	return code;
}

bool courier_recall(struct courier *courier)
{
	uint8_t *data;
	size_t length;
	json_t *json;
	int code;

	if (ml_file_read(FILE_NAME, ML_ENDPOINTS_BYTES, &data, &length, NULL))
		return false;
	code = ml_strict_load(data, length, "endpoints", &json, NULL);
	free(data);
	if (!code) {
		code = learn(courier, json, NULL);
		json_decref(json);
	}
	if (code)
		unlink(FILE_NAME);
	return !code;
}
