// SPDX-License-Identifier: MIT
#include "session.h"

#include <dirent.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file.h"
#include "route.h"

#define ANCESTORS	64
#define ENVIRONMENT_MAX	(1u << 20)

/* ------------------------------------------------------------- connection */

/* "::ffff:192.0.2.1" is how a dual-stack listener sees IPv4. */
static bool address_parse(const char *text, uint8_t *ret_family, uint8_t ret[static 16])
{
	struct ml_prefix prefix;
	char bare[64];

	if (!strncasecmp(text, "::ffff:", 7) && strchr(text, '.'))
		text += 7;
	/* A link-local address has its device behind it. */
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "%"), text);
	if (ml_prefix_parse(bare, &prefix) || !ml_prefix_is_host(&prefix))
		return false;
	*ret_family = prefix.family;
	memcpy(ret, prefix.address, 16);
	return true;
}

static bool port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (end == text || *end || port > 65535)
		return false;
	*ret = (uint16_t)port;
	return true;
}

bool session_parse(const char *text, struct session *ret)
{
	char client[64], client_port[8], server[64], server_port[8];
	struct session session = { 0 };
	uint8_t family;

	if (sscanf(text, "%63s %7s %63s %7s", client, client_port, server, server_port) != 4)
		return false;
	if (!address_parse(client, &session.family, session.client) ||
	    !address_parse(server, &family, session.server) || family != session.family ||
	    !port_parse(client_port, &session.client_port) ||
	    !port_parse(server_port, &session.server_port))
		return false;
	*ret = session;
	return true;
}

/* ---------------------------------------------------------------- ancestry */

static pid_t parent_of(pid_t pid)
{
	char path[64], line[256];
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	}
	fclose(file);
	return parent;
}

static bool environment_search(pid_t pid, struct session *ret)
{
	static const char name[] = "SSH_CONNECTION=";
	uint8_t *bytes;
	size_t length, n;
	char path[64];
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (ml_file_read(path, ENVIRONMENT_MAX, &bytes, &length, NULL))
		return false;
	for (size_t i = 0; i < length && !found; i += n + 1) {
		n = strlen((const char *)bytes + i);
		if (!strncmp((const char *)bytes + i, name, sizeof(name) - 1))
			found = session_parse((const char *)bytes + i + sizeof(name) - 1, ret);
	}
	free(bytes);
	return found;
}

/* By the way back to the client, or by the address that it came to. */
static void device_find(struct session *session)
{
	char device[IF_NAMESIZE];
	bool wireguard = false;

	if (!route_device(session->family, session->client, device, NULL))
		strcpy(session->way, device);
	if (*session->way && !route_is_wireguard(device, &wireguard, NULL) && wireguard) {
		strcpy(session->device, device);
		return;
	}
	if (!route_owner(session->family, session->server, device, NULL) &&
	    !route_is_wireguard(device, &wireguard, NULL) && wireguard)
		strcpy(session->device, device);
}

bool session_find(struct session *ret)
{
	const char *own = getenv("SSH_CONNECTION");
	bool found = own && session_parse(own, ret);
	pid_t pid = getppid();

	for (int i = 0; !found && pid > 1 && i < ANCESTORS; i++) {
		found = environment_search(pid, ret);
		pid = parent_of(pid);
	}
	if (found)
		device_find(ret);
	return found;
}

/* -------------------------------------------------------------- root disk */

static const char *const network_filesystems[] = {
	"nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "afs", "fuse.sshfs", NULL,
};

/* What /sys calls the disk's way to the machine. */
static const struct {
	const char *part, *name;
} network_disks[] = {
	{ "/session", "iSCSI" },
	{ "/nbd", "a network block device" },
	{ "/rbd", "Ceph's block device" },
	{ "/drbd", "DRBD" },
	{ "/nvme-fabrics", "NVMe over fabrics" },
};

static const char *disk_name(const char *path)
{
	for (size_t i = 0; i < sizeof(network_disks) / sizeof(network_disks[0]); i++) {
		if (strstr(path, network_disks[i].part))
			return network_disks[i].name;
	}
	return NULL;
}

/* @path: of a block device in /sys; the disks below it count (dm-crypt, LVM, RAID). */
static const char *disk_search(const char *path, int depth)
{
	char real[PATH_MAX], below[PATH_MAX + 16];
	const char *found;
	struct dirent *entry;
	DIR *slaves;

	if (!realpath(path, real))
		return NULL;
	found = disk_name(real);
	snprintf(below, sizeof(below), "%s/slaves", real);
	slaves = found || depth > 8 ? NULL : opendir(below);
	while (slaves && !found && (entry = readdir(slaves))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%.3000s/slaves/%s", real, entry->d_name);
		found = disk_search(below, depth + 1);
	}
	if (slaves)
		closedir(slaves);
	return found;
}

static const char *network_disk(void)
{
	struct stat status;
	char path[64];

	if (stat("/", &status))
		return NULL;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(status.st_dev),
		 minor(status.st_dev));
	return disk_search(path, 0);
}

static const char *network_filesystem(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;
	const char *found = NULL;

	if (!mounts)
		return NULL;
	while ((entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_dir, "/"))
			continue;
		found = NULL;	/* the last one mounted there counts */
		for (size_t i = 0; network_filesystems[i]; i++) {
			if (!strcmp(entry->mnt_type, network_filesystems[i]))
				found = network_filesystems[i];
		}
	}
	endmntent(mounts);
	return found;
}

const char *session_network_root(void)
{
	const char *found = network_filesystem();

	return found ? found : network_disk();
}
