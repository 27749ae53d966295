/* SPDX-License-Identifier: MIT */
/*
 * Memory of a policy: handed out piece by piece, given back all at once.
 */
#ifndef ML_POLICY_ARENA_H
#define ML_POLICY_ARENA_H

#include <stddef.h>

struct ml_arena {
	struct ml_arena_chunk *chunk;	/* the newest; it points at the one before */
};

/* @size zeroed bytes, aligned for anything, or NULL. */
void *ml_arena_alloc(struct ml_arena *arena, size_t size);
void *ml_arena_copy(struct ml_arena *arena, const void *data, size_t size);
/* A NUL-terminated copy of @length bytes. */
char *ml_arena_string(struct ml_arena *arena, const char *text, size_t length);
void ml_arena_clean(struct ml_arena *arena);

#endif
