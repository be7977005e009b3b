/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/tls.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d, CERTIFICATES_MAX = 16, CHUNK = 4096 };

/*
 * BCP 195 (RFC 9325, 4.2). The groups are those that the engine can make itself, so that a
 * rejection of ECH needs no probe. The order of extensions is fixed for ECH, if this version of
 * GnuTLS knows the keyword.
 */
#define SUITES                                                                                     \
    "-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:"    \
    "-MAC-ALL:+AEAD:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
#define ANY_VERSION "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:" SUITES
#define INNER_HELLO "NORMAL:-VERS-ALL:+VERS-TLS1.3:" SUITES /* RFC 9849, 6.1 */
#define IN_ORDER ":%NO_SHUFFLE_EXTENSIONS"

struct dns_tls {
    struct dns_tls_options options;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;         /* -1: none yet */
    bool half_sent; /* GnuTLS holds a record that the socket did not take yet */
    bool refused;   /* the certificate was checked and is not valid */
    enum dns_reason reason;
};

/* ---- the socket ---- */

static bool passes(const struct dns_tls *tls)
{
    return tls->options.ech_exchange == NULL ||
           tls->options.ech->drained(tls->options.ech_exchange);
}

static ssize_t failed(const struct dns_tls *tls, int error)
{
    tls->options.library->gnutls_transport_set_errno(tls->session, error);
    errno = error;
    return -1;
}

static ssize_t socket_send(const struct dns_tls *tls, const void *data, size_t len)
{
    ssize_t sent = tls->options.io->send(tls->fd, data, len, MSG_NOSIGNAL);
    return sent < 0 ? failed(tls, errno) : sent;
}

static ssize_t socket_receive(const struct dns_tls *tls, void *data, size_t size)
{
    ssize_t got = tls->options.io->recv(tls->fd, data, size, 0);
    return got < 0 ? failed(tls, errno) : got;
}

/* Sends what the exchange has for the network, as far as the socket takes it. */
static void flush_exchange(const struct dns_tls *tls)
{
    const struct dns_ech_functions *ech = tls->options.ech;
    void *exchange = tls->options.ech_exchange;
    for (struct bytes out = ech->to_net(exchange); out.len > 0; out = ech->to_net(exchange)) {
        ssize_t sent = socket_send(tls, out.data, out.len);
        if (sent <= 0) {
            return; /* a broken socket reports its error when it is read */
        }
        ech->net_took(exchange, (size_t)sent);
    }
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    const struct dns_tls *tls = pointer;
    if (passes(tls)) {
        return socket_send(tls, data, len);
    }
    tls->options.ech->from_app(tls->options.ech_exchange, bytes_of(data, len));
    flush_exchange(tls);
    return (ssize_t)len;
}

/* Feeds the exchange with what the socket has. 1: go on. */
static ssize_t feed(const struct dns_tls *tls, size_t wanted)
{
    uint8_t chunk[CHUNK];
    ssize_t got = socket_receive(tls, chunk, wanted < sizeof chunk ? wanted : sizeof chunk);
    if (got > 0) {
        tls->options.ech->from_net(tls->options.ech_exchange, bytes_of(chunk, (size_t)got));
        return 1;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        tls->options.ech->net_closed(tls->options.ech_exchange);
        return 1; /* the exchange has an alert for the session now, or nothing more to read */
    }
    return got;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    const struct dns_tls *tls = pointer;
    const struct dns_ech_functions *ech = tls->options.ech;
    void *exchange = tls->options.ech_exchange;
    while (!passes(tls)) {
        struct bytes ready = ech->to_app(exchange);
        if (ready.len > 0) {
            size_t octets = ready.len < size ? ready.len : size;
            memcpy(out, ready.data, octets);
            ech->app_took(exchange, octets);
            return (ssize_t)octets;
        }
        if (ech->state(exchange) == DNS_ECH_WANTS_CONNECTION) {
            return failed(tls, EAGAIN);
        }
        flush_exchange(tls);
        if (passes(tls)) {
            break;
        }
        size_t wanted = ech->net_wanted(exchange);
        if (wanted == 0) {
            return ech->to_net(exchange).len > 0 && ech->state(exchange) != DNS_ECH_FAILED
                       ? failed(tls, EAGAIN)
                       : 0;
        }
        ssize_t fed = feed(tls, wanted);
        if (fed <= 0) {
            return fed;
        }
    }
    return socket_receive(tls, out, size);
}

/* GnuTLS calls this only when it would wait; nothing here does. */
static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned milliseconds)
{
    (void)pointer, (void)milliseconds;
    return 0;
}

/* ---- settings of the session ---- */

static int verify(gnutls_session_t session)
{
    struct dns_tls *tls = gnutls_session_get_ptr(session);
    const struct dns_tls_verifier *verifier = &tls->options.verifier;
    unsigned count = 0;
    const gnutls_datum_t *peers = gnutls_certificate_get_peers(session, &count);
    struct bytes chain[CERTIFICATES_MAX];
    tls->refused = true;
    if (peers == NULL || count == 0 || count > CERTIFICATES_MAX) {
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    for (unsigned i = 0; i < count; i++) {
        chain[i] = bytes_of(peers[i].data, peers[i].size);
    }
    tls->refused =
        !verifier->verify(verifier->context, chain, count, tls->options.name, tls->options.address);
    return tls->refused ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static int send_inner_marker(gnutls_session_t session, gnutls_buffer_t buffer)
{
    static const unsigned char inner_marker[] = {1}; /* RFC 9849, 5 */
    (void)session;
    if (gnutls_buffer_append_data(buffer, inner_marker, sizeof inner_marker) != GNUTLS_E_SUCCESS) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    return sizeof inner_marker;
}

/* The exchange has checked HelloRetryRequest's confirmation. */
static int ignore_answer(gnutls_session_t session, const unsigned char *data, size_t length)
{
    (void)session, (void)data, (void)length;
    return GNUTLS_E_SUCCESS;
}

/* ---- start and free ---- */

static bool set_priorities(const struct dns_tls *tls)
{
    bool inner = tls->options.ech_exchange != NULL;
    const struct dns_tls_library *library = tls->options.library;
    const char *in_order = inner ? INNER_HELLO IN_ORDER : ANY_VERSION;
    const char *plain = inner ? INNER_HELLO : ANY_VERSION;
    return library->gnutls_priority_set_direct(tls->session, in_order, NULL) == GNUTLS_E_SUCCESS ||
           library->gnutls_priority_set_direct(tls->session, plain, NULL) == GNUTLS_E_SUCCESS;
}

/* EncryptedExtensions is left out: an answer there is unsolicited (RFC 9849, 5). */
static bool set_inner_marker(const struct dns_tls *tls)
{
    return tls->options.ech_exchange == NULL ||
           tls->options.library->gnutls_session_ext_register(
               tls->session, "encrypted_client_hello", ENCRYPTED_CLIENT_HELLO, GNUTLS_EXT_TLS,
               ignore_answer, send_inner_marker, NULL, NULL, NULL,
               GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_HRR) ==
               GNUTLS_E_SUCCESS;
}

static bool set_names(const struct dns_tls *tls)
{
    static unsigned char h2[] = "h2";
    static unsigned char http1[] = "http/1.1";
    const gnutls_datum_t protocols[] = {{h2, sizeof h2 - 1}, {http1, sizeof http1 - 1}};
    const struct dns_tls_library *library = tls->options.library;
    const char *name = tls->options.name;
    return (name[0] == '\0' || library->gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name,
                                                               strlen(name)) == GNUTLS_E_SUCCESS) &&
           (!tls->options.http ||
            library->gnutls_alpn_set_protocols(tls->session, protocols, 2, 0) == GNUTLS_E_SUCCESS);
}

static bool set_credentials(struct dns_tls *tls)
{
    if (gnutls_certificate_allocate_credentials(&tls->credentials) != GNUTLS_E_SUCCESS) {
        tls->credentials = NULL;
        return false;
    }
    gnutls_certificate_set_verify_function(tls->credentials, verify);
    return gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials) ==
           GNUTLS_E_SUCCESS;
}

struct dns_tls *dns_tls_new(const struct dns_tls_options *options)
{
    const struct dns_tls_library *library = options->library;
    struct dns_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        if (options->ech_exchange != NULL) {
            options->ech->end(options->ech_exchange);
        }
        return NULL;
    }
    tls->options = *options;
    tls->fd = -1;
    if (library->gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) !=
        GNUTLS_E_SUCCESS) {
        tls->session = NULL;
        dns_tls_free(tls);
        return NULL;
    }
    gnutls_session_set_ptr(tls->session, tls);
    tls->options.library->gnutls_transport_set_ptr(tls->session, tls);
    library->gnutls_transport_set_push_function(tls->session, push);
    library->gnutls_transport_set_pull_function(tls->session, pull);
    library->gnutls_transport_set_pull_timeout_function(tls->session, pull_timeout);
    if (!set_credentials(tls) || !set_priorities(tls) || !set_names(tls) ||
        !set_inner_marker(tls)) {
        dns_tls_free(tls);
        return NULL;
    }
    if (options->session.size > 0) {
        /* If the data cannot be used, a full handshake follows. */
        (void)library->gnutls_session_set_data(tls->session, options->session.data,
                                               options->session.size);
    }
    tls->options.session = (gnutls_datum_t){0};
    return tls;
}

void dns_tls_free(struct dns_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->session != NULL) {
        tls->options.library->gnutls_deinit(tls->session);
    }
    if (tls->credentials != NULL) {
        gnutls_certificate_free_credentials(tls->credentials);
    }
    if (tls->options.ech_exchange != NULL) {
        tls->options.ech->end(tls->options.ech_exchange);
    }
    free(tls);
}

void dns_tls_attach(struct dns_tls *tls, int fd)
{
    bool again = tls->fd >= 0;
    tls->fd = fd;
    if (again && tls->options.ech_exchange != NULL) {
        tls->options.ech->reconnected(tls->options.ech_exchange);
        flush_exchange(tls);
    }
}

/* ---- handshake, reading, writing ---- */

static enum dns_reason reason_of(const struct dns_tls *tls, int error)
{
    const void *exchange = tls->options.ech_exchange;
    if (error == GNUTLS_E_MEMORY_ERROR) {
        return DNS_REASON_NO_MEMORY;
    }
    if (exchange != NULL && tls->options.ech->state(exchange) == DNS_ECH_FAILED) {
        return DNS_REASON_RESOLVER_ECH;
    }
    if (tls->refused) {
        return DNS_REASON_RESOLVER_CERTIFICATE;
    }
    switch (error) {
    case GNUTLS_E_PULL_ERROR:
    case GNUTLS_E_PUSH_ERROR:
    case GNUTLS_E_PREMATURE_TERMINATION:
        return DNS_REASON_RESOLVER_CLOSED;
    default:
        return DNS_REASON_RESOLVER_TLS;
    }
}

static enum dns_tls_result failure(struct dns_tls *tls, int error)
{
    tls->reason = reason_of(tls, error);
    return DNS_TLS_FAILED;
}

static bool is_pending(int error)
{
    return error == GNUTLS_E_AGAIN || error == GNUTLS_E_INTERRUPTED;
}

enum dns_tls_result dns_tls_handshake(struct dns_tls *tls)
{
    enum { WARNINGS_MAX = 4 };
    int result = GNUTLS_E_AGAIN;
    for (unsigned i = 0; i < WARNINGS_MAX; i++) {
        result = tls->options.library->gnutls_handshake(tls->session);
        if (result == GNUTLS_E_SUCCESS) {
            return DNS_TLS_DONE;
        }
        if (is_pending(result)) {
            const void *exchange = tls->options.ech_exchange;
            return exchange != NULL && tls->options.ech->state(exchange) == DNS_ECH_WANTS_CONNECTION
                       ? DNS_TLS_WANTS_CONNECTION
                       : DNS_TLS_PENDING;
        }
        if (gnutls_error_is_fatal(result) != 0) {
            break;
        }
    }
    return failure(tls, result);
}

enum dns_tls_result dns_tls_send(struct dns_tls *tls, struct bytes out, size_t *sent)
{
    /* GnuTLS has a copy of what it could not send, and sends it when called with NULL. */
    ssize_t result = tls->options.library->gnutls_record_send(
        tls->session, tls->half_sent ? NULL : out.data, tls->half_sent ? 0 : out.len);
    *sent = 0;
    if (result >= 0) {
        tls->half_sent = false;
        *sent = (size_t)result;
        return DNS_TLS_DONE;
    }
    tls->half_sent = is_pending((int)result);
    return tls->half_sent ? DNS_TLS_PENDING : failure(tls, (int)result);
}

enum dns_tls_result dns_tls_receive(struct dns_tls *tls, uint8_t *in, size_t size, size_t *got)
{
    ssize_t result = gnutls_record_recv(tls->session, in, size);
    *got = 0;
    if (result > 0) {
        *got = (size_t)result;
        return DNS_TLS_DONE;
    }
    if (result == 0) {
        return DNS_TLS_CLOSED;
    }
    if (result == GNUTLS_E_REHANDSHAKE) {
        /* BCP 195 (RFC 9325, 3.5): no renegotiation. */
        (void)gnutls_alert_send(tls->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        return failure(tls, (int)result);
    }
    bool goes_on = is_pending((int)result) || gnutls_error_is_fatal((int)result) == 0;
    return goes_on ? DNS_TLS_PENDING : failure(tls, (int)result);
}

short dns_tls_events(const struct dns_tls *tls)
{
    bool writes = tls->options.library->gnutls_record_get_direction(tls->session) == 1 ||
                  (!passes(tls) && tls->options.ech->to_net(tls->options.ech_exchange).len > 0);
    return writes ? POLLOUT : POLLIN;
}

enum dns_reason dns_tls_reason(const struct dns_tls *tls)
{
    return tls->reason;
}

struct bytes dns_tls_protocol(const struct dns_tls *tls)
{
    gnutls_datum_t chosen = {.data = NULL};
    if (gnutls_alpn_get_selected_protocol(tls->session, &chosen) != GNUTLS_E_SUCCESS) {
        return (struct bytes){0};
    }
    return bytes_of(chosen.data, chosen.size);
}

const void *dns_tls_exchange(const struct dns_tls *tls)
{
    return tls->options.ech_exchange;
}

void dns_tls_session(const struct dns_tls *tls, gnutls_datum_t *session)
{
    gnutls_datum_t fresh = {.data = NULL};
    /* A TLS 1.2 session would show its ticket in the clear, and would be offered where only TLS 1.3
     * is allowed. */
    if (gnutls_protocol_get_version(tls->session) != GNUTLS_TLS1_3 ||
        (gnutls_session_get_flags(tls->session) & GNUTLS_SFLAGS_SESSION_TICKET) == 0 ||
        gnutls_session_get_data2(tls->session, &fresh) != GNUTLS_E_SUCCESS) {
        return;
    }
    gnutls_free(session->data);
    *session = fresh;
}

void dns_tls_bye(struct dns_tls *tls)
{
    if (!tls->half_sent) {
        (void)gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    }
}
