// SPDX-License-Identifier: MIT
/*
 * The audit log for those who check it: the checkpoint and the tiles as they lie on
 * disk (C2SP tlog-tiles), and entries from the store, which may be ahead of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit_entry.h"
#include "config.h"
#include "routes.h"
#include "server.h"

#define ENTRIES_COUNT	1000
#define ENTRIES_BYTES	(1u << 20)	/* of one answer, about */
#define FILE_BYTES	(256u * (ML_AUDIT_LEAF_MAX + 2))	/* a bundle of entries */

/* ---------------------------------------------------------------------- files */

/* "tile/0/x001/234.p/56": nothing that leads out, or to what is none of the log's. */
static bool is_tile(const char *name)
{
	return strlen(name) < 200 && strspn(name, "0123456789x/.pentris") == strlen(name) &&
	       !strstr(name, "..") && !strstr(name, "//") && name[0] != '/';
}

static int beneath(const char *directory, const char *name)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						 RESOLVE_NO_MAGICLINKS };
	int base = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (base < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, base, name, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(base);
	return fd;
}

static int read_whole(int fd, uint8_t **ret, size_t *ret_length)
{
	struct stat status;
	uint8_t *bytes;
	ssize_t part;
	size_t done = 0;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return -ENOENT;
	if (status.st_size > (off_t)FILE_BYTES)
		return -EFBIG;
	bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	while (done < (size_t)status.st_size) {
		part = read(fd, bytes + done, (size_t)status.st_size - done);
		if (part < 0 && errno == EINTR)
			continue;
		if (part <= 0)
			break;
		done += (size_t)part;
	}
	*ret = bytes;
	*ret_length = done;
	return 0;
}

static void file_answer(struct call *call, const char *name, const char *type)
{
	struct ml_error error = { .text = "there is no such part of the audit log" };
	char directory[CONFIG_PATH];
	uint8_t *bytes = NULL;
	size_t length = 0;
	int fd, r;

	config_path(server_config(call->server), "audit", directory);
	fd = beneath(directory, name);
	r = fd < 0 ? fd : read_whole(fd, &bytes, &length);
	if (fd >= 0)
		close(fd);
	if (!r) {
		call_answer_bytes(call, type, bytes, length);
		return;
	}
	if (r != -ENOENT && r != -ENOTDIR && r != -EXDEV && r != -ELOOP)
		ml_error_set(&error, r, "%s/%s: %s", directory, name, strerror(-r));
	else
		r = -ENOENT;
	call_fail(call, r, &error);
}

static void checkpoint_get(struct call *call)
{
	file_answer(call, "checkpoint", "text/plain; charset=utf-8");
}

static void tile_get(struct call *call)
{
	char name[256];

	if (!is_tile(call->parameters[0])) {
		call_refuse(call, CALL_NOT_FOUND, "there is no such part of the audit log");
		return;
	}
	snprintf(name, sizeof(name), "tile/%s", call->parameters[0]);
	file_answer(call, name, "application/octet-stream");
}

/* -------------------------------------------------------------------- entries */

struct entries {
	json_t *list;
	size_t bytes;
};

static int entry_add(void *arg, uint64_t index, struct ml_bytes leaf)
{
	struct entries *entries = arg;
	json_t *entry;

	if (entries->bytes && entries->bytes + leaf.length > ENTRIES_BYTES)
		return 1;
	entries->bytes += leaf.length;
	entry = json_pack("{s:I, s:o}", "index", (json_int_t)index, "entry",
			  json_loadb((const char *)leaf.data, leaf.length, 0, NULL));
	return json_array_append_new(entries->list, entry) ? -ENOMEM : 0;
}

static int entries_read(struct call *call, struct entries *entries, uint64_t *ret_size,
			struct ml_error *error)
{
	int64_t from = 0, count = ENTRIES_COUNT;
	uint64_t sequenced;
	int r = 0;

	if (call_query(call, "from"))
		r = call_query_number(call, "from", INT64_MAX, &from, error);
	if (!r && call_query(call, "count"))
		r = call_query_number(call, "count", ENTRIES_COUNT, &count, error);
	if (!r)
		r = store_audit_size(call->store, ret_size, &sequenced, error);
	if (!r)
		r = store_audit_read(call->store, (uint64_t)from, (uint64_t)count, entry_add,
				     entries, error);
	return r < 0 ? r : 0;
}

static void entries_get(struct call *call)
{
	struct ml_error error = { .text = "out of memory" };
	struct entries entries = { json_array(), 0 };
	uint64_t size = 0;
	int r;

	r = entries_read(call, &entries, &size, &error);
	if (!r) {
		call_answer(call, 200, json_pack("{s:o, s:I}", "entries", entries.list, "size",
						 (json_int_t)size));
		return;
	}
	json_decref(entries.list);
	call_fail(call, r, &error);
}

static const struct route routes[] = {
	{ "GET", "/v1/audit/checkpoint", ROUTE_PERSON, STORE_AUDITOR, .handle = checkpoint_get },
	{ "GET", "/v1/audit/tile/{*}", ROUTE_PERSON, STORE_AUDITOR, .handle = tile_get },
	{ "GET", "/v1/audit/entries", ROUTE_PERSON, STORE_AUDITOR, .handle = entries_get },
};

const struct route_table route_audit = { routes, sizeof(routes) / sizeof(routes[0]) };
