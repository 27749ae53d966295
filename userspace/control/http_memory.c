// SPDX-License-Identifier: MIT
#include "http_memory.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct piece {
	alignas(max_align_t) size_t size;	/* of what follows */
};

static bool account_take(struct http_account *account, size_t bytes)
{
	struct http_account *at;

	for (at = account; at; at = at->above)
		if (bytes > at->limit || at->used > at->limit - bytes)
			return false;
	for (at = account; at; at = at->above)
		at->used += bytes;
	return true;
}

static void account_give(struct http_account *account, size_t bytes)
{
	for (; account; account = account->above)
		account->used -= bytes;
}

static struct piece *piece_of(void *memory)
{
	return (struct piece *)memory - 1;
}

void *http_alloc(struct http_account *account, size_t size)
{
	size_t bytes = sizeof(struct piece) + size;
	struct piece *piece;

	if (bytes < size || !account_take(account, bytes))
		return NULL;
	piece = calloc(1, bytes);
	if (!piece) {
		account_give(account, bytes);
		return NULL;
	}
	piece->size = size;
	return piece + 1;
}

void http_release(struct http_account *account, void *memory)
{
	struct piece *piece;

	if (!memory)
		return;
	piece = piece_of(memory);
	account_give(account, sizeof(*piece) + piece->size);
	explicit_bzero(memory, piece->size);
	free(piece);
}

/* Never realloc(3), which would leave a copy behind. */
void *http_resize(struct http_account *account, void *memory, size_t size)
{
	void *fresh;

	if (memory && size <= piece_of(memory)->size)
		return memory;
	fresh = http_alloc(account, size);
	if (!fresh || !memory)
		return fresh;
	memcpy(fresh, memory, piece_of(memory)->size);
	http_release(account, memory);
	return fresh;
}

static void *memory_malloc(size_t size, void *account)
{
	return http_alloc(account, size);
}

static void memory_free(void *memory, void *account)
{
	http_release(account, memory);
}

static void *memory_calloc(size_t count, size_t size, void *account)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? NULL : http_alloc(account, bytes);
}

static void *memory_realloc(void *memory, size_t size, void *account)
{
	return http_resize(account, memory, size);
}

nghttp2_mem http_memory_for(struct http_account *account)
{
	return (nghttp2_mem){ account, memory_malloc, memory_free, memory_calloc,
			      memory_realloc };
}
