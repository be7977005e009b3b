/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/authority.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/relay/faults.h"

enum { SERIAL_SIZE = 16, CACHED = 256 };

static const time_t HOUR = 3600;

#define OID_SUBJECT_ALT_NAME "2.5.29.17"
#define AUTHORITY_NAME "echshim --relay: authority of one run"
#define LEAF_NAME "echshim --relay"

struct signer {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
};

struct cached {
    char *name;
    struct relay_leaf *leaf;
};

struct relay_authority {
    struct signer known;
    struct signer unknown; /* one that nobody has heard of */
    gnutls_x509_privkey_t leaf_key;
    gnutls_datum_t certificate;
    time_t start;
    struct cached cache[CACHED];
    size_t next; /* the place that is used again next */
};

/* ---- certificates ---- */

static bool make_key(gnutls_x509_privkey_t *key)
{
    if (gnutls_x509_privkey_init(key) != 0) {
        *key = NULL;
        return false;
    }
    return gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA,
                                        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0;
}

/* What all certificates have. */
static bool begin(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *name, time_t from,
                  time_t until)
{
    uint8_t serial[SERIAL_SIZE];
    uint8_t id[64];
    size_t id_size = sizeof id;
    if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial) != 0) {
        return false;
    }
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive, and without a leading zero */
    return gnutls_x509_crt_set_version(crt, 3) == 0 &&
           gnutls_x509_crt_set_serial(crt, serial, sizeof serial) == 0 &&
           gnutls_x509_crt_set_activation_time(crt, from) == 0 &&
           gnutls_x509_crt_set_expiration_time(crt, until) == 0 &&
           gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                         (unsigned)strlen(name)) == 0 &&
           gnutls_x509_crt_set_key(crt, key) == 0 &&
           gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &id_size) == 0 &&
           gnutls_x509_crt_set_subject_key_id(crt, id, id_size) == 0;
}

static bool constrain(gnutls_x509_crt_t crt, const char *const *hosts)
{
    gnutls_x509_name_constraints_t constraints;
    if (hosts == NULL || hosts[0] == NULL) {
        return true;
    }
    if (gnutls_x509_name_constraints_init(&constraints) != 0) {
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && hosts[i] != NULL; i++) {
        gnutls_datum_t host = {.data = (unsigned char *)(uintptr_t)hosts[i],
                               .size = (unsigned)strlen(hosts[i])};
        good =
            gnutls_x509_name_constraints_add_permitted(constraints, GNUTLS_SAN_DNSNAME, &host) == 0;
    }
    good = good && gnutls_x509_crt_set_name_constraints(crt, constraints, 1) == 0;
    gnutls_x509_name_constraints_deinit(constraints);
    return good;
}

static bool make_signer(struct signer *signer, time_t start, const char *const *hosts)
{
    if (!make_key(&signer->key) || gnutls_x509_crt_init(&signer->certificate) != 0) {
        return false;
    }
    gnutls_x509_crt_t crt = signer->certificate;
    return begin(crt, signer->key, AUTHORITY_NAME, start - HOUR,
                 start + RELAY_AUTHORITY_HOURS * HOUR) &&
           gnutls_x509_crt_set_basic_constraints(crt, 1, 0) == 0 &&
           gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN) ==
               0 &&
           constrain(crt, hosts) &&
           gnutls_x509_crt_sign2(crt, crt, signer->key, GNUTLS_DIG_SHA256, 0) == 0;
}

static void free_signer(struct signer *signer)
{
    if (signer->key != NULL) {
        gnutls_x509_privkey_deinit(signer->key);
    }
    if (signer->certificate != NULL) {
        gnutls_x509_crt_deinit(signer->certificate);
    }
}

static bool set_name(gnutls_x509_crt_t crt, const char *name)
{
    uint8_t address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, name, address) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in_addr), 0) == 0;
    }
    if (inet_pton(AF_INET6, name, address) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof address, 0) == 0;
    }
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), 0) == 0;
}

static bool set_names(gnutls_x509_crt_t crt, const char *name, unsigned faults,
                      const gnutls_datum_t *real_names)
{
    if ((faults & RELAY_FAULT_OTHER_HOST) == 0) {
        return set_name(crt, name);
    }
    if (real_names != NULL && real_names->size > 0) {
        return gnutls_x509_crt_set_extension_by_oid(crt, OID_SUBJECT_ALT_NAME, real_names->data,
                                                    real_names->size, 0) == 0;
    }
    return set_name(crt, "no-name.invalid"); /* RFC 6761, 6.4 */
}

/* The last octets are the signature's. */
static bool spoil_signature(gnutls_x509_crt_t *crt)
{
    gnutls_datum_t der = {.data = NULL};
    if (gnutls_x509_crt_export2(*crt, GNUTLS_X509_FMT_DER, &der) != 0) {
        return false;
    }
    der.data[der.size - 1] ^= 1;
    gnutls_x509_crt_deinit(*crt);
    bool good = gnutls_x509_crt_init(crt) == 0 &&
                gnutls_x509_crt_import(*crt, &der, GNUTLS_X509_FMT_DER) == 0;
    gnutls_free(der.data);
    return good;
}

static bool sign(struct relay_authority *authority, gnutls_x509_crt_t *crt, unsigned faults)
{
    const struct signer *signer =
        (faults & RELAY_FAULT_UNKNOWN_AUTHORITY) != 0 ? &authority->unknown : &authority->known;
    bool self = (faults & RELAY_FAULT_SELF_SIGNED) != 0;
    uint8_t id[64];
    size_t id_size = sizeof id;
    gnutls_x509_crt_t issuer = self ? *crt : signer->certificate;
    gnutls_x509_privkey_t key = self ? authority->leaf_key : signer->key;
    if (gnutls_x509_crt_get_subject_key_id(issuer, id, &id_size, NULL) != 0 ||
        gnutls_x509_crt_set_authority_key_id(*crt, id, id_size) != 0) {
        return false;
    }
    bool weak = (faults & RELAY_FAULT_WEAK) != 0;
    return (weak && gnutls_x509_crt_sign2(*crt, issuer, key, GNUTLS_DIG_SHA1, 0) == 0) ||
           (gnutls_x509_crt_sign2(*crt, issuer, key, GNUTLS_DIG_SHA256, 0) == 0 &&
            ((faults & (RELAY_FAULT_BAD_SIGNATURE | RELAY_FAULT_WEAK)) == 0 ||
             spoil_signature(crt)));
}

static bool make_leaf(struct relay_authority *authority, gnutls_x509_crt_t *crt, const char *name,
                      unsigned faults, const gnutls_datum_t *real_names)
{
    time_t from = authority->start - HOUR;
    time_t until = authority->start + RELAY_AUTHORITY_HOURS * HOUR;
    if ((faults & RELAY_FAULT_EXPIRED) != 0) {
        from = authority->start - 48 * HOUR;
        until = authority->start - 24 * HOUR;
    } else if ((faults & RELAY_FAULT_NOT_YET_VALID) != 0) {
        from = authority->start + 24 * HOUR * 365;
        until = from + 24 * HOUR;
    }
    return begin(*crt, authority->leaf_key, LEAF_NAME, from, until) &&
           gnutls_x509_crt_set_basic_constraints(*crt, 0, -1) == 0 &&
           gnutls_x509_crt_set_key_usage(*crt, GNUTLS_KEY_DIGITAL_SIGNATURE) == 0 &&
           gnutls_x509_crt_set_key_purpose_oid(*crt,
                                               (faults & RELAY_FAULT_OTHER_PURPOSE) != 0
                                                   ? GNUTLS_KP_EMAIL_PROTECTION
                                                   : GNUTLS_KP_TLS_WWW_SERVER,
                                               0) == 0 &&
           set_names(*crt, name, faults, real_names) && sign(authority, crt, faults);
}

/* ---- leaves ---- */

static struct relay_leaf *new_leaf(struct relay_authority *authority, const char *name,
                                   unsigned faults, const gnutls_datum_t *real_names)
{
    struct relay_leaf *leaf = calloc(1, sizeof *leaf);
    gnutls_x509_crt_t crt = NULL;
    if (leaf == NULL) {
        return NULL;
    }
    leaf->users = 1;
    bool good = gnutls_certificate_allocate_credentials(&leaf->credentials) == 0;
    if (!good) {
        leaf->credentials = NULL;
    }
    /* A wrong certificate is sent as it is. */
    if (good) {
        gnutls_certificate_set_flags(leaf->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
    }
    good = good && gnutls_x509_crt_init(&crt) == 0 &&
           make_leaf(authority, &crt, name, faults, real_names) &&
           gnutls_certificate_set_x509_key(leaf->credentials, &crt, 1, authority->leaf_key) >= 0;
    if (crt != NULL) {
        gnutls_x509_crt_deinit(crt);
    }
    if (!good) {
        relay_leaf_release(leaf);
        return NULL;
    }
    return leaf;
}

void relay_leaf_release(struct relay_leaf *leaf)
{
    if (leaf == NULL || --leaf->users > 0) {
        return;
    }
    if (leaf->credentials != NULL) {
        gnutls_certificate_free_credentials(leaf->credentials);
    }
    free(leaf);
}

static void keep(struct relay_authority *authority, const char *name, struct relay_leaf *leaf)
{
    struct cached *place = &authority->cache[authority->next];
    char *copy = strdup(name);
    if (copy == NULL) {
        return;
    }
    authority->next = (authority->next + 1) % CACHED;
    free(place->name);
    relay_leaf_release(place->leaf);
    *place = (struct cached){.name = copy, .leaf = leaf};
    leaf->users++;
}

struct relay_leaf *relay_authority_leaf(struct relay_authority *authority, const char *name,
                                        unsigned faults, const gnutls_datum_t *real_names)
{
    for (size_t i = 0; faults == 0 && i < CACHED; i++) {
        if (authority->cache[i].name != NULL && strcmp(authority->cache[i].name, name) == 0) {
            authority->cache[i].leaf->users++;
            return authority->cache[i].leaf;
        }
    }
    struct relay_leaf *leaf = new_leaf(authority, name, faults, real_names);
    if (leaf != NULL && faults == 0) {
        keep(authority, name, leaf);
    }
    return leaf;
}

/* ---- the authority ---- */

struct relay_authority *relay_authority_new(const char *const *hosts)
{
    struct relay_authority *authority = calloc(1, sizeof *authority);
    if (authority == NULL) {
        return NULL;
    }
    authority->start = time(NULL);
    if (!make_signer(&authority->known, authority->start, hosts) ||
        !make_signer(&authority->unknown, authority->start, NULL) ||
        !make_key(&authority->leaf_key) ||
        gnutls_x509_crt_export2(authority->known.certificate, GNUTLS_X509_FMT_DER,
                                &authority->certificate) != 0) {
        relay_authority_free(authority);
        return NULL;
    }
    return authority;
}

void relay_authority_free(struct relay_authority *authority)
{
    if (authority == NULL) {
        return;
    }
    for (size_t i = 0; i < CACHED; i++) {
        free(authority->cache[i].name);
        relay_leaf_release(authority->cache[i].leaf);
    }
    free_signer(&authority->known);
    free_signer(&authority->unknown);
    if (authority->leaf_key != NULL) {
        gnutls_x509_privkey_deinit(authority->leaf_key);
    }
    gnutls_free(authority->certificate.data);
    free(authority);
}

const gnutls_datum_t *relay_authority_certificate(const struct relay_authority *authority)
{
    return &authority->certificate;
}
