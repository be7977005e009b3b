/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer handshake of TLS 1.2 with a real server, GnuTLS, in the same process: every suite,
 * group and kind of key. The certificates are judged by the engine's verifier. The suites of
 * tests/preload have OpenSSL, nginx and BoringSSL.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ech/tls12_messages.h"
#include "shim/engine/base/verify.h"
#include "tests/unit/certificates.h"
#include "tests/unit/outer_rig.h"
#include "tests/unit/tls12_rig.h"

static char ca_file[] = "/tmp/echshim-tls12-XXXXXX";
static struct test_certificate authority;
static struct shim_verifier *verifier;

static void setup(void)
{
    int fd = mkstemp(ca_file);
    cr_assert(fd >= 0);
    close(fd);
    test_certificate_make(&authority, &(struct test_certificate_options){
                                          .authority = true, .common_name = "an authority"});
    test_certificate_save(&authority, ca_file, NULL);
    cr_assert_eq(shim_verifier_new(&verifier, ca_file), ECH_OK);
}

static void teardown(void)
{
    shim_verifier_free(verifier);
    test_certificate_free(&authority);
    unlink(ca_file);
}

TestSuite(tls12_interop, .init = setup, .fini = teardown, .timeout = 120);

/* ---- a server ---- */

struct server {
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
    gnutls_datum_t ticket_key;
    struct test_certificate leaf;
    struct writer in;
    struct writer out;
};

static ssize_t pull(gnutls_transport_ptr_t transport, void *data, size_t len)
{
    struct server *server = transport;
    struct reader r = rd_of(wr_view(&server->in));
    size_t n = r.len < len ? r.len : len;
    if (n == 0 || !rd_copy(&r, data, n)) {
        gnutls_transport_set_errno(server->session, EAGAIN);
        return -1;
    }
    wr_consume(&server->in, n);
    return (ssize_t)n;
}

static ssize_t push(gnutls_transport_ptr_t transport, const void *data, size_t len)
{
    struct server *server = transport;
    wr_bytes(&server->out, bytes_of(data, len));
    return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t transport, unsigned ms)
{
    (void)ms;
    const struct server *server = transport;
    return server->in.len > 0 ? 1 : 0;
}

/* What the server and its certificate are. */
struct kind {
    const char *priority;
    struct test_certificate_options certificate;
    bool tickets;
    bool request;
};

static void server_init(struct server *server, const struct kind *kind)
{
    struct test_certificate_options options = kind->certificate;
    *server = (struct server){.credentials = NULL};
    wr_init(&server->in, 1 << 20);
    wr_init(&server->out, 1 << 20);
    options.issuer = &authority;
    if (options.dns[0] == NULL) {
        options.dns[0] = "public.example";
    }
    test_certificate_make(&server->leaf, &options);
    cr_assert_eq(gnutls_certificate_allocate_credentials(&server->credentials), 0);
    cr_assert_eq(gnutls_certificate_set_x509_key(server->credentials, &server->leaf.certificate, 1,
                                                 server->leaf.key),
                 0);
    cr_assert_eq(gnutls_init(&server->session, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    cr_assert_eq(gnutls_priority_set_direct(server->session, kind->priority, NULL), 0, "%s",
                 kind->priority);
    cr_assert_eq(
        gnutls_credentials_set(server->session, GNUTLS_CRD_CERTIFICATE, server->credentials), 0);
    if (kind->tickets) {
        cr_assert_eq(gnutls_session_ticket_key_generate(&server->ticket_key), 0);
        cr_assert_eq(gnutls_session_ticket_enable_server(server->session, &server->ticket_key), 0);
    }
    if (kind->request) {
        gnutls_certificate_server_set_request(server->session, GNUTLS_CERT_REQUEST);
    }
    gnutls_transport_set_ptr(server->session, server);
    gnutls_transport_set_pull_function(server->session, pull);
    gnutls_transport_set_pull_timeout_function(server->session, pull_timeout);
    gnutls_transport_set_push_function(server->session, push);
}

static void server_free(struct server *server)
{
    gnutls_deinit(server->session);
    gnutls_certificate_free_credentials(server->credentials);
    gnutls_free(server->ticket_key.data);
    test_certificate_free(&server->leaf);
    wr_free(&server->in);
    wr_free(&server->out);
}

/* ---- a handshake ---- */

static void move(struct ech_outer_handshake *client, struct server *server)
{
    struct bytes to_server = ech_outer_to_net(client);
    wr_bytes(&server->in, to_server);
    ech_outer_net_took(client, to_server.len);
    struct octets to_client = octets_copy(wr_view(&server->out));
    wr_free(&server->out);
    (void)!ech_outer_from_net(client, octets_view(&to_client));
    octets_free(&to_client);
}

/* Returns what GnuTLS says of the handshake; *facts: what the machine says. */
static int handshake(const struct kind *kind, const struct tls12_hello_options *offer,
                     struct ech_outer_facts *facts)
{
    struct server server;
    struct ech_outer_handshake *client;
    struct test_source source = {.state = 11};
    struct octets hello = tls12_hello_make(offer);
    const struct ech_outer_start start = {
        .client_hello_outer = octets_view(&hello),
        .public_name = bytes_of("public.example", 14),
        .random = test_random(&source),
        .verifier = shim_verifier_callbacks(verifier),
    };
    int rc = GNUTLS_E_AGAIN;
    server_init(&server, kind);
    cr_assert_eq(ech_outer_new(&client, ECH_TLS12, &start), ECH_OK);
    ech_records_write(&server.in, 0x0301, octets_view(&hello));
    for (int i = 0; i < 9 && rc == GNUTLS_E_AGAIN; i++) {
        rc = gnutls_handshake(server.session);
        move(client, &server);
    }
    move(client, &server);
    ech_outer_get_facts(client, facts);
    if (rc == 0) {
        char octet;
        cr_assert_eq(gnutls_record_recv(server.session, &octet, 1), GNUTLS_E_FATAL_ALERT_RECEIVED);
        cr_assert_eq((int)gnutls_alert_get(server.session), ECH_ALERT_ECH_REQUIRED); /* ECH-79 */
    }
    ech_outer_free(client);
    server_free(&server);
    octets_free(&hello);
    return rc;
}

static void check_good(const struct kind *kind)
{
    static const struct tls12_hello_options usual;
    struct ech_outer_facts facts;
    int rc = handshake(kind, &usual, &facts);
    cr_assert_eq(facts.verdict, ECH_OUTER_DISABLED, "%s: %s, %s, alert %d, server's %d",
                 kind->priority, gnutls_strerror(rc), outer_rig_failure_name(facts.failure),
                 facts.alert, facts.server_alert);
    cr_assert_eq(rc, 0);
}

#define TLS12 "NONE:+VERS-TLS1.2:+COMP-NULL:+SIGN-ALL:+GROUP-ALL:"

static const struct {
    const char *ciphers;
    bool cbc;
} all[] = {
    {"+AES-128-GCM:+AEAD", false},       {"+AES-256-GCM:+AEAD", false},
    {"+CHACHA20-POLY1305:+AEAD", false}, {"+AES-128-CBC:+SHA1", true},
    {"+AES-256-CBC:+SHA1", true},        {"+AES-128-CBC:+SHA256", true},
    {"+AES-256-CBC:+SHA384", true},
};
enum { ALL = sizeof all / sizeof all[0] };

Test(tls12_interop, ech_58_ech_86_every_suite_of_gnutls)
{
    static const char *const kinds[] = {"+ECDHE-ECDSA", "+ECDHE-RSA"};
    for (size_t i = 0; i < ALL; i++) {
        for (size_t rsa = 0; rsa < 2; rsa++) {
            for (size_t way = 0; way < 4; way++) {
                char priority[256];
                (void)snprintf(priority, sizeof priority, "%s%s:%s%s%s", TLS12, kinds[rsa],
                               all[i].ciphers, (way & 1) != 0 ? ":%NO_ETM" : "",
                               (way & 2) != 0 ? ":%NO_SESSION_HASH" : "");
                const struct kind kind = {
                    .priority = priority,
                    .certificate =
                        rsa == 1
                            ? (struct test_certificate_options){.key = GNUTLS_PK_RSA, .bits = 2048}
                            : (struct test_certificate_options){.bits = 0}};
                if (way == 0 || way == 2 || all[i].cbc) {
                    check_good(&kind);
                }
            }
        }
    }
}

Test(tls12_interop, every_group_of_gnutls)
{
    static const char *const groups[] = {"X25519", "X448", "SECP256R1", "SECP384R1", "SECP521R1"};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char priority[256];
        (void)snprintf(priority, sizeof priority,
                       "NORMAL:-VERS-ALL:+VERS-TLS1.2:-GROUP-ALL:+GROUP-%s%s", groups[i],
                       /* the certificate's curve has to be there as well */
                       strcmp(groups[i], "SECP256R1") == 0 ? "" : ":+GROUP-SECP256R1");
        const struct kind kind = {.priority = priority};
        check_good(&kind);
    }
}

Test(tls12_interop, every_kind_of_key_of_gnutls)
{
    static const struct test_certificate_options kinds[] = {
        {.key = GNUTLS_PK_RSA, .bits = 2048},
        {.key = GNUTLS_PK_RSA_PSS, .bits = 2048},
        {.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)},
        {.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
        {.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1)},
        {.key = GNUTLS_PK_EDDSA_ED25519, .bits = 256},
        {.key = GNUTLS_PK_EDDSA_ED448, .bits = 456},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind kind = {.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                  .certificate = kinds[i],
                                  .tickets = true,
                                  .request = true};
        check_good(&kind);
    }
    /* RSASSA-PKCS1-v1_5, which RSA-PSS hides above */
    const struct kind pkcs1 = {
        .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA512",
        .certificate = kinds[0]};
    check_good(&pkcs1);
    /* an ECDSA key of one curve, with the hash that TLS 1.3 keeps for another */
    const struct kind other_hash = {
        .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA512",
        .certificate = kinds[2]};
    check_good(&other_hash);
}

/* ---- what must not count ---- */

static void check_bad(const struct kind *kind, const struct tls12_hello_options *offer,
                      enum ech_outer_failure failure, enum ech_alert alert)
{
    struct ech_outer_facts facts;
    int rc = handshake(kind, offer, &facts);
    cr_assert_eq(facts.verdict, ECH_OUTER_FAILED, "%s", kind->priority);
    cr_assert_eq(facts.failure, failure, "%s: %s, alert %d, server's %d", kind->priority,
                 outer_rig_failure_name(facts.failure), facts.alert, facts.server_alert);
    cr_assert_eq(facts.alert, alert, "%s: alert %d", kind->priority, facts.alert);
    cr_assert_neq(rc, 0);
}

Test(tls12_interop, what_the_engine_does_not_finish)
{
    static const struct tls12_hello_options usual;
    const struct test_certificate_options rsa = {.key = GNUTLS_PK_RSA,
                                                 .bits = 2048,
                                                 .usage = GNUTLS_KEY_DIGITAL_SIGNATURE |
                                                          GNUTLS_KEY_KEY_ENCIPHERMENT};
    const struct kind unknown[] = {
        {.priority = TLS12 "+RSA:+AES-256-GCM:+AES-128-CBC:+SHA256:+AEAD", .certificate = rsa},
        {.priority = TLS12 "+DHE-RSA:+AES-256-GCM:+AEAD", .certificate = rsa},
        {.priority = TLS12 "+ECDHE-ECDSA:+AES-128-CCM:+AEAD"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        check_bad(&unknown[i], &usual, ECH_OUTER_FAILURE_SUITE, ECH_ALERT_HANDSHAKE_FAILURE);
    }
    const struct kind old = {.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1"};
    check_bad(&old, &usual, ECH_OUTER_FAILURE_VERSION, ECH_ALERT_PROTOCOL_VERSION);
    const struct kind sha1 = {
        .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA1:%VERIFY_ALLOW_SIGN_"
                    "WITH_SHA1"};
    check_bad(&sha1, &usual, ECH_OUTER_FAILURE_PROTOCOL, ECH_ALERT_ILLEGAL_PARAMETER);
}

Test(tls12_interop, ech_72_certificates_that_prove_nothing)
{
    static const struct tls12_hello_options usual;
    const struct kind other = {.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                               .certificate = {.dns = {"other.example"}}};
    const struct kind expired = {.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                 .certificate = {.valid_from_days = -9, .valid_to_days = -2}};
    check_bad(&other, &usual, ECH_OUTER_FAILURE_CERTIFICATE, ECH_ALERT_BAD_CERTIFICATE);
    check_bad(&expired, &usual, ECH_OUTER_FAILURE_CERTIFICATE, ECH_ALERT_CERTIFICATE_EXPIRED);
}
