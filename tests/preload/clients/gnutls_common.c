/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gnutls_common.h"

#include <string.h>
#include <unistd.h>

void must(int result, const char *what)
{
    if (result < 0) {
        fail("%s: %s", what, gnutls_strerror(result));
    }
}

void set_name(const struct connection *connection, const char *name)
{
    must(gnutls_server_name_set(connection->session, GNUTLS_NAME_DNS, name, strlen(name)),
         "gnutls_server_name_set");
}

void start_bare(struct connection *connection, const struct target *target, const char *priorities)
{
    must(gnutls_certificate_allocate_credentials(&connection->credentials), "credentials");
    must(gnutls_certificate_set_x509_trust_file(connection->credentials, target->ca,
                                                GNUTLS_X509_FMT_PEM),
         target->ca);
    must(gnutls_init(&connection->session, GNUTLS_CLIENT), "gnutls_init");
    gnutls_session_set_ptr(connection->session, (void *)(size_t)target);
    gnutls_session_set_verify_cert(connection->session, target->host, 0);
    if (priorities != NULL) {
        gnutls_priority_t cache;
        must(gnutls_priority_init(&cache, priorities, NULL), priorities);
        must(gnutls_priority_set(connection->session, cache), "gnutls_priority_set");
        /* Freed long before the handshake: the session has its own reference. */
        gnutls_priority_deinit(cache);
    }
    must(gnutls_credentials_set(connection->session, GNUTLS_CRD_CERTIFICATE,
                                connection->credentials),
         "gnutls_credentials_set");
    connection->fd = dial(target);
}

void start(struct connection *connection, const struct target *target, const char *priorities)
{
    start_bare(connection, target, priorities);
    set_name(connection, target->host);
    gnutls_transport_set_int(connection->session, connection->fd);
}

int shake_hands(struct connection *connection)
{
    int result;
    do {
        result = gnutls_handshake(connection->session);
    } while (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED);
    return result;
}

void finish(struct connection *connection)
{
    gnutls_deinit(connection->session);
    gnutls_certificate_free_credentials(connection->credentials);
    close(connection->fd);
}

void exchange(struct connection *connection, const struct target *target)
{
    char request[512];
    char chunk[1000];
    struct response response = {.len = 0};
    ssize_t got;
    size_t len = make_request(target, request, sizeof request);
    do {
        got = gnutls_record_send(connection->session, request, len);
    } while (got == GNUTLS_E_AGAIN);
    must((int)got, "gnutls_record_send");
    while ((got = gnutls_record_recv(connection->session, chunk, sizeof chunk)) != 0) {
        if (got > 0) {
            response_add(&response, chunk, (size_t)got);
        } else if (got != GNUTLS_E_AGAIN) {
            fail("gnutls_record_recv: %s", gnutls_strerror((int)got));
        }
    }
    response_check(&response, target);
}

void fetch_and_finish(struct connection *connection, const struct target *target)
{
    must(shake_hands(connection), "gnutls_handshake");
    /* After the exchange GnuTLS must have its own transport again: its time limits need it. */
    gnutls_record_set_timeout(connection->session, 20000);
    exchange(connection, target);
    gnutls_bye(connection->session, GNUTLS_SHUT_WR);
    finish(connection);
}

void fetch(const struct target *target)
{
    struct connection connection = {.fd = -1};
    start(&connection, target, "NORMAL");
    fetch_and_finish(&connection, target);
}
