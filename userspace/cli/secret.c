// SPDX-License-Identifier: MIT
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "passphrase.h"
#include "units.h"

int secret_process_close(struct ml_error *error)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return ml_error_set(error, -errno,
				    "this process cannot be kept out of core files, so it reads no secret: %s",
				    strerror(errno));
	return 0;
}

static int from_file(const char *path, char **ret, struct ml_error *error)
{
	int fd, code;

	code = ml_file_open(path, ML_FILE_PRIVATE, &fd, error);
	if (code)
		return code;
	code = ml_passphrase_read_fd(fd, ret, error);
	close(fd);
	return code;
}

static int from_descriptor(const char *text, char **ret, struct ml_error *error)
{
	uint64_t fd;
	int code = units_number_parse("--passphrase-fd", text, 0, 65535, &fd, error);

	return code ? code : ml_passphrase_read_fd((int)fd, ret, error);
}

/* 1: no option names a place. */
static int from_options(const struct cli *cli, char **ret, struct ml_error *error)
{
	const char *file = cli_option(cli, "passphrase-file");
	const char *fd = cli_option(cli, "passphrase-fd");

	if (fd)
		return from_descriptor(fd, ret, error);
	if (file)
		return from_file(file, ret, error);
	return 1;
}

static int ask(const char *path, char **ret, struct ml_error *error)
{
	char prompt[4200];
	int code;

	snprintf(prompt, sizeof(prompt), "Passphrase for %s: ", path);
	code = ml_passphrase_ask(prompt, ret, error);
	if (code == -ENXIO)
		return ml_error_set(error, code,
				    "%s needs its passphrase, and there is no terminal to ask at: use --passphrase-fd or --passphrase-file",
				    path);
	return code;
}

int secret_open(const struct cli *cli, const char *path, struct ml_secret_key **ret,
		struct ml_error *error)
{
	char *passphrase = NULL;
	int code = secret_process_close(error);

	if (code)
		return code;
	code = ml_secret_key_read(path, NULL, ret, error);
	if (code != -ENOKEY)
		return code;
	code = from_options(cli, &passphrase, error);
	if (code == 1)
		code = ask(path, &passphrase, error);
	if (code)
		return code;
	code = ml_secret_key_read(path, passphrase, ret, error);
	ml_passphrase_free(passphrase);
	return code;
}

int secret_choose(const struct cli *cli, const char *path, char **ret, struct ml_error *error)
{
	char prompt[4200];
	int code = secret_process_close(error);

	*ret = NULL;
	if (code)
		return code;
	if (cli_option(cli, "no-passphrase"))
		return 0;
	code = from_options(cli, ret, error);
	if (code != 1)
		return code;
	snprintf(prompt, sizeof(prompt), "New passphrase for %s: ", path);
	code = ml_passphrase_ask_new(prompt, "Again: ", ret, error);
	if (code == -ENXIO)
		return ml_error_set(error, code,
				    "there is no terminal to ask for a passphrase at: use --passphrase-fd, --passphrase-file or --no-passphrase");
	return code;
}

/* What is no key file at all is not reproached for its mode. */
static bool is_other_file(const char *path)
{
	static const char head[] = "merlon-secret-key ";
	char found[sizeof(head) - 1];
	struct stat status;
	bool other;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return false;
	other = !fstat(fd, &status) && S_ISREG(status.st_mode) &&
		(read(fd, found, sizeof(found)) != sizeof(found) ||
		 memcmp(found, head, sizeof(found)));
	close(fd);
	return other;
}

int secret_public(const char *text, struct ml_public_key *ret, struct ml_error *error)
{
	int code;

	if (!strncmp(text, "merlon-public-key:", 18))
		return ml_public_key_parse(text, ret, error);
	code = secret_process_close(error);
	if (!code && is_other_file(text))
		return ml_error_set(error, -EBADMSG, "%s: not a key file", text);
	return code ? code : ml_secret_key_read_public(text, ret, error);
}
