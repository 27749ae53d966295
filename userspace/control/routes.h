/* SPDX-License-Identifier: MIT */
/* The tables of routes; routes.c lists them. */
#ifndef MERLON_CONTROL_ROUTES_H
#define MERLON_CONTROL_ROUTES_H

#include "route.h"

extern const struct route_table route_open;		/* route_open.c: roots, challenge, join, renew, health */
extern const struct route_table route_node;		/* route_node.c: generation, blocks, certificate, rotate */
extern const struct route_table route_endpoints;	/* route_endpoints.c: where a node is */
extern const struct route_table route_documents;	/* route_documents.c: policy, grants, root, revoke */
extern const struct route_table route_state;		/* route_state.c: status */
extern const struct route_table route_session;		/* route_session.c: logins */
extern const struct route_table route_people;		/* route_people.c: administrators */
extern const struct route_table route_look;		/* route_look.c: nodes, grants, generations */
extern const struct route_table route_audit;		/* route_audit.c */

#endif
