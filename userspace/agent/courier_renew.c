// SPDX-License-Identifier: MIT
/*
 * The client certificate: renewed when two thirds of its life are over, by itself;
 * where it has ended, or is not there, by the node's identity, which apply has. The
 * key stays: what changes is one file, which is there or is not.
 */
#include "courier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "challenge.h"
#include "file.h"
#include "locked.h"
#include "log.h"
#include "strict.h"
#include "tls_key.h"

#define KEY_PATH		ML_COURIER_DIR "/" ML_TLS_KEY_FILE
#define CERTIFICATE_PATH	ML_COURIER_DIR "/" ML_CERTIFICATE_FILE
#define RETRY_MS		3600000	/* of a renewal before the end */

/* ---------------------------------------------------------------------- files */

static int read_key(struct courier *courier, struct ml_error *error)
{
	size_t length;
	int fd, code = ml_file_open(KEY_PATH, ML_FILE_PRIVATE, &fd, error);

	if (code)
		return code;
	courier->key = ml_locked_alloc(ML_PEM_MAX + 1, "the TLS key", error);
	code = courier->key ? ml_file_read_into(fd, KEY_PATH, courier->key, ML_PEM_MAX, &length,
						error) : -ENOMEM;
	close(fd);
	if (code)
		return code;
	courier->key[length] = '\0';
	return ml_tls_key_digest(courier->key, courier->tls_digest, error);
}

/* Takes @text, malloc()ed, if it is for our key. */
static int take_certificate(struct courier *courier, char *text, struct ml_error *error)
{
	int code = ml_tls_certificate_check(text, courier->key, &courier->from, &courier->until,
					    error);

	if (code) {
		free(text);
		return code;
	}
	ml_client_set_certificate(courier->client, text, courier->key);
	free(courier->certificate);
	courier->certificate = text;
	courier->disowned = false;
	return 0;
}

void courier_renew_setup(struct courier *courier)
{
	struct ml_error error;
	uint8_t *text;
	size_t length;
	int code = read_key(courier, &error);

	if (code)
		die("the inbox has no TLS key: %s", error.text);
	code = ml_file_read(CERTIFICATE_PATH, ML_PEM_MAX, &text, &length, &error);
	if (!code)
		code = take_certificate(courier, (char *)text, &error);
	if (code)
		log_line(LOG_WARNING, "courier", "there is no certificate to use, so another is "
			 "asked for: %s", error.text);
}

/* --------------------------------------------------------------------- answers */

static int read_certificate(struct courier *courier, const json_t *json,
			    struct ml_error *error)
{
	static const char *const keys[] = { "authority", "certificate" };
	const char *text;
	char *copy;
	int code = ml_strict_keys(json, "certificate", keys, 2, error);

	if (!code)
		code = ml_strict_string(json, "certificate", "certificate", &text, error);
	if (code)
		return code;
	copy = strdup(text);
	if (!copy)
		return ml_error_set(error, -ENOMEM, "no memory for a certificate");
	code = take_certificate(courier, copy, error);
	return code ? code : ml_file_write_atomic(CERTIFICATE_PATH, courier->certificate,
						  strlen(courier->certificate), 0600, error);
}

static void certified(void *data, int code, struct ml_client_answer *answer,
		      const struct ml_error *error)
{
	struct courier *courier = data;
	struct ml_error wrong = { .code = 0 };

	if (code)
		wrong = *error;
	else
		code = read_certificate(courier, answer->json, &wrong);
	if (code) {
		courier_fail(courier, code, &wrong);
		return;
	}
	if (time(NULL) >= courier->until)
		courier->renewal_after = courier_boot_ms() + RETRY_MS;
	log_line(LOG_INFO, "certificate", "the client certificate is renewed");
	courier_next(courier);
}

/* Asks with "certificateRequest" and, where @renewal is given, that. */
static void ask_certificate(struct courier *courier, const char *path, json_t *renewal)
{
	struct ml_client_request request = { .method = "POST", .path = path };
	json_t *body = json_object();
	struct ml_error error;
	char *text;
	int code = ml_tls_request(courier->key, courier->sync->agent->enrolment.node, &text,
				  &error);

	if (!code) {
		json_object_set_new(body, "certificateRequest", json_string(text));
		if (renewal)
			json_object_set(body, "renewal", renewal);
		request.body = body;
		courier_ask(courier, &request, certified);
		free(text);
	} else {
		courier_fail(courier, code, &error);
	}
	json_decref(renewal);
	json_decref(body);
}

/* ----------------------------------------------------------------- by identity */

static void signed_by_apply(struct task *task, const struct message_result *result)
{
	struct courier *courier = task->owner;
	struct ml_error error = { .code = result->code };
	json_t *renewal = result->code ? NULL : json_loads(result->signature, 0, NULL);

	if (renewal) {
		ask_certificate(courier, "/v1/renew", renewal);
		return;
	}
	memcpy(error.text, result->sentence, sizeof(error.text));
	courier_fail(courier, result->code ? result->code : -EBADMSG, &error);
}

static void challenged(void *data, int code, struct ml_client_answer *answer,
		       const struct ml_error *error)
{
	struct courier *courier = data;
	struct ml_error wrong = { .code = 0 };
	struct ml_challenge challenge;
	struct task *task;

	if (code)
		wrong = *error;
	else
		code = ml_challenge_answer(answer->json, &courier->sync->agent->root, &challenge,
					   &wrong);
	if (code) {
		courier_fail(courier, code, &wrong);
		return;
	}
	task = task_add(courier->sync, MESSAGE_SIGN, -1, signed_by_apply, courier);
	if (!task) {
		code = ml_error_set(&wrong, -EBUSY, "too much waits for apply");
		courier_fail(courier, code, &wrong);
		return;
	}
	memcpy(task->signing.nonce, challenge.nonce, sizeof(task->signing.nonce));
	memcpy(task->signing.tls_key, courier->tls_digest, sizeof(task->signing.tls_key));
}

static void ask_challenge(struct courier *courier)
{
	json_t *body = json_object();
	const struct ml_client_request request = {
		.method = "POST", .path = "/v1/challenge", .body = body,
	};

	courier_ask(courier, &request, challenged);
	json_decref(body);
}

/* ------------------------------------------------------------------------ when */

/*
 * By this machine's clock, which may be wrong, or the server's is: a certificate that came
 * just now may have ended long ago. Then it is used, and the server says what it is worth.
 */
static bool is_past(const struct courier *courier, int64_t date)
{
	return time(NULL) >= date && courier_boot_ms() >= courier->renewal_after;
}

bool courier_renew(struct courier *courier)
{
	if (!courier->certificate || courier->disowned || is_past(courier, courier->until)) {
		/* Once; if the next poll is refused as well, it says so again. */
		courier->disowned = false;
		ask_challenge(courier);
		return true;
	}
	if (!is_past(courier, courier->from + (courier->until - courier->from) / 3 * 2))
		return false;
	courier->renewal_after = courier_boot_ms() + RETRY_MS;
	ask_certificate(courier, "/v1/certificate", NULL);
	return true;
}
