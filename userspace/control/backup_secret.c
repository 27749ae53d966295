// SPDX-License-Identifier: MIT
/* A backup's passphrase: never an argument. */
#include <errno.h>

#include "backup.h"
#include "passphrase.h"

#define CREDENTIAL "backup-passphrase"

int backup_passphrase(int fd, bool new, char **ret, struct ml_error *error)
{
	int r = ml_passphrase_given(fd, CREDENTIAL, ret, error);

	if (r != -ENOENT)
		return r;
	r = new ? ml_passphrase_ask_new("Passphrase for this backup: ", "Again: ", ret, error) :
		ml_passphrase_ask("Passphrase of the backup: ", ret, error);
	return r == -ENXIO ? ml_error_set(error, r, "there is no terminal to ask for the backup's passphrase: say --passphrase-fd, or give systemd's credential " CREDENTIAL) : r;
}
