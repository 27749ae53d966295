// SPDX-License-Identifier: MIT
#include "watch_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pins.h"
#include "watch.h"
#include "watch.skel.h"

#define NEW		"new-"	/* of a watch that does not stand yet */
#define NAME_BYTES	32

/* ------------------------------------------------------------------- load */

static int check_module(struct ml_error *error)
{
	if (!access("/sys/module/merlon", F_OK))
		return 0;
	return ml_error_set(error, -ENOENT, "merlon.ko is not loaded, there is nothing to watch: "
			    "run 'modprobe merlon'");
}

static int choose(struct watch *watch, struct ml_error *error)
{
	struct ml_watch_settings *settings = &watch->rodata->settings;
	struct ml_watch here;
	uint64_t netns;
	int code = ml_watch_get(&here, error);

	if (code && code != -EPROTO)
		return code;
	code = ml_watch_netns(&netns, error);
	if (code)
		return code;
	settings->netns = netns;
	settings->refuses = here.may_ask;
	settings->holds_xdp = here.has_lsm;
	bpf_program__set_autoload(watch->progs.ask_connect4, here.may_ask);
	bpf_program__set_autoload(watch->progs.ask_connect6, here.may_ask);
	bpf_program__set_autoload(watch->progs.note_connect4, !here.may_ask);
	bpf_program__set_autoload(watch->progs.note_connect6, !here.may_ask);
	bpf_program__set_autoload(watch->progs.refuse_xdp, here.has_lsm);
	return 0;
}

static int load(struct watch **ret, struct ml_error *error)
{
	struct watch *watch = watch__open();
	int code;

	if (!watch)
		return ml_error_set(error, -errno, "the programs do not open: %s",
				    strerror(errno));
	code = choose(watch, error);
	if (!code) {
		code = watch__load(watch);
		if (code)
			ml_error_set(error, code, "this kernel does not take the programs: %s",
				     strerror(-code));
	}
	if (code)
		watch__destroy(watch);
	else
		*ret = watch;
	return code;
}

/* ------------------------------------------------------------------- links */

static int open_cgroup(const char *path, struct ml_error *error)
{
	struct statfs status;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return ml_error_set(error, -errno, "%s: %s", path, strerror(errno));
	if (!fstatfs(fd, &status) && status.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	close(fd);
	return ml_error_set(error, -ENOENT, "%s is no control group of the unified hierarchy", path);
}

static bool is_of_cgroup(const struct bpf_program *program)
{
	enum bpf_prog_type type = bpf_program__type(program);

	return type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR || type == BPF_PROG_TYPE_CGROUP_SOCK;
}

/* Pinned under its own name with NEW before it, it outlives the file descriptor. */
static int attach_one(const struct bpf_program *program, int cgroup, struct ml_error *error)
{
	const char *name = bpf_program__name(program);
	char pin[NAME_BYTES];
	struct bpf_link *link;
	int code;

	link = is_of_cgroup(program) ? bpf_program__attach_cgroup(program, cgroup) :
				       bpf_program__attach(program);
	if (!link)
		return ml_error_set(error, -errno, "%s cannot be attached: %s", name,
				    strerror(errno));
	snprintf(pin, sizeof(pin), NEW "%s", name);
	code = pins_put(ML_WATCH_ROOT, pin, bpf_link__fd(link), error);
	bpf_link__destroy(link);
	return code;
}

static int attach_all(const struct watch *watch, int cgroup, struct ml_error *error)
{
	struct bpf_program *program = NULL;
	int code = 0;

	bpf_object__for_each_program(program, watch->obj) {
		if (!bpf_program__autoload(program))
			continue;
		code = attach_one(program, cgroup, error);
		if (code)
			break;
	}
	return code;
}

static int pin_maps(const struct watch *watch, struct ml_error *error)
{
	int code = pins_put(ML_WATCH_ROOT, NEW "settings", bpf_map__fd(watch->maps.rodata), error);

	if (!code)
		code = pins_put(ML_WATCH_ROOT, NEW "leaks", bpf_map__fd(watch->maps.leaks), error);
	if (!code)
		code = pins_put(ML_WATCH_ROOT, NEW "callers", bpf_map__fd(watch->maps.callers),
				error);
	return code;
}

/* ------------------------------------------------------------------ settle */

/* The new one takes the old one's place; what the old one had and the new has not goes. */
static int settle_one(const char *name, bool is_new, struct ml_error *error)
{
	char from[NAME_BYTES], path[PINS_PATH];

	snprintf(from, sizeof(from), NEW "%s", name);
	if (is_new)
		return pins_settle(ML_WATCH_ROOT, from, name, error);
	unlink(pins_path(ML_WATCH_ROOT, name, path));
	return 0;
}

static int settle(const struct watch *watch, struct ml_error *error)
{
	static const char *const maps[] = { "callers", "leaks", "settings" };
	struct bpf_program *program = NULL;
	int code = 0;

	bpf_object__for_each_program(program, watch->obj)
		if (!code)
			code = settle_one(bpf_program__name(program),
					  bpf_program__autoload(program), error);
	for (size_t i = 0; !code && i < sizeof(maps) / sizeof(maps[0]); i++)
		code = settle_one(maps[i], true, error);
	return code;
}

/* What an attempt that failed has left; where nothing stood before, the directory too. */
static void give_up(const struct watch *watch)
{
	static const char *const maps[] = { NEW "callers", NEW "leaks", NEW "settings" };
	struct bpf_program *program = NULL;
	char pin[NAME_BYTES], path[PINS_PATH];

	bpf_object__for_each_program(program, watch->obj) {
		snprintf(pin, sizeof(pin), NEW "%s", bpf_program__name(program));
		unlink(pins_path(ML_WATCH_ROOT, pin, path));
	}
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		unlink(pins_path(ML_WATCH_ROOT, maps[i], path));
	rmdir(ML_WATCH_ROOT);
}

/* ------------------------------------------------------------------- entry */

static int publish(const struct watch *watch, int cgroup, struct ml_error *error)
{
	int code = pin_maps(watch, error);

	if (!code)
		code = attach_all(watch, cgroup, error);
	if (code) {
		give_up(watch);
		return code;
	}
	return settle(watch, error);
}

int watch_attach(const char *cgroup, struct ml_error *error)
{
	struct watch *watch = NULL;
	int fd, code;

	code = check_module(error);
	if (code)
		return code;
	fd = open_cgroup(cgroup, error);
	if (fd < 0)
		return fd;
	code = load(&watch, error);
	if (!code) {
		code = publish(watch, fd, error);
		watch__destroy(watch);
	}
	close(fd);
	return code;
}

int watch_detach(struct ml_error *error)
{
	if (access(ML_WATCH_ROOT "/settings", F_OK))
		return ml_error_set(error, -ENOENT, "merlon-watch is not attached");
	return pins_remove(ML_WATCH_ROOT, error);
}
