// SPDX-License-Identifier: MIT
/* What routes that take documents have in common. */
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "join_route.h"
#include "nonces.h"
#include "route.h"
#include "server.h"
#include "strict.h"

bool document_take(struct call *call, const char *key, struct ml_bytes *ret)
{
	const json_t *json = json_object_get(call->body, key);
	char *text = json_is_object(json) ? ml_strict_dump(json, &ret->length) : NULL;

	if (!text) {
		call_refuse(call, CALL_BAD_REQUEST, "\"%s\" must be a DSSE envelope, as a JSON object",
			    key);
		return false;
	}
	ret->data = (uint8_t *)text;
	return true;
}

void document_free(struct ml_bytes *document)
{
	free((void *)(uintptr_t)document->data);
	*document = (struct ml_bytes){ NULL, 0 };
}

const char *text_take(struct call *call, const char *key, size_t max)
{
	const json_t *json = json_object_get(call->body, key);

	if (json_is_string(json) && json_string_length(json) <= max &&
	    strlen(json_string_value(json)) == json_string_length(json))
		return json_string_value(json);
	call_refuse(call, CALL_BAD_REQUEST, "\"%s\" must be a text of at most %zu bytes", key, max);
	return NULL;
}

bool nonce_use(struct call *call, const uint8_t nonce[static ML_NONCE_BYTES])
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return nonces_use(server_nonces(call->server), nonce,
			  time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

static bool clock_is_synchronised(void)
{
	struct timex timex = { .modes = 0 };

	return adjtimex(&timex) >= 0 && !(timex.status & STA_UNSYNC);
}

void fresh_fill(struct call *call, const uint8_t *nonce, struct ml_fresh *ret)
{
	*ret = (struct ml_fresh){ .nonce = nonce, .synchronised = clock_is_synchronised(),
				  .now = call->now, .skew = ML_SKEW };
}
