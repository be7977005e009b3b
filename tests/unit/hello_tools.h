/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests of the hellos: changed copies of a ClientHello, a reproducible random source, and a
 * strict ECH server that opens ClientHelloOuter, rebuilds the inner hello by Appendix A of RFC 9849
 * and answers with confirmations.
 */
#ifndef TESTS_UNIT_HELLO_TOOLS_H
#define TESTS_UNIT_HELLO_TOOLS_H

#include "ech/accept.h"
#include "ech/config.h"
#include "tests/unit/vectors.h"

#define BYTES(...) bytes_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Pseudo-random octets, the same in every run. */
struct test_source {
    uint64_t state;
};
struct ech_random test_random(struct test_source *source);

/* A copy of the hello in which the extension has this data; a new extension is appended (before
 * pre_shared_key). */
struct octets hello_with(struct bytes hello, uint16_t type, struct bytes data);
struct octets hello_without(struct bytes hello, uint16_t type);
/* A copy that offers these cipher suites. */
struct octets hello_with_suites(struct bytes hello, const uint16_t *suites, size_t count);
/* A copy for another host name. */
struct octets hello_named(struct bytes hello, size_t name_length);
/* The data of an extension; the test fails without the extension. */
struct bytes hello_extension(struct bytes hello, uint16_t type);

/* True if `hay` contains `needle`. */
bool holds(struct bytes hay, struct bytes needle);

struct test_server {
    struct octets list;
    struct octets private_key;
    struct ech_config_choice choice; /* borrowed from list */
    struct ech_hpke hpke;
    bool has_context;
    struct octets encoded; /* the last EncodedClientHelloInner */
};
/* With key A of echconfig.json and a config for public.example. */
void test_server_init(struct test_server *server, uint8_t maximum_name_length);
void test_server_free(struct test_server *server);
/*
 * Opens a ClientHelloOuter and returns the inner hello. The test fails on all that a strict server
 * would refuse. The second call is for the hello after a HelloRetryRequest: same context, enc
 * empty.
 */
struct octets test_server_open(struct test_server *server, struct bytes client_hello_outer);

/* Whether the payload of a first ClientHelloOuter opens; false also for a hello that does not
 * parse. */
bool test_server_opens(const struct test_server *server, struct bytes client_hello_outer);

/* What a server says. */
struct test_answer {
    uint16_t cipher_suite;
    bool hello_retry_request;
    bool no_ech;       /* no confirmation: random octets in a ServerHello, no extension in a
                          HelloRetryRequest */
    struct bytes echo; /* legacy_session_id_echo */
    uint16_t version;  /* of supported_versions; 0: no extension */
    struct bytes more; /* further extensions, serialized */
    struct bytes ech;  /* in a HelloRetryRequest: replaces the confirmation, if given */
};
/* The message, with the right confirmation for the transcript. */
struct octets test_server_answer(const struct test_answer *answer,
                                 const struct ech_accept_transcript *transcript);
/* Writes accept_confirmation into the body of a ServerHello, or of a HelloRetryRequest that ends
 * with an encrypted_client_hello of 8 octets. */
void test_server_confirm(struct writer *body, const struct ech_accept_transcript *transcript);

#endif
