/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs against OpenSSL 4.0 and NSS. The suite `native` runs these two as clients, with their
 * own ECH and without the shim: where it fails, the servers are no measure. */
#include "tests/interop/servers.h"
#include "tests/preload/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_USUAL "0x20,1,1"

TestSuite(openssl_server, .fini = world_end, .timeout = 120);
TestSuite(openssl_suites, .fini = world_end, .timeout = 120);
TestSuite(nss_server, .fini = world_end, .timeout = 120);
TestSuite(native, .fini = world_end, .timeout = 120);

static const struct server_peer openssl_peer = {"openssl", "ACCEPT", SUITE_USUAL, false},
                                openssl_no_retry_peer = {"openssl", "ACCEPT", SUITE_USUAL, true},
                                nss_peer = {"nss", "call accept", SUITE_USUAL, false};

/* ---- programs under the shim ---- */

struct kind {
    const char *text;
    struct world_options options;
    enum expected expected;
};

static const struct kind accepted = {"accept", {.hello_retry = false}, ACCEPTED},
                         hello_retry = {"HelloRetryRequest", {.hello_retry = true}, ACCEPTED},
                         resumed = {"resumption", {.hello_retry = false}, RESUMED},
                         resumed_hello_retry = {"resumption, HelloRetryRequest",
                                                {.hello_retry = true},
                                                RESUMED},
                         stale = {"stale config", {.stale_config = true}, RETRIED},
                         stale_hello_retry = {"stale config, HelloRetryRequest",
                                              {.stale_config = true, .hello_retry = true},
                                              RETRIED},
                         disabled = {"server without ECH", {.server_without_ech = true}, DISABLED},
                         refused = {"server without ECH",
                                    {.server_without_ech = true},
                                    DISABLED_REFUSED},
                         refused_hello_retry = {"stale config, HelloRetryRequest",
                                                {.stale_config = true, .hello_retry = true},
                                                DISABLED_REFUSED},
                         no_retry = {"no retry_configs", {.stale_config = false}, DISABLED},
                         greased = {"no record", {.no_https_record = true}, GREASED};

static void check(const struct interop_server *server, const struct server_peer *peer,
                  const char *row, const struct program *program, const struct kind *kind)
{
    const struct interop_case tried = {kind->text, server_options(peer, kind->options),
                                       kind->expected};
    interop_check(server, row, program, &tried);
}

#define TRY(stack, peer, program, order, place, what)                                              \
    Test(stack##_server, program##_##what)                                                         \
    {                                                                                              \
        check(&stack##_server, &(peer), #order "-" #program "-" #place "-" #what, &(program),      \
              &(what));                                                                            \
    }                                                                                              \
    struct program

#define TRY_OPENSSL(program, order)                                                                \
    TRY(openssl, openssl_peer, program, order, 1, accepted);                                       \
    TRY(openssl, openssl_peer, program, order, 2, hello_retry);                                    \
    TRY(openssl, openssl_peer, program, order, 5, stale);                                          \
    TRY(openssl, openssl_peer, program, order, 6, stale_hello_retry);                              \
    TRY(openssl, openssl_peer, program, order, 7, disabled);                                       \
    TRY(openssl, openssl_no_retry_peer, program, order, 8, no_retry);                              \
    TRY(openssl, openssl_peer, program, order, 9, greased)
#define TRY_NSS(program, order)                                                                    \
    TRY(nss, nss_peer, program, order, 1, accepted);                                               \
    TRY(nss, nss_peer, program, order, 2, hello_retry);                                            \
    TRY(nss, nss_peer, program, order, 5, stale);                                                  \
    TRY(nss, nss_peer, program, order, 9, greased)
/* After a HelloRetryRequest that rejects, NSS has no retry_configs to send. */
#define TRY_NSS_REFUSED(program, order)                                                            \
    TRY(nss, nss_peer, program, order, 6, refused_hello_retry);                                    \
    TRY(nss, nss_peer, program, order, 7, refused)
#define TRY_RESUMED(program, order)                                                                \
    TRY(openssl, openssl_peer, program, order, 3, resumed);                                        \
    TRY(openssl, openssl_peer, program, order, 4, resumed_hello_retry);                            \
    TRY(nss, nss_peer, program, order, 3, resumed);                                                \
    TRY(nss, nss_peer, program, order, 4, resumed_hello_retry)

TRY_OPENSSL(curl, 1);
TRY_OPENSSL(s_client, 2);
TRY_OPENSSL(wget, 4);
TRY_OPENSSL(gnutls_cli, 5);
TRY_NSS(curl, 1);
TRY_NSS(s_client, 2);
TRY_NSS(wget, 4);
TRY_NSS(gnutls_cli, 5);
TRY_NSS_REFUSED(curl, 1);
TRY_NSS_REFUSED(wget, 4);
TRY_RESUMED(curl, 1);
TRY_RESUMED(s_client, 2);
TRY_RESUMED(gnutls_cli, 5);

/* ---- every suite of the config ---- */

#define TRY_SUITE(program, order, kem, kem_text, aead, aead_text, suite)                           \
    Test(openssl_suites, program##_##kem##_##aead)                                                 \
    {                                                                                              \
        static const struct server_peer peer = {"openssl", "ACCEPT", suite, false};                \
        static const struct kind kind = {                                                          \
            "accept, " kem_text ", " aead_text, {.hello_retry = false}, ACCEPTED};                 \
        check(&openssl_server, &peer, #order "-" #program "-s-" #kem "-" #aead, &(program),        \
              &kind);                                                                              \
    }                                                                                              \
    struct program
#define TRY_SUITES(program, order, kem, kem_text, kem_and_kdf)                                     \
    TRY_SUITE(program, order, kem, kem_text, aes_128_gcm, "AES-128-GCM", kem_and_kdf ",1");        \
    TRY_SUITE(program, order, kem, kem_text, aes_256_gcm, "AES-256-GCM", kem_and_kdf ",2");        \
    TRY_SUITE(program, order, kem, kem_text, chacha20, "ChaCha20-Poly1305", kem_and_kdf ",3")
#define TRY_ALL_SUITES(program, order)                                                             \
    TRY_SUITES(program, order, p256, "P-256 and SHA-256", "0x10,1");                               \
    TRY_SUITES(program, order, p384, "P-384 and SHA-384", "0x11,2");                               \
    TRY_SUITES(program, order, p521, "P-521 and SHA-512", "0x12,3");                               \
    TRY_SUITES(program, order, x25519, "X25519 and SHA-256", "0x20,1")

TRY_ALL_SUITES(s_client, 2);
TRY_ALL_SUITES(gnutls_cli, 5);

/* ---- OpenSSL and NSS as clients ---- */

struct native {
    const char *name;
    const char *command;
    /* The client prints this where the server accepts ECH. */
    const char *says;
};

static const struct native
    openssl_client = {"openssl s_client, its own ECH",
                      "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | chroot \"$SERVERS\" openssl s_client "
                      "-connect 127.0.0.1:443 -servername " INNER_NAME
                      " -ech_config_list \"$CONFIGS\" -CAfile \"$CA\" -verify_return_error "
                      "-verify_hostname " INNER_NAME " -ign_eof",
                      "ECH: success: 1"},
    /* Does not know the host names of that root; the name is the one that it checks the certificate
     * for. */
    nss_client = {
        "tstclnt, its own ECH",
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >\"$WORLD/request\" && mkdir \"$WORLD/trust\" "
        "&& chroot \"$SERVERS\" certutil -N -d \"$WORLD/trust\" --empty-password && "
        "chroot \"$SERVERS\" certutil -A -d \"$WORLD/trust\" -n ca -t C,, -i \"$CA\" && "
        "chroot \"$SERVERS\" tstclnt -h 127.0.0.1 -a " INNER_NAME
        " -p 443 -N \"$CONFIGS\" -d \"$WORLD/trust\" -v -A \"$WORLD/request\"",
        "SSL version 3.4"};

static void check_native(const struct interop_server *server, const struct server_peer *peer,
                         const char *row, const struct native *client, bool with_hello_retry)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    char servers[512];
    char configs[1200];
    const char *text = with_hello_retry ? "HelloRetryRequest" : "accept";
    interop_write_row(server, row, "| %s | - | %s | **failed** | - | - | - |\n", client->name,
                      text);
    const struct world_options options =
        server_options(peer, (struct world_options){.hello_retry = with_hello_retry});
    struct world *world = world_start(&options);
    snprintf(servers, sizeof servers, "SERVERS=%s", realpath(getenv("ECHSHIM_TEST_SERVERS"), NULL));
    snprintf(configs, sizeof configs, "CONFIGS=%s", world->configs);
    char *const extra[] = {servers, configs, NULL};
    struct run_result result = world_shell(world, RUN_PLAIN, extra, client->command);
    expect_exit(&result, 0, client->says);
    world_expect_hidden(world);
    size_t count = wire_hellos(world, hellos);
    cr_assert_eq(count, with_hello_retry ? 2u : 1u);
    interop_write_row(server, row, "| %s | - | %s | accepted | 1 | - | %zu |\n", client->name, text,
                      hellos[count - 1].length);
}

#define TRY_NATIVE(client, stack, order)                                                           \
    Test(native, client##_to_##stack)                                                              \
    {                                                                                              \
        check_native(&stack##_server, &stack##_peer, "9-" #order "-1", &client##_client, false);   \
    }                                                                                              \
    Test(native, client##_to_##stack##_hello_retry)                                                \
    {                                                                                              \
        check_native(&stack##_server, &stack##_peer, "9-" #order "-2", &client##_client, true);    \
    }                                                                                              \
    struct native

/* Not OpenSSL to NSS: after a HelloRetryRequest NSS misses an extension in what OpenSSL 4.0.3 sends
 * (alert 109). That says nothing about either as a server. */
TRY_NATIVE(openssl, openssl, 1);
TRY_NATIVE(nss, openssl, 2);
TRY_NATIVE(nss, nss, 2);
