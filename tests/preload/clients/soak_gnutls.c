/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"
#include "soak.h"

#include <gnutls/gnutls.h>
#include <string.h>

static gnutls_certificate_credentials_t credentials;

void soak_open(const char *ca)
{
    if (gnutls_certificate_allocate_credentials(&credentials) < 0 ||
        gnutls_certificate_set_x509_trust_file(credentials, ca, GNUTLS_X509_FMT_PEM) < 1) {
        fail("the trust anchor");
    }
}

bool soak_handshake(const char *name, bool tls12, int fd)
{
    gnutls_session_t session;
    int result = gnutls_init(&session, GNUTLS_CLIENT);
    if (result < 0 || gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name)) < 0 ||
        gnutls_priority_set_direct(session, tls12 ? "NORMAL:-VERS-TLS1.3" : "NORMAL", NULL) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) < 0) {
        fail("gnutls_init");
    }
    gnutls_session_set_verify_cert(session, SOAK_CERTIFIED, 0);
    gnutls_transport_set_int(session, fd);
    do {
        result = gnutls_handshake(session);
    } while (result == GNUTLS_E_INTERRUPTED || result == GNUTLS_E_AGAIN);
    gnutls_deinit(session);
    return result == GNUTLS_E_SUCCESS;
}
