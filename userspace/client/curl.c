// SPDX-License-Identifier: MIT
#include "curl.h"

#include <dlfcn.h>
#include <errno.h>

struct curl_functions curl;

/* POSIX has it that a function's address is what dlsym() returns; C has not. */
static int find(void *library, const char *name, void *function, struct ml_error *error)
{
	*(void **)function = dlsym(library, name);
	if (!*(void **)function)
		return ml_error_set(error, -ELIBACC, "libcurl.so.4 is too old: it has no %s()", name);
	return 0;
}

/* It stays for the life of the process, as libcurl's own state does. */
int curl_load(struct ml_error *error)
{
	struct curl_functions found;
	void *library;
	int code = 0;

	if (curl.global_init)
		return 0;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return ml_error_set(error, -ELIBACC,
				    "libcurl cannot be loaded (%s): install libcurl4", dlerror());
#define CURL_FIND(name) code = code ? code : find(library, "curl_" #name, &found.name, error);
	CURL_FUNCTIONS(CURL_FIND)
#undef CURL_FIND
	if (!code)
		curl = found;
	return code;
}
