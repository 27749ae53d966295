// SPDX-License-Identifier: MIT
/* backup: a file beside its final name, which it gets when the audit log has been told. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "backup.h"
#include "commands.h"
#include "date.h"
#include "file.h"
#include "output.h"
#include "owner.h"
#include "passphrase.h"

static const char usage[] =
"Usage: merlon-control backup [OPTION...] FILE\n"
"Writes FILE, which must not exist, while the server runs: store, audit log, the server's\n"
"keys and certificates, configuration; sealed by a passphrase, signed by the server.\n"
"\n"
"      --passphrase-fd N   where to read the passphrase; otherwise systemd's credential\n"
"                          backup-passphrase, or it is asked for\n"
"      --config FILE       (" CONFIG_FILE ")\n"
"      --json\n"
"  -h, --help\n";

static const struct option options[] = {
	{ "passphrase-fd", required_argument, NULL, 'p' },
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	const char *config, *file;
	int passphrase_fd;
	bool json;
};

struct result {
	struct backup_manifest manifest;
	uint8_t digest[32];
	struct config config;
};

/* ----------------------------------------------------------------------- file */

static int failed(const char *path, struct ml_error *error)
{
	return ml_error_set(error, -errno, "%s: %s", path, strerror(errno));
}

static int file_make(const char *path, const char *temporary, int *ret, struct ml_error *error)
{
	if (!access(path, F_OK))
		return ml_error_set(error, -EEXIST, "%s is there already: a backup overwrites nothing",
				    path);
	*ret = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*ret < 0 && errno == EEXIST)
		return ml_error_set(error, -EEXIST, "%s is there: another backup is writing it, or one was stopped in the middle; then remove it",
				    temporary);
	return *ret < 0 ? failed(temporary, error) : 0;
}

/* Never in the place of another file: link(2), not rename(2). */
static int file_name(const char *path, const char *temporary, struct ml_error *error)
{
	char copy[4096];
	int fd, r = 0;

	if (link(temporary, path))
		return failed(path, error);
	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		r = failed(path, error);
	if (fd >= 0)
		close(fd);
	return r;
}

/* ----------------------------------------------------------------------- whole */

/* As the server's user: what it makes beside the store is the server's. */
static int make(const struct given *given, struct ml_bytes config_file, int fd,
		const char *passphrase, struct result *ret, struct ml_error *error)
{
	struct ml_error ignored;
	struct stat status;
	char copy[4096];
	int r;

	if (stat(ret->config.directory, &status))
		return failed(ret->config.directory, error);
	r = owner_become(status.st_uid, status.st_gid, error);
	if (r)
		return r;
	r = backup_make(&ret->config, config_file, fd, passphrase, &ret->manifest, ret->digest,
			error);
	snprintf(copy, sizeof(copy), "%s", given->file);
	if (!r)
		r = backup_tell(&ret->config, basename(copy), &ret->manifest, ret->digest, error);
	if (owner_become(getuid(), getgid(), &ignored))
		return ml_error_set(error, ignored.code, "%s", ignored.text);
	return r;
}

static int into(const struct given *given, struct ml_bytes config_file, const char *passphrase,
		struct result *ret, struct ml_error *error)
{
	char temporary[4096 + 8];
	int fd = -1, r;

	snprintf(temporary, sizeof(temporary), "%s.part", given->file);
	r = file_make(given->file, temporary, &fd, error);
	if (r)
		return r;
	r = make(given, config_file, fd, passphrase, ret, error);
	close(fd);
	if (!r)
		r = file_name(given->file, temporary, error);
	unlink(temporary);
	return r;
}

static int backup(const struct given *given, struct result *ret, struct ml_error *error)
{
	struct ml_bytes config_file;
	char *passphrase;
	uint8_t *text;
	int r = config_read(given->config, &ret->config, error);

	if (!r)
		r = ml_file_read(given->config, BACKUP_FILE_MAX, &text, &config_file.length, error);
	if (r)
		return r;
	config_file.data = text;
	r = backup_passphrase(given->passphrase_fd, true, &passphrase, error);
	if (!r) {
		r = into(given, config_file, passphrase, ret, error);
		ml_passphrase_free(passphrase);
	}
	free(text);
	return r;
}

static void show(const struct given *given, const struct result *result)
{
	const struct backup_manifest *manifest = &result->manifest;
	char digest[65], created[ML_DATE_TEXT];
	json_t *json;

	sodium_bin2hex(digest, sizeof(digest), result->digest, 32);
	if (given->json) {
		json = json_pack("{s:I, s:I, s:I, s:s, s:I, s:s}", "auditSize",
				 (json_int_t)manifest->audit_size, "created",
				 (json_int_t)manifest->created, "epoch", (json_int_t)manifest->epoch,
				 "file", given->file, "serial", (json_int_t)manifest->serial, "sha256",
				 digest);
		json_dumpf(json, stdout, JSON_COMPACT | JSON_SORT_KEYS);
		json_decref(json);
		putchar('\n');
		return;
	}
	printf("%s: network %s, %s, generation %lld.%lld, %lld audit entries\nsha256 %s\n",
	       given->file, manifest->network, ml_date_format(manifest->created, created),
	       (long long)manifest->epoch, (long long)manifest->serial,
	       (long long)manifest->audit_size, digest);
	if (result->config.certificate[0])
		printf("not in it: %s and its key, which are another's to renew\n",
		       result->config.certificate);
	printf("not in it: keys of roles, and the signer's ledger: keep copies of both (merlon-signer(8))\n");
}

int command_backup(int argc, char **argv)
{
	struct given given = { .config = CONFIG_FILE, .passphrase_fd = -1 };
	struct result result = { .manifest.created = 0 };
	struct ml_error error;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'p': given.passphrase_fd = atoi(optarg); break;
		case 'c': given.config = optarg; break;
		case 'j': given.json = true; break;
		case 'h': return fputs(usage, stdout) < 0 ? 2 : 0;
		default: return command_usage("backup", "wrong options");
		}
	}
	if (optind + 1 != argc || strlen(argv[optind]) > 4000)
		return command_usage("backup", "expected one file");
	given.file = argv[optind];
	if (backup(&given, &result, &error))
		return command_failed(&error);
	show(&given, &result);
	return 0;
}
