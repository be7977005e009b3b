/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/upstream.h"

#include <gnutls/x509.h>
#include <string.h>

#include "tools/relay/faults.h"

#define OID_SUBJECT_ALT_NAME "2.5.29.17"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* ---- the certificate ---- */

static bool is_self_issued(const gnutls_datum_t *der, struct relay_upstream *upstream)
{
    gnutls_x509_crt_t crt;
    unsigned critical;
    bool self = false;
    if (gnutls_x509_crt_init(&crt) != 0) {
        return false;
    }
    if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0) {
        self = gnutls_x509_crt_check_issuer(crt, crt) != 0;
        gnutls_free(upstream->real_names.data);
        upstream->real_names = (gnutls_datum_t){.data = NULL};
        (void)gnutls_x509_crt_get_extension_by_oid2(crt, OID_SUBJECT_ALT_NAME, 0,
                                                    &upstream->real_names, &critical);
    }
    gnutls_x509_crt_deinit(crt);
    return self;
}

/* Called in the handshake, before the server hears that we are content. */
static int verify(gnutls_session_t session)
{
    struct relay_upstream *upstream = gnutls_session_get_ptr(session);
    unsigned count = 0;
    unsigned status = GNUTLS_CERT_INVALID;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_typed_vdata_st data[] = {
        {.type = GNUTLS_DT_DNS_HOSTNAME, .data = (unsigned char *)upstream->name, .size = 0},
        {.type = GNUTLS_DT_KEY_PURPOSE_OID,
         .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER,
         .size = 0},
    };
    upstream->verified = true;
    if (chain == NULL || count == 0 ||
        gnutls_certificate_verify_peers(session, data, 2, &status) != 0) {
        status |= GNUTLS_CERT_INVALID;
    }
    upstream->faults = relay_faults_of(status, count > 0 && is_self_issued(&chain[0], upstream));
    return upstream->faults == 0 ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

bool relay_upstream_trust(gnutls_certificate_credentials_t *trust, const char *ca_file,
                          const char *more_file, const char **why)
{
    if (gnutls_certificate_allocate_credentials(trust) != 0) {
        *why = "there is no memory";
        return false;
    }
    int count = ca_file != NULL && *ca_file != '\0'
                    ? gnutls_certificate_set_x509_trust_file(*trust, ca_file, GNUTLS_X509_FMT_PEM)
                    : gnutls_certificate_set_x509_system_trust(*trust);
    int more = more_file != NULL && *more_file != '\0'
                   ? gnutls_certificate_set_x509_trust_file(*trust, more_file, GNUTLS_X509_FMT_PEM)
                   : 0;
    gnutls_certificate_set_verify_function(*trust, verify);
    if (more < 0 || (count < 0 && more == 0)) {
        *why = "the trust anchors cannot be read";
        return false;
    }
    return true;
}

/* ---- the handshake ---- */

/* GnuTLS calls this only if the server asks. The answer is that there is none. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_retr2_st *out)
{
    struct relay_upstream *upstream = gnutls_session_get_ptr(session);
    (void)authorities, (void)count, (void)algorithms, (void)algorithm_count;
    upstream->wants_certificate = true;
    memset(out, 0, sizeof *out);
    out->cert_type = GNUTLS_CRT_X509;
    return 0;
}

static bool set_protocols(gnutls_session_t session, const struct relay_hello *hello)
{
    gnutls_datum_t protocols[RELAY_ALPN_MAX];
    for (size_t i = 0; i < hello->alpn_count; i++) {
        protocols[i] = (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)hello->alpn[i].data,
                                        .size = (unsigned)hello->alpn[i].len};
    }
    return hello->alpn_count == 0 ||
           gnutls_alpn_set_protocols(session, protocols, (unsigned)hello->alpn_count, 0) == 0;
}

bool relay_upstream_begin(struct relay_upstream *upstream, gnutls_certificate_credentials_t trust,
                          const struct relay_hello *hello, int fd)
{
    memcpy(upstream->name, hello->name, sizeof upstream->name);
    if (gnutls_init(&upstream->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) != 0) {
        upstream->session = NULL;
        return false;
    }
    gnutls_session_t session = upstream->session;
    gnutls_session_set_ptr(session, upstream);
    gnutls_transport_set_int(session, fd);
    gnutls_handshake_set_timeout(session, 0); /* the loop has a time limit */
    gnutls_certificate_set_retrieve_function(trust, no_certificate);
    return gnutls_priority_set_direct(session, PRIORITY, NULL) == 0 &&
           gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust) == 0 &&
           gnutls_server_name_set(session, GNUTLS_NAME_DNS, hello->name, strlen(hello->name)) ==
               0 &&
           set_protocols(session, hello);
}

int relay_upstream_step(struct relay_upstream *upstream)
{
    int result;
    do {
        result = gnutls_handshake(upstream->session);
    } while (result == GNUTLS_E_WARNING_ALERT_RECEIVED || result == GNUTLS_E_INTERRUPTED);
    return result;
}
