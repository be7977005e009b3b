/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PEERS_HTTP_H
#define TESTS_PEERS_HTTP_H

/* Just enough HTTP/1.1 for the programs under test: GET and HEAD, keep-alive, bodies that are
 * discarded, "/bulk/N", files below a root (dumb git), and otherwise "hello from NAME". */

#include <openssl/ssl.h>

/* Answers requests on `ssl` until either side wants no more. `name` is the name that the server
 * was asked for; `root` is NULL, or the folder of the files. */
void http_serve(SSL *ssl, const char *name, const char *root);

#endif
