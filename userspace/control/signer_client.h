/* SPDX-License-Identifier: MIT */
/*
 * Asking the signer, over its socket (docs/formats.md, "The signer's socket"). One
 * thread at a time; connects when it is asked, and again when the signer was away.
 */
#ifndef MERLON_CONTROL_SIGNER_CLIENT_H
#define MERLON_CONTROL_SIGNER_CLIENT_H

#include <stdatomic.h>

#include <jansson.h>

#include "bundle.h"
#include "error.h"

struct signer_client;

int signer_client_new(const char *path, struct signer_client **ret, struct ml_error *error);
void signer_client_free(struct signer_client *client);

/* Ends, within a second, what waits for as long as it takes: see signer_client_ask(). */
void signer_client_stop_on(struct signer_client *client, const atomic_bool *stop);

/**
 * signer_client_ask - one request, one answer
 * @header: given away
 * @ret: the answer's header; may be NULL
 * @ret_blob: malloc()ed; may be NULL where no blob is expected
 * @patience: seconds; 0: as long as it takes
 *
 * Return: 0; -EHOSTDOWN: the signer is not there, or what came is no answer; what it
 * refused with, with its sentence: -EBADMSG, -EKEYREJECTED, -EXDEV, -ETIME, -ESTALE, -ENOENT,
 * -EEXIST, -EINVAL, -EAGAIN, -ENOSPC, -E2BIG, -EALREADY; -EPROTO: another errno; -ENOMEM.
 */
int signer_client_ask(struct signer_client *client, json_t *header, struct ml_bytes blob,
		      unsigned int patience, json_t **ret, uint8_t **ret_blob,
		      size_t *ret_length, struct ml_error *error);
/* {"kind":KIND,"request":"submit"} */
int signer_client_submit(struct signer_client *client, const char *kind,
			 struct ml_bytes envelope, json_t **ret, struct ml_error *error);

#endif
