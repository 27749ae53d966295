/* SPDX-License-Identifier: MIT */
/*
 * admin: people of a control server, over its local socket or over TLS. A session is
 * kept in a file of mode 0600 in the user's runtime directory, which goes when he logs
 * out of the machine.
 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "cli.h"
#include "client.h"

#define ADMIN_SOCKET	"/run/merlon-control/admin.sock"
#define ADMIN_PATH	512
#define ADMIN_TOKEN	128	/* bytes */
#define ADMIN_FRESH	30	/* seconds that a second factor must still be good for */

struct admin {			/* in locked memory */
	struct cli *cli;
	struct ml_client *client;
	char file[ADMIN_PATH];	/* of the session */
	char url[ADMIN_PATH];	/* "": the local socket */
	uint8_t pin[32];
	char socket[ADMIN_PATH];
	char name[80];		/* "": root, by the local socket alone */
	char token[ADMIN_TOKEN];
	bool refused;		/* the server said no */
};

/* For tables of options. */
#define ADMIN_OPTIONS \
	{ "session", 0, "FILE", "where the session is kept (default: in the runtime directory)" }, \
	{ "stdin", 0, NULL, "read what is asked for from standard input, a line each" }
#define ADMIN_SERVER_OPTIONS \
	{ "server", 0, "URL", "https://HOST[:PORT]; with --pin" }, \
	{ "pin", 0, "HEX", "SHA-256 of the server's public key, 64 hex digits" }, \
	{ "socket", 0, "PATH", "of a server on this machine (default: " ADMIN_SOCKET ")" }

/**
 * admin_open - where the server is: the options, or the session's file, or the socket
 * @fresh: a session is about to begin: what the file holds does not matter
 *
 * 0, or an error; admin_end() it in both cases.
 */
int admin_open(struct cli *cli, bool fresh, struct admin **ret, struct ml_error *error);

/* Keeps name, token and server in the file; forgets them. */
int admin_save(struct admin *admin, struct ml_error *error);
int admin_forget(struct admin *admin, struct ml_error *error);

/*
 * @body is given away, and wiped, since there are secrets in it; NULL: none. @ret: the
 * answer's object, NULL where it is empty; admin_answer_free(). @ret may be NULL.
 */
int admin_ask(struct admin *admin, const char *method, const char *path, json_t *body,
	      json_t **ret, struct ml_error *error);
void admin_answer_free(json_t *answer);
/* Text of @answer; "" where there is none. */
const char *admin_text(const json_t *answer, const char *key);
/* Takes the token out of the answer to a login or a step-up. */
int admin_take_session(struct admin *admin, const json_t *answer, struct ml_error *error);

/* A secret, from the terminal or (--stdin) the next line; ml_passphrase_free() it. */
int admin_prompt(const struct admin *admin, const char *prompt, char **ret,
		 struct ml_error *error);
/* A new password: from a terminal, twice. */
int admin_prompt_new(const struct admin *admin, const char *name, char **ret,
		     struct ml_error *error);
/* What changes something wants a code that is younger than five minutes. */
int admin_step_up(struct admin *admin, struct ml_error *error);

/* admin_secrets.c: what is shown once. False: no memory */
bool admin_show_secrets(struct cli *cli, const json_t *answer);

/*
 * Ends @admin (which may be NULL), and says @error where @r is not 0: what the server
 * refused is a no, what could not be asked a failure. Return: CLI_*
 */
int admin_end(struct cli *cli, struct admin *admin, int r, const struct ml_error *error);

#endif
