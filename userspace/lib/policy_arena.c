// SPDX-License-Identifier: MIT
#include "policy_arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#ifdef ML_FUZZ
#define CHUNK_BYTES 1u	/* one piece a chunk: the sanitizer sees every overrun */
#else
#define CHUNK_BYTES (64u << 10)
#endif

struct ml_arena_chunk {
	struct ml_arena_chunk *before;
	size_t used, room;
	alignas(max_align_t) unsigned char bytes[];
};

static struct ml_arena_chunk *chunk_push(struct ml_arena *arena, size_t size)
{
	size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
	struct ml_arena_chunk *chunk = calloc(1, sizeof(*chunk) + room);

	if (!chunk)
		return NULL;
	chunk->room = room;
	chunk->before = arena->chunk;
	arena->chunk = chunk;
	return chunk;
}

void *ml_arena_alloc(struct ml_arena *arena, size_t size)
{
	struct ml_arena_chunk *chunk = arena->chunk;
	size_t align = alignof(max_align_t);
	size_t start = chunk ? (chunk->used + align - 1) / align * align : 0;

	if (!chunk || start > chunk->room || size > chunk->room - start) {
		chunk = chunk_push(arena, size);
		start = 0;
	}
	if (!chunk)
		return NULL;
	chunk->used = start + size;
	return chunk->bytes + start;
}

void *ml_arena_copy(struct ml_arena *arena, const void *data, size_t size)
{
	void *copy = ml_arena_alloc(arena, size);

	if (copy && size)
		memcpy(copy, data, size);
	return copy;
}

char *ml_arena_string(struct ml_arena *arena, const char *text, size_t length)
{
	char *copy = ml_arena_alloc(arena, length + 1);

	if (copy)
		memcpy(copy, text, length);
	return copy;
}

void ml_arena_clean(struct ml_arena *arena)
{
	while (arena->chunk) {
		struct ml_arena_chunk *before = arena->chunk->before;

		free(arena->chunk);
		arena->chunk = before;
	}
}
