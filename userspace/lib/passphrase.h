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

void ml_passphrase_free(char *passphrase);

#endif
