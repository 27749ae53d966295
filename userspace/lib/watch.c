// SPDX-License-Identifier: MIT
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LSM_LIST	"/sys/kernel/security/lsm"
#define MODULE_BTF	"/sys/kernel/btf/merlon"

/* --------------------------------------------------------------------- bpf */

static int bpf(int command, union bpf_attr *attributes)
{
	long code = syscall(__NR_bpf, command, attributes, sizeof(*attributes));

	return code < 0 ? -errno : (int)code;
}

static int open_pin(const char *path)
{
	union bpf_attr attributes = { .pathname = (uintptr_t)path, .file_flags = BPF_F_RDONLY };

	return bpf(BPF_OBJ_GET, &attributes);
}

static int check_sizes(int fd, size_t key, size_t value)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attributes = { .info = {
		.bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = (uintptr_t)&info,
	} };
	int code = bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes);

	if (code)
		return code;
	return info.key_size == key && info.value_size == value ? 0 : -EPROTO;
}

/* The map pinned as @path. -ENOENT: there is none. */
static int open_map(const char *path, size_t key, size_t value, struct ml_error *error)
{
	int fd = open_pin(path), code;

	if (fd == -EPERM || fd == -EACCES)
		return ml_error_set(error, -EACCES, "only root can see what merlon-watch does");
	if (fd < 0)
		return ml_error_set(error, fd, fd == -ENOENT ? "merlon-watch is not attached" :
				    "%s: %s", path, strerror(-fd));
	code = check_sizes(fd, key, value);
	if (!code)
		return fd;
	close(fd);
	if (code == -EPROTO)
		return ml_error_set(error, code, "merlon-watch is of another version: "
				    "run 'merlon-watch attach' again");
	return ml_error_set(error, code, "%s: %s", path, strerror(-code));
}

/* ------------------------------------------------------------------- state */

static bool is_cgroup2(const char *path)
{
	struct statfs status;

	return !statfs(path, &status) && status.f_type == CGROUP2_SUPER_MAGIC;
}

const char *ml_watch_cgroups(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (is_cgroup2(places[i]))
			return places[i];
	return "";
}

bool ml_watch_names_bpf(const char *modules)
{
	static const char name[] = "bpf";

	while (*modules) {
		size_t length = strcspn(modules, ",\n");

		if (length == sizeof(name) - 1 && !memcmp(modules, name, length))
			return true;
		modules += length + (modules[length] != '\0');
	}
	return false;
}

static bool has_lsm(void)
{
	FILE *file = fopen(LSM_LIST, "re");
	char text[512] = "";
	bool found;

	if (!file)
		return false;
	found = fgets(text, sizeof(text), file) && ml_watch_names_bpf(text);
	fclose(file);
	return found;
}

static int read_settings(int fd, struct ml_watch_settings *ret)
{
	uint32_t zero = 0;
	union bpf_attr attributes = {
		.map_fd = (uint32_t)fd, .key = (uintptr_t)&zero, .value = (uintptr_t)ret,
	};

	return bpf(BPF_MAP_LOOKUP_ELEM, &attributes);
}

int ml_watch_get(struct ml_watch *ret, struct ml_error *error)
{
	int fd = open_map(ML_WATCH_ROOT "/settings", sizeof(uint32_t),
			  sizeof(struct ml_watch_settings), error), code;
	struct ml_watch watch = {
		.may_ask = !access(MODULE_BTF, F_OK),
		.has_cgroups = *ml_watch_cgroups() != '\0',
		.has_lsm = has_lsm(),
	};

	if (fd < 0 && fd != -ENOENT)
		return fd;
	if (fd >= 0) {
		code = read_settings(fd, &watch.settings);
		close(fd);
		if (code)
			return ml_error_set(error, code, "merlon-watch: %s", strerror(-code));
		watch.attached = true;
	}
	*ret = watch;
	return 0;
}

size_t ml_watch_lacks(const struct ml_watch *watch, const char *ret[static ML_WATCH_LACKS])
{
	bool refuses = watch->attached ? watch->settings.refuses : watch->may_ask;
	bool holds = watch->attached ? watch->settings.holds_xdp : watch->has_lsm;
	size_t count = 0;

	if (!watch->has_cgroups)
		ret[count++] = "no unified control groups here: callers are not noted";
	if (!refuses)
		ret[count++] = "the kernel or the module has no BTF of modules: calls are noted, "
			       "not refused";
	if (!holds)
		ret[count++] = "BPF is no security module of this kernel (lsm=): AF_XDP is not "
			       "refused";
	return count;
}

int ml_watch_netns(uint64_t *ret, struct ml_error *error)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;
	socklen_t length = sizeof(*ret);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &length))
		code = ml_error_set(error, -errno, "which network namespace this is: %s",
				    strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

/* -------------------------------------------------------------------- rows */

struct batch {
	struct ml_leak_key keys[ML_WATCH_LEAKS];
	struct ml_leak leaks[ML_WATCH_LEAKS];
	uint32_t count;
};

/* One batch is all of it: a map holds no more. -ENOENT says that it has ended. */
static int read_batch(int fd, struct batch *ret)
{
	uint32_t next = 0;
	union bpf_attr attributes = { .batch = {
		.out_batch = (uintptr_t)&next,
		.keys = (uintptr_t)ret->keys, .values = (uintptr_t)ret->leaks,
		.count = ML_WATCH_LEAKS, .map_fd = (uint32_t)fd,
	} };
	int code = bpf(BPF_MAP_LOOKUP_BATCH, &attributes);

	ret->count = attributes.batch.count;
	return code == -ENOENT ? 0 : code;
}

static int compare(const void *a, const void *b)
{
	return memcmp(&((const struct ml_watch_row *)a)->key,
		      &((const struct ml_watch_row *)b)->key, sizeof(struct ml_leak_key));
}

static size_t choose(const struct batch *batch, uint64_t netns, struct ml_watch_row *ret)
{
	size_t count = 0;

	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->keys[i].netns == netns)
			ret[count++] = (struct ml_watch_row) { batch->keys[i], batch->leaks[i] };
	qsort(ret, count, sizeof(*ret), compare);
	return count;
}

int ml_watch_rows(uint64_t netns, struct ml_watch_row **ret, size_t *ret_count,
		  struct ml_error *error)
{
	int fd = open_map(ML_WATCH_ROOT "/leaks", sizeof(struct ml_leak_key),
			  sizeof(struct ml_leak), error), code = -ENOMEM;
	struct ml_watch_row *rows;
	struct batch *batch;

	if (fd < 0)
		return fd;
	batch = malloc(sizeof(*batch));
	if (batch)
		code = read_batch(fd, batch);
	close(fd);
	rows = code ? NULL : calloc(batch->count + 1, sizeof(*rows));
	if (!code && !rows)
		code = -ENOMEM;
	if (!code) {
		*ret_count = choose(batch, netns, rows);
		*ret = rows;
	}
	free(batch);
	return code ? ml_error_set(error, code, "what merlon-watch has seen: %s",
				   strerror(-code)) : 0;
}

const struct ml_watch_row *ml_watch_find(const struct ml_watch_row *rows, size_t count,
					 const struct ml_leak_key *key)
{
	struct ml_watch_row wanted = { .key = *key };

	return count ? bsearch(&wanted, rows, count, sizeof(*rows), compare) : NULL;
}
