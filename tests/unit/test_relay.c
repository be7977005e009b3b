/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the relay that need no network: first octets, announcements, faults, the authority,
 * the key store, the variables. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/relay_variables.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"
#include "tools/relay/authority.h"
#include "tools/relay/claims.h"
#include "tools/relay/faults.h"
#include "tools/relay/hello.h"
#include "tools/relay/java_store.h"
#include "tools/relay/key_store.h"

/* ---- the first octets ---- */

/* The message in records of `size` octets. */
static void put_records(struct writer *out, struct bytes message, size_t size)
{
    for (size_t at = 0; at < message.len; at += size) {
        size_t length = message.len - at < size ? message.len - at : size;
        wr_u8(out, 22);
        wr_u16(out, 0x0301);
        wr_u16(out, (uint16_t)length);
        wr_bytes(out, bytes_of(message.data + at, length));
    }
}

Test(relay, a_hello_is_known_when_it_is_whole)
{
    static const size_t sizes[] = {1, 7, 100, 16384};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct relay_hello hello;
        struct writer records;
        wr_init(&records, 1 << 20);
        put_records(&records, hello_openssl, sizes[i]);
        for (size_t length = 0; length < records.len; length++) {
            cr_assert_eq(relay_hello_read(bytes_of(records.data, length), &hello),
                         RELAY_SPEECH_MORE, "%zu of %zu", length, records.len);
        }
        cr_assert_eq(relay_hello_read(bytes_of(records.data, records.len), &hello),
                     RELAY_SPEECH_HELLO);
        cr_assert_str_not_empty(hello.name);
        wr_u8(&records, 23); /* what follows belongs to TLS */
        cr_assert_eq(relay_hello_read(bytes_of(records.data, records.len), &hello),
                     RELAY_SPEECH_HELLO);
        wr_free(&records);
    }
}

Test(relay, a_hello_without_a_name)
{
    struct relay_hello hello;
    struct writer records;
    wr_init(&records, 1 << 20);
    put_records(&records, hello_openssl_ip, 16384);
    cr_assert_eq(relay_hello_read(bytes_of(records.data, records.len), &hello), RELAY_SPEECH_HELLO);
    cr_assert_str_empty(hello.name);
    wr_free(&records);
}

Test(relay, what_is_no_hello)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n",        "\x16\x02\x00\x00\x10",
        "\x16\x05",           "\x16\x03\x01\x50\x00", "\x16\x03\x01\x00\x04\x02",
        "\x15\x03\x01",       "\x80\x2e\x01\x03\x01", /* SSL 2.0 */
    };
    static const size_t lengths[] = {16, 11, 5, 2, 5, 6, 3, 5};
    struct relay_hello hello;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert_eq(relay_hello_read(bytes_of(texts[i], lengths[i]), &hello), RELAY_SPEECH_OTHER,
                     "%zu", i);
    }
    cr_assert_eq(relay_hello_read(bytes_of("\x16\x03\x01\x00\x00\x16\x03", 7), &hello),
                 RELAY_SPEECH_OTHER); /* an empty fragment */
    cr_assert_eq(relay_hello_read(bytes_of("", 0), &hello), RELAY_SPEECH_MORE);
    cr_assert_eq(relay_hello_read(bytes_of("\x16", 1), &hello), RELAY_SPEECH_MORE);
}

/* ---- announcements ---- */

static struct sockaddr_storage address(const char *text, uint16_t port)
{
    struct sockaddr_storage out = {.ss_family = AF_UNSPEC};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&out;
    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(port);
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &ipv6->sin6_addr), 1);
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(port);
    }
    return out;
}

Test(relay, only_announced_connections_once_and_not_too_late)
{
    struct relay_claims claims = {.count = 0};
    struct relay_claim claim = {.source = address("::ffff:127.0.0.1", 1234), .process = 7};
    struct relay_claim taken;
    struct sockaddr_storage same = address("127.0.0.1", 1234);
    struct sockaddr_storage other = address("127.0.0.1", 1235);
    struct sockaddr_storage ipv6 = address("::1", 1234);
    cr_assert(relay_claims_add(&claims, &claim, 100));
    cr_assert_not(relay_claims_take(&claims, &other, 100, &taken));
    cr_assert_not(relay_claims_take(&claims, &ipv6, 100, &taken));
    cr_assert(relay_claims_take(&claims, &same, 100, &taken));
    cr_assert_eq(taken.process, 7);
    cr_assert_not(relay_claims_take(&claims, &same, 100, &taken));
    cr_assert(relay_claims_add(&claims, &claim, 100));
    cr_assert_not(relay_claims_take(&claims, &same, 101 + RELAY_CLAIM_MS, &taken));
    for (int i = 0; i < 1000; i++) {
        claim.source = address("::1", (uint16_t)(i + 1));
        cr_assert(relay_claims_add(&claims, &claim, 200));
    }
    for (int i = 0; i < 1000; i++) {
        same = address("::1", (uint16_t)(1000 - i));
        cr_assert(relay_claims_take(&claims, &same, 200, &taken));
    }
    relay_claims_free(&claims);
}

/* ---- certificates ---- */

static const struct {
    unsigned status;
    bool self_issued;
    unsigned fault;
} kinds[] = {
    {GNUTLS_CERT_EXPIRED, false, RELAY_FAULT_EXPIRED},
    {GNUTLS_CERT_NOT_ACTIVATED, false, RELAY_FAULT_NOT_YET_VALID},
    {GNUTLS_CERT_UNEXPECTED_OWNER, false, RELAY_FAULT_OTHER_HOST},
    {GNUTLS_CERT_SIGNER_NOT_FOUND, false, RELAY_FAULT_UNKNOWN_AUTHORITY},
    {GNUTLS_CERT_SIGNER_NOT_FOUND, true, RELAY_FAULT_SELF_SIGNED},
    {GNUTLS_CERT_PURPOSE_MISMATCH, false, RELAY_FAULT_OTHER_PURPOSE},
    {GNUTLS_CERT_SIGNATURE_FAILURE, false, RELAY_FAULT_BAD_SIGNATURE},
    {GNUTLS_CERT_INSECURE_ALGORITHM, false, RELAY_FAULT_WEAK},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

Test(relay, faults_are_told_apart)
{
    cr_assert_eq(relay_faults_of(0, true), 0);
    for (size_t i = 0; i < KINDS; i++) {
        cr_assert_eq(relay_faults_of(GNUTLS_CERT_INVALID | kinds[i].status, kinds[i].self_issued),
                     kinds[i].fault);
    }
    /* What has no form of its own is never taken for good. */
    cr_assert_eq(relay_faults_of(GNUTLS_CERT_INVALID, false), RELAY_FAULT_UNKNOWN_AUTHORITY);
    cr_assert_eq(relay_faults_of(GNUTLS_CERT_REVOKED | GNUTLS_CERT_INVALID, false),
                 RELAY_FAULT_UNKNOWN_AUTHORITY);
}

/* What GnuTLS says of a leaf, if it trusts the authority. */
static unsigned judged(struct relay_authority *authority, const char *name, unsigned faults,
                       bool *self_issued)
{
    gnutls_x509_trust_list_t trust;
    gnutls_x509_crt_t anchor;
    gnutls_x509_crt_t *chain;
    unsigned count;
    unsigned status = 0;
    gnutls_typed_vdata_st data[] = {
        {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)(uintptr_t)name, 0},
        {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER, 0}};
    struct relay_leaf *leaf = relay_authority_leaf(authority, name, faults, NULL);
    cr_assert_not_null(leaf);
    cr_assert_eq(gnutls_certificate_get_x509_crt(leaf->credentials, 0, &chain, &count), 0);
    cr_assert_eq(gnutls_x509_crt_init(&anchor), 0);
    cr_assert_eq(
        gnutls_x509_crt_import(anchor, relay_authority_certificate(authority), GNUTLS_X509_FMT_DER),
        0);
    cr_assert_eq(gnutls_x509_trust_list_init(&trust, 0), 0);
    cr_assert_eq(gnutls_x509_trust_list_add_cas(trust, &anchor, 1, 0), 1);
    cr_assert_eq(gnutls_x509_trust_list_verify_crt2(trust, chain, count, data, 2, 0, &status, NULL),
                 0);
    *self_issued = gnutls_x509_crt_check_issuer(chain[0], chain[0]) != 0;
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
    gnutls_x509_trust_list_deinit(trust, 1);
    relay_leaf_release(leaf);
    return status;
}

Test(relay, each_fault_makes_a_certificate_with_that_fault)
{
    struct relay_authority *authority = relay_authority_new(NULL);
    bool self;
    cr_assert_not_null(authority);
    cr_assert_eq(judged(authority, "a.example", 0, &self), 0);
    cr_assert_eq(judged(authority, "a.example", 0, &self), 0); /* from the cache */
    for (size_t i = 0; i < KINDS; i++) {
        unsigned status = judged(authority, "a.example", kinds[i].fault, &self);
        unsigned seen = relay_faults_of(status, self);
        cr_assert(seen == kinds[i].fault ||
                      (kinds[i].fault == RELAY_FAULT_WEAK && seen == RELAY_FAULT_BAD_SIGNATURE),
                  "%s: status %x", relay_fault_word(kinds[i].fault), status);
    }
    for (int i = 0; i < 600; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.example", i);
        cr_assert_eq(judged(authority, name, 0, &self), 0);
    }
    relay_authority_free(authority);
}

Test(relay, a_constrained_authority)
{
    static const char *const hosts[] = {"a.example", NULL};
    struct relay_authority *authority = relay_authority_new(hosts);
    bool self;
    cr_assert_not_null(authority);
    cr_assert_eq(judged(authority, "a.example", 0, &self), 0);
    cr_assert_neq(judged(authority, "b.example", 0, &self), 0);
    relay_authority_free(authority);
}

/* ---- what the program gets ---- */

Test(relay, a_key_store)
{
    /* keytool -importcert made the same of these three octets, apart from alias and date. */
    static const uint8_t start[] = {0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0,
                                    0,    0,    1,    0,    0, 0, 2, 0, 7};
    const struct bytes certificate = bytes_of("abc", 3);
    struct writer out;
    wr_init(&out, 1 << 20);
    relay_key_store_write(&out, &certificate, 1);
    cr_assert_not(out.failed);
    cr_assert_eq(out.len, sizeof start + 7 + 8 + 2 + 5 + 4 + 3 + 20);
    cr_assert_eq(memcmp(out.data, start, sizeof start), 0);
    wr_free(&out);
}

static bool is_abc(void *context, struct bytes der)
{
    (*(unsigned *)context)++;
    return der.len == 3 && memcmp(der.data, "abc", 3) == 0;
}

Test(relay, a_key_store_is_read)
{
    const struct bytes certificates[] = {bytes_of("abc", 3), bytes_of("abc", 3)};
    struct writer out;
    unsigned count = 0;
    wr_init(&out, 1 << 20);
    relay_key_store_write(&out, certificates, 2);
    cr_assert(relay_key_store_is(bytes_of(out.data, out.len)));
    cr_assert(relay_key_store_read(bytes_of(out.data, out.len), is_abc, &count));
    cr_assert_eq(count, 2);
    for (size_t length = 0; length < out.len - 20; length++) {
        cr_assert_not(relay_key_store_read(bytes_of(out.data, length), is_abc, &count));
    }
    wr_free(&out);
}

/* HotSpot reads the words of the variable in this way. */
Test(relay, options_of_java)
{
    static const struct {
        const char *options;
        const char *value; /* of property a; NULL: there is none */
    } cases[] = {
        {"", NULL},
        {"-Da=1", "1"},
        {"-Da=1 -Da=2", "2"},
        {"-Xmx1g\t-Da=/x/y\n-Db=3", "/x/y"},
        {"\"-Da=1 2\" -Db=3", "1 2"},
        {"-Da='1 \"2'", "1 \"2"},
        {"-Da=\"1 '2\"3", "1 '23"},
        {"-Da=", ""},
        {"-Daa=1", NULL},
        {"'x -Da=1'", NULL},
        {"-Da", NULL},
        {"-Da=123456789", NULL}, /* longer than the room below */
    };
    char out[8];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool found = relay_java_property(cases[i].options, "a", out, sizeof out);
        cr_assert_eq(found, cases[i].value != NULL, "%s", cases[i].options);
        cr_assert(!found || strcmp(out, cases[i].value) == 0, "%s: %s", cases[i].options, out);
    }
}

Test(relay, variables)
{
    char text[256];
    char path[64];
    const struct shim_relay_variable *java = &shim_relay_variables[SHIM_RELAY_VARIABLES - 1];
    size_t length =
        shim_relay_variable_write(&shim_relay_variables[0], "/f", "/old.pem", text, sizeof text);
    cr_assert_str_eq(text, "SSL_CERT_FILE=/f/SSL_CERT_FILE.pem");
    cr_assert_eq(length, strlen(text));
    (void)shim_relay_variable_write(java, "/f", "-Xmx1g", text, sizeof text);
    cr_assert_str_eq(text, "JAVA_TOOL_OPTIONS=-Xmx1g -Djavax.net.ssl.trustStore=\"/f\"/java.jks "
                           "-Djavax.net.ssl.trustStoreType=JKS "
                           "-Djavax.net.ssl.trustStorePassword= "
                           "-Djavax.net.ssl.trustStoreProvider=");
    (void)shim_relay_variable_write(java, "/a \"b' c", NULL, text, sizeof text);
    cr_assert(relay_java_property(text + strlen("JAVA_TOOL_OPTIONS="), "javax.net.ssl.trustStore",
                                  path, sizeof path));
    cr_assert_str_eq(path, "/a \"b' c/java.jks");
    cr_assert_eq(shim_relay_variable_write(&shim_relay_variables[0], "/f", NULL, text, 8), length);
    cr_assert_eq(strlen(text), 7);
}
