/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echprobe/client.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/echprobe/wire.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

struct journal {
    int fd;
    uint64_t start_us;
    uint64_t cookie; /* of the socket under fd: if it changes, this is another connection */
    json_t *events;
    struct probe_wire wire;
};

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

static uint64_t elapsed_us(const struct journal *journal)
{
    return now_us() - journal->start_us;
}

static void add(struct journal *journal, json_t *event)
{
    json_object_set_new(event, "us", json_integer((json_int_t)elapsed_us(journal)));
    json_array_append_new(journal->events, event);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;
    (void)getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
    return cookie;
}

static void note_peer(struct journal *journal, const char *event)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    char address[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    if (getpeername(journal->fd, (struct sockaddr *)&peer, &len) == 0) {
        (void)getnameinfo((struct sockaddr *)&peer, len, address, sizeof address, port, sizeof port,
                          NI_NUMERICHOST | NI_NUMERICSERV);
    }
    add(journal, json_pack("{s:s,s:s,s:s}", "event", event, "address", address, "port", port));
}

/* The shim may have put a new connection under the descriptor. */
static void look_for_reconnection(struct journal *journal)
{
    uint64_t cookie = cookie_of(journal->fd);
    if (cookie != journal->cookie) {
        journal->cookie = cookie;
        note_peer(journal, "reconnected");
        probe_wire_restart(&journal->wire);
    }
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t size)
{
    struct journal *journal = pointer;
    look_for_reconnection(journal);
    ssize_t sent = send(journal->fd, data, size, MSG_NOSIGNAL);
    if (sent > 0) {
        int saved = errno;
        probe_wire_sent(&journal->wire, bytes_of(data, (size_t)sent), elapsed_us(journal));
        errno = saved;
    }
    return sent;
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t size)
{
    struct journal *journal = pointer;
    ssize_t got = recv(journal->fd, data, size, 0);
    if (got > 0) {
        int saved = errno;
        probe_wire_received(&journal->wire, bytes_of(data, (size_t)got), elapsed_us(journal));
        errno = saved;
    }
    return got;
}

static int pull_timeout(gnutls_transport_ptr_t pointer, unsigned int ms)
{
    const struct journal *journal = pointer;
    struct pollfd pollfd = {.fd = journal->fd, .events = POLLIN};
    return poll(&pollfd, 1, ms > INT32_MAX ? -1 : (int)ms);
}

/* ---- the connection ---- */

static int connect_one(const struct addrinfo *address, unsigned timeout_ms)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    struct timeval limit = {.tv_sec = (time_t)(timeout_ms / 1000),
                            .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool connect_to(struct journal *journal, const struct probe_client *client)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(client->target, client->port, &wanted, &list);
    if (error != 0) {
        add(journal, json_pack("{s:s,s:s}", "event", "no_address", "text", gai_strerror(error)));
        return false;
    }
    for (const struct addrinfo *at = list; at != NULL && journal->fd < 0; at = at->ai_next) {
        journal->fd = connect_one(at, client->timeout_ms);
    }
    int saved = errno;
    freeaddrinfo(list);
    if (journal->fd < 0) {
        add(journal, json_pack("{s:s,s:s}", "event", "not_connected", "text", strerror(saved)));
        return false;
    }
    journal->cookie = cookie_of(journal->fd);
    note_peer(journal, "connected");
    return true;
}

/* ---- the handshake ---- */

static json_t *distinguished_name(gnutls_x509_crt_t certificate,
                                  int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned))
{
    gnutls_datum_t text = {0};
    if (get(certificate, &text, 0) != GNUTLS_E_SUCCESS) {
        return json_null();
    }
    json_t *name = json_stringn((const char *)text.data, text.size);
    gnutls_free(text.data);
    return name != NULL ? name : json_null();
}

/* The server's own certificate: subject, issuer, and when it expires. */
static json_t *certificate_document(gnutls_session_t session)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;
    if (count == 0 || gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS) {
        return json_null();
    }
    json_t *document = NULL;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS) {
        time_t end = gnutls_x509_crt_get_expiration_time(certificate);
        struct tm tm;
        char day[16] = "";
        if (gmtime_r(&end, &tm) != NULL) {
            (void)strftime(day, sizeof day, "%Y-%m-%d", &tm);
        }
        document = json_pack("{s:o,s:o,s:s}", "subject",
                             distinguished_name(certificate, gnutls_x509_crt_get_dn3), "issuer",
                             distinguished_name(certificate, gnutls_x509_crt_get_issuer_dn3),
                             "expires", day);
    }
    gnutls_x509_crt_deinit(certificate);
    return document != NULL ? document : json_null();
}

static void note_complete(struct journal *journal, gnutls_session_t session)
{
    gnutls_datum_t alpn = {0};
    char *description = gnutls_session_get_desc(session);
    bool has_alpn = gnutls_alpn_get_selected_protocol(session, &alpn) == GNUTLS_E_SUCCESS;
    add(journal,
        json_pack("{s:s,s:s,s:o,s:o}", "event", "complete", "session",
                  description != NULL ? description : "", "alpn",
                  has_alpn ? json_stringn((const char *)alpn.data, alpn.size) : json_null(),
                  "certificate", certificate_document(session)));
    gnutls_free(description);
}

static void note_failure(struct journal *journal, gnutls_session_t session, int error)
{
    json_t *event = json_pack("{s:s,s:s}", "event", "tls_error", "text", gnutls_strerror(error));
    if (error == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
        gnutls_datum_t why = {0};
        unsigned status = gnutls_session_get_verify_cert_status(session);
        if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &why, 0) ==
            GNUTLS_E_SUCCESS) {
            json_object_set_new(event, "certificate_error",
                                json_stringn((const char *)why.data, why.size));
            gnutls_free(why.data);
        }
        json_object_set_new(event, "certificate", certificate_document(session));
    }
    add(journal, event);
}

static bool prepare(gnutls_session_t session, gnutls_certificate_credentials_t credentials,
                    struct journal *journal, const struct probe_client *client)
{
    static const gnutls_datum_t protocols[] = {{(unsigned char *)(uintptr_t) "h2", 2},
                                               {(unsigned char *)(uintptr_t) "http/1.1", 8}};
    if (gnutls_set_default_priority(session) != GNUTLS_E_SUCCESS ||
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, client->host, strlen(client->host)) !=
            GNUTLS_E_SUCCESS ||
        gnutls_alpn_set_protocols(session, protocols, 2, 0) != GNUTLS_E_SUCCESS ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) != GNUTLS_E_SUCCESS) {
        return false;
    }
    gnutls_session_set_verify_cert(session, client->host, 0);
    gnutls_transport_set_ptr(session, journal);
    gnutls_transport_set_push_function(session, push);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_transport_set_pull_timeout_function(session, pull_timeout);
    gnutls_handshake_set_timeout(session, client->timeout_ms);
    return true;
}

static bool shake_hands(struct journal *journal, const struct probe_client *client)
{
    gnutls_certificate_credentials_t credentials = NULL;
    gnutls_session_t session = NULL;
    int result = gnutls_certificate_allocate_credentials(&credentials);
    if (result == GNUTLS_E_SUCCESS) {
        if (client->ca_file != NULL) {
            (void)gnutls_certificate_set_x509_trust_file(credentials, client->ca_file,
                                                         GNUTLS_X509_FMT_PEM);
        } else {
            (void)gnutls_certificate_set_x509_system_trust(credentials);
        }
        result = gnutls_init(&session, GNUTLS_CLIENT);
    }
    if (result == GNUTLS_E_SUCCESS) {
        result = GNUTLS_E_INTERNAL_ERROR;
        if (prepare(session, credentials, journal, client)) {
            do {
                result = gnutls_handshake(session);
            } while (result < 0 && !gnutls_error_is_fatal(result));
        }
        if (result == GNUTLS_E_SUCCESS) {
            note_complete(journal, session);
            (void)gnutls_bye(session, GNUTLS_SHUT_WR);
        } else {
            note_failure(journal, session, result);
        }
        gnutls_deinit(session);
    }
    if (credentials != NULL) {
        gnutls_certificate_free_credentials(credentials);
    }
    return result == GNUTLS_E_SUCCESS;
}

json_t *probe_client_run(const struct probe_client *client)
{
    struct journal journal = {.fd = -1, .start_us = now_us(), .events = json_array()};
    if (journal.events == NULL) {
        return NULL;
    }
    probe_wire_init(&journal.wire, journal.events);
    bool complete = connect_to(&journal, client) && shake_hands(&journal, client);
    if (journal.fd >= 0) {
        (void)close(journal.fd);
    }
    probe_wire_free(&journal.wire);
    return json_pack("{s:b,s:o}", "complete", complete, "events", journal.events);
}
