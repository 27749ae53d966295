/* SPDX-License-Identifier: MIT */
/*
 * The log. Only the supervisor can reach the journal; the others hand it their
 * lines. On the journal a line has fields (MERLON_EVENT, MERLON_EPOCH, …),
 * elsewhere it is text on standard error.
 */
#ifndef MERLOND_LOG_H
#define MERLOND_LOG_H

#include <stdarg.h>
#include <syslog.h>

#include "message.h"

/* @socket: of the supervisor, or -1 in the supervisor itself. @process: its name. */
void log_setup(int socket, const char *process, bool verbose);

/* One word for what happened, then what a person wants to know of it. */
void log_line(int level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, with fields: what is 0 or "" in @fields is left out. */
void log_fields(int level, const struct message_log *fields, const char *event,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Supervisor: a line that another process handed over. Trusts none of it. */
void log_write(const char *process, const struct message_log *line);

/* An anomaly: says so, and ends this process. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
