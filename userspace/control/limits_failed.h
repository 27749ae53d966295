/* SPDX-License-Identifier: MIT */
/*
 * Who has failed too often: logins, codes, tokens; and which node asks too often for what
 * is written down for good. Of logins only failures count, and nothing
 * is forgiven for a success, since whoever has an account of his own could buy
 * himself free by it.
 *
 *   address   /32 of IPv4, /64 of IPv6: 20 at once, 10 a minute
 *   name      of whoever is claimed to log in, whether there is such a one or not:
 *             10 at once, 5 in a quarter of an hour
 *   code      wrong codes behind the right password, or a good session: as a name
 *   node      certificates and keys of one that is in, good or not: 10 at once, 1 a minute
 *
 * What does not fit blocks for 30 s, and twice as long each further time, up to a
 * quarter of an hour; so long something is remembered after it was forgiven, too.
 *
 * Nobody can lock somebody else out. A name that is blocked is blocked for addresses
 * that have failed within memory; one that has not is heard, and pays with its own
 * first failure. What blocks everywhere is codes, since they are asked for behind
 * the password alone: otherwise who has stolen a password could try every code
 * from ever new addresses. Recovery codes cannot be guessed and are not limited by it;
 * and the local socket is exempt from everything here.
 *
 * Each server process counts for itself. Memory is fixed. Each kind has a table of LIMITS_SETS sets of LIMITS_WAYS places,
 * chosen by SipHash under a random key, so that nobody knows whom he shares a set
 * with. Where a set is full, the one goes that is nearest to being forgiven. To have
 * a blocked address forgotten, an attacker must have more others blocked for longer
 * than there are places.
 *
 * Times are milliseconds of a clock that does not go back. Not for several threads.
 *
 * (Not limits.h: that is the C library's name.)
 */
#ifndef MERLON_CONTROL_LIMITS_FAILED_H
#define MERLON_CONTROL_LIMITS_FAILED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LIMITS_SETS		2048
#define LIMITS_WAYS		8
#define LIMITS_BLOCK		INT64_C(30000)
#define LIMITS_BLOCK_MAX	INT64_C(900000)

#define LIMITS_ADDRESS_BURST	20
#define LIMITS_ADDRESS_INTERVAL	INT64_C(6000)	/* for one */
#define LIMITS_NAME_BURST	10
#define LIMITS_NAME_INTERVAL	INT64_C(180000)

#define LIMITS_NODE_BURST	10
#define LIMITS_NODE_INTERVAL	INT64_C(60000)

#define LIMITS_ALERT		5		/* failures within LIMITS_ALERT_TIME */
#define LIMITS_ALERT_TIME	INT64_C(60000)

struct limits;

struct limits_who {
	const struct sockaddr *address;	/* NULL, or not of IP: local, and exempt */
	const char *name;		/* NULL: none is claimed, as with a token */
};

/* NULL: no memory. */
struct limits *limits_new(void);
void limits_free(struct limits *limits);

/**
 * limits_judge - may it be tried, before anything of it is looked at?
 *
 * Return: 0; or until when it may not. What is tried all the same counts nothing.
 */
int64_t limits_judge(const struct limits *limits, const struct limits_who *who, int64_t now);
/* The same of a code, once the password is known to be right. */
int64_t limits_judge_code(const struct limits *limits, const struct limits_who *who,
			  int64_t now);

/* Has the address failed within memory? Not the local socket. */
bool limits_has_failed(const struct limits *limits, const struct limits_who *who, int64_t now);

/**
 * limits_failed - it was tried, and was wrong
 * @code: it was the code, behind a right password or a good session
 *
 * Return: true: it is the fifth within a minute, of the address or of the name:
 * somebody ought to know.
 */
bool limits_failed(struct limits *limits, const struct limits_who *who, bool code, int64_t now);

/* Node @name asks for a certificate or other keys. Return: 0: it may, and is counted; or until when it may not. */
int64_t limits_node(struct limits *limits, const char *name, int64_t now);

#endif
