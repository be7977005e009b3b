/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An encrypted resolver in threads, on loopback, for what no real one does: TLS by GnuTLS, and a
 * function of the test on each connection. It also has a channel to the resolver, and an authority
 * that both know.
 */
#ifndef TESTS_UNIT_TLS_RESPONDER_H
#define TESTS_UNIT_TLS_RESPONDER_H

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dns/encrypted/channel.h"
#include "dns/lookup.h"
#include "tests/unit/certificates.h"
#include "tests/unit/dns_messages.h"

enum { RESPONDER_CONNECTIONS = 64 };

struct tls_responder;

/* One connection at the server. */
struct tls_peer {
    struct tls_responder *responder;
    gnutls_session_t session; /* NULL before the handshake */
    int fd;
    unsigned number; /* number of connections before it */
};

typedef void tls_serve(struct tls_peer *peer);

/* Zeros and NULLs: the usual. */
struct tls_responder_options {
    tls_serve *raw;   /* on the TCP connection, instead of TLS */
    tls_serve *serve; /* after the handshake */
    const char *alpn; /* what the server selects; NULL: none */
    const char *dns;  /* the name in its certificate: "dns.test" */
    bool expired;
    bool stranger;    /* issued by an unknown authority */
    bool common_name; /* dns.test is the common name, and in no subjectAltName */
    const char *priorities;
};

struct tls_responder {
    struct tls_responder_options options;
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key;
    int listener;
    uint16_t port;
    pthread_t acceptor;
    pthread_t threads[RESPONDER_CONNECTIONS];
    int descriptors[RESPONDER_CONNECTIONS];
    atomic_uint connections;
    atomic_uint queries;
    atomic_uint resumed;
    atomic_bool stopping;
};

void tls_responder_start(struct tls_responder *responder,
                         const struct tls_responder_options *options);
void tls_responder_stop(struct tls_responder *responder);

/* ---- at the server ---- */

/* Reads a whole query with its two octets of length; false at the end. */
bool peer_read_query(struct tls_peer *peer, uint8_t message[65535], size_t *len);
/* Writes all, in one record where it fits. False if the other side is gone. */
bool peer_write(struct tls_peer *peer, const void *data, size_t len);
/* Reads until `mark` has come, and returns everything; NULL at the end. Free it. */
char *peer_read_until(struct tls_peer *peer, const char *mark, size_t *len);

/* A DNS message of one query with an answer to it: an HTTPS record without parameters, priority 1,
 * TargetName NAME of the question. */
void answer_make(struct bytes query, struct writer *w);
/* The same, preceded by two octets of length. */
void peer_answer_dot(struct tls_peer *peer, struct bytes query);
/* Answers each query at once. */
tls_serve peer_obey;

/* ---- the client ---- */

/* Opens the channel with a setting, with %u for the port; one per test. */
struct dns_channel *client_channel(const char *setting, unsigned port);
/* The same with an unusual `io` or `ech`. NULL: the engine's sockets, as under the shim; no ECH.
 * Returns NULL without memory. */
struct dns_channel *client_channel_with(const char *setting, unsigned port, const struct dns_io *io,
                                        const struct dns_ech_functions *ech);
/* One channel for each resolver of a list; end each by client_end. */
void client_channels(const struct dns_resolver *resolvers, struct dns_channels *channels);
/* For the channels that are made from now on; NULL: none. */
extern const struct dns_proxy *client_proxy;
const struct dns_io *client_own_sockets(void);
/* Writes a good certificate for dns.test and 127.0.0.1, and its key, for a server of another
 * make. */
void client_save_identity(const char *certificate_file, const char *key_file);
void client_end(struct dns_channel *channel);

/* A server and a channel to it, for a whole test. */
extern struct tls_responder server;
extern struct dns_channel *channel;
void client_start(const struct tls_responder_options *options, const char *setting);
void client_stop(void);
/* Asks the channel; the test fails if the outcome differs. */
void client_expect(const char *name, unsigned timeout_ms, enum dns_reason expected);
/* 8 threads, 25 questions each; all get their answer. */
void client_eight_threads(void);

#define START(setting, ...) client_start(&(struct tls_responder_options){__VA_ARGS__}, setting)

/* A query for the HTTPS records of a name. */
void query_make(const char *name, uint16_t id, struct writer *w);
/* Asks, and waits that long. Checks the answer's id and question. */
enum dns_reason client_ask(struct dns_channel *channel, const char *name, unsigned timeout_ms);
enum dns_reason client_begin(struct dns_channel *channel, const char *name, unsigned timeout_ms,
                             struct dns_ticket **ticket);
enum dns_reason client_finish(struct dns_channel *channel, struct dns_ticket *ticket,
                              const char *name, unsigned timeout_ms);

#endif
