// SPDX-License-Identifier: MIT
/*
 * The server's own table of routes, a line each, in the words of docs/openapi.json:
 * METHOD PATH WHO STEP-UP BODY.
 */
#include <stdio.h>

#include "route.h"

static const char *who_of(const struct route *route)
{
	switch (route->who) {
	case ROUTE_ANYBODY: return "anybody";
	case ROUTE_NODE: return "node";
	case ROUTE_PERSON: return store_role_name(route->role);
	default: return "local";
	}
}

int main(void)
{
	for (size_t i = 0; route_tables[i]; i++) {
		for (size_t k = 0; k < route_tables[i]->count; k++) {
			const struct route *route = &route_tables[i]->routes[k];

			printf("%s %s %s %s %zu\n", route->method, route->path, who_of(route),
			       route->step_up ? "step-up" : "-",
			       route->body ? route->body : (size_t)ROUTE_BODY);
		}
	}
	return 0;
}
