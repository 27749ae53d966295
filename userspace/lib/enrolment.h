/* SPDX-License-Identifier: MIT */
/*
 * What a node that is enrolled remembers of it, and where.
 *
 * In the state directory, of root alone:
 *
 *   enrolled.json   {"addresses":["…"],"network":"…","node":"…","serverKey":"hex",
 *                    "url":"https://…"}: written last, so it says that all is there
 *   root.json       the last accepted root document: `merlon enrol` writes the first,
 *                   from then on merlond's apply alone
 *   identity.key    Ed25519, as ml_secret_key_write() has it, without passphrase
 *   wireguard.key   X25519, as `wg genkey` prints it
 *   joining.json    the join that was sent, until it is answered
 *
 * Moreover, where `merlon rotate` gave it other keys:
 *
 *   identity.next   the identity key to come, until the server has it
 *   wireguard.next  the WireGuard key to come, until a generation has it: merlond's
 *                   apply renames it then
 *   rotating.json   the rotation that was sent, until it is answered
 *   rotated.json    the last one that was answered
 *
 * In the directory "courier" of the inbox, of merlond's unprivileged half:
 *
 *   tls.key, certificate.pem   for the server, P-256
 *   blocks/SHA256              parts of bundles that were fetched
 *
 * An enrolled node takes bundles that the role `signing` of root.json signed, and
 * /etc/merlon/trust.json says nothing there.
 */
#ifndef ML_ENROLMENT_H
#define ML_ENROLMENT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bundle.h"
#include "error.h"
#include "key_string.h"
#include "root.h"

#define ML_ENROLLED_FILE	"enrolled.json"
#define ML_ROOT_FILE		"root.json"
#define ML_IDENTITY_FILE	"identity.key"
#define ML_WIREGUARD_FILE	"wireguard.key"
#define ML_JOINING_FILE		"joining.json"
#define ML_IDENTITY_NEXT_FILE	"identity.next"
#define ML_WIREGUARD_NEXT_FILE	"wireguard.next"
#define ML_ROTATING_FILE	"rotating.json"
#define ML_ROTATED_FILE		"rotated.json"
#define ML_COURIER_DIR		"courier"
#define ML_TLS_KEY_FILE		"tls.key"
#define ML_CERTIFICATE_FILE	"certificate.pem"

#define ML_ADDRESSES		8	/* of a server, at most */
#define ML_ADDRESSES_TEXT	(ML_ADDRESSES * 48)

struct ml_enrolment {
	char network[ML_NAME_MAX + 1];
	char node[ML_NAME_MAX + 1];
	char url[ML_URL_MAX + 1];
	uint8_t server_key[32];		/* SHA-256 of its SubjectPublicKeyInfo */
	/* What DNS said of the URL's host: literal, by commas. "": it is one itself */
	char addresses[ML_ADDRESSES_TEXT];
};

/* Mode 0600, atomically. -EINVAL: what a reader would refuse is not written. */
int ml_enrolment_write(const char *path, const struct ml_enrolment *enrolment,
		       struct ml_error *error);
/* -ENOENT: not enrolled; -EACCES: others can write it; -EBADMSG. */
int ml_enrolment_read(const char *path, struct ml_enrolment *ret, struct ml_error *error);

/* ---- roots on their way */

#define ML_ROOTS_MAX		64		/* in one answer */
#define ML_ROOTS_BYTES		(5u << 20)	/* of one answer */

struct ml_roots {
	size_t count;
	struct ml_bytes envelopes[ML_ROOTS_MAX];	/* malloc()ed; proved by nobody */
};

/* Of {"roots":[envelope,…]}, by ascending versions if it is honest. -EBADMSG, -E2BIG, -ENOMEM */
int ml_roots_parse(const json_t *json, struct ml_roots *ret, struct ml_error *error);
void ml_roots_free(struct ml_roots *roots);

/**
 * ml_roots_pinned - from the root that has @digest to the last of them
 * @ret: the last, verified link by link; dates are the caller's
 * @ret_last: its place in @roots
 *
 * Return: 0; -EKEYREJECTED: none of them has the digest, or ml_root_succeed()'s.
 */
int ml_roots_pinned(const struct ml_roots *roots, const uint8_t digest[static 32],
		    struct ml_root *ret, size_t *ret_last, struct ml_error *error);

/* The file root.json, which is trusted as it is. -ENOENT, -EACCES, -EBADMSG */
int ml_root_read(const char *path, struct ml_root *ret, struct ml_error *error);

/* Whom a node of @root takes bundles from. -EINVAL: @root asks for more than one signature. */
int ml_root_trust(const struct ml_root *root, const char *node, struct ml_trust *ret,
		  struct ml_error *error);

#endif
