/* SPDX-License-Identifier: MIT */
/* Keys of commands, and where their passphrases come from: never argv, never the environment. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "cli.h"
#include "keys.h"

/* For tables of options. */
#define SECRET_OPTIONS \
	{ "passphrase-fd", 0, "N", "read the key's passphrase from this descriptor" }, \
	{ "passphrase-file", 0, "FILE", "read it from this file, which nobody else may read" }

/* Before there is a secret: no core file, no debugger of the same user. */
int secret_process_close(struct ml_error *error);

/* A passphrase is asked for, or taken from where the options say, if the file needs one. */
int secret_open(const struct cli *cli, const char *path, struct ml_secret_key **ret,
		struct ml_error *error);

/* A new passphrase, asked for twice; NULL with --no-passphrase. */
int secret_choose(const struct cli *cli, const char *path, char **ret, struct ml_error *error);

/* "merlon-public-key:…", or the name of a file with a key in it. */
int secret_public(const char *text, struct ml_public_key *ret, struct ml_error *error);

#endif
