/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outer handshake with real servers: BoringSSL with ECH keys, and OpenSSL, which has no ECH.
 * Hellos, sealing, handshake and verification are all ours; the servers judge them.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <gnutls/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ech/offer.h"
#include "shim/engine/base/verify.h"
#include "tests/unit/certificates.h"
#include "tests/unit/hello_tools.h"
#include "tests/unit/hellos.h"
#include "tests/unit/outer_rig.h"
#include "tests/unit/sizes.h"

#define BORING "build/peers/ech_server"
#define OPENSSL "/usr/bin/openssl"

static char folder[] = "/tmp/echshim-interop-XXXXXX";
static pid_t child;
static FILE *said; /* what the server writes */

static void setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void stop(void)
{
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        fclose(said);
        child = 0;
    }
}

static void teardown(void)
{
    static const char *const files[] = {"configs", "retry", "ca.pem", "leaf.pem", "leaf.key"};
    char path[128];
    stop();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(tls13_interop, .init = setup, .fini = teardown, .timeout = 120);

/* ---- servers ---- */

/* Starts a server, and returns the port that it prints after `word`. */
static unsigned start(char *const argv[], const char *word)
{
    char line[256];
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(fds[1], 1);
        (void)dup2(fds[1], 2);
        close(fds[0]);
        close(fds[1]);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    said = fdopen(fds[0], "r");
    while (fgets(line, sizeof line, said) != NULL) {
        const char *port = strrchr(line, ':');
        if (strncmp(line, word, strlen(word)) == 0 && port != NULL) {
            return (unsigned)atoi(port + 1);
        }
    }
    cr_assert_fail("%s does not start", argv[0]);
    return 0;
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* An ECHConfigList that a server wrote in base64. */
static struct octets read_list(const char *name)
{
    char text[2048] = "";
    FILE *file = fopen(in_folder(name), "r");
    cr_assert_not_null(file, "%s", name);
    cr_assert_not_null(fgets(text, sizeof text, file));
    fclose(file);
    gnutls_datum_t base64 = {.data = (unsigned char *)text, .size = (unsigned)strcspn(text, "\n")};
    gnutls_datum_t raw;
    cr_assert_eq(gnutls_base64_decode2(&base64, &raw), 0);
    struct octets list = octets_copy(bytes_of(raw.data, raw.size));
    gnutls_free(raw.data);
    return list;
}

/* ---- a client ---- */

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    return gnutls_rnd(GNUTLS_RND_NONCE, out, len) == 0 ? ECH_OK : ECH_ERR_CRYPTO;
}
static const struct ech_random real_random = {.fill = fill};

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_all(int fd, struct bytes octets)
{
    cr_assert_eq(send(fd, octets.data, octets.len, MSG_NOSIGNAL), (ssize_t)octets.len);
}

/* Drives the machine over the socket, until the connection ends. */
static void drive(int fd, struct ech_outer_handshake *handshake)
{
    uint8_t buffer[1000];
    ssize_t got;
    enum ech_outer_verdict verdict = ECH_OUTER_PENDING;
    while (verdict == ECH_OUTER_PENDING && (got = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        verdict = ech_outer_from_net(handshake, bytes_of(buffer, (size_t)got));
        struct bytes out = ech_outer_to_net(handshake);
        send_all(fd, out);
        ech_outer_net_took(handshake, out.len);
    }
    (void)!ech_outer_closed(handshake);
    shutdown(fd, SHUT_WR);
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    close(fd);
}

/* Begins a ClientHelloOuter for the list, to that port; the caller frees the handshake. */
static struct ech_outer_handshake *outer_handshake(unsigned port, struct bytes inner,
                                                   struct bytes list, const char *ca_file)
{
    struct ech_config_choice choice;
    struct ech_client_hello hello;
    struct ech_offer offer;
    struct ech_outer_handshake *handshake;
    struct shim_verifier *verifier;
    struct writer outer;
    struct writer records;
    const struct ech_exchange_options options = {
        .random = real_random, .sizes = OPENSSL_SIZES, .key_share_rule = ECH_KEY_SHARE_OWN};
    cr_assert_eq(ech_config_list_select(list, NULL, &choice), ECH_OK);
    cr_assert_eq(ech_client_hello_parse(inner, &hello), ECH_OK);
    cr_assert_eq(shim_verifier_new(&verifier, ca_file), ECH_OK);
    ech_offer_init(&offer);
    wr_init(&outer, 0);
    wr_init(&records, 0);
    cr_assert_eq(ech_offer_first(&offer, &hello, NULL, &choice, &options, &outer), ECH_OK);
    const struct ech_outer_start begin = {
        .client_hello_outer = wr_view(&outer),
        .own = offer.own,
        .public_name = bytes_of(offer.public_name, offer.public_name_length),
        .random = real_random,
        .verifier = shim_verifier_callbacks(verifier),
    };
    cr_assert_eq(ech_outer_new(&handshake, ECH_TLS13, &begin), ECH_OK);
    ech_records_write(&records, 0x0301, wr_view(&outer));
    int fd = connect_to(port);
    send_all(fd, wr_view(&records));
    ech_offer_wipe(&offer);
    wr_free(&outer);
    wr_free(&records);
    drive(fd, handshake);
    shim_verifier_free(verifier);
    return handshake;
}

static struct ech_outer_facts facts_of(const struct ech_outer_handshake *handshake)
{
    struct ech_outer_facts facts;
    ech_outer_get_facts(handshake, &facts);
    return facts;
}

/* ---- BoringSSL ---- */

static void check_boring(const char *certificate, const char *groups, bool no_ech)
{
    char identity[256];
    char configs[128];
    char retry[128];
    (void)snprintf(identity, sizeof identity, "public.example=build/pki/%s.pem=build/pki/%s.key",
                   certificate, certificate);
    (void)snprintf(configs, sizeof configs, "%s", in_folder("configs"));
    (void)snprintf(retry, sizeof retry, "%s", in_folder("retry"));
    char *argv[] = {BORING,
                    "--listen",
                    "127.0.0.1:0",
                    "--cert",
                    identity,
                    "--stale",
                    "9",
                    "--configs",
                    configs,
                    "--retry-configs",
                    retry,
                    "--groups",
                    (char *)(uintptr_t)groups,
                    no_ech ? "--no-ech" : NULL,
                    NULL};
    if (no_ech) {
        /* First a server for the config that DNS still has. */
        argv[13] = NULL;
        (void)start(argv, "listening");
        stop();
        argv[13] = "--no-ech";
    }
    unsigned port = start(argv, "listening");
    struct octets list = read_list("configs");
    struct octets expected = read_list("retry");
    struct ech_outer_handshake *handshake =
        outer_handshake(port, hello_openssl, octets_view(&list), "build/pki/ca.pem");
    struct ech_outer_facts facts = facts_of(handshake);
    bool good = strcmp(certificate, "public") == 0;
    enum ech_outer_verdict verdict = !good    ? ECH_OUTER_FAILED
                                     : no_ech ? ECH_OUTER_DISABLED
                                              : ECH_OUTER_RETRY_CONFIGS;
    cr_assert_eq(facts.verdict, verdict, "%s %s: %s, alert %d, server's %d", certificate, groups,
                 outer_rig_failure_name(facts.failure), facts.alert, facts.server_alert);
    cr_assert_eq(facts.hello_retry_request, strcmp(groups, "X25519") != 0);
    assert_octets(facts.retry_configs,
                  verdict == ECH_OUTER_RETRY_CONFIGS ? octets_view(&expected) : bytes_of(NULL, 0),
                  "retry_configs");
    ech_outer_free(handshake);
    octets_free(&list);
    octets_free(&expected);
    stop();
}

Test(tls13_interop, ech_83_boringssl_with_new_keys)
{
    if (access(BORING, X_OK) != 0) {
        cr_skip("no " BORING " here: make check-unit makes it");
    }
    check_boring("public", "X25519", false);
    check_boring("public", "P-384", false);
    check_boring("public", "P-256", false);
}

Test(tls13_interop, ech_86_boringssl_without_ech)
{
    if (access(BORING, X_OK) != 0) {
        cr_skip("no " BORING " here: make check-unit makes it");
    }
    check_boring("public", "X25519", true);
    check_boring("public", "P-384", true);
}

Test(tls13_interop, ech_72_boringssl_with_a_bad_certificate)
{
    static const char *const bad[] = {"inner", "other", "public-expired", "public-stranger"};
    if (access(BORING, X_OK) != 0) {
        cr_skip("no " BORING " here: make check-unit makes it");
    }
    for (size_t i = 0; i < 4; i++) {
        check_boring(bad[i], "X25519", false);
        check_boring(bad[i], "X25519", true);
    }
}

/* ---- OpenSSL ---- */

static bool wrote(const char *text)
{
    char line[512];
    kill(child, SIGTERM);
    while (fgets(line, sizeof line, said) != NULL) {
        if (strstr(line, text) != NULL) {
            return true;
        }
    }
    return false;
}

static void check_openssl(const struct test_certificate_options *kind, const char *suite,
                          uint16_t suite_id, const char *groups, bool request)
{
    struct test_certificate authority;
    struct test_certificate leaf;
    struct test_server ech;
    struct test_certificate_options options = *kind;
    char certificate[128];
    char key[128];
    test_certificate_make(&authority, &(struct test_certificate_options){
                                          .authority = true, .common_name = "an authority"});
    options.issuer = &authority;
    options.dns[0] = "public.example";
    test_certificate_make(&leaf, &options);
    (void)snprintf(certificate, sizeof certificate, "%s", in_folder("leaf.pem"));
    (void)snprintf(key, sizeof key, "%s", in_folder("leaf.key"));
    test_certificate_save(&leaf, certificate, key);
    test_certificate_save(&authority, in_folder("ca.pem"), NULL);
    char *argv[] = {OPENSSL,
                    "s_server",
                    "-accept",
                    "127.0.0.1:0",
                    "-naccept",
                    "1",
                    "-tls1_3",
                    "-cipher",
                    "ALL:@SECLEVEL=0", /* for CCM_8 */
                    "-cert",
                    certificate,
                    "-key",
                    key,
                    "-ciphersuites",
                    (char *)(uintptr_t)suite,
                    "-groups",
                    (char *)(uintptr_t)groups,
                    request ? "-verify" : NULL,
                    "1",
                    NULL};
    unsigned port = start(argv, "ACCEPT");
    struct octets inner = hello_with_suites(hello_openssl, &suite_id, 1);
    test_server_init(&ech, 0);
    struct ech_outer_handshake *handshake =
        outer_handshake(port, octets_view(&inner), octets_view(&ech.list), in_folder("ca.pem"));
    struct ech_outer_facts facts = facts_of(handshake);
    cr_assert_eq(facts.verdict, ECH_OUTER_DISABLED, "%s %s: %s, alert %d, server's %d", suite,
                 groups, outer_rig_failure_name(facts.failure), facts.alert, facts.server_alert);
    cr_assert_eq(facts.hello_retry_request, strcmp(groups, "X25519") != 0);
    cr_assert(wrote("alert number 121"), "the server has not read ech_required"); /* ECH-79 */
    ech_outer_free(handshake);
    octets_free(&inner);
    test_server_free(&ech);
    test_certificate_free(&authority);
    test_certificate_free(&leaf);
    stop();
}

static void need_openssl(void)
{
    if (access(OPENSSL, X_OK) != 0) {
        cr_skip("no " OPENSSL " here");
    }
}

Test(tls13_interop, ech_86_openssl_every_suite_with_and_without_retry)
{
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
                                         "TLS_AES_128_CCM_8_SHA256"};
    static const char *const groups[] = {"X25519", "P-256", "P-521", "X448"};
    const struct test_certificate_options usual = {.bits = 0};
    need_openssl();
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 4; j++) {
            check_openssl(&usual, suites[i], (uint16_t)(0x1301 + i), groups[j], false);
        }
    }
}

Test(tls13_interop, ech_86_openssl_every_kind_of_key)
{
    static const struct test_certificate_options kinds[] = {
        {.key = GNUTLS_PK_RSA, .bits = 2048},
        {.key = GNUTLS_PK_RSA_PSS, .bits = 2048},
        {.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
        {.bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1)},
        {.key = GNUTLS_PK_EDDSA_ED25519, .bits = 256},
        {.key = GNUTLS_PK_EDDSA_ED448, .bits = 456},
    };
    need_openssl();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_openssl(&kinds[i], "TLS_AES_128_GCM_SHA256", 0x1301, "X25519", false);
        check_openssl(&kinds[i], "TLS_AES_256_GCM_SHA384", 0x1302, "P-384", false);
    }
}

Test(tls13_interop, ech_80_openssl_asks_for_a_certificate)
{
    const struct test_certificate_options usual = {.bits = 0};
    need_openssl();
    check_openssl(&usual, "TLS_AES_128_GCM_SHA256", 0x1301, "X25519", true);
}
