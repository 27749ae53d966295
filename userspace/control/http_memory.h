/* SPDX-License-Identifier: MIT */
/*
 * Memory that is counted, and wiped when it is given back. An account has a
 * limit, and may be part of another one, which then counts the same bytes.
 */
#ifndef MERLON_CONTROL_HTTP_MEMORY_H
#define MERLON_CONTROL_HTTP_MEMORY_H

#include <stddef.h>

#include <nghttp2/nghttp2.h>

struct http_account {
	size_t used;		/* bytes, with a header of 16 for each piece */
	size_t limit;
	struct http_account *above;	/* or NULL */
};

/* Zeroed; NULL: there is no memory, or it would pass a limit. */
void *http_alloc(struct http_account *account, size_t size);
/* NULL: as above, and @memory is as it was. The new part is not zeroed. */
void *http_resize(struct http_account *account, void *memory, size_t size);
void http_release(struct http_account *account, void *memory);

/* nghttp2's allocations on @account, which must outlive the session. */
nghttp2_mem http_memory_for(struct http_account *account);

#endif
