/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A TLS client, by GnuTLS, on a socket that never waits: TLS 1.3 or 1.2 with the suites of BCP 195
 * (RFC 9325), no renegotiation, no compression, no early data. The caller gives tables of functions
 * for X.509 and for ECH, which are not dns/'s task, and for those functions of GnuTLS that are
 * hooks in a program under the shim.
 */
#ifndef DNS_ENCRYPTED_TLS_H
#define DNS_ENCRYPTED_TLS_H

#include <gnutls/gnutls.h>

#include "dns/answer.h"
#include "dns/io.h"

/* The functions of GnuTLS that are hooks under the shim. */
#define DNS_TLS_FUNCTIONS(F)                                                                       \
    F(gnutls_alpn_set_protocols)                                                                   \
    F(gnutls_deinit)                                                                               \
    F(gnutls_handshake)                                                                            \
    F(gnutls_init)                                                                                 \
    F(gnutls_priority_set_direct)                                                                  \
    F(gnutls_record_get_direction)                                                                 \
    F(gnutls_record_send)                                                                          \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_ext_register)                                                                 \
    F(gnutls_session_set_data)                                                                     \
    F(gnutls_transport_set_errno)                                                                  \
    F(gnutls_transport_set_ptr)                                                                    \
    F(gnutls_transport_set_pull_function)                                                          \
    F(gnutls_transport_set_pull_timeout_function)                                                  \
    F(gnutls_transport_set_push_function)

struct dns_tls_library {
#define F(name) __typeof__(&name) name;
    DNS_TLS_FUNCTIONS(F)
#undef F
};

/* The functions that this program is linked with: for tests and tools. */
extern const struct dns_tls_library dns_tls_linked;

/* Decides whether a server is the right one. */
struct dns_tls_verifier {
    void *context;
    /*
     * True if the chain (DER, the leaf first) leads to a trust anchor, and the leaf is a server's,
     * for this name as a DNS-ID (RFC 9525). If the name is "", for this address of 4 or 16 octets.
     */
    bool (*verify)(void *context, const struct bytes *certificates, size_t count, const char *name,
                   struct bytes address);
};

enum dns_ech_state {
    DNS_ECH_UNDER_WAY,
    DNS_ECH_WANTS_CONNECTION, /* rejected: a new connection, then dns_ech_functions.reconnected */
    DNS_ECH_ACCEPTED,
    DNS_ECH_DISABLED, /* securely disabled; the hello went out in the clear */
    DNS_ECH_FAILED,
};

/* A hello exchange with ECH (ech/exchange.h) between the TLS session and the socket. */
struct dns_ech_functions {
    void *context;
    /* NULL: no memory, or the list has no usable config. */
    void *(*begin)(void *context, struct bytes ech_config_list);
    enum dns_ech_state (*state)(const void *exchange);
    void (*from_app)(void *exchange, struct bytes in);
    void (*from_net)(void *exchange, struct bytes in);
    void (*net_closed)(void *exchange);
    struct bytes (*to_net)(const void *exchange);
    void (*net_took)(void *exchange, size_t octets);
    struct bytes (*to_app)(const void *exchange);
    void (*app_took)(void *exchange, size_t octets);
    size_t (*net_wanted)(const void *exchange);
    /* The exchange holds nothing any more; octets may go past it. */
    bool (*drained)(const void *exchange);
    void (*reconnected)(void *exchange);
    /* The ECHConfigList that was accepted in the end; borrowed. */
    struct bytes (*list)(const void *exchange);
    void (*end)(void *exchange);
};

struct dns_tls_options {
    const struct dns_tls_library *library;
    const struct dns_io *io;
    struct dns_tls_verifier verifier;
    const char *name;     /* server_name and what the certificate is checked for; "": neither */
    struct bytes address; /* if the name is "", the certificate is checked for this */
    bool http;            /* ALPN h2 and http/1.1 (RFC 8484, 5.2) */
    const struct dns_ech_functions *ech; /* with ech_exchange */
    void *ech_exchange;                  /* NULL: without ECH; else dns_tls_new takes ownership */
    gnutls_datum_t session;              /* of dns_tls_session; empty: none */
};

enum dns_tls_result {
    DNS_TLS_DONE,
    DNS_TLS_PENDING,          /* nothing can be done now: wait with poll */
    DNS_TLS_WANTS_CONNECTION, /* ECH: attach a new connection, and go on */
    DNS_TLS_CLOSED,           /* by the other side, with close_notify */
    DNS_TLS_FAILED,           /* dns_tls_reason */
};

struct dns_tls;

/* All pointers of the options but the session are borrowed for as long as it lives. NULL: no
 * memory; the ECH exchange is freed then too. */
ECH_MUST_USE struct dns_tls *dns_tls_new(const struct dns_tls_options *options);
/* Gives the session its connected socket, which stays the caller's. */
void dns_tls_attach(struct dns_tls *tls, int fd);
ECH_MUST_USE enum dns_tls_result dns_tls_handshake(struct dns_tls *tls);
/* Sends octets of `out`, in one record if they fit. After DNS_TLS_PENDING give the same octets
 * again. */
ECH_MUST_USE enum dns_tls_result dns_tls_send(struct dns_tls *tls, struct bytes out, size_t *sent);
/* DNS_TLS_DONE: *got is not 0. */
ECH_MUST_USE enum dns_tls_result dns_tls_receive(struct dns_tls *tls, uint8_t *in, size_t size,
                                                 size_t *got);
/* What poll is to wait for after DNS_TLS_PENDING of a handshake. */
ECH_MUST_USE short dns_tls_events(const struct dns_tls *tls);

/* After DNS_TLS_FAILED; never DNS_REASON_OK. */
ECH_MUST_USE enum dns_reason dns_tls_reason(const struct dns_tls *tls);
/* The ALPN protocol that the server chose, borrowed; empty: none. */
ECH_MUST_USE struct bytes dns_tls_protocol(const struct dns_tls *tls);
/* The ECH exchange, or NULL. */
const void *dns_tls_exchange(const struct dns_tls *tls);
/* Takes a TLS 1.3 ticket that has come, and replaces *session by it (gnutls_free). */
void dns_tls_session(const struct dns_tls *tls, gnutls_datum_t *session);
/* Sends close_notify, without waiting. */
void dns_tls_bye(struct dns_tls *tls);
/* Sends nothing and closes nothing. NULL is fine. */
void dns_tls_free(struct dns_tls *tls);

#endif
