/* SPDX-License-Identifier: MIT */
/*
 * The audit log for a SIEM: syslog of RFC 5424, framed by octet counting (RFC 6587,
 * 3.4.1; RFC 5425 has the same over TLS).
 *
 * The log is what counts; this is a copy of it, which may lose messages when
 * nobody reads them, and says how many. (Not those that the kernel had taken as a
 * connection broke: nobody knows whether they were read.) It never waits.
 */
#ifndef AUDIT_SYSLOG_H
#define AUDIT_SYSLOG_H

#include <stddef.h>
#include <stdint.h>

#include "audit_entry.h"
#include "bundle.h"
#include "error.h"

/* "Log audit" of RFC 5424, 6.2.1. */
#define AUDIT_SYSLOG_FACILITY	13
/* RFC 5612's number for examples: the names of structured data need some number. */
#define AUDIT_SYSLOG_ID		"merlon@32473"

struct audit_syslog_from {
	const char *host, *program, *process;	/* RFC 5424's HOSTNAME, APP-NAME, PROCID */
};

/**
 * audit_syslog_format - a message, with its length and a space before it
 * @index: of the entry in the log
 * @entry: a leaf
 * @ret: malloc()ed, NUL-terminated; @ret_length bytes
 *
 *	LEN <PRI>1 TIMESTAMP HOST PROGRAM PROCESS EVENT_TYPE [merlon@32473 …] JSON
 *
 * The structured data has index, actor, endpoint, reason, source_ip, user_agent,
 * where they are not empty; the message is the entry itself.
 * Return: 0; -EBADMSG: @entry is none; -ENOMEM.
 */
int audit_syslog_format(const struct audit_syslog_from *from, uint64_t index,
			struct ml_bytes entry, char **ret, size_t *ret_length,
			struct ml_error *error);

/* ------------------------------------------------------------------ sending */

struct audit_syslog;

#define AUDIT_SYSLOG_ROOM	(1u << 20)	/* bytes that may wait */

/**
 * audit_syslog_new - to a unix stream socket; connects when there is something to send
 * @path: of the socket
 *
 * Return: 0; -ENAMETOOLONG; -ENOMEM.
 */
int audit_syslog_new(const char *path, struct audit_syslog **ret, struct ml_error *error);
void audit_syslog_free(struct audit_syslog *syslog);

/*
 * Puts a framed message behind those that wait, whole, and sends what goes without
 * waiting. One that finds no room is lost, and counted.
 */
void audit_syslog_send(struct audit_syslog *syslog, const char *message, size_t length,
		       int64_t now);
/*
 * Sends what goes: when the socket is writable, or once a second. @now:
 * microseconds, monotonic: after a failure it connects again a second later.
 */
void audit_syslog_flush(struct audit_syslog *syslog, int64_t now);

/* The socket, to wait on for writing; -1: not connected, or nothing waits. */
int audit_syslog_socket(const struct audit_syslog *syslog);
/* Messages lost since the last call that was given @reset: for AUDIT_LOG_LOST. */
uint64_t audit_syslog_lost(struct audit_syslog *syslog, int reset);

#endif
