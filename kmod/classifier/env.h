/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What differs between the kernel and userspace for the classifier. The other
 * files of this directory include this, linux/merlon.h and each other only.
 */
#ifndef MERLON_ENV_H
#define MERLON_ENV_H

#ifdef __KERNEL__

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

/* Charged to the memory cgroup of whoever loads the policy. */
static inline void *merlon_env_calloc(size_t n, size_t size)
{
	return kvcalloc(n, size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

static inline void merlon_env_free(const void *p)
{
	kvfree(p);
}

/* Long loops ask now and then: lets others run, and tells of a fatal signal. */
static inline bool merlon_env_interrupted(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

#else /* userspace */

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>
#include <sys/cdefs.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __UINT64_TYPE__ u64;	/* as uint64_t: PRIu64 prints it */

#ifdef __CHECKER__
#define __force __attribute__((force))
#else
#define __force
#endif
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

static inline u16 le16_to_cpu(__le16 v)
{
	return le16toh((__force u16)v);
}

static inline u32 le32_to_cpu(__le32 v)
{
	return le32toh((__force u32)v);
}

static inline u64 le64_to_cpu(__le64 v)
{
	return le64toh((__force u64)v);
}

static inline u32 be32_to_cpu(__be32 v)
{
	return be32toh((__force u32)v);
}

static inline u64 be64_to_cpu(__be64 v)
{
	return be64toh((__force u64)v);
}

/* env_user.c; a test that wants failures links its own instead. */
void *merlon_env_calloc(size_t n, size_t size);
void merlon_env_free(const void *p);
bool merlon_env_interrupted(void);

#endif /* __KERNEL__ */

/* Loops over records ask for interruption once in this many. */
#define MERLON_ENV_STRIDE 4096u

static inline bool merlon_env_interrupted_at(u32 i)
{
	return !(i % MERLON_ENV_STRIDE) && merlon_env_interrupted();
}

static inline u64 merlon_env_be64(const u8 *p)
{
	__be64 v;

	memcpy(&v, p, sizeof(v));
	return be64_to_cpu(v);
}

/* Addresses in packets are not aligned. */
static __always_inline u16 merlon_env_load16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __always_inline u32 merlon_env_load32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static __always_inline u64 merlon_env_load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/*
 * What the compiler knew of @var, or has read from memory, it knows no more: so that it
 * does not keep in registers, and registers on the stack, what it can read again.
 */
#define MERLON_ENV_HIDE(var)	asm("" : "+r"(var))

static __always_inline void merlon_env_forget(void)
{
	asm volatile("" : : : "memory");
}

#define MERLON_FAMILY_IPV4 2	/* AF_INET and AF_INET6, which not every user of this file has */
#define MERLON_FAMILY_IPV6 10

#endif
