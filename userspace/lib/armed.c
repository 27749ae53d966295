// SPDX-License-Identifier: MIT
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "kernel.h"

#define TEXT 128

static void format(enum merlon_scope scope, enum merlon_mode mode, char ret[static TEXT])
{
	snprintf(ret, TEXT, "{\"mode\":\"%s\",\"scope\":\"%s\"}\n", ml_mode_name(mode),
		 ml_scope_name(scope));
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int code = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(parent);
	return code;
}

static int forget(const char *path, struct ml_error *error)
{
	int code = unlink(path) ? -errno : sync_parent(path);

	if (!code || code == -ENOENT)
		return 0;
	return ml_error_set(error, code, "cannot remove '%s': %s", path, strerror(-code));
}

int ml_armed_write(const char *path, enum merlon_scope scope, enum merlon_mode mode,
		   struct ml_error *error)
{
	char text[TEXT];

	if (scope == MERLON_SCOPE_UNSPEC)
		return forget(path, error);
	format(scope, mode, text);
	return ml_file_write_atomic(path, text, strlen(text), 0600, error);
}

/* The file has four contents; another one is nobody's work, and not guessed at. */
static int parse(const char *path, const char *text, enum merlon_scope *ret_scope,
		 enum merlon_mode *ret_mode, struct ml_error *error)
{
	char known[TEXT];
	unsigned int scope, mode;

	for (scope = 1; scope <= MERLON_SCOPE_MAX; scope++) {
		for (mode = 1; mode <= MERLON_MODE_MAX; mode++) {
			format(scope, mode, known);
			if (strcmp(text, known))
				continue;
			*ret_scope = scope;
			*ret_mode = mode;
			return 0;
		}
	}
	return ml_error_set(error, -EBADMSG, "'%s' does not say what is armed: remove it, and "
			    "arm anew", path);
}

int ml_armed_read(const char *path, enum merlon_scope *ret_scope,
		  enum merlon_mode *ret_mode, struct ml_error *error)
{
	uint8_t *text;
	size_t length;
	int code = ml_file_read(path, TEXT, &text, &length, error);

	if (code == -ENOENT) {
		*ret_scope = MERLON_SCOPE_UNSPEC;
		*ret_mode = MERLON_MODE_UNSPEC;
		return 0;
	}
	if (code)
		return code;
	code = parse(path, (const char *)text, ret_scope, ret_mode, error);
	free(text);
	return code;
}
