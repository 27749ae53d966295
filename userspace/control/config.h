/* SPDX-License-Identifier: MIT */
/* The server's configuration: /etc/merlon/control.json, written by `init`. */
#ifndef MERLON_CONTROL_CONFIG_H
#define MERLON_CONTROL_CONFIG_H

#include <stdbool.h>

#include "audit.h"
#include "bundle.h"
#include "error.h"
#include "key_string.h"
#include "note.h"
#include "store.h"

#define CONFIG_FILE	"/etc/merlon/control.json"
#define CONFIG_DIRECTORY "/var/lib/merlon-control"
#define CONFIG_ADMIN	"/run/merlon-control/admin.sock"
#define CONFIG_SIGNER	"/run/merlon-signer/signer.sock"
#define CONFIG_USER	"merlon-control"
#define CONFIG_LISTEN	8
#define CONFIG_PATH	1024

struct config {
	char network[ML_NAME_MAX + 1];
	char url[ML_URL_MAX + 1];	/* that key strings name */
	char host[ML_URL_MAX + 1];	/* of it, without brackets */
	char listen[CONFIG_LISTEN][64];	/* "[::]:443" */
	size_t listen_count;
	char directory[CONFIG_PATH];	/* of state */
	char admin_socket[104], signer_socket[104];
	char store[CONFIG_PATH];	/* "sqlite" (in the directory), or "postgres:…" as libpq has it */
	char certificate[CONFIG_PATH], key[CONFIG_PATH];	/* an outside one; "": the authority's */
	enum audit_addresses addresses;
	int audit_days;			/* to keep entries of the audit log; 0: for ever */
	char syslog[104];		/* a unix stream socket for a copy of it; "": none */
	bool hosted;			/* the keys of all roles were made here */
};

/* -EBADMSG: not strict JSON with exactly its keys; or the errno of reading. */
int config_read(const char *path, struct config *ret, struct ml_error *error);
/* The same, of what is not in its file yet. */
int config_read_text(const void *text, size_t length, struct config *ret, struct ml_error *error);
/* Never overwrites: -EEXIST. */
int config_write(const char *path, const struct config *config, struct ml_error *error);
/* The host of a URL that ml_url_valid() takes, without brackets. */
void config_host(const char *url, char ret[static ML_URL_MAX + 1]);
/* "NAME" in the state directory. */
void config_path(const struct config *config, const char *name, char ret[static CONFIG_PATH]);
/* The name of the audit log, with its public key: "merlon/NETWORK/audit". */
int config_audit_key(const struct config *config, const struct ml_public_key *public,
		     struct ml_note_key *ret, struct ml_error *error);
/* @target: room for the path; both live as long as @ret. */
void config_store(const struct config *config, char target[static CONFIG_PATH],
		  struct store_config *ret);

#endif
