// SPDX-License-Identifier: MIT
#include "shield_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shield.skel.h"

#define SECOND 1000000000ull

static void work_out(const struct shield_settings *given, struct shield_settings *ret)
{
	*ret = *given;
	ret->step_ns = SECOND / given->rate;
	ret->slack_ns = ret->step_ns * (given->burst - 1);
	ret->new_step_ns = SECOND / given->new_rate;
	ret->new_slack_ns = SECOND - ret->new_step_ns;	/* a second's worth at once */
}

static int load(const struct shield_settings *settings, struct shield **ret,
		struct ml_error *error)
{
	struct shield *shield = shield__open();
	int code;

	if (!shield)
		return ml_error_set(error, -errno, "the program does not open: %s",
				    strerror(errno));
	work_out(settings, &shield->rodata->settings);
	code = bpf_map__set_max_entries(shield->maps.sources, settings->sources);
	if (!code)
		code = shield__load(shield);
	if (code) {
		shield__destroy(shield);
		return ml_error_set(error, code, "this kernel does not take the program: %s",
				    strerror(-code));
	}
	*ret = shield;
	return 0;
}

/* ------------------------------------------------------------------- pins */

static int pin(const struct shield_place *place, const char *name, int fd,
	       struct ml_error *error)
{
	return pins_put(place->path, name, fd, error);
}

static int settle(const struct shield_place *place, const char *from, const char *to,
		  struct ml_error *error)
{
	return pins_settle(place->path, from, to, error);
}

static int pin_maps(const struct shield_place *place, const struct shield *shield,
		    struct ml_error *error)
{
	int code = pin(place, "new-settings", bpf_map__fd(shield->maps.rodata), error);

	if (!code)
		code = pin(place, "new-counters", bpf_map__fd(shield->maps.counters), error);
	if (!code)
		code = pin(place, "new-sources", bpf_map__fd(shield->maps.sources), error);
	return code;
}

static int settle_maps(const struct shield_place *place, struct ml_error *error)
{
	int code = settle(place, "new-settings", "settings", error);

	if (!code)
		code = settle(place, "new-counters", "counters", error);
	if (!code)
		code = settle(place, "new-sources", "sources", error);
	return code;
}

/* ------------------------------------------------------------------- link */

static int refuse_link(const struct shield_place *place, int code, struct ml_error *error)
{
	if (code == -EBUSY || code == -EEXIST)
		return ml_error_set(error, -EBUSY, "%s has an XDP program that is not "
				    "merlon-shield's; see 'ip link show %s'", place->device,
				    place->device);
	return ml_error_set(error, code, "%s does not take an XDP program: %s", place->device,
			    strerror(-code));
}

/* A driver may have XDP, and still refuse: with its MTU, say. The stack always has it. */
static int make_link(const struct shield_place *place, int program, struct ml_error *error)
{
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	int fd = bpf_link_create(program, (int)place->ifindex, BPF_XDP, NULL);
	int code;

	if (fd < 0 && fd != -EBUSY && fd != -EEXIST)
		fd = bpf_link_create(program, (int)place->ifindex, BPF_XDP, &generic);
	if (fd < 0)
		return refuse_link(place, fd, error);
	code = pin(place, "link", fd, error);
	close(fd);	/* without a pin it is detached by this */
	return code;
}

static int replace(const struct shield_place *place, int link, int program,
		   struct ml_error *error)
{
	int code = bpf_link_update(link, program, NULL);

	if (code)
		return ml_error_set(error, code, "the shield at %s cannot be replaced: %s",
				    place->device, strerror(-code));
	return 0;
}

/*
 * ORDER: the maps are pinned before a packet is counted in them, and take the
 * place of those before when the program has.
 */
static int publish(const struct shield_place *place, const struct shield *shield,
		   struct ml_error *error)
{
	int program = bpf_program__fd(shield->progs.merlon_shield);
	int link = shield_link(place, NULL);
	int code = pin_maps(place, shield, error);

	if (!code && link >= 0)
		code = replace(place, link, program, error);
	else if (!code)
		code = make_link(place, program, error);
	if (!code)
		code = settle_maps(place, error);
	if (code && link < 0)
		shield_remove(place, NULL);
	if (link >= 0)
		close(link);
	return code;
}

int shield_attach(const struct shield_place *place, const struct shield_settings *settings,
		  struct ml_error *error)
{
	struct shield *shield = NULL;
	int code;

	code = load(settings, &shield, error);
	if (code)
		return code;
	if (mkdir(place->path, 0700) && errno != EEXIST)
		code = ml_error_set(error, -errno, "cannot make %s: %s", place->path,
				    strerror(errno));
	else
		code = publish(place, shield, error);
	shield__destroy(shield);
	return code;
}

int shield_detach(const struct shield_place *place, struct ml_error *error)
{
	int link = shield_link(place, error), code;

	if (link < 0)
		return link;
	code = bpf_link_detach(link);
	close(link);
	if (code)
		return ml_error_set(error, code, "the shield at %s stays: %s", place->device,
				    strerror(-code));
	return shield_remove(place, error);
}
