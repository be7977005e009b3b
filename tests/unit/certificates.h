/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* X.509 certificates of every kind, good and bad, made in the process. */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "tests/unit/tls13_server.h"

struct test_certificate {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
};

/* Zeros and NULLs: the usual. */
struct test_certificate_options {
    gnutls_pk_algorithm_t key; /* ECDSA, P-256 */
    unsigned bits;             /* bits for RSA, or GNUTLS_CURVE_TO_BITS */
    const char *dns[3];
    const char *address; /* IPv4, as a subjectAltName */
    const char *common_name;
    bool authority;
    int valid_from_days; /* relative to now: -1 */
    int valid_to_days;   /* 1 */
    unsigned usage;      /* GNUTLS_KEY_*; digitalSignature */
    bool no_usage;
    const char *purpose; /* GNUTLS_KP_TLS_WWW_SERVER */
    bool no_purpose;
    gnutls_digest_algorithm_t digest;      /* SHA-256 */
    const struct test_certificate *issuer; /* self-signed */
};

void test_certificate_make(struct test_certificate *made,
                           const struct test_certificate_options *options);
void test_certificate_free(struct test_certificate *made);
struct octets test_certificate_der(const struct test_certificate *made);
/* Files in PEM; key_file may be NULL. */
void test_certificate_save(const struct test_certificate *made, const char *certificate_file,
                           const char *key_file);
/* Signs by a TLS SignatureScheme; the context is a struct test_certificate. */
tls13_sign test_certificate_sign;

#endif
