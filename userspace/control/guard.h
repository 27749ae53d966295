/* SPDX-License-Identifier: MIT */
/*
 * Who may try, and who is it: what the routes of people share. One state of the server
 * process holds the limits of failures and what people's secrets are opened with; any
 * thread may ask.
 */
#ifndef MERLON_CONTROL_GUARD_H
#define MERLON_CONTROL_GUARD_H

#include "people.h"
#include "route.h"

struct people *guard_people(const struct call *call);

/*
 * May @name be tried from here (limits_failed.h)? False: answered with 429, and told of or
 * counted. @code: a code, behind a right password or in a good session.
 */
bool guard_may(struct call *call, const char *name, bool code);

/* May the node that calls have a certificate or other keys (limits_failed.h)? False: as above. */
bool guard_node(struct call *call, const char *name);

/* A place for Argon2id (people_slot_take()); false: answered with 503. */
bool guard_slot(struct call *call);

/* Texts of the body that are secrets are overwritten; what was read from it is gone. */
void guard_wipe(struct call *call);

/* 200, with @body, in which there are secrets: given away, and overwritten. */
void guard_answer(struct call *call, json_t *body);

/* A text of the body; "" where there is none. False: refused, it is no text. */
bool guard_text(struct call *call, const char *key, const char **ret);

#endif
