/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_INTEROP_SERVERS_H
#define TESTS_INTEROP_SERVERS_H

/* Servers from the root that ECHSHIM_TEST_SERVERS names. */

#include "tests/interop/interop.h"

struct server_peer {
    /* For serve.sh: "openssl" or "nss". */
    const char *stack;
    /* The server prints this when it listens. */
    const char *ready;
    /* KEM, KDF and AEAD of the config, as `openssl ech` takes them. */
    const char *suite;
    /* The server has keys, but sends no retry_configs. */
    bool no_retry_configs;
};

/* The options for a world with this server. */
struct world_options server_options(const struct server_peer *peer, struct world_options options);

extern const struct interop_server openssl_server, nss_server;

#endif
