/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Session data may be of TLS 1.2. Then ClientHelloInner would hold their id and ticket, which RFC
 * 9849, 6.1 forbids, and the id in ClientHelloOuter would link it to an earlier name in the clear.
 * No call tells the version of session data. So we test them on sessions that never reach a
 * network: one asks for the early data limit of a TLS 1.3 ticket, and if that tells nothing, one
 * writes its hello.
 */
#include <errno.h>

#include "ech/client_hello.h"
#include "shim/engine/gnutls/gnutls.h"

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

/* A client session that is thrown away; NULL if there is no memory. */
static gnutls_session_t scratch_session(const struct gnutls *gnutls, const void *data, size_t size,
                                        bool *usable)
{
    gnutls_session_t scratch = NULL;
    *usable = gnutls->gnutls_init(&scratch, GNUTLS_CLIENT | GNUTLS_NONBLOCK) == GNUTLS_E_SUCCESS &&
              gnutls->gnutls_session_set_data(scratch, data, size) == GNUTLS_E_SUCCESS;
    return scratch;
}

/* priorities NULL: the library's own for TLS 1.3. */
static size_t psk_of(const struct gnutls *gnutls, const void *data, size_t size,
                     gnutls_priority_t priorities)
{
    bool usable;
    int saved = errno;
    gnutls_session_t scratch = scratch_session(gnutls, data, size, &usable);
    gnutls_certificate_credentials_t credentials = NULL;
    struct writer caught;
    wr_init(&caught, 0);
    size_t octets = 0;
    if (usable &&
        gnutls->gnutls_certificate_allocate_credentials(&credentials) == GNUTLS_E_SUCCESS &&
        (priorities != NULL
             ? gnutls->gnutls_priority_set(scratch, priorities)
             : gnutls->gnutls_priority_set_direct(scratch, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
                                                  NULL)) == GNUTLS_E_SUCCESS &&
        gnutls->gnutls_credentials_set(scratch, GNUTLS_CRD_CERTIFICATE, credentials) ==
            GNUTLS_E_SUCCESS) {
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
    /* GnuTLS's fast open would take an old EAGAIN for its own. */
    errno = saved;
    return octets;
}

size_t gnutls_session_data_psk(const struct gnutls_connection *connection,
                               gnutls_priority_t tls13_only)
{
    return psk_of(connection->gnutls, connection->session_data.data, connection->session_data.size,
                  tls13_only);
}

enum gnutls_session_data gnutls_session_data_kind(const struct gnutls *gnutls, const void *data,
                                                  size_t size)
{
    /* The value of a client session until a TLS 1.3 ticket sets another. */
    const size_t unlimited = UINT32_MAX;
    bool usable;
    gnutls_session_t scratch = scratch_session(gnutls, data, size, &usable);
    size_t early = usable ? gnutls->gnutls_record_get_max_early_data_size(scratch) : unlimited;
    if (scratch != NULL) {
        gnutls->gnutls_deinit(scratch);
    }
    if (!usable) {
        return GNUTLS_SESSION_UNUSABLE;
    }
    return (early > 0 && early != unlimited) || psk_of(gnutls, data, size, NULL) > 0
               ? GNUTLS_SESSION_TLS13
               : GNUTLS_SESSION_TLS12;
}
