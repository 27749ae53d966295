// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>

#include "call_private.h"
#include "routes.h"

const struct route_table *const route_tables[] = {
	&route_open, &route_node, &route_endpoints, &route_documents, &route_state,
	&route_session, &route_people, &route_look, &route_audit, NULL
};

/* Cuts @split into its segments where it fits @pattern. */
static bool pattern_fits(const char *pattern, char *split,
			 const char *parameters[ROUTE_PARAMETERS])
{
	size_t count = 0, length;
	char *at = split, *end;

	while (*pattern == '/' && *at == '/') {
		pattern++;
		at++;
		length = strcspn(pattern, "/");
		if (length == 3 && !strncmp(pattern, "{*}", 3) && *at) {
			parameters[count++] = at;
			return true;
		}
		end = at + strcspn(at, "/");
		if (length == 2 && !strncmp(pattern, "{}", 2) && end > at)
			parameters[count++] = at;
		else if ((size_t)(end - at) != length || strncmp(at, pattern, length) != 0)
			return false;
		pattern += length;
		at = end;
	}
	return !*pattern && !*at;
}

/* Where it did: each parameter ends with its segment. */
static void parameters_end(const char *pattern, const char *parameters[ROUTE_PARAMETERS])
{
	if (strstr(pattern, "{*}"))
		return;
	for (size_t i = 0; i < ROUTE_PARAMETERS && parameters[i]; i++) {
		char *at = (char *)(uintptr_t)parameters[i];

		at[strcspn(at, "/")] = '\0';
	}
}

int route_find(const char *method, const char *path, char *split, const struct route **ret,
	       const char *parameters[ROUTE_PARAMETERS])
{
	int found = -ENOENT;

	strcpy(split, path);
	for (size_t i = 0; route_tables[i]; i++) {
		for (size_t k = 0; k < route_tables[i]->count; k++) {
			const struct route *route = &route_tables[i]->routes[k];

			memset(parameters, 0, ROUTE_PARAMETERS * sizeof(*parameters));
			if (!pattern_fits(route->path, split, parameters))
				continue;
			found = -ENOTSUP;
			if (strcmp(route->method, method) != 0)
				continue;
			parameters_end(route->path, parameters);
			*ret = route;
			return 0;
		}
	}
	return found;
}
