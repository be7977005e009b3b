/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS libraries that the shim only recognizes: reported with their names, and refused in strict
 * mode with their own error. And layers over a library that it supports. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(unsupported, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define CLIENT(name, mode) "\"$CLIENTS/" name "\" " INNER_NAME " 443 \"$CA\" " mode

static void skip_without(const char *client)
{
    char name[200];
    snprintf(name, sizeof name, "build/clients/%s", client);
    if (access(name, X_OK) != 0) {
        cr_skip_test("%s is not built: its library is not installed", client);
    }
}

/* As without the shim, with one report. */
static void check_plain(const char *client, const char *command, const char *library)
{
    skip_without(client);
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, NULL);
    expect_report(world, 1, "plain", "library");
    expect_report_text(world, "library", library);
    expect_report_text(world, "port", "443");
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1u);
}

static void check_refused(const char *client, const char *command, char *setting, const char *text)
{
    skip_without(client);
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(setting), command);
    expect_exit(&result, 1, text);
    expect_report(world, 1, "refused", "library");
    expect_silence(world);
}

/* Strict for this host alone. */
static void check_refused_by_host(const char *client, const char *command, const char *text)
{
    skip_without(client);
    struct world *world = world_start(NULL);
    char *conf = conf_setting(world, "[host \"" INNER_NAME "\"]\nmode = strict\n");
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(conf), command);
    expect_exit(&result, 1, text);
    expect_report(world, 1, "refused", "library");
    expect_silence(world);
}

#define UNSUPPORTED(test, client, mode, library, text)                                             \
    Test(unsupported, test)                                                                        \
    {                                                                                              \
        check_plain(client, CLIENT(client, mode), library);                                        \
    }                                                                                              \
    Test(unsupported, test##_strict)                                                               \
    {                                                                                              \
        check_refused(client, CLIENT(client, mode), STRICT, text);                                 \
    }                                                                                              \
    Test(unsupported, test##_strict_host)                                                          \
    {                                                                                              \
        check_refused_by_host(client, CLIENT(client, mode), text);                                 \
    }

UNSUPPORTED(mbedtls, "mbedtls_client", "sockets", "mbedtls", "mbedtls_ssl_handshake: -0x004e")
UNSUPPORTED(mbedtls_first_write, "mbedtls_client", "writing", "mbedtls",
            "mbedtls_ssl_write: -0x004e")
UNSUPPORTED(mbedtls_in_memory, "mbedtls_client", "memory", "mbedtls", "Software caused connection")
UNSUPPORTED(wolfssl, "wolfssl_client", "connecting", "wolfssl", "wolfSSL_connect: error")
UNSUPPORTED(wolfssl_first_write, "wolfssl_client", "writing", "wolfssl", "wolfSSL_write: error")
UNSUPPORTED(wolfssl_as_openssl, "wolfssl_client", "openssl", "wolfssl", "SSL_connect: error")
UNSUPPORTED(bearssl, "bearssl_client", "hello", "bearssl", "the hello cannot be written")

/* The layer is no TLS library: GnuTLS below it is hooked. It sets no name, so there is no ECH. */
Test(unsupported, gnutls_as_openssl)
{
    skip_without("gnutls_as_openssl");
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, NULL, CLIENT("gnutls_as_openssl", "connect"));
    expect_exit(&result, 0, NULL);
    expect_report(world, 1, "grease", "no_name");
    expect_report_text(world, "library", "gnutls");
}

Test(unsupported, gnutls_as_openssl_strict)
{
    skip_without("gnutls_as_openssl");
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), CLIENT("gnutls_as_openssl", "connect"));
    expect_exit(&result, 1, "SSL_connect failed");
    expect_report(world, 1, "refused", "no_name");
    expect_silence(world);
}

/* ---- a library that nothing recognizes: the guard alone sees it ---- */

#define BOTAN "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | botan tls_client " INNER_NAME " --port=443"

static void skip_without_botan(void)
{
    if (access("/usr/bin/botan", X_OK) != 0) {
        cr_skip_test("botan is not installed");
    }
}

Test(unsupported, botan)
{
    skip_without_botan();
    struct world *world = world_start(NULL);
    (void)world_shell(world, RUN_SHIM, NULL, BOTAN);
    expect_report(world, 1, "plain", "unhooked_tls");
    cr_assert_eq(world_wire_count(world, INNER_NAME), 1u);
}

Test(unsupported, botan_strict)
{
    skip_without_botan();
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), BOTAN);
    cr_assert_lt(result.exit_code, 128, "%s", result.err);
    expect_report(world, 1, "refused", "unhooked_tls");
    expect_silence(world);
}
