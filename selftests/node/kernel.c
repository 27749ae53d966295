// SPDX-License-Identifier: MIT
/*
 * Stands for merlon.ko, and for kernel.c of the library, where a test of merlond has
 * no use for a kernel that judges: it takes whatever generation is not older, and
 * writes a line for each into the state directory, "loaded EPOCH.SERIAL DIGEST" or
 * "renewed …". What it says proves nothing of the module, and is asked for nothing of
 * it. A process has one; a new one is as after a reboot. Where NODE_TEST_CRASH is set
 * to a serial, apply dies as it loads that.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel.h"

struct ml_kernel {
	struct ml_kernel_status status;
	int64_t end_ms;		/* CLOCK_BOOTTIME */
	FILE *log;
	uint64_t crash;		/* 0: none */
};

static struct ml_kernel kernel = {
	.status = { .state = MERLON_STATE_DISARMED, .max_lifetime_ms = 90ull * 86400 * 1000 },
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * (int64_t)1000 + now.tv_nsec / 1000000;
}

int ml_kernel_open(struct ml_kernel **ret, struct ml_error *error)
{
	const char *crash = getenv("NODE_TEST_CRASH");

	kernel.log = fopen("kernel-log", "a");
	if (!kernel.log)
		return ml_error_set(error, -errno, "the test's kernel has no log");
	kernel.crash = crash ? strtoull(crash, NULL, 10) : 0;
	*ret = &kernel;
	return 0;
}

int ml_kernel_status(struct ml_kernel *self, struct ml_kernel_status *ret,
		     struct ml_error *error)
{
	int64_t left = self->end_ms - now_ms();

	(void)error;
	*ret = self->status;
	ret->lifetime_ms = ret->has_generation && left > 0 ? (uint64_t)left : 0;
	return 0;
}

int ml_kernel_arm(struct ml_kernel *self, enum merlon_scope scope, enum merlon_mode mode,
		  uint32_t confirm_s, const char *why, struct ml_error *error)
{
	(void)confirm_s;
	(void)why;
	(void)error;
	self->status.scope = scope;
	self->status.mode = mode;
	return 0;
}

static int take(struct ml_kernel *self, const struct ml_kernel_generation *generation,
		const char *how, struct ml_error *error)
{
	struct ml_kernel_status *status = &self->status;

	if (self->crash && generation->serial == self->crash)
		raise(SIGSEGV);
	if (generation->epoch < status->last_epoch ||
	    (generation->epoch == status->last_epoch && generation->serial < status->last_serial))
		return ml_error_set(error, -ESTALE, "the kernel has had a newer generation");
	status->has_generation = true;
	status->epoch = status->last_epoch = generation->epoch;
	status->serial = status->last_serial = generation->serial;
	memcpy(status->digest, generation->digest, sizeof(status->digest));
	self->end_ms = now_ms() + (int64_t)generation->lifetime_ms;
	fprintf(self->log, "%s %ju.%ju %02x%02x\n", how, (uintmax_t)generation->epoch,
		(uintmax_t)generation->serial, generation->digest[0], generation->digest[1]);
	return fflush(self->log) ? -EIO : 0;
}

int ml_kernel_load(struct ml_kernel *self, const struct ml_kernel_generation *generation,
		   const void *image, size_t length, struct ml_error *error)
{
	(void)image;
	(void)length;
	return take(self, generation, "loaded", error);
}

int ml_kernel_renew(struct ml_kernel *self, const struct ml_kernel_generation *generation,
		    struct ml_error *error)
{
	return take(self, generation, "renewed", error);
}
