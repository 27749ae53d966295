// SPDX-License-Identifier: MIT
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "date.h"
#include "file.h"
#include "owner.h"
#include "passphrase.h"

/* ---------------------------------------------------------------------- asking */

int restore_ask(const char *question, const char *instead, struct ml_error *error)
{
	char answer[16] = "";
	FILE *terminal;

	terminal = fopen("/dev/tty", "r+e");
	if (!terminal)
		return ml_error_set(error, -ENXIO, "%s There is no terminal to ask at: say %s", question, instead);
	fprintf(terminal, "%s Type yes to go on: ", question);
	fflush(terminal);
	if (!fgets(answer, sizeof(answer), terminal))
		answer[0] = '\0';
	fclose(terminal);
	if (strcmp(answer, "yes\n") != 0)
		return ml_error_set(error, -ECANCELED, "nothing was changed");
	return 0;
}

/* --------------------------------------------------------------- who made it? */

static int key_load(const char *path, struct ml_note_key *ret, struct ml_error *error)
{
	uint8_t *text;
	size_t length;
	int r = ml_file_read(path, 4096, &text, &length, error);

	if (r)
		return r;
	text[strcspn((char *)text, "\n")] = '\0';
	r = ml_note_key_parse((char *)text, ret, error);
	free(text);
	return r;
}

static int key_compare(const struct restore *restore, const char *path, struct ml_error *error)
{
	struct ml_note_key want;
	int r = key_load(path, &want, error);

	if (r)
		return r;
	if (strcmp(want.name, restore->key.name) != 0 ||
	    memcmp(want.public.key, restore->key.public.key, sizeof(want.public.key)) != 0)
		return ml_error_set(error, -EKEYREJECTED, "backup: it was signed by another server than the one whose key is in %s",
				    path);
	return 0;
}

/* Who knows the passphrase could have made it: so the key is known from elsewhere, or shown. */
static int key_trust(const struct restore *restore, struct ml_error *error)
{
	char path[CONFIG_PATH], text[ML_NOTE_KEY_TEXT + 1];

	if (restore->key_file)
		return key_compare(restore, restore->key_file, error);
	if (restore->has_state) {
		config_path(&restore->config, "audit.pub", path);
		return key_compare(restore, path, error);
	}
	ml_note_key_format(&restore->key, text);
	fprintf(stderr, "Signed by %s: compare with a copy of audit.pub, or say --key.\n", text);
	return restore_ask("Is that this network's server?", "--key", error);
}

/* ---------------------------------------------------------------------- opening */

static int config_find(struct restore *restore, struct ml_error *error)
{
	int r = config_read(restore->config_file, &restore->config, error);

	restore->has_config = !r;
	return r == -ENOENT ? 0 : r;
}

static int network_check(const struct restore *restore, struct ml_error *error)
{
	if (restore->has_config && strcmp(restore->head.network, restore->config.network) != 0)
		return ml_error_set(error, -EXDEV, "backup: it is of network \"%s\", and %s is of \"%s\"",
				    restore->head.network, restore->config_file,
				    restore->config.network);
	return 0;
}

static int unlock(struct restore *restore, struct ml_error *error)
{
	char *passphrase;
	int r = backup_passphrase(restore->passphrase_fd, false, &passphrase, error);

	if (r)
		return r;
	r = backup_in_unlock(restore->in, passphrase, error);
	ml_passphrase_free(passphrase);
	return r;
}

static int config_take(struct restore *restore, struct ml_error *error)
{
	struct config config;
	int r = config_read_text(restore->config_text, restore->config_length, &config, error);

	if (!r && strcmp(config.network, restore->manifest.network) != 0)
		r = ml_error_set(error, -EXDEV, "backup: its configuration is of network \"%s\"",
				 config.network);
	if (!r && !restore->has_config)
		restore->config = config;
	return r;
}

/* A directory with a key in it is a server's; an empty one is a place for one. */
static void state_find(struct restore *restore)
{
	char path[CONFIG_PATH];

	config_path(&restore->config, "audit.pub", path);
	restore->has_state = !access(path, F_OK);
}

int restore_open(struct restore *restore, struct ml_error *error)
{
	int r;

	restore->fd = restore->lock.fd = -1;
	r = ml_file_open(restore->file, ML_FILE_ANY, &restore->fd, error);
	if (!r)
		r = config_find(restore, error);
	if (!r)
		r = backup_in_new(restore->fd, &restore->in, &restore->head, error);
	if (!r)
		r = network_check(restore, error);
	if (!r)
		r = unlock(restore, error);
	if (!r)
		r = restore_verify(restore, error);
	if (!r)
		r = config_take(restore, error);
	if (r)
		return r;
	state_find(restore);
	return key_trust(restore, error);
}

void restore_clean(struct restore *restore)
{
	if (restore->lock.fd >= 0)
		audit_files_close(&restore->lock);
	backup_in_free(restore->in);
	if (restore->fd >= 0)
		close(restore->fd);
	free(restore->config_text);
}

/* ------------------------------------------------------------- the other directory */

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	return at->level ? remove(path) : 0;
}

/* Its content as its owner, who could have put anything there; then itself. */
static int staged_remove(const struct restore *restore, struct ml_error *error)
{
	const char *path = restore->staged.directory;
	int r;

	if (access(path, F_OK))
		return 0;
	r = owner_become(restore->uid, restore->gid, error);
	if (!r && nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS))
		r = ml_error_set(error, -errno, "cannot remove what is in '%s': %s", path, strerror(errno));
	if (owner_become(getuid(), getgid(), error) || r)
		return error->code;
	return rmdir(path) ? ml_error_set(error, -errno, "cannot remove '%s': %s", path,
					  strerror(errno)) : 0;
}

static int lock_take(struct restore *restore, struct ml_error *error)
{
	static char path[CONFIG_PATH];
	int r;

	config_path(&restore->config, "audit", path);
	if (!restore->has_state || access(path, F_OK))
		return 0;
	r = audit_files_open(path, &restore->lock, error);
	if (r)
		restore->lock.fd = -1;
	return r == -EBUSY ? ml_error_set(error, r, "the server runs: stop it first (systemctl stop merlon-control)") : r;
}

static int staged_make(struct restore *restore, struct ml_error *error)
{
	int r;

	restore->staged = restore->config;
	if (snprintf(restore->staged.directory, sizeof(restore->staged.directory), "%.900s.restore",
		     restore->config.directory) > 900)
		return ml_error_set(error, -ENAMETOOLONG, "the name of the directory is too long");
	r = owner_find(restore->user, &restore->uid, &restore->gid, error);
	if (!r)
		r = lock_take(restore, error);
	if (!r)
		r = staged_remove(restore, error);
	return r ? r : owner_directory(restore->staged.directory, restore->uid, restore->gid, error);
}

/* ------------------------------------------------------------------------ making */

static int store_get(const struct config *config, struct store **ret, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;

	config_store(config, target, &where);
	return store_open(&where, config->network, ret, error);
}

/* NULL: there is none, or none that can be read; then only the signer knows what was. */
static struct store *store_before(const struct restore *restore)
{
	struct store *store = NULL;
	struct ml_error error;

	if (restore->has_state && store_get(&restore->config, &store, &error))
		fprintf(stderr, "The store that is there cannot be read: %s\n", error.text);
	return store;
}

static int judged(struct restore *restore, struct store *then, struct store *now,
		  struct ml_error *error)
{
	bool any;
	int r = restore_loss(restore, then, now, &any, error);

	if (!r && (any || restore->has_state) && !restore->force)
		r = restore_ask("The server goes back to the backup.", "--force", error);
	return r ? r : restore_audit(restore, then, now, error);
}

/* In PostgreSQL there is one store, which is empty before: nothing is to be compared. */
static int make(struct restore *restore, struct ml_error *error)
{
	bool file = !strcmp(restore->config.store, "sqlite");
	struct store *then = NULL, *now;
	int r = restore_write(restore, error);

	if (!r)
		r = store_get(&restore->staged, &then, error);
	if (r)
		return r;
	now = file ? store_before(restore) : NULL;
	r = judged(restore, then, now, error);
	store_close(now);
	store_close(then);
	return r;
}

static int make_as_owner(struct restore *restore, struct ml_error *error)
{
	struct ml_error back;
	int r = owner_become(restore->uid, restore->gid, error);

	if (r)
		return r;
	r = make(restore, error);
	if (owner_become(getuid(), getgid(), &back))
		return ml_error_set(error, back.code, "%s", back.text);
	return r;
}

/* ------------------------------------------------------------------- into place */

static int failed(const char *path, struct ml_error *error)
{
	return ml_error_set(error, -errno, "cannot put '%s' into its place: %s", path,
			    strerror(errno));
}

/* So that a power failure does not bring back what was there. */
static int place_sync(const char *place, struct ml_error *error)
{
	char copy[CONFIG_PATH];
	int fd, r = 0;

	snprintf(copy, sizeof(copy), "%s", place);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		r = failed(place, error);
	if (fd >= 0)
		close(fd);
	return r;
}

/*
 * In one step: at no moment is there half a server. ORDER: what is made has the name first
 * that what was there is to have then: it must not lie where the next restore makes room.
 */
static int exchange(const struct restore *restore, char ret_before[static CONFIG_PATH],
		    struct ml_error *error)
{
	const char *made = restore->staged.directory, *place = restore->config.directory;
	int r;

	ret_before[0] = '\0';
	if (access(place, F_OK))
		return rename(made, place) ? failed(place, error) : place_sync(place, error);
	snprintf(ret_before, CONFIG_PATH, "%.900s.before-%lld", place, (long long)ml_date_now());
	if (rename(made, ret_before))
		return failed(ret_before, error);
	if (renameat2(AT_FDCWD, ret_before, AT_FDCWD, place, RENAME_EXCHANGE)) {
		r = failed(place, error);
		rename(ret_before, made);
		return r;
	}
	if (!rmdir(ret_before))
		ret_before[0] = '\0';
	return place_sync(place, error);
}

static int config_put(const struct restore *restore, struct ml_error *error)
{
	if (restore->has_config)
		return 0;
	return ml_file_write_new(restore->config_file, restore->config_text,
				 restore->config_length, 0644, error);
}

int restore_run(struct restore *restore, char ret_before[static CONFIG_PATH],
		struct ml_error *error)
{
	struct ml_error ignored;
	int r = staged_make(restore, error);

	if (r)
		return r;
	r = make_as_owner(restore, error);
	if (r) {
		staged_remove(restore, &ignored);
		return r;
	}
	sync();
	r = exchange(restore, ret_before, error);
	return r ? r : config_put(restore, error);
}
