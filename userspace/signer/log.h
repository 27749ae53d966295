/* SPDX-License-Identifier: MIT */
/* Lines on standard error, with a level that the journal understands. */
#ifndef SIGNER_LOG_H
#define SIGNER_LOG_H

#include <syslog.h>

/* One word for what happened, then what a person wants to know of it. */
void log_line(int level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* An anomaly: says so, and ends this process. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
