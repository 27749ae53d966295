// SPDX-License-Identifier: MIT
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "file.h"
#include "key_string.h"
#include "locked.h"
#include "passphrase.h"
#include "secret.h"
#include "strict.h"

#define SESSION_MAX 8192	/* bytes of the file */

/* ---------------------------------------------------------------------- texts */

const char *admin_text(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));

	return text ? text : "";
}

static void texts_wipe(json_t *value)
{
	const char *key;
	json_t *inner;

	if (json_is_string(value))
		sodium_memzero((char *)(uintptr_t)json_string_value(value),
			       json_string_length(value));
	json_object_foreach(value, key, inner)
		texts_wipe(inner);
	for (size_t i = 0; i < json_array_size(value); i++)
		texts_wipe(json_array_get(value, i));
}

void admin_answer_free(json_t *answer)
{
	texts_wipe(answer);
	json_decref(answer);
}

static int text_take(const char *text, const char *what, char *ret, size_t size,
		     struct ml_error *error)
{
	if (strlen(text) >= size)
		return ml_error_set(error, -ENAMETOOLONG, "%s is too long", what);
	memmove(ret, text, strlen(text) + 1);
	return 0;
}

/* ----------------------------------------------------------------------- file */

/* Made where it is missing; of this user alone. */
static int directory_make(char ret[static ADMIN_PATH], struct ml_error *error)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char base[ADMIN_PATH - 32];

	if (runtime && *runtime == '/' && strlen(runtime) < ADMIN_PATH - 128)
		snprintf(base, sizeof(base), "%.*s/merlon", ADMIN_PATH - 128, runtime);
	else if (!geteuid())
		snprintf(base, sizeof(base), "/run/merlon-admin");
	else
		return ml_error_set(error, -ENOENT,
				    "there is no runtime directory (XDG_RUNTIME_DIR) to keep a session in: name a file by --session");
	if (mkdir(base, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "%s: %s", base, strerror(errno));
	snprintf(ret, ADMIN_PATH, "%s/session", base);
	return 0;
}

static int file_find(struct admin *admin, struct ml_error *error)
{
	const char *file = cli_option(admin->cli, "session");

	return file ? text_take(file, "--session", admin->file, sizeof(admin->file), error) :
		      directory_make(admin->file, error);
}

static int session_parse(struct admin *admin, const json_t *json, struct ml_error *error)
{
	static const char *const keys[] = { "name", "pin", "server", "socket", "token" };
	int r;

	r = ml_strict_keys(json, admin->file, keys, 5, error);
	if (!r)
		r = ml_strict_hash(json, admin->file, "pin", admin->pin, error);
	if (!r)
		r = text_take(admin_text(json, "server"), "the URL", admin->url,
			      sizeof(admin->url), error);
	if (!r)
		r = text_take(admin_text(json, "socket"), "the socket", admin->socket,
			      sizeof(admin->socket), error);
	if (!r)
		r = text_take(admin_text(json, "name"), "the name", admin->name,
			      sizeof(admin->name), error);
	if (!r)
		r = text_take(admin_text(json, "token"), "the token", admin->token,
			      sizeof(admin->token), error);
	return r;
}

static int session_read(struct admin *admin, struct ml_error *error)
{
	json_t *json = NULL;
	size_t length;
	uint8_t *data;
	int r;

	r = ml_file_read_guarded(admin->file, ML_FILE_PRIVATE, SESSION_MAX, &data, &length, error);
	if (r)
		return r;
	r = ml_strict_load(data, length, admin->file, &json, error);
	sodium_memzero(data, length);
	free(data);
	if (!r)
		r = session_parse(admin, json, error);
	admin_answer_free(json);
	return r;
}

int admin_save(struct admin *admin, struct ml_error *error)
{
	char pin[65], text[SESSION_MAX];
	json_t *json;
	size_t length;
	int r;

	sodium_bin2hex(pin, sizeof(pin), admin->pin, 32);
	json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "server", admin->url, "pin", pin,
			 "socket", admin->socket, "name", admin->name, "token", admin->token);
	length = json ? json_dumpb(json, text, sizeof(text), JSON_INDENT(1)) : 0;
	admin_answer_free(json);
	if (!length || length > sizeof(text))
		return ml_error_set(error, -ENOMEM, "out of memory");
	r = ml_file_write_atomic(admin->file, text, length, 0600, error);
	sodium_memzero(text, sizeof(text));
	return r;
}

int admin_forget(struct admin *admin, struct ml_error *error)
{
	sodium_memzero(admin->token, sizeof(admin->token));
	if (unlink(admin->file) && errno != ENOENT)
		return ml_error_set(error, -errno, "%s: %s", admin->file, strerror(errno));
	return 0;
}

/* ------------------------------------------------------------------ connecting */

static int from_options(struct admin *admin, struct ml_error *error)
{
	const char *url = cli_option(admin->cli, "server"), *pin = cli_option(admin->cli, "pin");
	const char *path = cli_option(admin->cli, "socket");

	if (!url != !pin || (url && path))
		return ml_error_set(error, -EINVAL,
				    "say --server URL with --pin HEX, or --socket PATH");
	if (pin && !ml_strict_hex32(pin, admin->pin))
		return ml_error_set(error, -EINVAL, "--pin: must be 64 lower-case hex digits");
	if (url && !ml_url_valid(url))
		return ml_error_set(error, -EINVAL, "--server: must be https://HOST[:PORT]");
	if (url)
		return text_take(url, "--server", admin->url, sizeof(admin->url), error);
	return text_take(path ? path : ADMIN_SOCKET, "--socket", admin->socket,
			 sizeof(admin->socket), error);
}

static int connect_to(struct admin *admin, struct ml_error *error)
{
	struct ml_client_options options = { 0 };
	int r;

	if (admin->url[0]) {
		options.url = admin->url;
		options.pin = admin->pin;
	} else {
		options.socket = admin->socket;
	}
	r = ml_client_setup(error);
	if (!r)
		r = ml_client_new(&options, &admin->client, error);
	if (!r && admin->token[0])
		r = ml_client_set_token(admin->client, admin->token, error);
	return r;
}

static bool has_server(const struct cli *cli)
{
	return cli_option(cli, "server") || cli_option(cli, "pin") || cli_option(cli, "socket");
}

static int find_server(struct admin *admin, bool fresh, struct ml_error *error)
{
	int r = -ENOENT;

	/* Whoever names a server does not mean the session with another. */
	if (!fresh && !has_server(admin->cli))
		r = session_read(admin, error);
	return r == -ENOENT ? from_options(admin, error) : r;
}

int admin_open(struct cli *cli, bool fresh, struct admin **ret, struct ml_error *error)
{
	struct admin *admin;
	int r;

	*ret = NULL;
	r = secret_process_close(error);
	if (r)
		return r;
	admin = ml_locked_alloc(sizeof(*admin), "a session", error);
	if (!admin)
		return -ENOMEM;
	memset(admin, 0, sizeof(*admin));
	admin->cli = cli;
	*ret = admin;
	r = file_find(admin, error);
	if (!r)
		r = find_server(admin, fresh, error);
	return r ? r : connect_to(admin, error);
}

int admin_end(struct cli *cli, struct admin *admin, int r, const struct ml_error *error)
{
	bool refused = admin && admin->refused;

	if (admin) {
		ml_client_free(admin->client);
		ml_locked_free(admin);
	}
	if (!r)
		return CLI_YES;
	return refused ? cli_refuse(cli, error) : cli_fail(cli, error);
}

/* ---------------------------------------------------------------------- asking */

int admin_ask(struct admin *admin, const char *method, const char *path, json_t *body,
	      json_t **ret, struct ml_error *error)
{
	const struct ml_client_request request = { .method = method, .path = path, .body = body,
						   .limit = 8u << 20 };
	struct ml_client_answer answer = { 0 };
	int r;

	r = ml_client_do(admin->client, &request, &answer, error);
	admin_answer_free(body);
	admin->refused = r == -EACCES || r == -EEXIST || r == -ENOENT || r == -EINVAL;
	if (r)
		return r;
	if (ret)
		*ret = json_incref(answer.json);
	ml_client_answer_clean(&answer);
	return 0;
}

int admin_take_session(struct admin *admin, const json_t *answer, struct ml_error *error)
{
	const char *token = admin_text(answer, "token");

	if (!*token || strlen(token) >= sizeof(admin->token))
		return ml_error_set(error, -EBADMSG, "the server gave no token");
	strcpy(admin->token, token);
	return ml_client_set_token(admin->client, token, error);
}

/* -------------------------------------------------------------------- prompting */

int admin_prompt(const struct admin *admin, const char *prompt, char **ret,
		 struct ml_error *error)
{
	if (cli_option(admin->cli, "stdin"))
		return ml_passphrase_read_fd(STDIN_FILENO, ret, error);
	return ml_passphrase_ask(prompt, ret, error);
}

int admin_prompt_new(const struct admin *admin, const char *name, char **ret,
		     struct ml_error *error)
{
	char prompt[160];

	if (cli_option(admin->cli, "stdin"))
		return ml_passphrase_read_fd(STDIN_FILENO, ret, error);
	snprintf(prompt, sizeof(prompt), "New password of %.80s: ", name);
	return ml_passphrase_ask_new(prompt, "Once more: ", ret, error);
}

/* The server's clock counts. */
static int factor_left(struct admin *admin, json_int_t *ret, struct ml_error *error)
{
	json_t *answer = NULL;
	int r;

	r = admin_ask(admin, "GET", "/v1/session", NULL, &answer, error);
	if (!r)
		*ret = json_integer_value(json_object_get(answer, "stepUpLeft"));
	admin_answer_free(answer);
	return r;
}

int admin_step_up(struct admin *admin, struct ml_error *error)
{
	json_t *answer = NULL;
	json_int_t left;
	char *code;
	int r;

	if (!admin->token[0])
		return 0;
	r = factor_left(admin, &left, error);
	if (r || left > ADMIN_FRESH)
		return r;
	r = admin_prompt(admin, "Code: ", &code, error);
	if (r)
		return r;
	r = admin_ask(admin, "POST", "/v1/session/step-up", json_pack("{s:s}", "totp", code),
		      &answer, error);
	ml_passphrase_free(code);
	if (r)
		return r;
	r = admin_take_session(admin, answer, error);
	admin_answer_free(answer);
	return r ? r : admin_save(admin, error);
}
