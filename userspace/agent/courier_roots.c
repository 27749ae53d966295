// SPDX-License-Identifier: MIT
/*
 * Before a statement is looked at: the roots behind the one that is known, since a
 * later one may say that other keys sign. Verified here, handed to apply, which
 * verifies them again and keeps the last.
 */
#include "courier.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "enrolment.h"
#include "strict.h"

/* Apply has them: now this process believes them, too. */
static void accepted(struct task *task, const struct message_result *result)
{
	struct courier *courier = task->owner;
	struct agent *agent = courier->sync->agent;
	struct ml_error error = { .code = result->code };

	if (!result->code) {
		agent->root = courier->next_root;
		if (ml_root_trust(&agent->root, agent->enrolment.node, &agent->trust, &error))
			error.code = -EINVAL;
		else
			courier_fetch(courier);
	} else {
		memcpy(error.text, result->sentence, sizeof(error.text));
	}
	if (error.code)
		courier_fail(courier, error.code, &error);
}

static int verify(struct courier *courier, const json_t *json, size_t *ret_count,
		  struct ml_error *error)
{
	struct ml_roots roots;
	int code = ml_roots_parse(json, &roots, error);

	if (code)
		return code;
	*ret_count = roots.count;
	if (roots.count)
		code = ml_root_chain(&courier->sync->agent->root, roots.envelopes, roots.count,
				     &courier->next_root, error);
	ml_roots_free(&roots);
	return code;
}

static int hand_on(struct courier *courier, const json_t *json, struct ml_error *error)
{
	struct ml_bytes bytes;
	char *text = ml_strict_dump(json, &bytes.length);
	int fd, code;

	if (!text)
		return ml_error_set(error, -ENOMEM, "no memory for root documents");
	bytes.data = (uint8_t *)text;
	code = ml_sealed_create(bytes, &fd, error);
	free(text);
	if (!code && !task_add(courier->sync, MESSAGE_ROOTS, fd, accepted, courier))
		code = ml_error_set(error, -EBUSY, "too much waits for apply");
	return code;
}

static void answered(void *data, int code, struct ml_client_answer *answer,
		     const struct ml_error *error)
{
	struct courier *courier = data;
	struct ml_error wrong = { .code = 0 };
	size_t count = 0;

	if (code)
		wrong = *error;
	else if (answer->json)
		code = verify(courier, answer->json, &count, &wrong);
	if (!code && count)
		code = hand_on(courier, answer->json, &wrong);
	if (code)
		courier_fail(courier, code, &wrong);
	else if (!count)
		courier_fetch(courier);
}

void courier_roots(struct courier *courier)
{
	struct ml_client_request request = { .method = "GET", .limit = ML_ROOTS_BYTES };
	char path[60];

	snprintf(path, sizeof(path), "/v1/roots?after=%ju",
		 (uintmax_t)courier->sync->agent->root.version);
	request.path = path;
	courier_ask(courier, &request, answered);
}
