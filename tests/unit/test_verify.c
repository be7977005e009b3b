/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may reject ECH: certificates and signatures of every kind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ech/tls13_messages.h"
#include "shim/engine/base/verify.h"
#include "tests/unit/certificates.h"
#include "tests/unit/hello_tools.h"

static struct test_certificate authority;
static struct test_certificate stranger;
static struct shim_verifier *verifier;
static char ca_file[64];

static void setup(void)
{
    (void)snprintf(ca_file, sizeof ca_file, "/tmp/echshim-verify-%d.pem", (int)getpid());
    test_certificate_make(&authority, &(struct test_certificate_options){
                                          .authority = true, .common_name = "an authority"});
    test_certificate_make(&stranger, &(struct test_certificate_options){
                                         .authority = true, .common_name = "another authority"});
    test_certificate_save(&authority, ca_file, NULL);
    cr_assert_eq(shim_verifier_new(&verifier, ca_file), ECH_OK);
}

static void teardown(void)
{
    shim_verifier_free(verifier);
    test_certificate_free(&authority);
    test_certificate_free(&stranger);
    unlink(ca_file);
}

TestSuite(verify, .init = setup, .fini = teardown);

static enum ech_alert judge_chain(const struct test_certificate *const *chain, size_t count,
                                  const char *name)
{
    struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
    struct octets der[4];
    struct bytes views[4];
    for (size_t i = 0; i < count; i++) {
        der[i] = test_certificate_der(chain[i]);
        views[i] = octets_view(&der[i]);
    }
    enum ech_alert alert =
        callbacks.verify_chain(callbacks.context, views, count, bytes_of(name, strlen(name)));
    for (size_t i = 0; i < count; i++) {
        octets_free(&der[i]);
    }
    return alert;
}

/* Judges a leaf of the authority, or of the issuer in the options, for public.example. */
static enum ech_alert judge(struct test_certificate_options options)
{
    struct test_certificate leaf;
    options.issuer = options.issuer != NULL ? options.issuer : &authority;
    test_certificate_make(&leaf, &options);
    enum ech_alert alert =
        judge_chain((const struct test_certificate *const[]){&leaf}, 1, "public.example");
    test_certificate_free(&leaf);
    return alert;
}

#define JUDGE(...) judge((struct test_certificate_options){__VA_ARGS__})
#define GOOD .dns = {"public.example"}

Test(verify, ech_72_a_good_certificate)
{
    cr_assert_eq(JUDGE(GOOD), ECH_ALERT_NONE);
    cr_assert_eq(JUDGE(GOOD, .no_usage = true, .no_purpose = true), ECH_ALERT_NONE);
    cr_assert_eq(JUDGE(GOOD, .purpose = GNUTLS_KP_ANY), ECH_ALERT_NONE);
    cr_assert_eq(JUDGE(.dns = {"other.example", "PUBLIC.Example"}), ECH_ALERT_NONE);
}

Test(verify, ech_72_validity)
{
    cr_assert_eq(JUDGE(GOOD, .valid_from_days = -9, .valid_to_days = -2),
                 ECH_ALERT_CERTIFICATE_EXPIRED);
    cr_assert_eq(JUDGE(GOOD, .valid_from_days = 1, .valid_to_days = 9),
                 ECH_ALERT_CERTIFICATE_EXPIRED);
}

Test(verify, ech_72_trust)
{
    cr_assert_eq(JUDGE(GOOD, .issuer = &stranger), ECH_ALERT_UNKNOWN_CA);
    struct test_certificate alone;
    test_certificate_make(&alone, &(struct test_certificate_options){GOOD});
    cr_assert_eq(judge_chain((const struct test_certificate *const[]){&alone}, 1, "public.example"),
                 ECH_ALERT_UNKNOWN_CA);
    test_certificate_free(&alone);
}

Test(verify, ech_72_intermediate_authorities)
{
    struct test_certificate middle;
    struct test_certificate leaf;
    test_certificate_make(&middle, &(struct test_certificate_options){.authority = true,
                                                                      .common_name = "middle",
                                                                      .issuer = &authority});
    test_certificate_make(&leaf, &(struct test_certificate_options){GOOD, .issuer = &middle});
    const struct test_certificate *const chain[] = {&leaf, &middle};
    cr_assert_eq(judge_chain(chain, 2, "public.example"), ECH_ALERT_NONE);
    cr_assert_eq(judge_chain(chain, 1, "public.example"), ECH_ALERT_UNKNOWN_CA);
    test_certificate_free(&middle);
    /* A certificate that is no authority cannot be an intermediate. */
    test_certificate_make(
        &middle, &(struct test_certificate_options){.common_name = "middle", .issuer = &authority});
    test_certificate_free(&leaf);
    test_certificate_make(&leaf, &(struct test_certificate_options){GOOD, .issuer = &middle});
    cr_assert_eq(judge_chain(chain, 2, "public.example"), ECH_ALERT_UNKNOWN_CA);
    test_certificate_free(&middle);
    test_certificate_free(&leaf);
}

Test(verify, ech_72_usage_and_purpose)
{
    cr_assert_eq(JUDGE(GOOD, .usage = GNUTLS_KEY_KEY_ENCIPHERMENT),
                 ECH_ALERT_UNSUPPORTED_CERTIFICATE);
    cr_assert_eq(JUDGE(GOOD, .purpose = GNUTLS_KP_TLS_WWW_CLIENT),
                 ECH_ALERT_UNSUPPORTED_CERTIFICATE);
}

Test(verify, ech_72_weak_keys_and_digests)
{
    cr_assert_eq(JUDGE(GOOD, .key = GNUTLS_PK_RSA, .bits = 1024), ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(GOOD, .digest = GNUTLS_DIG_SHA1), ECH_ALERT_BAD_CERTIFICATE);
}

Test(verify, ech_73_the_name_is_a_dns_id)
{
    cr_assert_eq(JUDGE(.dns = {"secret.example.org"}), ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(.common_name = "public.example"), ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(.common_name = "public.example", .dns = {"other.example"}),
                 ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(.dns = {"www.public.example"}), ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(.dns = {"*.example"}), ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(JUDGE(.address = "192.0.2.1"), ECH_ALERT_BAD_CERTIFICATE);
}

Test(verify, ech_73_an_address_is_no_name)
{
    struct test_certificate leaf;
    test_certificate_make(&leaf, &(struct test_certificate_options){.dns = {"192.0.2.1"},
                                                                    .address = "192.0.2.1",
                                                                    .issuer = &authority});
    cr_assert_eq(judge_chain((const struct test_certificate *const[]){&leaf}, 1, "192.0.2.1"),
                 ECH_ALERT_BAD_CERTIFICATE);
    test_certificate_free(&leaf);
}

Test(verify, ech_73_wildcards)
{
    static const struct {
        const char *presented;
        const char *reference;
        bool matches;
    } cases[] = {
        {"public.example", "public.example", true},
        {"Public.EXAMPLE", "puBlic.example", true},
        {"public.example", "public.exampl", false},
        {"public.example", "public.example.org", false},
        {"*.public.example", "www.public.example", true},
        {"*.Public.example", "www.public.Example", true},
        {"*.public.example", "public.example", false},
        {"*.public.example", "a.b.public.example", false},
        {"w*.public.example", "www.public.example", false},
        {"*w.public.example", "www.public.example", false},
        {"www.*.example", "www.public.example", false},
        {"**.public.example", "www.public.example", false},
        {"*", "public", false},
        {"*.example", "public.example", false},
        {"*.", "public.", false},
        {"*..example", "a..example", false},
        {"*.example.", "public.example.", false},
        {"", "public.example", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes presented = bytes_of(cases[i].presented, strlen(cases[i].presented));
        struct bytes reference = bytes_of(cases[i].reference, strlen(cases[i].reference));
        cr_assert_eq(shim_dns_id_matches(presented, reference), cases[i].matches, "%s for %s",
                     cases[i].presented, cases[i].reference);
    }
    /* A NUL does not end a name. */
    cr_assert_not(
        shim_dns_id_matches(bytes_of("public.example\0.evil", 20), bytes_of("public.example", 14)));
}

Test(verify, certificates_that_do_not_parse)
{
    struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
    struct bytes garbage = BYTES(0x30, 3, 1, 2, 3);
    cr_assert_eq(
        callbacks.verify_chain(callbacks.context, &garbage, 1, bytes_of("public.example", 14)),
        ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(
        callbacks.verify_chain(callbacks.context, &garbage, 0, bytes_of("public.example", 14)),
        ECH_ALERT_BAD_CERTIFICATE);
    cr_assert_eq(
        callbacks.verify_signature(callbacks.context, ECH_TLS13, 0x0403, garbage, garbage, garbage),
        ECH_ALERT_BAD_CERTIFICATE);
}

Test(verify, anchors_that_are_not_there)
{
    struct shim_verifier *none;
    cr_assert_eq(shim_verifier_new(&none, "/nonexistent.pem"), ECH_ERR_UNSUPPORTED);
    cr_assert_null(none);
    cr_assert_eq(shim_verifier_new(&none, "/dev/null"), ECH_ERR_UNSUPPORTED);
    cr_assert_null(none);
}

/* ---- signatures (RFC 8446, 4.2.3) ---- */

static const uint16_t schemes[] = {0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808,
                                   0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0201, 0x0203};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

struct key_kind {
    const char *name;
    struct test_certificate_options options;
    uint16_t fits[3];
    uint16_t
        fits_tls12[6]; /* there an ECDSA scheme is for any curve, and PKCS #1 v1.5 is allowed */
};

static const struct key_kind kinds[] = {
    {"P-256", {GOOD}, {0x0403}, {0x0403, 0x0503, 0x0603}},
    {"P-384",
     {GOOD, .bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
     {0x0503},
     {0x0403, 0x0503, 0x0603}},
    {"P-521",
     {GOOD, .bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1)},
     {0x0603},
     {0x0403, 0x0503, 0x0603}},
    {"RSA",
     {GOOD, .key = GNUTLS_PK_RSA, .bits = 2048},
     {0x0804, 0x0805, 0x0806},
     {0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601}},
    {"RSA-PSS",
     {GOOD, .key = GNUTLS_PK_RSA_PSS, .bits = 2048},
     {0x0809, 0x080a, 0x080b},
     {0x0809, 0x080a, 0x080b}},
    {"Ed25519", {GOOD, .key = GNUTLS_PK_EDDSA_ED25519, .bits = 256}, {0x0807}, {0x0807}},
    {"Ed448", {GOOD, .key = GNUTLS_PK_EDDSA_ED448, .bits = 456}, {0x0808}, {0x0808}},
};

static bool fits(const struct key_kind *kind, uint16_t version, uint16_t scheme)
{
    for (size_t i = 0; i < 6; i++) {
        if (version == ECH_TLS12 ? kind->fits_tls12[i] == scheme
                                 : i < 3 && kind->fits[i] == scheme) {
            return true;
        }
    }
    return false;
}

/* A signature by `scheme` is accepted under `scheme` alone. */
static void check_scheme(const struct key_kind *kind, const struct test_certificate *leaf,
                         struct bytes der, uint16_t version, uint16_t scheme)
{
    struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
    struct bytes content = bytes_of("what is signed", 14);
    struct octets signature = test_certificate_sign((void *)(uintptr_t)leaf, scheme, content);
    for (size_t i = 0; i < SCHEMES; i++) {
        enum ech_alert expected = schemes[i] == scheme              ? ECH_ALERT_NONE
                                  : fits(kind, version, schemes[i]) ? ECH_ALERT_DECRYPT_ERROR
                                                                    : ECH_ALERT_ILLEGAL_PARAMETER;
        cr_assert_eq(callbacks.verify_signature(callbacks.context, version, schemes[i], der,
                                                content, octets_view(&signature)),
                     expected, "%04x: %s signed by %04x, read as %04x", version, kind->name, scheme,
                     schemes[i]);
    }
    cr_assert_eq(callbacks.verify_signature(callbacks.context, version, scheme, der,
                                            bytes_of("what is Signed", 14),
                                            octets_view(&signature)),
                 ECH_ALERT_DECRYPT_ERROR);
    /* nettle ignores the last octet of an Ed448 signature, which is always 0. */
    signature.data[signature.len - 2] ^= 1;
    cr_assert_eq(callbacks.verify_signature(callbacks.context, version, scheme, der, content,
                                            octets_view(&signature)),
                 ECH_ALERT_DECRYPT_ERROR, "%s", kind->name);
    octets_free(&signature);
}

Test(verify, every_kind_of_key_and_signature)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct test_certificate leaf;
        struct test_certificate_options options = kinds[i].options;
        options.issuer = &authority;
        test_certificate_make(&leaf, &options);
        struct octets der = test_certificate_der(&leaf);
        cr_assert_eq(
            judge_chain((const struct test_certificate *const[]){&leaf}, 1, "public.example"),
            ECH_ALERT_NONE, "%s", kinds[i].name);
        for (size_t j = 0; j < 3 && kinds[i].fits[j] != 0; j++) {
            check_scheme(&kinds[i], &leaf, octets_view(&der), ECH_TLS13, kinds[i].fits[j]);
        }
        for (size_t j = 0; j < 6 && kinds[i].fits_tls12[j] != 0; j++) {
            check_scheme(&kinds[i], &leaf, octets_view(&der), ECH_TLS12, kinds[i].fits_tls12[j]);
        }
        octets_free(&der);
        test_certificate_free(&leaf);
    }
}

/* TLS 1.3 forbids PKCS #1 v1.5, even if the signature is good. */
Test(verify, pkcs1_signatures_are_illegal)
{
    struct test_certificate leaf;
    struct ech_outer_verifier callbacks = shim_verifier_callbacks(verifier);
    struct test_certificate_options options = kinds[3].options;
    options.issuer = &authority;
    test_certificate_make(&leaf, &options);
    struct octets der = test_certificate_der(&leaf);
    struct octets signature = test_certificate_sign(&leaf, 0x0401, BYTES(1));
    cr_assert_eq(callbacks.verify_signature(callbacks.context, ECH_TLS13, 0x0401, octets_view(&der),
                                            BYTES(1), octets_view(&signature)),
                 ECH_ALERT_ILLEGAL_PARAMETER);
    octets_free(&signature);
    octets_free(&der);
    test_certificate_free(&leaf);
}
