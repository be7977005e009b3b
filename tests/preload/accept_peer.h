/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_ACCEPT_PEER_H
#define TESTS_PRELOAD_ACCEPT_PEER_H

/* tests/peers/accept_server.c at 127.0.0.3:443, for tests in which the server answers with
 * extensions that it should not send. */

#include "world.h"

struct accept_peer {
    bool rejects; /* ECH; its certificate is then for PUBLIC_NAME */
    /* More extensions, in hexadecimal. NULL: none, and no HelloRetryRequest. */
    const char *retry_request;
    const char *server_hello;
    const char *encrypted_extensions;
};

/* Starts it, and gives ECHSHIM_CONFIG_LIST=... with its config for every name. The setting lives
 * until the next call. */
char *accept_peer_start(struct world *world, const struct accept_peer *peer);

/* The server says this, a line, about the first handshake. */
void accept_peer_expect(struct world *world, const char *end);

/* Clients of the two libraries for that server, with and without server_name. They check the
 * certificate; a handshake that fails is their failure. */
#define ACCEPT_PEER_OPENSSL                                                                        \
    "openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME                \
    " -connect 127.0.0.3:443 </dev/null"
#define ACCEPT_PEER_GNUTLS                                                                         \
    "gnutls-cli --x509cafile \"$CA\" --sni-hostname " INNER_NAME " --verify-hostname " INNER_NAME  \
    " 127.0.0.3 </dev/null"
#define ACCEPT_PEER_OPENSSL_NAMELESS                                                               \
    "openssl s_client -verify_return_error -CAfile \"$CA\" -noservername -connect 127.0.0.3:443 "  \
    "</dev/null"
#define ACCEPT_PEER_GNUTLS_NAMELESS                                                                \
    "gnutls-cli --x509cafile \"$CA\" --disable-sni --verify-hostname " INNER_NAME                  \
    " 127.0.0.3 </dev/null"

#endif
