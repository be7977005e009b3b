/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An outer handshake of TLS 1.2: an outer hello that offers it as a program's ordinary hello does,
 * the machine that finishes the handshake, a server, and octets between them in pieces of any size.
 */
#ifndef TESTS_UNIT_TLS12_RIG_H
#define TESTS_UNIT_TLS12_RIG_H

#include "ech/tls12_handshake.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/tls12_server.h"

/* What the outer hello does not have, or has besides. */
struct tls12_hello_options {
    bool no_tls12;
    bool early_data;
    bool no_status_request;
    bool no_renegotiation_info; /* the extension */
    bool no_signal;             /* TLS_EMPTY_RENEGOTIATION_INFO_SCSV */
    bool max_fragment_length;
    uint16_t suite; /* the only one of TLS 1.2; 0: all that the engine has, and more */
    uint16_t group; /* the only one; 0: all */
};
/* The message, with its header; the caller frees it. */
struct octets tls12_hello_make(const struct tls12_hello_options *options);

struct tls12_rig {
    struct test_source source;
    struct octets hello;
    struct ech_outer_handshake *client;
    struct tls12_server server;
    enum ech_alert chain_alert; /* what the verifier says */
    size_t chain_length;        /* of the chain that the verifier saw */
    size_t step;                /* octets given at a time; 0: all */
};

void tls12_rig_init(struct tls12_rig *rig, const struct tls12_hello_options *hello);
void tls12_rig_free(struct tls12_rig *rig);
/* Gives the hello to the client and to the server. */
void tls12_rig_start(struct tls12_rig *rig, const struct tls12_options *options);
/* Carries octets until neither side has any. */
void tls12_rig_run(struct tls12_rig *rig);

/* Runs the handshake with the octets in pieces of all, 1 and 7: it must fail so, with this alert to
 * the server. */
void tls12_rig_fails(const struct tls12_hello_options *hello, const struct tls12_options *options,
                     enum ech_outer_failure failure, enum ech_alert alert);
/* The same: it must authenticate the server, send ech_required, protected, and give
 * ECH_OUTER_DISABLED. */
void tls12_rig_succeeds(const struct tls12_hello_options *hello,
                        const struct tls12_options *options);

#endif
