/* SPDX-License-Identifier: MIT */
/*
 * The ledger: all that the signer must not forget, in the order in which it
 * happened. A file that only ever grows:
 *
 *	MERLONL1
 *	records, each:	offset	size
 *			0	4	type
 *			4	4	H: bytes of header
 *			8	8	B: bytes of body
 *			16	16	the first of SHA-256(chain ‖ bytes 0 to 15)
 *			32	H	header, canonical JSON
 *			32+H	B	body: a document as it came
 *			32+H+B	32	chain: SHA-256(chain of the record before ‖ all before)
 *
 * Little-endian; the chain before the first record is SHA-256("MERLONL1").
 *
 * A record is in the ledger when it is on the disk, and only then is anybody told.
 * A machine that stops while it writes one leaves less than a whole record, or
 * blocks of zeros in it: nobody was told, and it is cut off. Whatever else does not
 * fit is damage, and nothing is repaired: the signer does not start.
 */
#ifndef SIGNER_LEDGER_H
#define SIGNER_LEDGER_H

#include <stdbool.h>

#include "bundle.h"
#include "error.h"

enum ledger_type {
	LEDGER_BEGIN = 1,	/* {"network","signer","time"}; the first record, and no other */
	LEDGER_ROOT,		/* {"time"}; the envelope, as in the next three */
	LEDGER_POLICY,
	LEDGER_GRANT,
	LEDGER_ROTATION,
	LEDGER_JOIN,		/* {"addresses","time"}; the envelope */
	LEDGER_REVOKE,		/* {"grant","node","time"}: one of them is ""; no body */
	LEDGER_GENERATION,	/* {"time"}; the statement's envelope */
	LEDGER_CHECKPOINT,	/* {"key","time"}; the audit log's checkpoint that was cosigned; key "": forgotten */
	LEDGER_EXTENSION,	/* {"time"}; the envelope */
	__LEDGER_MAX,
};

#define LEDGER_HEADER_MAX	(64u << 10)
#define LEDGER_BODY_MAX		(160u << 20)

struct ledger_record {
	enum ledger_type type;
	struct ml_bytes header, body;
};

struct ledger {
	int fd;
	uint64_t length;	/* bytes that are good */
	uint64_t records;
	uint8_t chain[32];
	uint64_t torn;		/* bytes that were cut off when it was opened */
};

/* Called for each record; what it returns, if not 0, ends the reading. */
typedef int ledger_take(void *arg, const struct ledger_record *record, struct ml_error *error);

/**
 * ledger_open - read it, from the first record to the last
 * @directory: its; made where it is not there
 * @name: in @directory
 *
 * Return: 0; -EACCES: others can get at it; -EBUSY: another signer has it; -EBADMSG:
 * damaged; what @take returned; errno of the file system.
 */
int ledger_open(int directory, const char *name, ledger_take *take, void *arg,
		struct ledger *ret, struct ml_error *error);
void ledger_close(struct ledger *ledger);

/* On the disk when it returns 0. After any error nothing is known: the caller must end. */
int ledger_append(struct ledger *ledger, const struct ledger_record *record,
		  struct ml_error *error);

#endif
