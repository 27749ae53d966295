// SPDX-License-Identifier: MIT
/* A backup's passphrase: never an argument. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup.h"
#include "file.h"
#include "passphrase.h"

#define CREDENTIAL "backup-passphrase"

/* -ENOENT: systemd gave none */
static int credential(char **ret, struct ml_error *error)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int fd, r;

	if (!directory)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/" CREDENTIAL, directory);
	r = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (r)
		return r;
	r = ml_passphrase_read_fd(fd, ret, error);
	close(fd);
	return r;
}

int backup_passphrase(int fd, bool new, char **ret, struct ml_error *error)
{
	int r;

	if (fd >= 0)
		return ml_passphrase_read_fd(fd, ret, error);
	r = credential(ret, error);
	if (r != -ENOENT)
		return r;
	r = new ? ml_passphrase_ask_new("Passphrase for this backup: ", "Again: ", ret, error) :
		ml_passphrase_ask("Passphrase of the backup: ", ret, error);
	return r == -ENXIO ? ml_error_set(error, r, "there is no terminal to ask for the backup's passphrase: say --passphrase-fd, or give systemd's credential " CREDENTIAL) : r;
}
