/* SPDX-License-Identifier: MIT */
/* What of TLS is set up once for all connections, and what is asked of one. */
#ifndef MERLON_CONTROL_HTTP_TLS_H
#define MERLON_CONTROL_HTTP_TLS_H

#include <openssl/ssl.h>

#include "http.h"

/* -EBADMSG: a file is not what it should be; or the errno of reading one. */
int http_tls_new(const struct http_files *files, SSL_CTX **ret, struct ml_error *error);

/*
 * The client's certificate, behind the handshake; false: none, or one that does
 * not hold.
 */
bool http_tls_certificate(SSL *tls, struct http_certificate *ret);
/* HTTP/2 was agreed upon. */
bool http_tls_speaks_h2(SSL *tls);

#endif
