/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks in the code of a measurement, for who counts instructions from outside the guest
 * (bench/plugin): an instruction that does nothing, whose displacement nobody else has.
 * It is the processor's own long no-op, so that it costs nothing where nobody counts.
 */
#ifndef MERLON_MARK_H
#define MERLON_MARK_H

#define MARK_START	0x4d4c0001	/* a measurement of several rounds */
#define MARK_BEGIN	0x4d4c0002	/* a round */
#define MARK_END	0x4d4c0003
#define MARK_DONE	0x4d4c0004

/* As it is encoded: 0f 1f 84 00, and the mark, lowest byte first. */
#define mark(which) \
	asm volatile("nopl %c0(%%rax,%%rax,1)" : : "i" (which) : "memory")

#endif
