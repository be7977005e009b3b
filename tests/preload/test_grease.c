/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GREASE ECH (RFC 9849, 6.2), where DNS has no config. Programs work as without the shim, and on
 * the wire their hellos look like those of real ECH. */
#include "../facts.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(grease, .fini = world_end, .timeout = 120);
/* Uses our own clients only: they also run under a sanitizer's runtime. */
TestSuite(grease_own, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define URL "https://" INNER_NAME "/"
#define HELLO "hello from " INNER_NAME
#define WELL "all is well"
#define WGET "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" "
#define CURL "curl -sS --cacert \"$CA\" "
#define S_CLIENT                                                                                   \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " -connect " INNER_NAME ":443 "
#define GNUTLS_CLI SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " "
#define URLLIB                                                                                     \
    "/usr/bin/python3 -c 'import urllib.request as r; "                                            \
    "print(r.urlopen(\"" URL "\").read().decode())'"
#define OWN_OPENSSL(mode) "\"$CLIENTS/openssl_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define OWN_GNUTLS(mode) "\"$CLIENTS/gnutls_client\" " INNER_NAME " 443 \"$CA\" " mode

/* Includes the AEAD's tag. */
enum { OPENSSL = FACT_OPENSSL_PAYLOAD + 16, GNUTLS = FACT_GNUTLS_PAYLOAD + 16, ANY = 0 };
/* OPENSSL, unless the decision comes late: then the inner hello lists more cipher suites, and
 * likeness_own/openssl_bio_connect compares the two lengths. */
enum { OPENSSL_BIO = 1 };

/* ---- what a connection with GREASE is ---- */

static void expect_greased(const struct wire_hello *hello, size_t payload)
{
    struct wire_ech ech = wire_outer_ech(hello);
    cr_assert_eq(ech.kdf, 1);
    cr_assert(ech.aead >= 1 && ech.aead <= 3);
    cr_assert_eq(ech.enc_length, 32u);
    cr_assert_eq((ech.payload_length - 16) % 32, 0u);
    if (payload == OPENSSL && fact_openssl4()) {
        cr_assert(fact_is_openssl4_grease(ech.payload_length), "payload of %zu octets",
                  ech.payload_length);
    } else if (payload != ANY) {
        cr_assert_eq(ech.payload_length, payload, "payload of %zu octets", ech.payload_length);
    }
}

static bool same_ech(const struct wire_hello *a, const struct wire_hello *b)
{
    return a->ech_length == b->ech_length && memcmp(a->ech, b->ech, a->ech_length) == 0;
}

/* Each of `connections` has `each` hellos, all with GREASE. It is the same within a connection
 * (ECH-101), and differs between connections. */
static void expect_greased_connections(struct world *world, unsigned connections, unsigned each,
                                       size_t payload)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    size_t count = wire_hellos(world, hellos);
    cr_assert_eq(count, connections * each, "%zu hellos", count);
    for (size_t i = 0; i < count; i++) {
        expect_greased(&hellos[i], payload);
        if (i > 0) {
            bool same_connection = hellos[i].connection == hellos[i - 1].connection;
            cr_assert_eq(same_ech(&hellos[i], &hellos[i - 1]), same_connection);
        }
    }
    cr_assert_eq(world_report_count(world, "grease"), connections, "reported: %s",
                 world_read(world, "report", NULL));
    cr_assert_eq(world_log_count(world, "accepted", 0), 0u);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 0u);
    /* ECH-104: the hello has the true name, and the program checks the certificate for it. */
    world_expect_visible(world, connections);
}

struct row {
    const char *command;
    const char *says;
    unsigned connections;
    size_t payload;
};

enum server { KEYS, NO_ECH, TLS12, RETRY };

static void check(const struct row *row, enum server server)
{
    struct world *world = world_start(&(struct world_options){
        .no_https_record = true,
        .hello_retry = server == RETRY,
        .server_without_ech = server == NO_ECH,
        .tls12 = server == TLS12,
    });
    struct run_result result = world_shell(world, RUN_SHIM, NULL, row->command);
    expect_exit(&result, 0, row->says);
    size_t payload = row->payload;
    if (payload == OPENSSL_BIO) {
        payload = fact_calls_are_bound() ? ANY : OPENSSL;
    }
    expect_greased_connections(world, row->connections, server == RETRY ? 2 : 1, payload);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"nodata\""));
}

/* The same program with three servers: one has keys (and sends retry_configs in
 * EncryptedExtensions), one does not know ECH, one asks for a second hello. */
#define GREASE13(suite, name, count, payload, text, sh)                                            \
    static const struct row row_##name = {(sh), (text), (count), (payload)};                       \
    Test(suite, ech_96_##name)                                                                     \
    {                                                                                              \
        check(&row_##name, KEYS);                                                                  \
    }                                                                                              \
    Test(suite, ech_96_##name##_without_keys)                                                      \
    {                                                                                              \
        check(&row_##name, NO_ECH);                                                                \
    }                                                                                              \
    Test(suite, ech_101_##name##_retry)                                                            \
    {                                                                                              \
        check(&row_##name, RETRY);                                                                 \
    }                                                                                              \
    struct row
/* And with a server that has TLS 1.2 only. */
#define GREASE(name, count, payload, text, sh)                                                     \
    GREASE13(grease, name, count, payload, text, sh);                                              \
    Test(grease, ech_104_##name##_tls12)                                                           \
    {                                                                                              \
        check(&row_##name, TLS12);                                                                 \
    }                                                                                              \
    struct row

GREASE(wget, 1, GNUTLS, HELLO, WGET URL);
GREASE(curl, 1, OPENSSL, HELLO, CURL URL);
GREASE(gnutls_cli, 1, GNUTLS, HELLO, GNUTLS_CLI);
GREASE(s_client, 1, OPENSSL, HELLO, S_CLIENT);
GREASE(urllib, 1, OPENSSL, HELLO, URLLIB);
GREASE13(grease_own, openssl_direct, 1, OPENSSL, WELL, OWN_OPENSSL("direct"));
GREASE13(grease_own, openssl_implicit, 1, OPENSSL, WELL, OWN_OPENSSL("implicit"));
GREASE13(grease_own, openssl_bio_connect, 1, OPENSSL_BIO, WELL, OWN_OPENSSL("bio-connect"));
GREASE13(grease_own, openssl_memory, 1, OPENSSL, WELL, OWN_OPENSSL("memory"));
GREASE13(grease_own, openssl_stutter, 1, OPENSSL, WELL, OWN_OPENSSL("stutter"));
GREASE13(grease_own, openssl_dup, 2, OPENSSL, WELL, OWN_OPENSSL("dup"));
GREASE13(grease_own, openssl_fork, 3, OPENSSL, WELL, OWN_OPENSSL("fork"));
GREASE13(grease_own, openssl_resume, 2, ANY, "reused", OWN_OPENSSL("resume"));
GREASE13(grease_own, gnutls_default, 1, GNUTLS, WELL, OWN_GNUTLS("default"));
GREASE13(grease_own, gnutls_push_pull, 1, GNUTLS, WELL, OWN_GNUTLS("push-pull"));
GREASE13(grease_own, gnutls_non_blocking, 1, GNUTLS, WELL, OWN_GNUTLS("non-blocking"));
GREASE13(grease_own, gnutls_stutter, 1, GNUTLS, WELL, OWN_GNUTLS("stutter"));
GREASE13(grease_own, gnutls_fork, 3, GNUTLS, WELL, OWN_GNUTLS("fork"));
GREASE13(grease_own, gnutls_resume, 2, ANY, "reused", OWN_GNUTLS("resume"));

/* The program still checks the certificate for the origin's name. */
static void check_judged(const char *command, int exit_code, const char *says)
{
    struct world *world =
        world_start(&(struct world_options){.no_https_record = true, .inner_certificate = "other"});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, exit_code, says);
    cr_assert_eq(world_report_count(world, "grease"), 1u);
}

Test(grease, ech_104_the_wrong_certificate_for_wget)
{
    check_judged(WGET URL, 5, "does not match hostname");
}

Test(grease, ech_104_the_wrong_certificate_for_s_client)
{
    check_judged(S_CLIENT "-verify_hostname " INNER_NAME, 1, "ostname mismatch");
}

/* ---- ECH-103: the client does not keep what EncryptedExtensions brought ---- */

static void check_not_kept(const char *command, size_t payload)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    expect_greased_connections(world, 2, 1, payload);
}

Test(grease_own, ech_103_the_next_connection_of_an_openssl_context_has_grease_again)
{
    /* SSL_clear keeps the session, so the second handshake has a ticket. */
    check_not_kept(OWN_OPENSSL("clear"), ANY);
}

Test(grease, ech_103_the_next_connection_of_a_gnutls_program_has_grease_again)
{
    check_not_kept(WGET "--no-http-keep-alive " URL "a " URL "b", GNUTLS);
}

/* ---- ECH-105: real and GREASE do not differ ---- */

/* For programs that have no option for it. */
#define TLS13_CONF "OPENSSL_CONF=tls13.cnf"

static void write_tls13_conf(const struct world *world)
{
    char name[256];
    snprintf(name, sizeof name, "%s/tls13.cnf", world->folder);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out);
    fputs("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
          "[c]\nMinProtocol = TLSv1.3\n",
          out);
    fclose(out);
}

static const char *types(const struct wire_hello *hello)
{
    char *text = calloc(hello->extension_count + 1, 8);
    for (size_t i = 0; i < hello->extension_count; i++) {
        sprintf(text + strlen(text), "%u ", hello->extensions[i].type);
    }
    return text;
}

/* The same extensions in the same order, with the same lengths except for the name's. The payload
 * may differ by `slack` octets. */
static void expect_alike(const struct wire_hello *real, const struct wire_hello *grease, int slack)
{
    int names = (int)strlen(INNER_NAME) - (int)strlen(PUBLIC_NAME);
    int payloads = 0;
    cr_assert_eq(real->extension_count, grease->extension_count, "%s and %s", types(real),
                 types(grease));
    for (size_t i = 0; i < real->extension_count; i++) {
        unsigned type = real->extensions[i].type;
        int longer = grease->extensions[i].length - real->extensions[i].length;
        cr_assert_eq(type, grease->extensions[i].type, "place %zu: %u and %u", i, type,
                     grease->extensions[i].type);
        if (type == WIRE_ECH_TYPE) {
            cr_assert_leq(abs(longer), slack, "payload of GREASE: %d more", longer);
            payloads = longer;
        } else {
            cr_assert_eq(longer, type == 0 ? names : 0, "extension %u: %d more", type, longer);
        }
    }
    cr_assert_eq((int)grease->length - (int)real->length, names + payloads);
}

static void check_alike(const char *command, size_t connections, int slack)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    if (fact_asks_for_npn(command)) {
        cr_skip_test("this curl asks for NPN, in GREASE hellos only");
    }
    struct world *world = world_start(NULL);
    write_tls13_conf(world);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(TLS13_CONF), command);
    expect_exit(&result, 0, NULL);
    world_expect_accepted(world, (unsigned)connections);
    result = world_shell(world, RUN_SHIM, EXTRA(TLS13_CONF, "ECHSHIM_MODE=grease"), command);
    expect_exit(&result, 0, NULL);
    world_expect_visible(world, (unsigned)connections);
    cr_assert_eq(world_report_count(world, "grease"), connections);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"reason\":\"mode\""));
    cr_assert_eq(wire_hellos(world, hellos), 2 * connections);
    for (size_t i = 0; i < connections; i++) {
        expect_alike(&hellos[i], &hellos[connections + i], slack);
    }
}

#define ALIKE(suite, name, count, slack, sh)                                                       \
    Test(suite, ech_105_##name)                                                                    \
    {                                                                                              \
        check_alike((sh), (count), (slack));                                                       \
    }                                                                                              \
    struct row
#define GNUTLS_TLS13 "--priority NORMAL:-VERS-ALL:+VERS-TLS1.3"

ALIKE(grease, wget, 1, 0, WGET "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3 " URL);
ALIKE(grease, curl, 1, 0, CURL URL);
ALIKE(grease, curl_http1, 1, 0, CURL "--http1.1 --tlsv1.3 " URL);
ALIKE(grease, gnutls_cli, 1, 0, GNUTLS_CLI GNUTLS_TLS13);
ALIKE(grease, gnutls_cli_alpn, 1, 0, GNUTLS_CLI GNUTLS_TLS13 " --alpn h2 --alpn http/1.1");
ALIKE(grease, s_client, 1, 0, S_CLIENT "-tls1_3");
ALIKE(grease, urllib, 1, 0, URLLIB);
/* A ticket makes the payload longer than the floor, up to a multiple of 32: it may be the next. */
ALIKE(grease_own, openssl_resume, 2, 32, OWN_OPENSSL("resume"));
ALIKE(grease_own, gnutls_resume, 2, 32, OWN_GNUTLS("resume-tls13"));

/* ---- hellos without GREASE ---- */

/* The report has `outcome` once, or nothing if it is NULL. No hello has the extension. */
static void check_without(const char *setting, const char *command, const char *outcome,
                          const char *reason)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA((char *)(size_t)setting), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(wire_hellos(world, hellos), 1u);
    cr_assert_eq(hellos[0].ech_length, 0u);
    cr_assert_eq(world_report_count(world, "grease"), 0u);
    char *report = world_read(world, "report", NULL);
    if (outcome == NULL) {
        cr_assert_str_empty(report);
    } else {
        cr_assert_eq(world_report_count(world, outcome), 1u);
        cr_assert_not_null(strstr(report, reason), "%s", report);
    }
    free(report);
}

Test(grease, none_if_it_is_off)
{
    check_without("ECHSHIM_GREASE=off", WGET URL, "plain", "nodata");
}

Test(grease, none_if_it_is_off_openssl)
{
    check_without("ECHSHIM_GREASE=off", S_CLIENT, "plain", "nodata");
}

Test(grease, none_in_mode_off)
{
    check_without("ECHSHIM_MODE=off", WGET URL, NULL, NULL);
}

Test(grease, none_of_programs_without_tls13)
{
    check_without("ECHSHIM_GREASE=on", S_CLIENT "-tls1_2", "plain", "no_tls13");
}

Test(grease, none_of_gnutls_programs_without_tls13)
{
    check_without("ECHSHIM_GREASE=on", GNUTLS_CLI "--priority NORMAL:-VERS-TLS1.3", "plain",
                  "no_tls13");
}

Test(grease, none_of_programs_without_tls13_in_mode_grease)
{
    check_without("ECHSHIM_MODE=grease", S_CLIENT "-tls1_2", "plain", "no_tls13");
}

static struct world *check_some(const char *setting, const char *told)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA((char *)(size_t)setting), WGET URL);
    expect_exit(&result, 0, told != NULL ? told : HELLO);
    expect_greased_connections(world, 1, 1, GNUTLS);
    return world;
}

Test(grease, an_unknown_word_is_told_and_leaves_it_on)
{
    check_some("ECHSHIM_GREASE=perhaps", "ECHSHIM_GREASE");
}

Test(grease, mode_grease_looks_nothing_up)
{
    struct world *world = check_some("ECHSHIM_MODE=grease", NULL);
    char *report = world_read(world, "report", NULL);
    cr_assert_not_null(strstr(report, "\"lookup_us\":0,"), "%s", report);
    cr_assert_not_null(strstr(report, "\"resolver\":null"), "%s", report);
    free(report);
}

Test(grease, strict_refuses)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_MODE=strict", "ECHSHIM_GREASE=on"), WGET URL);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    world_expect_hidden(world);
}

/* The client makes connections that are not over TCP, and then one that is. */
static void check_left_alone(const char *command)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, WELL);
    expect_greased_connections(world, 1, 1, OPENSSL);
}

Test(grease_own, none_over_dtls)
{
    check_left_alone(OWN_OPENSSL("dtls"));
}

Test(grease_own, none_by_servers)
{
    check_left_alone(OWN_OPENSSL("server"));
}

/* The relay listens on 443 only; this connection does not use it. */
Test(grease, none_for_ports_that_are_not_watched)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    char command[512];
    snprintf(command, sizeof command,
             SEND_REQUEST "openssl s_client -ign_eof -msg -CAfile \"$CA\" -servername " INNER_NAME
                          " -connect %s",
             world->server_address);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "grease"), 0u);
}

/* A renegotiation belongs to TLS 1.2, and its hellos are never the first of a connection. */
static void check_renegotiation(const char *command)
{
    if (!FACT_S_SERVER_SHOWS_HELLOS) {
        cr_skip_test("s_server cannot show hellos here");
    }
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    char certificate[300];
    char key[300];
    snprintf(certificate, sizeof certificate, "%s/inner.pem", world->pki);
    snprintf(key, sizeof key, "%s/inner.key", world->pki);
    char *const server[] = {
        "openssl",   "s_server", "-accept", "127.0.0.3:443",         "-tls1_2", "-cert",
        certificate, "-key",     key,       "-client_renegotiation", "-trace",  NULL};
    world_spawn(world, "s_server", "ACCEPT", server);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    char *seen = world_read(world, "s_server.out", NULL);
    cr_assert_eq(text_count(seen, "ClientHello, "), 2u, "%s", seen);
    cr_assert_eq(text_count(seen, "(65037)"), 1u, "%s", seen);
    free(seen);
}

Test(grease, none_in_a_renegotiation)
{
    check_renegotiation("(sleep 1; echo R; sleep 1; echo Q) | openssl s_client -CAfile \"$CA\" "
                        "-servername " INNER_NAME " -connect 127.0.0.3:443");
}

Test(grease, none_in_a_renegotiation_of_gnutls)
{
    check_renegotiation("sleep 1 | gnutls-cli --rehandshake --x509cafile \"$CA\" "
                        "--sni-hostname " INNER_NAME " --verify-hostname " INNER_NAME " 127.0.0.3");
}
