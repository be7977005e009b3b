/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An outer handshake: a ClientHelloOuter made from an application's hello, the machine that
 * finishes it, a server that takes it, and octets between them in pieces of any size.
 */
#ifndef TESTS_UNIT_OUTER_RIG_H
#define TESTS_UNIT_OUTER_RIG_H

#include "ech/offer.h"
#include "ech/tls13_handshake.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/tls13_server.h"

struct outer_rig {
    struct test_source source;
    struct ech_offer offer;
    struct octets hello; /* ClientHelloOuter */
    struct ech_outer_handshake *client;
    struct tls13_server server;
    enum ech_alert chain_alert; /* what the verifier says */
    enum ech_alert signature_alert;
    size_t chain_length; /* of the chain that the verifier saw */
    size_t step;         /* octets given at a time; 0: all */
    bool change_cipher_spec_sent;
};

/* ClientHelloOuter for the server's config, with key shares of our own. */
void outer_rig_init(struct outer_rig *rig, struct bytes inner);
void outer_rig_free(struct outer_rig *rig);
/* Gives the hello to the client and to the server. */
void outer_rig_start(struct outer_rig *rig, const struct tls13_options *options);
/* Carries octets until neither side has any. */
void outer_rig_run(struct outer_rig *rig);
struct ech_outer_facts outer_rig_facts(const struct outer_rig *rig);
/* For the messages of tests. */
const char *outer_rig_failure_name(enum ech_outer_failure failure);

/* Runs the handshake with the octets in pieces of all, 1 and 7: it must fail so, with this alert to
 * the server. */
void outer_rig_fails(struct bytes inner, const struct tls13_options *options,
                     enum ech_outer_failure failure, enum ech_alert alert);
/* The same: it must authenticate the server, send ech_required under application keys, and give
 * this verdict. */
void outer_rig_succeeds(struct bytes inner, const struct tls13_options *options,
                        enum ech_outer_verdict verdict);

#endif
