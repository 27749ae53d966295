/* SPDX-License-Identifier: MIT */
/* Passphrases, from a person or from another program; always in locked memory. */
#ifndef ML_PASSPHRASE_H
#define ML_PASSPHRASE_H

#include "error.h"

#define ML_PASSPHRASE_MAX 1023	/* bytes */

/**
 * ml_passphrase_ask - from the terminal of the process, without echo
 * @prompt: written to the terminal, such as "Passphrase for /etc/merlon/key: "
 * @ret: free with ml_passphrase_free()
 *
 * A signal that comes meanwhile takes effect after echo is on again.
 * Return: 0; -ENXIO: there is no terminal; -EINTR; -EINVAL: empty or too long.
 */
int ml_passphrase_ask(const char *prompt, char **ret, struct ml_error *error);

/* Asks twice; -EINVAL where the answers differ. */
int ml_passphrase_ask_new(const char *prompt, const char *again, char **ret,
			  struct ml_error *error);

/* The first line of @fd, or all of it; reads no further than its end. */
int ml_passphrase_read_fd(int fd, char **ret, struct ml_error *error);

/* Where one may stand that no person types: read once, and wiped there. */
#define ML_PASSPHRASE_VARIABLE "MERLON_PASSPHRASE"

/**
 * ml_passphrase_given - by whoever started the program
 * @fd: where it was told to read; -1: nowhere, then
 * @credential: systemd's of this name, or else the environment's ML_PASSPHRASE_VARIABLE
 *
 * Return: 0; -ENOENT: nobody gave one, so ask; -EACCES: others can read the credential;
 * -EINVAL: empty or too long; or the errno of reading.
 */
int ml_passphrase_given(int fd, const char *credential, char **ret, struct ml_error *error);

void ml_passphrase_free(char *passphrase);

#endif
