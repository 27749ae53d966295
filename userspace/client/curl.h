/* SPDX-License-Identifier: MIT */
/*
 * libcurl, loaded by ml_client_setup() and not before: `merlon` arms a machine in its
 * initramfs, and asks nobody there; of merlond's three processes one asks, where the node
 * is enrolled. What libcurl itself needs are forty libraries, and megabytes.
 */
#ifndef ML_CLIENT_CURL_H
#define ML_CLIENT_CURL_H

#include <curl/curl.h>

#include "error.h"

/* The functions that this room uses, by libcurl's names less "curl_". */
#define CURL_FUNCTIONS(_) \
	_(global_init) \
	_(easy_init) _(easy_setopt) _(easy_perform) _(easy_getinfo) _(easy_strerror) \
	_(easy_reset) _(easy_cleanup) \
	_(multi_init) _(multi_setopt) _(multi_add_handle) _(multi_remove_handle) \
	_(multi_assign) _(multi_socket_action) _(multi_info_read) _(multi_cleanup) \
	_(slist_append) _(slist_free_all)

/* libcurl's macros look at what is given to a function of that name, and ask for a name. */
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define CURL_FUNCTION(name) __typeof__(curl_##name) *name;
struct curl_functions {
	CURL_FUNCTIONS(CURL_FUNCTION)
};
#undef CURL_FUNCTION

extern struct curl_functions curl;

/* Once; later calls change nothing. -ELIBACC: it is not installed, or too old. */
int curl_load(struct ml_error *error);

#endif
