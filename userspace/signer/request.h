/* SPDX-License-Identifier: MIT */
/*
 * What can be asked of the signer. On a stream socket, both ways:
 *
 *	offset	size
 *	0	4	H: bytes of header
 *	4	8	B: bytes of blob
 *	12	H	header, strict JSON
 *	12+H	B	blob
 *
 * Little-endian. One answer to each request, in their order. docs/formats.md lists
 * requests and answers.
 */
#ifndef SIGNER_REQUEST_H
#define SIGNER_REQUEST_H

#include "signer.h"

#define REQUEST_HEAD		12
#define REQUEST_HEADER_MAX	(64u << 10)
#define REQUEST_BLOB_MAX	(128u << 20)
#define REQUEST_DIGESTS_MAX	512
#define ANSWER_BLOCKS_MAX	(32u << 20)	/* bytes of blocks in one answer, but one always */

struct answer {
	json_t *header;
	/* The blob: one after the other. They belong to the signer. */
	struct ml_bytes parts[REQUEST_DIGESTS_MAX];
	size_t part_count;
	bool wait;	/* no answer yet: again, when there is a generation behind @since */
};

/**
 * request_answer - what is asked, done and answered
 *
 * Also what is refused has an answer. Return: 0; -ENOMEM, -EIO: end this process.
 */
int request_answer(struct signer *signer, struct ml_bytes header, struct ml_bytes blob,
		   struct answer *ret, struct ml_error *error);

#endif
