/* SPDX-License-Identifier: MIT */
/* One frame by an AF_XDP socket, in copy mode, on any device's first queue. */
#ifndef LEAKXDP_H
#define LEAKXDP_H

#include <linux/if_xdp.h>
#include <sys/mman.h>

#include "leak.h"

#define LEAKXDP_FRAME	4096u
#define LEAKXDP_RING	8u

struct leakxdp_ring {
	uint32_t *producer, *consumer;
	void *entries;
};

static inline void leakxdp_size(int fd, int ring)
{
	int size = LEAKXDP_RING;

	sender_check(!setsockopt(fd, SOL_XDP, ring, &size, sizeof(size)), "AF_XDP ring");
}

static inline void leakxdp_map(int fd, const struct xdp_ring_offset *at, size_t entry, off_t ring,
			       struct leakxdp_ring *ret)
{
	uint8_t *map = mmap(NULL, at->desc + LEAKXDP_RING * entry, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, ring);

	sender_check(map != MAP_FAILED, "AF_XDP mmap");
	ret->producer = (uint32_t *)(map + at->producer);
	ret->consumer = (uint32_t *)(map + at->consumer);
	ret->entries = map + at->desc;
}

/* A socket with memory for one frame; returns the frame's memory. */
static inline uint8_t *leakxdp_open(int *ret_fd, struct leakxdp_ring *tx,
				    struct leakxdp_ring *done)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof(offsets);
	struct xdp_umem_reg reg = { .len = 4 * LEAKXDP_FRAME, .chunk_size = LEAKXDP_FRAME };
	void *memory = mmap(NULL, reg.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	sender_check(fd >= 0 && memory != MAP_FAILED, "AF_XDP socket");
	reg.addr = (uintptr_t)memory;
	sender_check(!setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)), "AF_XDP memory");
	leakxdp_size(fd, XDP_UMEM_FILL_RING);
	leakxdp_size(fd, XDP_UMEM_COMPLETION_RING);
	leakxdp_size(fd, XDP_TX_RING);
	sender_check(!getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length),
		     "AF_XDP offsets");
	leakxdp_map(fd, &offsets.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING, tx);
	leakxdp_map(fd, &offsets.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING, done);
	*ret_fd = fd;
	return memory;
}

static inline int leakxdp_send(const struct leak *leak)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = leak->ifindex,
	};
	struct leakxdp_ring tx, done;
	int fd, tries;
	uint8_t *memory = leakxdp_open(&fd, &tx, &done);
	struct xdp_desc *desc = tx.entries;

	/* The socket before this one on the queue goes some time after its close. */
	for (tries = 0; bind(fd, (struct sockaddr *)&address, sizeof(address)); tries++) {
		if (errno != EBUSY || tries == 1000)
			return -errno;
		usleep(1000);
	}
	memcpy(memory, leak->frame, leak_frame_length(leak));
	desc->addr = 0;
	desc->len = (uint32_t)leak_frame_length(leak);
	__atomic_store_n(tx.producer, 1, __ATOMIC_RELEASE);
	for (tries = 0; tries < 1000; tries++) {
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EBUSY && errno != ENOBUFS)
			return -errno;
		if (__atomic_load_n(done.producer, __ATOMIC_ACQUIRE))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

#endif
