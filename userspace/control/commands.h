/* SPDX-License-Identifier: MIT */
/* The commands of merlon-control. Each returns the program's status: 0 yes, 1 no, 2 usage or failure. */
#ifndef MERLON_CONTROL_COMMANDS_H
#define MERLON_CONTROL_COMMANDS_H

#include <jansson.h>

#include "client.h"
#include "config.h"
#include "error.h"
#include "keys.h"

int command_init(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_health(int argc, char **argv);
int command_status(int argc, char **argv);
int command_key(int argc, char **argv);
int command_node(int argc, char **argv);
int command_nodes(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_revoke(int argc, char **argv);
int command_root(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);

/* What every command does with an error that ends it. Returns 2. */
int command_failed(const struct ml_error *error);
/* Wrong options: a sentence, and where to read. Returns 2. */
int command_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Of the keys of roles, where nobody types it. */
#define COMMAND_CREDENTIAL "keys-passphrase"

#define MEMBERSHIP_KEY_FILE "/etc/merlon/keys/membership.key"

/* "30m", "24h", "7d": more than nothing, and at most @max seconds. */
bool command_duration(const char *text, int64_t max, int64_t *ret);

/*
 * A secret key; its passphrase, where it has one, as ml_passphrase_given() says, and then the
 * same for each key, or else asked for at the terminal.
 */
int command_secret(const char *path, int fd, struct ml_secret_key **ret, struct ml_error *error);
/* A client of the local socket of the server that @config_file describes. */
int command_connect(const char *config_file, struct ml_client **ret, struct ml_error *error);
/* One request; @body is given away. @ret: the answer's object, or NULL where it is empty */
int command_ask(struct ml_client *client, const char *method, const char *path, json_t *body,
		json_t **ret, struct ml_error *error);

#endif
