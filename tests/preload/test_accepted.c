/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After acceptance the handshake belongs to the application: its TLS library refuses what the inner
 * hello did not ask for (RFC 9849, 5 and 6.1.5). */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(accepted, .fini = world_end, .timeout = 120);

static const char *const clients[] = {
    "openssl s_client -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME
    " -connect 127.0.0.3:443 </dev/null",
    "gnutls-cli --x509cafile \"$CA\" --sni-hostname " INNER_NAME " --verify-hostname " INNER_NAME
    " 127.0.0.3 </dev/null",
    /* Without server_name. */
    "openssl s_client -verify_return_error -CAfile \"$CA\" -noservername -connect 127.0.0.3:443 "
    "</dev/null",
    "gnutls-cli --x509cafile \"$CA\" --disable-sni --verify-hostname " INNER_NAME
    " 127.0.0.3 </dev/null",
};

/* What the server says about the only handshake. */
static void expect_end(struct world *world, const char *end)
{
    char *text = NULL;
    const char *line = NULL;
    for (int tries = 0; tries < 400; tries++) {
        free(text);
        text = world_read(world, "accept.out", NULL);
        line = strchr(text, '\n');
        if (line != NULL && strchr(line + 1, '\n') != NULL) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    cr_assert(line != NULL && strcmp(line + 1, end) == 0, "the server says: %s", text);
    free(text);
}

static void check(size_t client, char *server_hello, char *encrypted_extensions, const char *end)
{
    char program[300];
    char certificate[300];
    char key[300];
    char configs[200];
    char setting[1200];
    struct world *world = world_start(NULL);
    snprintf(program, sizeof program, "%s/../peers/accept_server", world->pki);
    snprintf(certificate, sizeof certificate, "%s/inner.pem", world->pki);
    snprintf(key, sizeof key, "%s/inner.key", world->pki);
    snprintf(configs, sizeof configs, "%s/accept_configs", world->folder);
    /* Without this variable the Criterion inside the server does not take it for a test process. */
    char *const server[] = {"env",       "-u", "BXFI_MAP", program,      "127.0.0.3:443",
                            certificate, key,  configs,    server_hello, encrypted_extensions,
                            NULL};
    world_spawn(world, "accept", "listening ", server);
    char *list = world_read(world, "accept_configs", NULL);
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%.*s", (int)strcspn(list, "\n"), list);
    free(list);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting, NULL}, clients[client]);
    expect_end(world, end);
    cr_assert_not(result.timed_out);
    /* The server accepted ECH before anything else: the library fails, not the exchange. */
    expect_report(world, 1, "accepted", NULL);
    if (strcmp(end, "done\n") != 0) {
        cr_assert_neq(result.exit_code, 0, "out: %s\nerr: %s", result.out, result.err);
    }
}

#define ACCEPTED(name, server_hello, encrypted_extensions, end)                                    \
    Test(accepted, name##_openssl)                                                                 \
    {                                                                                              \
        check(0, (server_hello), (encrypted_extensions), (end));                                   \
    }                                                                                              \
    Test(accepted, name##_gnutls)                                                                  \
    {                                                                                              \
        check(1, (server_hello), (encrypted_extensions), (end));                                   \
    }                                                                                              \
    struct world

#define UNSUPPORTED_EXTENSION "alert 110\n"
#define SOME_LIST "0005fe0a000109"

ACCEPTED(ech_63_as_agreed, "none", "none", "done\n");
/* A protocol and a PSK that the inner hello did not offer. */
ACCEPTED(ech_63_protocol_not_offered, "none", "001000050003026832", UNSUPPORTED_EXTENSION);
ACCEPTED(ech_63_psk_not_offered, "002900020000", "none", UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_retry_configs, "none", "fe0d0007" SOME_LIST, UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_empty, "none", "fe0d0000", UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_malformed, "none", "fe0d000100", UNSUPPORTED_EXTENSION);
/* The outer hello has a server_name, so the server may think that the inner one has it, too. */
#define NAME_ANSWERED "00000000"
ACCEPTED(ech_63_name_answered, "none", NAME_ANSWERED, "done\n");

#define NAMELESS(name, encrypted_extensions, end)                                                  \
    Test(accepted, name##_without_a_name_openssl)                                                  \
    {                                                                                              \
        check(2, "none", (encrypted_extensions), (end));                                           \
    }                                                                                              \
    Test(accepted, name##_without_a_name_gnutls)                                                   \
    {                                                                                              \
        check(3, "none", (encrypted_extensions), (end));                                           \
    }                                                                                              \
    struct world
NAMELESS(ech_63_as_agreed, "none", "done\n");
NAMELESS(ech_63_name_answered, NAME_ANSWERED, UNSUPPORTED_EXTENSION);
