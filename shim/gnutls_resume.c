/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Session data may be of TLS 1.2: then its id and ticket would stand in ClientHelloInner (RFC
 * 9849, 6.1 forbids) and the id in ClientHelloOuter, linking it to an earlier name in clear. No
 * call tells the version of session data, so a session that never reaches a network is made to
 * write its hello.
 */
#include <errno.h>

#include "ech/client_hello.h"
#include "shim/gnutls.h"

enum { RECORD_TYPE_AND_VERSION = 3 };

static ssize_t catch_push(gnutls_transport_ptr_t pointer, const void *data, size_t length)
{
    wr_bytes(pointer, bytes_of(data, length));
    return (ssize_t)length;
}

static ssize_t refuse_pull(gnutls_transport_ptr_t pointer, void *out, size_t size)
{
    (void)pointer, (void)out, (void)size;
    errno = EAGAIN;
    return -1;
}

/* A session without settings of its own writes its hello as one record. */
static size_t psk_octets(struct bytes records)
{
    struct reader r = rd_of(records);
    struct bytes type_and_version;
    struct reader body;
    struct ech_client_hello hello;
    if (!rd_bytes(&r, RECORD_TYPE_AND_VERSION, &type_and_version) || !rd_vec16(&r, &body) ||
        ech_client_hello_parse(rd_rest(&body), &hello) != ECH_OK) {
        return 0;
    }
    const struct ech_extension *psk = ech_client_hello_find(&hello, ECH_EXT_PRE_SHARED_KEY);
    return psk != NULL ? psk->raw.len : 0;
}

size_t gnutls_session_data_psk(const struct gnutls_connection *connection,
                               gnutls_priority_t tls13_only)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls_session_t scratch = NULL;
    gnutls_certificate_credentials_t credentials = NULL;
    struct writer caught;
    wr_init(&caught, 0);
    size_t octets = 0;
    if (gnutls->gnutls_certificate_allocate_credentials(&credentials) == GNUTLS_E_SUCCESS &&
        gnutls->gnutls_init(&scratch, GNUTLS_CLIENT | GNUTLS_NONBLOCK) == GNUTLS_E_SUCCESS &&
        gnutls->gnutls_priority_set(scratch, tls13_only) == GNUTLS_E_SUCCESS &&
        gnutls->gnutls_credentials_set(scratch, GNUTLS_CRD_CERTIFICATE, credentials) ==
            GNUTLS_E_SUCCESS &&
        gnutls->gnutls_session_set_data(scratch, connection->session_data.data,
                                        connection->session_data.size) == GNUTLS_E_SUCCESS) {
        gnutls->gnutls_transport_set_ptr(scratch, &caught);
        gnutls->gnutls_transport_set_push_function(scratch, catch_push);
        gnutls->gnutls_transport_set_pull_function(scratch, refuse_pull);
        (void)gnutls->gnutls_handshake(scratch);
        octets = psk_octets(wr_view(&caught));
    }
    if (scratch != NULL) {
        gnutls->gnutls_deinit(scratch);
    }
    if (credentials != NULL) {
        gnutls->gnutls_certificate_free_credentials(credentials);
    }
    wr_wipe(&caught);
    return octets;
}
