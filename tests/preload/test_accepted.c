/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After acceptance the handshake belongs to the application: its TLS library refuses what the inner
 * hello did not ask for (RFC 9849, 5 and 6.1.5). */
#include "accept_peer.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(accepted, .fini = world_end, .timeout = 120);

static void check(const char *client, const struct accept_peer *peer, const char *end)
{
    struct world *world = world_start(NULL);
    char *setting = accept_peer_start(world, peer);
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){setting, NULL}, client);
    accept_peer_expect(world, end);
    cr_assert_not(result.timed_out);
    /* The server accepted ECH before anything else: the library fails, not the exchange. */
    expect_report(world, 1, "accepted", NULL);
    if (strcmp(end, "done\n") != 0) {
        cr_assert_neq(result.exit_code, 0, "out: %s\nerr: %s", result.out, result.err);
    }
}

#define ACCEPTED(name, of_server_hello, extensions, end)                                           \
    Test(accepted, name##_openssl)                                                                 \
    {                                                                                              \
        check(ACCEPT_PEER_OPENSSL,                                                                 \
              &(const struct accept_peer){.server_hello = (of_server_hello),                       \
                                          .encrypted_extensions = (extensions)},                   \
              (end));                                                                              \
    }                                                                                              \
    Test(accepted, name##_gnutls)                                                                  \
    {                                                                                              \
        check(ACCEPT_PEER_GNUTLS,                                                                  \
              &(const struct accept_peer){.server_hello = (of_server_hello),                       \
                                          .encrypted_extensions = (extensions)},                   \
              (end));                                                                              \
    }                                                                                              \
    struct world

#define UNSUPPORTED_EXTENSION "alert 110\n"
#define SOME_LIST "0005fe0a000109"

ACCEPTED(ech_63_as_agreed, NULL, NULL, "done\n");
/* A protocol and a PSK that the inner hello did not offer. */
ACCEPTED(ech_63_protocol_not_offered, NULL, "001000050003026832", UNSUPPORTED_EXTENSION);
ACCEPTED(ech_63_psk_not_offered, "002900020000", NULL, UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_retry_configs, NULL, "fe0d0007" SOME_LIST, UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_empty, NULL, "fe0d0000", UNSUPPORTED_EXTENSION);
ACCEPTED(ech_70_malformed, NULL, "fe0d000100", UNSUPPORTED_EXTENSION);
