/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do with a GnuTLS session before, within and after its handshake. */
#include "client.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;
    bool again; /* the last pull said so */
};

static void must(int result, const char *what)
{
    if (result < 0) {
        fail("%s: %s", what, gnutls_strerror(result));
    }
}

static void start(struct connection *connection, const struct target *target,
                  const char *priorities)
{
    must(gnutls_certificate_allocate_credentials(&connection->credentials), "credentials");
    must(gnutls_certificate_set_x509_trust_file(connection->credentials, target->ca,
                                                GNUTLS_X509_FMT_PEM),
         target->ca);
    must(gnutls_init(&connection->session, GNUTLS_CLIENT), "gnutls_init");
    gnutls_session_set_ptr(connection->session, (void *)(size_t)target);
    must(gnutls_server_name_set(connection->session, GNUTLS_NAME_DNS, target->host,
                                strlen(target->host)),
         "gnutls_server_name_set");
    gnutls_session_set_verify_cert(connection->session, target->host, 0);
    gnutls_priority_t cache;
    must(gnutls_priority_init(&cache, priorities, NULL), priorities);
    must(gnutls_priority_set(connection->session, cache), "gnutls_priority_set");
    /* Long before the handshake: the session has its own reference. */
    gnutls_priority_deinit(cache);
    must(gnutls_credentials_set(connection->session, GNUTLS_CRD_CERTIFICATE,
                                connection->credentials),
         "gnutls_credentials_set");
    connection->fd = dial(target);
    gnutls_transport_set_int(connection->session, connection->fd);
}

static int shake_hands(struct connection *connection)
{
    int result;
    do {
        result = gnutls_handshake(connection->session);
    } while (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED);
    return result;
}

static void finish(struct connection *connection)
{
    gnutls_deinit(connection->session);
    gnutls_certificate_free_credentials(connection->credentials);
    close(connection->fd);
}

static void fetch_and_finish(struct connection *connection, const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    ssize_t got;
    size_t len = make_request(target, request, sizeof request);
    must(shake_hands(connection), "gnutls_handshake");
    /* After the exchange GnuTLS has its own transport again: its time limits need that. */
    gnutls_record_set_timeout(connection->session, 20000);
    must((int)gnutls_record_send(connection->session, request, len), "gnutls_record_send");
    while ((got = gnutls_record_recv(connection->session, chunk, sizeof chunk)) != 0) {
        if (got > 0) {
            response_add(&response, chunk, (size_t)got);
        } else if (got != GNUTLS_E_AGAIN) {
            fail("gnutls_record_recv: %s", gnutls_strerror((int)got));
        }
    }
    response_check(&response, target);
    gnutls_bye(connection->session, GNUTLS_SHUT_WR);
    finish(connection);
}

static void fetch(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    fetch_and_finish(&connection, target);
}

/* ---- within the handshake ---- */

static int verify_by_another_connection(gnutls_session_t session)
{
    fetch(gnutls_session_get_ptr(session));
    return 0;
}

/* The certificate is judged by what another server says, as with OCSP over HTTPS. */
static void run_nested(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_session_set_verify_function(connection.session, verify_by_another_connection);
    fetch_and_finish(&connection, target);
}

/* A transport that speaks of "again" by gnutls_transport_set_errno only; errno is any old one. */
static ssize_t stuttering_pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    struct connection *connection = pointer;
    connection->again = !connection->again;
    if (connection->again) {
        gnutls_transport_set_errno(connection->session, EAGAIN);
        return -1;
    }
    ssize_t got = recv(connection->fd, data, len, 0);
    errno = ENOTTY;
    return got;
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    struct connection *connection = pointer;
    ssize_t put = send(connection->fd, data, len, MSG_NOSIGNAL);
    errno = ENOTTY;
    return put;
}

static int ready(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer, (void)ms;
    return 1;
}

static void set_own_transport(struct connection *connection)
{
    gnutls_transport_set_ptr(connection->session, connection);
    gnutls_transport_set_push_function(connection->session, push);
    gnutls_transport_set_pull_function(connection->session, stuttering_pull);
    gnutls_transport_set_pull_timeout_function(connection->session, ready);
}

static void run_stale_errno(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    set_own_transport(&connection);
    errno = ENOTTY;
    fetch_and_finish(&connection, target);
}

/* Other functions are set when the handshake has begun, and waits. */
static void run_transport_midway(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    set_own_transport(&connection);
    if (gnutls_handshake(connection.session) != GNUTLS_E_AGAIN) {
        fail("the transport did not say \"again\"");
    }
    set_own_transport(&connection);
    fetch_and_finish(&connection, target);
}

/* ---- after a failure ---- */

static void run_after_failure(const struct target *target)
{
    struct connection connection = {.fd = -1};
    char octet = 'x';
    start(&connection, target, "NORMAL");
    for (int i = 0; i < 3; i++) {
        int result = shake_hands(&connection);
        if (result >= 0) {
            fail("the handshake succeeded");
        }
        gnutls_alert_send_appropriate(connection.session, result);
        gnutls_alert_send(connection.session, GNUTLS_AL_FATAL, GNUTLS_A_USER_CANCELED);
        if (gnutls_record_send(connection.session, &octet, 1) == 1 ||
            gnutls_record_recv(connection.session, &octet, 1) == 1) {
            fail("something succeeded after a handshake that failed");
        }
        gnutls_bye(connection.session, GNUTLS_SHUT_WR);
    }
    finish(&connection);
    printf("failed as it should\n");
}

static void run_unused(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    finish(&connection);
    fetch(target);
}

/* ---- sessions of TLS 1.2 ---- */

static gnutls_datum_t tls12_session(const struct target *target)
{
    gnutls_datum_t data = {NULL, 0};
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL:-VERS-TLS1.3");
    must(shake_hands(&connection), "gnutls_handshake");
    must(gnutls_session_get_data2(connection.session, &data), "gnutls_session_get_data2");
    gnutls_bye(connection.session, GNUTLS_SHUT_WR);
    finish(&connection);
    return data;
}

static void run_tls12_resume(const struct target *target)
{
    gnutls_datum_t data = tls12_session(target);
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    must(gnutls_session_set_data(connection.session, data.data, data.size), "set_data");
    must(shake_hands(&connection), "gnutls_handshake");
    if (!gnutls_session_is_resumed(connection.session)) {
        fail("not resumed");
    }
    finish(&connection);
    gnutls_free(data.data);
}

/* Got in clear from another name, and offered to the one that is to stay hidden. */
static void run_tls12_session_with_ech(const struct target *target)
{
    struct target other = *target;
    other.host = "public.example";
    gnutls_datum_t data = tls12_session(&other);
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    must(gnutls_session_set_data(connection.session, data.data, data.size), "set_data");
    fetch_and_finish(&connection, target);
    gnutls_free(data.data);
}

static void run_endurance(const struct target *target)
{
    endure(target, fetch);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"fetch", fetch},
        {"nested", run_nested},
        {"stale-errno", run_stale_errno},
        {"transport-midway", run_transport_midway},
        {"after-failure", run_after_failure},
        {"unused", run_unused},
        {"tls12-resume", run_tls12_resume},
        {"tls12-session-with-ech", run_tls12_session_with_ech},
        {"endurance", run_endurance},
        {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
