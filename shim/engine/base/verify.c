/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/verify.h"

#include <gnutls/abstract.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "dns/host_name.h"
#include "ech/config.h"
#include "ech/handshake_messages.h"
#include "shim/common/compat_tls.h"

#define OID_SUBJECT_ALT_NAME "2.5.29.17"

struct shim_verifier {
    gnutls_x509_trust_list_t trust;
};

/* gnutls_datum_t has no const, but GnuTLS only reads these. */
static gnutls_datum_t datum_of(struct bytes from)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)from.data,
                            .size = (unsigned)from.len};
}

/* ---- names ---- */

static bool equal_without_case(struct bytes a, struct bytes b)
{
    struct reader x = rd_of(a);
    struct reader y = rd_of(b);
    uint8_t p;
    uint8_t q;
    while (rd_u8(&x, &p) && rd_u8(&y, &q)) {
        if (dns_lower(p) != dns_lower(q)) {
            return false;
        }
    }
    return a.len == b.len;
}

/* Takes the left-most label and the dot after it. False if the name has no dot. */
static bool take_label(struct reader *name, struct bytes *label)
{
    struct bytes start = rd_rest(name);
    uint8_t octet;
    while (rd_u8(name, &octet)) {
        if (octet == '.') {
            *label = bytes_of(start.data, start.len - name->len - 1);
            return true;
        }
    }
    return false;
}

bool shim_dns_id_matches(struct bytes presented, struct bytes reference)
{
    struct reader pattern = rd_of(presented);
    struct reader name = rd_of(reference);
    struct bytes wildcard;
    struct bytes label;
    if (!take_label(&pattern, &wildcard) || !bytes_equal(wildcard, bytes_of("*", 1))) {
        return equal_without_case(presented, reference);
    }
    struct reader rest = pattern;
    struct bytes second;
    return take_label(&rest, &second) && second.len > 0 && !rd_done(&rest) &&
           take_label(&name, &label) && label.len > 0 &&
           equal_without_case(rd_rest(&pattern), rd_rest(&name));
}

/* The server that a certificate has to be for. */
struct reference {
    struct bytes name;    /* a host name as a DNS-ID; empty: the address counts */
    struct bytes address; /* an address of 4 or 16 octets */
};

static bool any_name_matches(gnutls_subject_alt_names_t names, const struct reference *reference)
{
    for (unsigned i = 0;; i++) {
        unsigned type;
        gnutls_datum_t name;
        if (gnutls_subject_alt_names_get(names, i, &type, &name, NULL) != 0) {
            return false;
        }
        struct bytes presented = bytes_of(name.data, name.size);
        if (reference->name.len > 0
                ? type == GNUTLS_SAN_DNSNAME && shim_dns_id_matches(presented, reference->name)
                : type == GNUTLS_SAN_IPADDRESS && bytes_equal(presented, reference->address)) {
            return true;
        }
    }
}

/*
 * RFC 9525: a server known by a name needs it as a DNS-ID, a server known by an address as an
 * IP-ID. The common name does not count.
 */
static bool names_match(gnutls_x509_crt_t leaf, const struct reference *reference)
{
    gnutls_subject_alt_names_t names;
    gnutls_datum_t extension = {.data = NULL};
    unsigned critical;
    bool match = false;
    if (gnutls_x509_crt_get_extension_by_oid2(leaf, OID_SUBJECT_ALT_NAME, 0, &extension,
                                              &critical) != 0) {
        return false;
    }
    if (gnutls_subject_alt_names_init(&names) == 0) {
        match = gnutls_x509_ext_import_subject_alt_names(&extension, names, 0) == 0 &&
                any_name_matches(names, reference);
        gnutls_subject_alt_names_deinit(names);
    }
    gnutls_free(extension.data);
    return match;
}

/* ---- the chain ---- */

/* The worst fault of the path: each one is checked before those that depend on it. */
static enum ech_alert alert_for(unsigned status)
{
    static const struct {
        unsigned flags;
        enum ech_alert alert;
    } known[] = {
        {GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA, ECH_ALERT_UNKNOWN_CA},
        {GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE |
             GNUTLS_CERT_INSECURE_ALGORITHM,
         ECH_ALERT_BAD_CERTIFICATE},
        {GNUTLS_CERT_REVOKED, ECH_ALERT_CERTIFICATE_REVOKED},
        {GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED, ECH_ALERT_CERTIFICATE_EXPIRED},
        {GNUTLS_CERT_PURPOSE_MISMATCH | GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS,
         ECH_ALERT_UNSUPPORTED_CERTIFICATE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((status & known[i].flags) != 0) {
            return known[i].alert;
        }
    }
    return status == 0 ? ECH_ALERT_NONE : ECH_ALERT_CERTIFICATE_UNKNOWN;
}

/* RFC 8446, 4.4.2.2: a key usage extension has to include digitalSignature. */
static bool may_sign(gnutls_x509_crt_t leaf)
{
    unsigned usage;
    int rc = gnutls_x509_crt_get_key_usage(leaf, &usage, NULL);
    return rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ||
           (rc == 0 && (usage & GNUTLS_KEY_DIGITAL_SIGNATURE) != 0);
}

static enum ech_alert verify_path(const struct shim_verifier *verifier, gnutls_x509_crt_t *chain,
                                  size_t count, const struct reference *reference)
{
    static char server[] = GNUTLS_KP_TLS_WWW_SERVER;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)server};
    unsigned status;
    if (gnutls_x509_trust_list_verify_crt2(verifier->trust, chain, (unsigned)count, &purpose, 1,
                                           GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status,
                                           NULL) != 0) {
        return ECH_ALERT_CERTIFICATE_UNKNOWN;
    }
    enum ech_alert alert = alert_for(status);
    if (alert == ECH_ALERT_NONE && !may_sign(chain[0])) {
        alert = ECH_ALERT_UNSUPPORTED_CERTIFICATE;
    }
    if (alert == ECH_ALERT_NONE && !names_match(chain[0], reference)) {
        alert = ECH_ALERT_BAD_CERTIFICATE;
    }
    return alert;
}

/* Gives ECH_ALERT_NONE, and the caller deinits *certificate; or gives the alert. */
static enum ech_alert import(struct bytes der, gnutls_x509_crt_t *certificate)
{
    gnutls_datum_t datum = datum_of(der);
    if (gnutls_x509_crt_init(certificate) != 0) {
        return ECH_ALERT_INTERNAL_ERROR;
    }
    if (gnutls_x509_crt_import(*certificate, &datum, GNUTLS_X509_FMT_DER) != 0) {
        gnutls_x509_crt_deinit(*certificate);
        return ECH_ALERT_BAD_CERTIFICATE;
    }
    return ECH_ALERT_NONE;
}

static enum ech_alert verify_server(const struct shim_verifier *verifier,
                                    const struct bytes *certificates, size_t count,
                                    const struct reference *reference)
{
    gnutls_x509_crt_t chain[ECH_CERTIFICATES_MAX];
    enum ech_alert alert =
        count == 0 || count > ECH_CERTIFICATES_MAX ? ECH_ALERT_BAD_CERTIFICATE : ECH_ALERT_NONE;
    size_t imported = 0;
    while (alert == ECH_ALERT_NONE && imported < count) {
        alert = import(certificates[imported], &chain[imported]);
        imported += alert == ECH_ALERT_NONE ? 1 : 0;
    }
    if (alert == ECH_ALERT_NONE) {
        alert = verify_path(verifier, chain, count, reference);
    }
    for (size_t i = 0; i < imported; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    return alert;
}

/* RFC 9849, 6.1.7: a public_name is never an address. */
static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    const struct reference reference = {.name = public_name};
    return ech_public_name_valid(public_name)
               ? verify_server(context, certificates, count, &reference)
               : ECH_ALERT_BAD_CERTIFICATE;
}

bool shim_verifier_is_server(const struct shim_verifier *verifier, const struct bytes *certificates,
                             size_t count, const char *name, struct bytes address)
{
    const struct reference reference = {.name = bytes_of(name, strlen(name)), .address = address};
    return verify_server(verifier, certificates, count, &reference) == ECH_ALERT_NONE;
}

/* ---- signatures ---- */

/*
 * RFC 8446, 4.2.3: in TLS 1.3 a scheme fixes the kind of the key and, for ECDSA, its curve. In TLS
 * 1.2 it fixes the kind of the key and the hash (RFC 8422, 5.4; RFC 8446, 4.2.3).
 */
struct scheme {
    uint16_t id;
    gnutls_sign_algorithm_t algorithm;
    gnutls_pk_algorithm_t key;
    gnutls_ecc_curve_t curve; /* of ECDSA, in TLS 1.3 */
};

static const struct scheme *find_scheme(uint16_t id)
{
    static const struct scheme schemes[] = {
        {ECH_SIGNATURE_ECDSA_SECP256R1_SHA256, GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_PK_ECDSA,
         GNUTLS_ECC_CURVE_SECP256R1},
        {ECH_SIGNATURE_ECDSA_SECP384R1_SHA384, GNUTLS_SIGN_ECDSA_SHA384, GNUTLS_PK_ECDSA,
         GNUTLS_ECC_CURVE_SECP384R1},
        {ECH_SIGNATURE_ECDSA_SECP521R1_SHA512, GNUTLS_SIGN_ECDSA_SHA512, GNUTLS_PK_ECDSA,
         GNUTLS_ECC_CURVE_SECP521R1},
        {ECH_SIGNATURE_RSA_PSS_RSAE_SHA256, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PSS_RSAE_SHA384, GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PSS_RSAE_SHA512, GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PSS_PSS_SHA256, GNUTLS_SIGN_RSA_PSS_SHA256, GNUTLS_PK_RSA_PSS,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PSS_PSS_SHA384, GNUTLS_SIGN_RSA_PSS_SHA384, GNUTLS_PK_RSA_PSS,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PSS_PSS_SHA512, GNUTLS_SIGN_RSA_PSS_SHA512, GNUTLS_PK_RSA_PSS,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_ED25519, GNUTLS_SIGN_EDDSA_ED25519, GNUTLS_PK_EDDSA_ED25519,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_ED448, GNUTLS_SIGN_EDDSA_ED448, GNUTLS_PK_EDDSA_ED448,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PKCS1_SHA256, GNUTLS_SIGN_RSA_SHA256, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PKCS1_SHA384, GNUTLS_SIGN_RSA_SHA384, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
        {ECH_SIGNATURE_RSA_PKCS1_SHA512, GNUTLS_SIGN_RSA_SHA512, GNUTLS_PK_RSA,
         GNUTLS_ECC_CURVE_INVALID},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (schemes[i].id == id) {
            return &schemes[i];
        }
    }
    return NULL;
}

/* One of the three curves that schemes of TLS 1.3 have. */
static bool is_usual_curve(gnutls_ecc_curve_t curve)
{
    return curve == GNUTLS_ECC_CURVE_SECP256R1 || curve == GNUTLS_ECC_CURVE_SECP384R1 ||
           curve == GNUTLS_ECC_CURVE_SECP521R1;
}

/* RFC 8446, 4.2.3: TLS 1.3 has no RSASSA-PKCS1-v1_5 outside certificates. */
static bool is_pkcs1(const struct scheme *scheme)
{
    return scheme->id == ECH_SIGNATURE_RSA_PKCS1_SHA256 ||
           scheme->id == ECH_SIGNATURE_RSA_PKCS1_SHA384 ||
           scheme->id == ECH_SIGNATURE_RSA_PKCS1_SHA512;
}

static bool key_fits(gnutls_pubkey_t key, const struct scheme *scheme, uint16_t version)
{
    gnutls_ecc_curve_t curve;
    if (gnutls_pubkey_get_pk_algorithm(key, NULL) != (int)scheme->key ||
        (is_pkcs1(scheme) && version != ECH_TLS12)) {
        return false;
    }
    return scheme->key != GNUTLS_PK_ECDSA ||
           (gnutls_pubkey_export_ecc_raw(key, &curve, NULL, NULL) == 0 &&
            (version == ECH_TLS12 ? is_usual_curve(curve) : curve == scheme->curve));
}

static enum ech_alert check_signature(gnutls_pubkey_t key, uint16_t version, uint16_t id,
                                      struct bytes content, struct bytes signature)
{
    const struct scheme *scheme = find_scheme(id);
    gnutls_datum_t content_datum = datum_of(content);
    gnutls_datum_t signature_datum = datum_of(signature);
    if (scheme == NULL || !key_fits(key, scheme, version)) {
        return ECH_ALERT_ILLEGAL_PARAMETER;
    }
    /* RFC 8446, 4.2.3: the salt is as long as the digest. */
    return gnutls_pubkey_verify_data2(key, scheme->algorithm,
                                      GNUTLS_VERIFY_RSA_PSS_FIXED_SALT_LENGTH, &content_datum,
                                      &signature_datum) >= 0
               ? ECH_ALERT_NONE
               : ECH_ALERT_DECRYPT_ERROR;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    (void)context;
    gnutls_x509_crt_t leaf;
    gnutls_pubkey_t key;
    enum ech_alert alert = import(certificate, &leaf);
    if (alert != ECH_ALERT_NONE) {
        return alert;
    }
    alert = ECH_ALERT_INTERNAL_ERROR;
    if (gnutls_pubkey_init(&key) == 0) {
        alert = gnutls_pubkey_import_x509(key, leaf, 0) == 0
                    ? check_signature(key, version, scheme, content, signature)
                    : ECH_ALERT_UNSUPPORTED_CERTIFICATE;
        gnutls_pubkey_deinit(key);
    }
    gnutls_x509_crt_deinit(leaf);
    return alert;
}

/* ---- start and free ---- */

enum ech_status shim_verifier_new(struct shim_verifier **verifier, const char *ca_file)
{
    *verifier = NULL;
    struct shim_verifier *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return ECH_ERR_NOMEM;
    }
    if (gnutls_x509_trust_list_init(&made->trust, 0) != 0) {
        free(made);
        return ECH_ERR_NOMEM;
    }
    int anchors = ca_file != NULL ? gnutls_x509_trust_list_add_trust_file(
                                        made->trust, ca_file, NULL, GNUTLS_X509_FMT_PEM, 0, 0)
                                  : gnutls_x509_trust_list_add_system_trust(made->trust, 0, 0);
    if (anchors <= 0) {
        shim_verifier_free(made);
        return ECH_ERR_UNSUPPORTED;
    }
    *verifier = made;
    return ECH_OK;
}

void shim_verifier_free(struct shim_verifier *verifier)
{
    if (verifier != NULL) {
        gnutls_x509_trust_list_deinit(verifier->trust, 1);
        free(verifier);
    }
}

struct ech_outer_verifier shim_verifier_callbacks(struct shim_verifier *verifier)
{
    return (struct ech_outer_verifier){
        .verify_chain = verify_chain, .verify_signature = verify_signature, .context = verifier};
}
