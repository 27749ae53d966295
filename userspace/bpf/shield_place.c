// SPDX-License-Identifier: MIT
#include "shield_place.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

const char *shield_pin(const struct shield_place *place, const char *name,
		       char buffer[static SHIELD_PIN])
{
	return pins_path(place->path, name, buffer);
}

/* 0: it cannot be told. */
static uintmax_t own_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) ? 0 : (uintmax_t)status.st_ino;
}

/* ------------------------------------------------------------------- pins */

int shield_remove(const struct shield_place *place, struct ml_error *error)
{
	return pins_remove(place->path, error);
}

/* Does the link at @place still hold a device? */
static bool is_alive(const struct shield_place *place)
{
	struct bpf_link_info info = { 0 };
	__u32 length = sizeof(info);
	char pin[SHIELD_PIN];
	int fd = bpf_obj_get(shield_pin(place, "link", pin));
	bool alive;

	if (fd < 0)
		return false;
	alive = !bpf_obj_get_info_by_fd(fd, &info, &length) && info.xdp.ifindex;
	close(fd);
	return alive;
}

static int each(int (*visit)(const struct shield_place *place, void *arg, struct ml_error *error),
		uintmax_t wanted, void *arg, struct ml_error *error)
{
	DIR *directory = opendir(SHIELD_ROOT);
	struct shield_place place;
	uintmax_t namespace;
	struct dirent *entry;
	int code = 0;

	if (!directory)
		return ml_error_set(error, -errno, "%s: %s", SHIELD_ROOT, strerror(errno));
	while (!code && (entry = readdir(directory))) {
		memset(&place, 0, sizeof(place));
		if (sscanf(entry->d_name, "%ju-%u", &namespace, &place.ifindex) != 2 ||
		    (wanted && wanted != namespace))
			continue;
		snprintf(place.path, sizeof(place.path), "%s/%ju-%u", SHIELD_ROOT, namespace,
			 place.ifindex);
		if (wanted && !if_indextoname(place.ifindex, place.device))
			place.device[0] = '\0';
		code = visit(&place, arg, error);
	}
	closedir(directory);
	return code;
}

int shield_each(int (*visit)(const struct shield_place *place, void *arg, struct ml_error *error),
		void *arg, struct ml_error *error)
{
	return each(visit, own_namespace(), arg, error);
}

int shield_link(const struct shield_place *place, struct ml_error *error)
{
	char pin[SHIELD_PIN];
	int fd = bpf_obj_get(shield_pin(place, "link", pin));

	if (fd < 0)
		return ml_error_set(error, -errno, errno == ENOENT ?
				    "there is no shield at '%s'" : "'%s': the shield's link "
				    "cannot be opened", place->device);
	return fd;
}

/* ------------------------------------------------------------------- lock */

static int sweep(const struct shield_place *place, void *arg, struct ml_error *error)
{
	(void)arg;
	return is_alive(place) ? 0 : shield_remove(place, error);
}

int shield_lock(struct ml_error *error)
{
	int code = pins_lock(SHIELD_ROOT, error);

	return code ? code : each(sweep, 0, NULL, error);
}

/* ----------------------------------------------------------------- device */

static int check_ethernet(const char *device, struct ml_error *error)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		code = ml_error_set(error, -errno, "%s: %s", device, strerror(errno));
	else if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		code = ml_error_set(error, -EINVAL, "%s is no Ethernet device: name the one "
				    "that WireGuard's own packets come by", device);
	if (fd >= 0)
		close(fd);
	return code;
}

int shield_find(const char *device, struct shield_place *ret, struct ml_error *error)
{
	struct shield_place place = { .ifindex = if_nametoindex(device) };
	int code;

	if (!place.ifindex)
		return ml_error_set(error, -ENODEV, "there is no device '%s' here", device);
	code = check_ethernet(device, error);
	if (code)
		return code;
	snprintf(place.device, sizeof(place.device), "%s", device);
	snprintf(place.path, sizeof(place.path), "%s/%ju-%u", SHIELD_ROOT, own_namespace(),
		 place.ifindex);
	*ret = place;
	return 0;
}
