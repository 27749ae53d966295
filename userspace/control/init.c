// SPDX-License-Identifier: MIT
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "audit.h"
#include "authority.h"
#include "file.h"
#include "keys.h"
#include "owner.h"
#include "store.h"

/* ------------------------------------------------------------- the server's own */

/* By which anybody can verify the log: `merlon audit verify --key FILE`. */
static int audit_publish(const struct init *init, const struct ml_secret_key *key,
			 struct ml_error *error)
{
	char path[CONFIG_PATH], text[ML_NOTE_KEY_TEXT + 1];
	struct ml_public_key public;
	struct ml_note_key name;
	int r;

	ml_secret_key_public(key, &public);
	r = config_audit_key(&init->config, &public, &name, error);
	if (r)
		return r;
	ml_note_key_format(&name, text);
	strcat(text, "\n");
	config_path(&init->config, "audit.pub", path);
	return ml_file_write_new(path, text, strlen(text), 0644, error);
}

static int audit_make(const struct init *init, struct ml_error *error)
{
	struct ml_secret_key *key;
	char path[CONFIG_PATH];
	int r = ml_secret_key_generate(&key, error);

	if (r)
		return r;
	config_path(&init->config, "audit.key", path);
	r = ml_secret_key_write(path, key, NULL, error);
	if (!r)
		r = audit_publish(init, key, error);
	ml_secret_key_free(key);
	config_path(&init->config, "audit", path);
	if (!r && mkdir(path, 0700) && errno != EEXIST)
		r = ml_error_set(error, -errno, "cannot make the directory '%s': %s", path,
				 strerror(errno));
	return r;
}

static int root_leaf(const struct init *init, struct ml_bytes *ret, struct ml_error *error)
{
	static const struct audit_form form = { .addresses = AUDIT_ADDRESS_WHOLE };
	char actor[32];
	const struct audit_event event = {
		.type = AUDIT_ROOT_CHANGE, .time = (int64_t)time(NULL) * 1000000, .actor = actor,
		.reason = "a new network",
		.details = { .root = init->first.digest, .network = init->config.network,
			     .epoch = (int64_t)init->first.epoch } };
	uint8_t *bytes;
	int r;

	snprintf(actor, sizeof(actor), "uid:%u", getuid());
	r = audit_leaf(&form, &event, &bytes, &ret->length, error);
	if (!r)
		ret->data = bytes;
	return r;
}

static int root_keep(const struct init *init, const struct store_config *where,
		     struct ml_bytes envelope, struct ml_error *error)
{
	struct ml_bytes leaf;
	struct store *store;
	int r = store_open(where, init->config.network, &store, error);

	if (r)
		return r;
	r = root_leaf(init, &leaf, error);
	if (!r) {
		r = store_root_add(store, init->first.version, envelope, time(NULL), leaf, error);
		free((void *)(uintptr_t)leaf.data);
	}
	store_close(store);
	return r;
}

static int server_make(const struct init *init, struct ml_bytes envelope, struct ml_error *error)
{
	char target[CONFIG_PATH];
	struct store_config where;
	int r = authority_create(init->config.directory, init->config.network, init->config.host,
				 error);

	if (!r)
		r = audit_make(init, error);
	config_store(&init->config, target, &where);
	if (!r)
		r = store_create(&where, init->config.network, time(NULL), error);
	return r ? r : root_keep(init, &where, envelope, error);
}

/* -------------------------------------------------------------------- the ledger */

/* The signer alone writes its ledger: it is told to begin one, check it, and end. */
static int signer_run(const struct init *init, const char *digest, const char *key,
		      struct ml_error *error)
{
	const char *const arguments[] = {
		init->signer_program, "--check", "--network", init->config.network, "--root-digest",
		digest, "--key", key, "--state-dir", init->signer_directory, "--user",
		init->signer_user, "--server-user", init->user, NULL };
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t quiet;
	int status = 0, r;
	pid_t child;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(&child, init->signer_program, &quiet, NULL, (char *const *)(uintptr_t)arguments,
			environment);
	posix_spawn_file_actions_destroy(&quiet);
	if (r)
		return ml_error_set(error, -r, "cannot run %s: %s", init->signer_program, strerror(r));
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return ml_error_set(error, -ECANCELED, "%s did not begin its ledger in %s",
			    init->signer_program, init->signer_directory);
}

static int ledger_make(const struct init *init, struct ml_error *error)
{
	char digest[65], key[CONFIG_PATH];
	uid_t uid;
	gid_t gid;
	int r = owner_find(init->signer_user, &uid, &gid, error);

	if (!r)
		r = owner_directory(init->signer_directory, uid, gid, error);
	if (r)
		return r;
	sodium_bin2hex(digest, sizeof(digest), init->first.digest, 32);
	snprintf(key, sizeof(key), "%s/signing.key", init->keys);
	return signer_run(init, digest, key, error);
}

/* --------------------------------------------------------------------- whole */

static int parts_make(const struct init *init, struct ml_bytes envelope, struct ml_error *error)
{
	uid_t uid;
	gid_t gid;
	int r = owner_find(init->user, &uid, &gid, error), back;

	if (!r)
		r = owner_directory(init->config.directory, uid, gid, error);
	if (!r)
		r = owner_become(uid, gid, error);
	if (r)
		return r;
	r = server_make(init, envelope, error);
	back = owner_become(getuid(), getgid(), error);
	if (!r)
		r = back;
	return r || init->root ? r : ledger_make(init, error);
}

int init_network(struct init *init, struct ml_error *error)
{
	struct ml_bytes envelope;
	uint8_t *bytes;
	int r;

	if (!access(init->file, F_OK))
		return ml_error_set(error, -EEXIST, "'%s' is there: this machine serves a network already",
				    init->file);
	r = init_root(init, &bytes, &envelope.length, error);
	if (r)
		return r;
	envelope.data = bytes;
	r = parts_make(init, envelope, error);
	free(bytes);
	return r ? r : config_write(init->file, &init->config, error);
}
