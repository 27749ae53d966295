// SPDX-License-Identifier: MIT
/* The first root document: brought, or made with the keys of all roles. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "date.h"
#include "document.h"
#include "file.h"
#include "init.h"
#include "passphrase.h"

static int brought(struct init *init, uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	struct ml_bytes envelope;
	struct ml_root root;
	uint8_t *file;
	int r = ml_file_read(init->root, ML_DOCUMENT_MAX_BYTES, &file, &envelope.length, error);

	if (r)
		return r;
	envelope.data = file;
	r = ml_root_peek(envelope, &root, error);
	if (!r)
		r = ml_root_first(envelope, root.digest, &init->first, error);
	if (!r && strcmp(init->first.network, init->config.network) != 0)
		r = ml_error_set(error, -EXDEV, "%s is of network \"%s\"", init->root,
				 init->first.network);
	if (r) {
		free(file);
		return r;
	}
	*ret = file;
	*ret_length = envelope.length;
	return 0;
}

/* ------------------------------------------------------------------- made here */

struct keys {
	struct ml_secret_key *of[__ML_ROLE_MAX];
	char *passphrase;
};

static void keys_free(struct keys *keys)
{
	for (int role = 0; role < __ML_ROLE_MAX; role++)
		ml_secret_key_free(keys->of[role]);
	ml_passphrase_free(keys->passphrase);
}

static int passphrase_get(int fd, char **ret, struct ml_error *error)
{
	int r = ml_passphrase_given(fd, COMMAND_CREDENTIAL, ret, error);

	if (r == -ENOENT)
		r = ml_passphrase_ask_new("Passphrase for the keys of this network: ", "Again: ",
					  ret, error);
	if (r != -ENXIO)
		return r;
	return ml_error_set(error, r, "there is no terminal to ask for the keys' passphrase: say --passphrase-fd, or --no-passphrase");
}

/* The signer works all day, where nobody is who could be asked for a passphrase. */
static int key_make(const struct init *init, struct keys *keys, enum ml_role role,
		    struct ml_root *root, struct ml_error *error)
{
	char path[CONFIG_PATH];
	int r = ml_secret_key_generate(&keys->of[role], error);

	if (r)
		return r;
	ml_secret_key_public(keys->of[role], &root->roles[role].keys[0]);
	root->roles[role].count = root->roles[role].threshold = 1;
	snprintf(path, sizeof(path), "%s/%s.key", init->keys, ml_role_name(role));
	return ml_secret_key_write(path, keys->of[role],
				   role == ML_ROLE_SIGNING ? NULL : keys->passphrase, error);
}

static int keys_make(const struct init *init, struct keys *keys, struct ml_root *root,
		     struct ml_error *error)
{
	int r = 0;

	if (mkdir(init->keys, 0700) && errno != EEXIST)
		return ml_error_set(error, -errno, "cannot make the directory '%s': %s", init->keys,
				    strerror(errno));
	if (!init->unsealed)
		r = passphrase_get(init->passphrase_fd, &keys->passphrase, error);
	for (int role = 0; role < __ML_ROLE_MAX && !r; role++)
		r = key_make(init, keys, (enum ml_role)role, root, error);
	return r;
}

static int made(struct init *init, uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	struct ml_root root = { .version = 1, .epoch = 1,
				.expires = ml_date_now() + INIT_ROOT_DAYS * INT64_C(86400) };
	struct keys keys = { .passphrase = NULL };
	struct ml_bytes draft = { NULL, 0 };
	uint8_t *bytes = NULL;
	int r = keys_make(init, &keys, &root, error);

	snprintf(root.network, sizeof(root.network), "%s", init->config.network);
	if (!r)
		r = ml_root_draft(NULL, &root, &bytes, &draft.length, error);
	draft.data = bytes;
	if (!r)
		r = ml_root_sign(NULL, draft, keys.of[ML_ROLE_ROOT], ret, ret_length, error);
	if (!r)
		r = ml_root_peek((struct ml_bytes){ *ret, *ret_length }, &init->first, error);
	free(bytes);
	keys_free(&keys);
	return r;
}

int init_root(struct init *init, uint8_t **ret, size_t *ret_length, struct ml_error *error)
{
	return init->root ? brought(init, ret, ret_length, error) :
		made(init, ret, ret_length, error);
}
