/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/certificates.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ech/tls13_messages.h"

#define MUST(call) cr_assert_geq(call, 0, "%s", #call)

static void set_names(gnutls_x509_crt_t c, const struct test_certificate_options *o)
{
    for (size_t i = 0; i < 3 && o->dns[i] != NULL; i++) {
        MUST(gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, o->dns[i],
                                                  (unsigned)strlen(o->dns[i]), GNUTLS_FSAN_APPEND));
    }
    if (o->address != NULL) {
        struct in_addr address;
        cr_assert_eq(inet_pton(AF_INET, o->address, &address), 1);
        MUST(gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, &address, sizeof address,
                                                  GNUTLS_FSAN_APPEND));
    }
    const char *name = o->common_name != NULL ? o->common_name : "test";
    MUST(gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                       (unsigned)strlen(name)));
}

static void set_rights(gnutls_x509_crt_t c, const struct test_certificate_options *o)
{
    MUST(gnutls_x509_crt_set_basic_constraints(c, o->authority, -1));
    if (o->authority) {
        MUST(gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_KEY_CERT_SIGN));
        return;
    }
    if (!o->no_usage) {
        MUST(gnutls_x509_crt_set_key_usage(c, o->usage != 0 ? o->usage
                                                            : GNUTLS_KEY_DIGITAL_SIGNATURE));
    }
    if (!o->no_purpose) {
        MUST(gnutls_x509_crt_set_key_purpose_oid(
            c, o->purpose != NULL ? o->purpose : GNUTLS_KP_TLS_WWW_SERVER, 0));
    }
}

void test_certificate_make(struct test_certificate *made,
                           const struct test_certificate_options *options)
{
    static unsigned char serial = 1;
    const struct test_certificate_options *o = options;
    time_t now = time(NULL);
    int from = o->valid_from_days != 0 ? o->valid_from_days : -1;
    int to = o->valid_to_days != 0 ? o->valid_to_days : 1;
    gnutls_pk_algorithm_t key = o->key != GNUTLS_PK_UNKNOWN ? o->key : GNUTLS_PK_ECDSA;
    unsigned bits = o->bits != 0 ? o->bits : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    MUST(gnutls_x509_privkey_init(&made->key));
    MUST(gnutls_x509_privkey_generate(made->key, key, bits, 0));
    MUST(gnutls_x509_crt_init(&made->certificate));
    gnutls_x509_crt_t c = made->certificate;
    MUST(gnutls_x509_crt_set_version(c, 3));
    MUST(gnutls_x509_crt_set_serial(c, &serial, 1));
    serial++;
    MUST(gnutls_x509_crt_set_activation_time(c, now + from * 86400));
    MUST(gnutls_x509_crt_set_expiration_time(c, now + to * 86400));
    MUST(gnutls_x509_crt_set_key(c, made->key));
    set_names(c, o);
    set_rights(c, o);
    const struct test_certificate *issuer = o->issuer != NULL ? o->issuer : made;
    MUST(gnutls_x509_crt_sign2(c, issuer->certificate, issuer->key,
                               o->digest != 0 ? o->digest : GNUTLS_DIG_SHA256, 0));
}

void test_certificate_free(struct test_certificate *made)
{
    gnutls_x509_crt_deinit(made->certificate);
    gnutls_x509_privkey_deinit(made->key);
}

struct octets test_certificate_der(const struct test_certificate *made)
{
    gnutls_datum_t der;
    MUST(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_DER, &der));
    struct octets octets = octets_copy(bytes_of(der.data, der.size));
    gnutls_free(der.data);
    return octets;
}

static void save(const char *name, gnutls_datum_t *pem)
{
    FILE *file = fopen(name, "we");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fwrite(pem->data, 1, pem->size, file), pem->size);
    cr_assert_eq(fclose(file), 0);
    gnutls_free(pem->data);
}

void test_certificate_save(const struct test_certificate *made, const char *certificate_file,
                           const char *key_file)
{
    gnutls_datum_t pem;
    MUST(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_PEM, &pem));
    save(certificate_file, &pem);
    if (key_file != NULL) {
        /* PKCS #8: the form that holds keys of every kind. */
        MUST(gnutls_x509_privkey_export2_pkcs8(made->key, GNUTLS_X509_FMT_PEM, NULL,
                                               GNUTLS_PKCS_PLAIN, &pem));
        save(key_file, &pem);
    }
}

static gnutls_sign_algorithm_t algorithm_of(uint16_t scheme)
{
    switch (scheme) {
    case ECH_SIGNATURE_ECDSA_SECP256R1_SHA256:
        return GNUTLS_SIGN_ECDSA_SHA256;
    case ECH_SIGNATURE_ECDSA_SECP384R1_SHA384:
        return GNUTLS_SIGN_ECDSA_SHA384;
    case ECH_SIGNATURE_ECDSA_SECP521R1_SHA512:
        return GNUTLS_SIGN_ECDSA_SHA512;
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA256:
        return GNUTLS_SIGN_RSA_PSS_RSAE_SHA256;
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA384:
        return GNUTLS_SIGN_RSA_PSS_RSAE_SHA384;
    case ECH_SIGNATURE_RSA_PSS_RSAE_SHA512:
        return GNUTLS_SIGN_RSA_PSS_RSAE_SHA512;
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA256:
        return GNUTLS_SIGN_RSA_PSS_SHA256;
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA384:
        return GNUTLS_SIGN_RSA_PSS_SHA384;
    case ECH_SIGNATURE_RSA_PSS_PSS_SHA512:
        return GNUTLS_SIGN_RSA_PSS_SHA512;
    case ECH_SIGNATURE_ED25519:
        return GNUTLS_SIGN_EDDSA_ED25519;
    case ECH_SIGNATURE_ED448:
        return GNUTLS_SIGN_EDDSA_ED448;
    case ECH_SIGNATURE_RSA_PKCS1_SHA256:
        return GNUTLS_SIGN_RSA_SHA256;
    case ECH_SIGNATURE_RSA_PKCS1_SHA384:
        return GNUTLS_SIGN_RSA_SHA384;
    case ECH_SIGNATURE_RSA_PKCS1_SHA512:
        return GNUTLS_SIGN_RSA_SHA512;
    default:
        return GNUTLS_SIGN_UNKNOWN;
    }
}

struct octets test_certificate_sign(void *context, uint16_t scheme, struct bytes content)
{
    const struct test_certificate *made = context;
    gnutls_privkey_t key;
    gnutls_datum_t data = {.data = (unsigned char *)(uintptr_t)content.data,
                           .size = (unsigned)content.len};
    gnutls_datum_t signature;
    MUST(gnutls_privkey_init(&key));
    MUST(gnutls_privkey_import_x509(key, made->key, 0));
    MUST(gnutls_privkey_sign_data2(key, algorithm_of(scheme), 0, &data, &signature));
    struct octets octets = octets_copy(bytes_of(signature.data, signature.size));
    gnutls_free(signature.data);
    gnutls_privkey_deinit(key);
    return octets;
}
