/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What programs do with a GnuTLS session before, within and after its handshake. */
#include "gnutls_common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- within the handshake ---- */

static int verify_by_another_connection(gnutls_session_t session)
{
    fetch(gnutls_session_get_ptr(session));
    return 0;
}

/* The program judges the certificate by another server's answer, as with OCSP over HTTPS. */
static void run_nested(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    gnutls_session_set_verify_function(connection.session, verify_by_another_connection);
    fetch_and_finish(&connection, target);
}

/* A transport that says "again" by gnutls_transport_set_errno only; errno has an arbitrary value.
 */
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

/* The program sets other functions after the handshake has begun, while it waits. */
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

/* The session comes in the clear from another name, and is offered to the name to hide. */
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
