/* SPDX-License-Identifier: MIT */
/* Certificates for tests, made anew in a directory: P-256, valid for an hour. */
#ifndef HTTP_TEST_PKI_H
#define HTTP_TEST_PKI_H

/*
 * Writes into @directory, or aborts:
 *   ca.pem            who signs all but the last
 *   server.pem, .key  CN=first, for localhost and 127.0.0.1
 *   second.pem, .key  CN=second, the same
 *   node.pem, .key    CN=node-one,O=example
 *   old.pem, .key     CN=node-old, expired an hour ago
 *   other.pem, .key   CN=node-other, signed by itself
 */
void pki_write(const char *directory);
void pki_remove(const char *directory);

#endif
