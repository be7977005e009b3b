/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hello with ECH and one with GREASE of the same program differ in nothing that an observer can
 * read, except for what server_name, random, encrypted_client_hello and key_share hold. Both differ
 * from the program's ordinary hello in nothing but these and encrypted_client_hello itself (GnuTLS
 * 3.8 also shuffles the ordinary one). That goes for first hellos and for those after a
 * HelloRetryRequest. The hellos are compared octet by octet.
 */
#include "../facts.h"
#include "checks.h"
#include "cursor.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(likeness, .fini = world_end, .timeout = 120);
/* Uses our own clients only: they also run under a sanitizer's runtime. */
TestSuite(likeness_own, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define SEND                                                                                       \
    "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
#define S_CLIENT_WITH(options)                                                                     \
    SEND "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME    \
         " -connect " INNER_NAME ":443 " options
#define GNUTLS_WITH(options) SEND "gnutls-cli --x509cafile \"$CA\" " options " " INNER_NAME
#define GNUTLS_PSK "--pskusername me --pskkey 9e32cf7786321a828ef7668f09fb35db "
#define OPENSSL_PSK "-ciphersuites TLS_AES_128_GCM_SHA256 "
#define IDENTITY_64 "a-name-of-64-octets-which-is-the-longest-that-is-usual-for-a-psk"
#define LONG_PROTOCOL "a-protocol-of-72-octets-which-no-browser-knows-but-some-programs-may-use"
#define LONG_ALPN "h2,http/1.1,http/1.0," LONG_PROTOCOL
#define LATE_GNUTLS(mode) "\"$CLIENTS/gnutls_late\" " INNER_NAME " 443 \"$CA\" " mode
#define GIT "GIT_SSL_CAINFO=\"$CA\" git ls-remote " URL "; true"
#define WGET_WITH(options) "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " options " " URL

#define OWN_NSS(mode) "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" " mode
#define OWN_BORINGSSL(mode) "\"$CLIENTS/boringssl_client\" " INNER_NAME " 443 \"$CA\" " mode

enum {
    SERVER_NAME = 0,
    PADDING = 21,
    PRE_SHARED_KEY = 41,
    SUPPORTED_VERSIONS = 43,
    KEY_SHARE = 51
};

/* ---- a hello as text, one field a line ---- */

/* Values of RFC 8701 are random: two equal octets. `before`: octets before the values. */
static void print_octets(FILE *out, struct cursor octets, size_t before)
{
    bool grease = false;
    for (; before > 0 && octets.left > 0; before--) {
        fprintf(out, " %02zx", take_number(&octets, 1));
    }
    while (octets.left > 0) {
        size_t octet = take_number(&octets, 1);
        grease = !grease && octets.left > 0 && octet % 16 == 10 && *octets.at == octet;
        if (grease) {
            take(&octets, 1);
            fprintf(out, " GREASE");
        } else {
            fprintf(out, " %02zx", octet);
        }
    }
    fprintf(out, "\n");
}

/* RFC 8701: a type or a group that is random. */
static bool is_grease(size_t type)
{
    return type / 256 == type % 256 && type % 16 == 10;
}

/* Groups and lengths. */
static void print_shares(FILE *out, struct cursor data)
{
    struct cursor shares = take_vector(&data, 2);
    while (shares.left > 0) {
        size_t group = take_number(&shares, 2);
        fprintf(out, " %04zx of %zu", is_grease(group) ? 0x0a0a : group,
                take_vector(&shares, 2).left);
    }
    fprintf(out, "\n");
}

enum { ECH_SHOWN = 1, PADDING_SHOWN = 2 };

/* `whole`: octets of the hello. */
static void print_extension(FILE *out, size_t type, struct cursor data, size_t whole,
                            unsigned shown)
{
    if ((type == WIRE_ECH_TYPE && (shown & ECH_SHOWN) == 0) ||
        (type == PADDING && (shown & PADDING_SHOWN) == 0)) {
        return;
    }
    fprintf(out, "extension %zu:", is_grease(type) ? 0x0a0a : type);
    switch (type) {
    case SERVER_NAME:
        fprintf(out, " one name\n");
        break;
    case WIRE_ECH_TYPE:
        fprintf(out, " %zu octets\n", data.left);
        break;
    case KEY_SHARE:
        print_shares(out, data);
        break;
    case PADDING:
        fprintf(out, " up to %zu octets\n", whole);
        break;
    case PRE_SHARED_KEY:
        fprintf(out, " %zu octets\n", data.left);
        break;
    default:
        print_octets(out, data, type == SUPPORTED_VERSIONS ? 1 : 0);
        break;
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted(char *text)
{
    char *lines[64];
    size_t count = 0;
    size_t size = strlen(text) + 1;
    char *result = calloc(1, size);
    char *state;
    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        cr_assert_lt(count, 64u);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(result, lines[i]), "\n");
    }
    free(text);
    return result;
}

static char *describe(const struct wire_hello *hello, unsigned shown)
{
    struct cursor c = {hello->message, hello->length};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    take(&c, 4);
    fprintf(out, "record %04x, version %04zx\n", hello->record_version, take_number(&c, 2));
    take(&c, 32);
    fprintf(out, "session id of %zu\n", take_vector(&c, 1).left);
    fprintf(out, "suites:");
    print_octets(out, take_vector(&c, 2), 0);
    fprintf(out, "compression:");
    print_octets(out, take_vector(&c, 1), 0);
    struct cursor extensions = take_vector(&c, 2);
    while (extensions.left > 0) {
        size_t type = take_number(&extensions, 2);
        print_extension(out, type, take_vector(&extensions, 2), hello->length, shown);
    }
    fclose(out);
    return text;
}

static bool resumes(const struct wire_hello *hello)
{
    char *text = describe(hello, 0);
    bool resumed = strstr(text, "extension 41:") != NULL;
    free(text);
    return resumed;
}

/* ---- the comparison ---- */

static void expect_same(const struct wire_hello *a, const struct wire_hello *b, unsigned shown,
                        bool in_order, const char *what)
{
    char *one = describe(a, shown);
    char *other = describe(b, shown);
    if (!in_order) {
        one = sorted(one);
        other = sorted(other);
    }
    cr_assert_str_eq(one, other, "%s:\n%s\n%s", what, one, other);
    free(one);
    free(other);
}

static void run(struct world *world, enum run_mode mode, char *setting, const char *command)
{
    struct run_result result = world_shell(world, mode, EXTRA(setting), command);
    expect_exit(&result, 0, NULL);
}

static bool is_of(const char *command, const char *client)
{
    return strstr(command, client) != NULL;
}

/* BoringSSL and OpenSSL 4 choose the length of their GREASE at random. */
static bool has_random_lengths(const char *command)
{
    return is_of(command, "boringssl_client") ||
           (fact_openssl4() &&
            (strstr(command, "s_client") != NULL || strstr(command, "openssl_client") != NULL));
}

/* Do all hellos of this program have the extensions in the same order? */
static bool keeps_order(const char *command)
{
    if (is_of(command, "boringssl_client") || is_of(command, "nss_client")) {
        return !is_of(command, "permuted");
    }
    return fact_is_of_openssl(command) ||
           !(FACT_GNUTLS_SHUFFLES || getenv("ECHSHIM_TEST_CHROOT") != NULL);
}

/* RFC 7685, 4: NSS makes no hello of 256 to 511 octets, and BoringSSL no first one. */
static void expect_padded(const struct wire_hello *hello, const char *command, bool first)
{
    if ((first && is_of(command, "boringssl_client")) || is_of(command, "nss_client")) {
        cr_assert(hello->length < 256 || hello->length >= 512, "%zu octets", hello->length);
    }
}

/* The connections of one run follow each other in `hellos`, each with `each` hellos. */
static void compare(const struct wire_hello *hellos, size_t count, size_t each, const char *command)
{
    bool random_lengths = has_random_lengths(command);
    const struct wire_hello *ech = hellos;
    const struct wire_hello *grease = hellos + count;
    const struct wire_hello *ordinary = hellos + 2 * count;
    for (size_t i = 0; i < count; i++) {
        bool first = i % each == 0;
        cr_assert_gt(ech[i].ech_length, 0u);
        cr_assert_gt(grease[i].ech_length, 0u);
        /* RFC 9849, 6.1.5 and 6.2.1: enc is empty in the second hello, but GREASE is repeated. */
        unsigned ech_shown = first && !random_lengths ? ECH_SHOWN : 0;
        bool own_padding = is_of(command, "boringssl_client") || is_of(command, "nss_client");
        unsigned padding_shown = own_padding && ech_shown == 0 ? 0 : PADDING_SHOWN;
        expect_same(&ech[i], &grease[i], ech_shown | padding_shown, !is_of(command, "permuted"),
                    "ECH and GREASE");
        expect_padded(&ech[i], command, first);
        expect_padded(&grease[i], command, first);
        expect_padded(&ordinary[i], command, first);
        if (first && random_lengths) {
            enum { BESIDE_PAYLOAD = 42 };
            /* These GREASE do not grow with a session. */
            cr_assert(resumes(&ech[i]) ||
                          fact_is_openssl4_grease(ech[i].ech_length - BESIDE_PAYLOAD),
                      "%zu octets", ech[i].ech_length);
        }
        /* RFC 7685: the ordinary hello is padded only because it is shorter. */
        expect_same(&grease[i], &ordinary[i], 0, keeps_order(command),
                    "GREASE and the ordinary hello");
    }
}

static void check(const char *command, size_t connections, const char *forbidden)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    enum { EACH = 2 }; /* the server asks for a second hello */
    size_t count = connections * EACH;
    if (fact_asks_for_npn(command)) {
        cr_skip_test("this curl asks for NPN, in hellos that offer TLS 1.2 only");
    }
    struct world *world = world_start(&(struct world_options){.hello_retry = true});
    run(world, RUN_SHIM, "ECHSHIM_MODE=strict", command);
    world_expect_accepted(world, (unsigned)connections);
    run(world, RUN_SHIM, "ECHSHIM_MODE=grease", command);
    cr_assert_eq(world_report_count(world, "grease"), connections);
    run(world, RUN_PLAIN, "ECHSHIM_MODE=off", command);
    cr_assert_eq(wire_hellos(world, hellos), 3 * count);
    compare(hellos, count, EACH, command);
    char *text = describe(&hellos[0], 0);
    cr_assert(forbidden == NULL || strstr(text, forbidden) == NULL, "%s", text);
    free(text);
}

#define LIKE_IN(suite, name, count, sh)                                                            \
    Test(suite, ech_105_##name)                                                                    \
    {                                                                                              \
        check((sh), (count), NULL);                                                                \
    }                                                                                              \
    struct world
#define LIKE(name, sh) LIKE_IN(likeness, name, 1, sh)

/* clang-format off */
LIKE(s_client, S_CLIENT_WITH(""));
LIKE(curl, CURL);
LIKE(curl_http1, "curl -sS --http1.1 --cacert \"$CA\" " URL);
LIKE(urllib, URLLIB);
LIKE(asyncio, ASYNCIO);
LIKE(git, GIT);
LIKE(wget, WGET_WITH(""));
LIKE(gnutls_cli, GNUTLS_WITH(""));

/* What programs set. */
LIKE(s_client_tls13_alone, S_CLIENT_WITH("-tls1_3"));
LIKE(s_client_minimum, S_CLIENT_WITH("-min_protocol TLSv1.2"));
LIKE(s_client_alpn_and_status, S_CLIENT_WITH("-alpn h2,http/1.1 -status"));
LIKE(s_client_groups, S_CLIENT_WITH("-groups P-256:P-384"));
LIKE(s_client_sigalgs, S_CLIENT_WITH("-sigalgs RSA-PSS+SHA256:ECDSA+SHA256:RSA+SHA256"));
LIKE(s_client_level_0, S_CLIENT_WITH("-cipher ALL:@SECLEVEL=0"));
LIKE(s_client_no_ecdhe, S_CLIENT_WITH("-cipher AES128-SHA"));
LIKE(s_client_one_suite, S_CLIENT_WITH("-ciphersuites TLS_AES_128_GCM_SHA256"));
LIKE(s_client_fallback, S_CLIENT_WITH("-fallback_scsv"));
LIKE(s_client_post_handshake, S_CLIENT_WITH("-enable_pha -maxfraglen 2048"));
LIKE(s_client_no_ticket, S_CLIENT_WITH("-no_ticket" FACT_LEGACY_SERVER_CONNECT));
LIKE(gnutls_cli_tls13_alone, GNUTLS_WITH("--priority NORMAL:-VERS-ALL:+VERS-TLS1.3"));
LIKE(gnutls_cli_versions, GNUTLS_WITH("--priority NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"));
LIKE(gnutls_cli_alpn, GNUTLS_WITH("--alpn h2 --alpn http/1.1"));
LIKE(gnutls_cli_secure, GNUTLS_WITH("--priority SECURE128"));
LIKE(gnutls_cli_anonymous, GNUTLS_WITH("--priority NORMAL:+ANON-ECDH:+ANON-DH"));
LIKE(gnutls_cli_compat, GNUTLS_WITH("--priority NORMAL:%COMPAT"));
LIKE(gnutls_cli_dumbfw, GNUTLS_WITH("--priority NORMAL:%DUMBFW"));
LIKE(gnutls_cli_no_etm, GNUTLS_WITH("--priority NORMAL:%NO_ETM:%NO_SESSION_HASH:%NO_TICKETS"));
LIKE(gnutls_cli_fallback, GNUTLS_WITH("--priority NORMAL:%FALLBACK_SCSV"));
LIKE(gnutls_cli_psk, GNUTLS_WITH(GNUTLS_PSK "--priority NORMAL:+PSK:+DHE-PSK:+ECDHE-PSK"));
LIKE(gnutls_cli_psk_alone, GNUTLS_WITH(GNUTLS_PSK "--priority NORMAL:+ECDHE-PSK:-VERS-ALL:+VERS-TLS1.3"));
LIKE(s_client_psk_identity, S_CLIENT_WITH(OPENSSL_PSK "-psk_identity " IDENTITY_64 " -psk 9e32cf7786321a828ef7668f09fb35db"));
LIKE(s_client_psk_tls13_alone, S_CLIENT_WITH(OPENSSL_PSK "-tls1_3 -psk_identity " IDENTITY_64 " -psk 9e32cf7786321a828ef7668f09fb35db"));
LIKE(s_client_long_alpn, S_CLIENT_WITH("-alpn " LONG_ALPN));
LIKE(s_client_long_alpn_tls13_alone, S_CLIENT_WITH("-tls1_3 -alpn " LONG_ALPN));
LIKE(gnutls_cli_long_alpn, GNUTLS_WITH("--alpn h2 --alpn http/1.1 --alpn http/1.0 --alpn " LONG_PROTOCOL));
LIKE(wget_tls13_alone, WGET_WITH("--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3"));
LIKE_IN(likeness_own, openssl_resume, 2, OWN_OPENSSL("resume"));
LIKE_IN(likeness_own, openssl_bio_connect, 1, OWN_OPENSSL("bio-connect"));
LIKE_IN(likeness_own, openssl_security_callback, 1, OWN_OPENSSL("security-callback"));
LIKE_IN(likeness_own, openssl_own_psk, 2, OWN_OPENSSL("own-psk"));
LIKE_IN(likeness_own, openssl_late_settings, 2, OWN_OPENSSL("late-settings"));
LIKE_IN(likeness_own, openssl_unseen, 1, OWN_OPENSSL("unseen"));
LIKE_IN(likeness_own, openssl_late_name, 1, OWN_OPENSSL("late-name"));
LIKE_IN(likeness_own, openssl_late_name_in_loop, 1, OWN_OPENSSL("late-name-in-loop"));
LIKE_IN(likeness_own, gnutls_resume, 2, OWN_GNUTLS("resume"));
LIKE_IN(likeness_own, gnutls_late_name, 1, LATE_GNUTLS("name-in-extension"));
LIKE_IN(likeness_own, gnutls_late_settings, 1, LATE_GNUTLS("more-in-extension"));
LIKE_IN(likeness_own, gnutls_default, 1, OWN_GNUTLS("default"));
/* clang-format on */

/* Libraries that have an ECH client, and GREASE, of their own. */

#define LIKE_WITH(need, name, count, sh)                                                           \
    Test(likeness_own, ech_105_##name)                                                             \
    {                                                                                              \
        need();                                                                                    \
        check((sh), (count), NULL);                                                                \
    }                                                                                              \
    struct world

LIKE_WITH(need_nss, nss, 1, OWN_NSS("send"));
LIKE_WITH(need_nss, nss_tls13_alone, 1, OWN_NSS("tls13-only"));
LIKE_WITH(need_nss, nss_resume, 2, OWN_NSS("resume"));
TestSuite(likeness_sid, .init = need_nss_of_sid, .fini = world_end, .timeout = 120);
LIKE_IN(likeness_sid, nss, 1, nss_of_sid("send"));
LIKE_IN(likeness_sid, nss_tls13_alone, 1, nss_of_sid("tls13-only"));
LIKE_IN(likeness_sid, nss_resume, 2, nss_of_sid("resume"));
LIKE_WITH(need_nss, nss_early, 2, OWN_NSS("early"));
LIKE_WITH(need_boringssl_with_ech, boringssl_early, 2, OWN_BORINGSSL("early"));
LIKE_WITH(need_boringssl_with_ech, boringssl, 1, OWN_BORINGSSL("direct"));
LIKE_WITH(need_boringssl_with_ech, boringssl_tls13_alone, 1, OWN_BORINGSSL("tls13-only"));
LIKE_WITH(need_boringssl_with_ech, boringssl_resume, 2, OWN_BORINGSSL("resume"));
LIKE_WITH(need_boringssl_with_ech, boringssl_browser, 1, OWN_BORINGSSL("browser"));
LIKE_WITH(need_boringssl_with_ech, boringssl_permuted, 1, OWN_BORINGSSL("browser-permuted"));
