/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PEERS_HTTP_H
#define TESTS_PEERS_HTTP_H

/* Just enough HTTP/1.1 for the programs under test: GET and HEAD, keep-alive, discarded bodies,
 * "/bulk/N", files below a root (dumb git), and otherwise "hello from NAME". */

#include <openssl/ssl.h>

/* Answers requests on `ssl` until either side ends. `name` is the server name of the handshake;
 * `root` is the folder of the files, or NULL. */
void http_serve(SSL *ssl, const char *name, const char *root);

#endif
