/* SPDX-License-Identifier: MIT */
/*
 * What the three processes of merlond say to each other: one datagram on a
 * SOCK_SEQPACKET pair is one message. A type has one length, and carries a
 * descriptor or none: whatever differs ends the process that received it.
 *
 *   supervisor → both    TRUST, PING        both → supervisor  LOG, PONG, READY
 *   sync → apply         OFFER, QUERY, REARMED, ROOTS, SIGN, ENDPOINTS  (STATUS: apply)
 *   apply → sync         RESULT, one for each of these, with its id
 */
#ifndef MERLOND_MESSAGE_H
#define MERLOND_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "bundle.h"
#include "challenge.h"
#include "kernel.h"

enum message_type {
	MESSAGE_NONE,
	MESSAGE_TRUST,		/* struct ml_trust: from now on */
	MESSAGE_PING,		/* nothing: are you alive? */
	MESSAGE_PONG,		/* nothing */
	MESSAGE_READY,		/* nothing: started, and what had to be restored is */
	MESSAGE_LOG,		/* struct message_log */
	MESSAGE_STATUS,		/* struct message_text: for systemctl status */
	MESSAGE_OFFER,		/* nothing, and a sealed descriptor with a bundle */
	MESSAGE_QUERY,		/* nothing: how are things? */
	MESSAGE_REARMED,	/* nothing: somebody armed or disarmed the kernel; look */
	MESSAGE_RESULT,		/* struct message_result */
	MESSAGE_ROOTS,		/* nothing, and a sealed descriptor with {"roots":[…]} */
	MESSAGE_SIGN,		/* struct message_signing: a renewal, by the identity key */
	MESSAGE_ENDPOINTS,	/* nothing, and a sealed descriptor with {"peers":[…]} */
	MESSAGE_TYPES,
};

#define MESSAGE_TEXT 512

struct message_text {
	char text[MESSAGE_TEXT];
};

/* One line of log. What is 0 or "" is not known, and left out. */
struct message_log {
	int32_t level;		/* of syslog(3) */
	int32_t code;		/* negative errno */
	char event[24];		/* one word: "applied", "refused" */
	uint64_t epoch, serial;
	char digest[65];	/* of the bundle, hex */
	char text[MESSAGE_TEXT];
};

/* What a renewal (rotation.h) is to hold, beside what apply knows itself. */
struct message_signing {
	uint8_t nonce[ML_NONCE_BYTES];
	uint8_t tls_key[32];	/* SHA-256 of its SubjectPublicKeyInfo */
};

#define MESSAGE_SIGNED 2048

struct message_generation {
	uint64_t epoch, serial;
	int64_t not_before;	/* Unix seconds */
};

#define MESSAGE_PENDING 8

struct message_result {
	int32_t code;		/* 0 or negative errno */
	char sentence[MESSAGE_TEXT];
	/* the kernel */
	uint64_t epoch, serial;
	uint32_t state, scope, mode;
	/* the state directory */
	uint32_t armed_scope, armed_mode;	/* UNSPEC: nothing to arm at boot */
	uint32_t bundle_scope;
	bool accepted;		/* the next four are known */
	bool stale;
	int64_t issued, not_before, expires;
	uint32_t quarantined;
	uint32_t pending_count;
	struct message_generation pending[MESSAGE_PENDING];
	/* the tunnel, where it is merlond's */
	bool has_tunnel;
	char tunnel[16];	/* the device; "": no bundle yet says which */
	uint32_t tunnel_peers;
	char tunnel_problem[MESSAGE_TEXT];
	/* SIGN: the renewal's envelope */
	char signature[MESSAGE_SIGNED];
};

union message_content {
	struct ml_trust trust;
	struct message_log log;
	struct message_text text;
	struct message_result result;
	struct message_signing signing;
};

struct message {
	uint32_t type;		/* enum message_type */
	uint32_t id;		/* chosen by who asks, repeated by who answers */
	union message_content content;
	int fd;			/* -1: none; whoever receives a message closes it */
};

/* 0, or the errno of sendmsg(2). @content: as long as the type says, or NULL. */
int message_send(int socket, enum message_type type, uint32_t id, const void *content,
		 int fd);

/**
 * message_receive - one message
 *
 * Return: 1; 0: the other side is gone; -EAGAIN: none there (non-blocking
 * sockets); -EBADMSG: not a message of these. Strings are terminated.
 */
int message_receive(int socket, struct message *ret);

#endif
