// SPDX-License-Identifier: MIT
/* Bytes that nobody can change any more, on their way between processes. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_all(int fd, const uint8_t *data, size_t length)
{
	ssize_t part;

	while (length) {
		part = write(fd, data, length);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return -errno;
		data += part;
		length -= (size_t)part;
	}
	return 0;
}

int ml_sealed_create(struct ml_bytes bytes, int *ret_fd, struct ml_error *error)
{
	int fd = memfd_create("merlon-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int code = fd < 0 ? -errno : 0;

	if (!code)
		code = write_all(fd, bytes.data, bytes.length);
	if (!code && fcntl(fd, F_ADD_SEALS, SEALS))
		code = -errno;
	if (code) {
		if (fd >= 0)
			close(fd);
		return ml_error_set(error, code, "cannot keep %zu bytes in memory: %s",
				    bytes.length, strerror(-code));
	}
	*ret_fd = fd;
	return 0;
}

int ml_sealed_map(int fd, struct ml_bytes *ret, struct ml_error *error)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat status;
	void *map;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return ml_error_set(error, -EPERM, "what was handed over can still change: "
				    "it wants a sealed memfd");
	if (fstat(fd, &status))
		return ml_error_set(error, -errno, "fstat: %s", strerror(errno));
	if (status.st_size == 0)
		return ml_error_set(error, -EBADMSG, "the bundle is empty");
	if (status.st_size > ML_BUNDLE_MAX_BYTES)
		return ml_error_set(error, -E2BIG, "a bundle of %jd bytes: the limit is %u",
				    (intmax_t)status.st_size, ML_BUNDLE_MAX_BYTES);
	map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return ml_error_set(error, -errno, "cannot map the bundle: %s",
				    strerror(errno));
	ret->data = map;
	ret->length = (size_t)status.st_size;
	return 0;
}
