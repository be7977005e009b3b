/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A server that answers server_name (RFC 6066, 3). The outer hello always has one, so after a
 * rejection the answer is good. The inner hello has one only if the program gave a name, so after
 * acceptance without a name no hello asked for the answer: unsupported_extension (RFC 8446, 4.2).
 */
#include "accept_peer.h"
#include "checks.h"
#include "cursor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(name_answered, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"

#define ANSWERED "00000000"
#define DONE "done\n"
#define ILLEGAL_PARAMETER "alert 47\n"
#define DECODE_ERROR "alert 50\n"
#define UNSUPPORTED_EXTENSION "alert 110\n"
#define ECH_REQUIRED "done, alert 121\n"

struct report {
    const char *outcome;
    const char *reason;
};
static const struct report accepted = {"accepted", NULL};
static const struct report broken = {"failed", "server_hello"};
static const struct report left = {"failed", "abandoned"};
static const struct report rejected = {"rejected", "disabled"};
static const struct report unfinished = {"rejected", "outer_protocol"};

/* A server, and how each side sees the end. */
struct answered {
    struct accept_peer peer;
    const char *end;
    const struct report *report; /* NULL: the program ends without a word to its library */
};

static void check(const char *client, const struct answered *answered)
{
    struct world *world = world_start(NULL);
    char *setting = accept_peer_start(world, &answered->peer);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, setting, NULL}, client);
    accept_peer_expect(world, answered->end);
    cr_assert_not(result.timed_out);
    /* s_client also tells a server that closes without a word. */
    if (strcmp(answered->end, DONE) != 0) {
        cr_assert_neq(result.exit_code, 0, "out: %s\nerr: %s", result.out, result.err);
    }
    if (answered->report != NULL) {
        expect_report(world, 1, answered->report->outcome, answered->report->reason);
    }
}

/* The fields of the peer follow. */
#define ONE(client, name, says, report, ...)                                                       \
    Test(name_answered, name)                                                                      \
    {                                                                                              \
        check(client, &(const struct answered){{__VA_ARGS__}, says, report});                      \
    }                                                                                              \
    struct world
#define NAMED(name, says, report, ...)                                                             \
    ONE(ACCEPT_PEER_OPENSSL, name##_openssl, says, report, __VA_ARGS__);                           \
    ONE(ACCEPT_PEER_GNUTLS, name##_gnutls, says, report, __VA_ARGS__)
#define NAMELESS(name, says, report, ...)                                                          \
    ONE(ACCEPT_PEER_OPENSSL_NAMELESS, name##_without_a_name_openssl, says, report, __VA_ARGS__);   \
    ONE(ACCEPT_PEER_GNUTLS_NAMELESS, name##_without_a_name_gnutls, says, report, __VA_ARGS__)

/* ---- accepted: the library judges, but for HelloRetryRequest ---- */

NAMED(ech_63_accepted, DONE, &accepted, .encrypted_extensions = ANSWERED);
NAMED(ech_63_accepted_after_a_retry, DONE, &accepted, .retry_request = "",
      .encrypted_extensions = ANSWERED);
NAMELESS(ech_63_accepted_and_not_answered, DONE, &accepted, .server_hello = NULL);
NAMELESS(ech_63_accepted_after_a_retry_and_not_answered, DONE, &accepted, .retry_request = "");
NAMELESS(ech_63_accepted, UNSUPPORTED_EXTENSION, &accepted, .encrypted_extensions = ANSWERED);
NAMELESS(ech_63_accepted_after_a_retry, UNSUPPORTED_EXTENSION, &accepted, .retry_request = "",
         .encrypted_extensions = ANSWERED);
NAMELESS(ech_63_accepted_in_server_hello, UNSUPPORTED_EXTENSION, &accepted,
         .server_hello = ANSWERED);
NAMELESS(ech_63_accepted_in_a_retry, UNSUPPORTED_EXTENSION, &broken, .retry_request = ANSWERED);
/* In these two messages it may not stand even with a name: illegal_parameter (RFC 8446, 4.2).
 * GnuTLS has one alert for both. */
ONE(ACCEPT_PEER_OPENSSL, ech_63_accepted_in_server_hello_openssl, ILLEGAL_PARAMETER, &accepted,
    .server_hello = ANSWERED);
ONE(ACCEPT_PEER_GNUTLS, ech_63_accepted_in_server_hello_gnutls, UNSUPPORTED_EXTENSION, &accepted,
    .server_hello = ANSWERED);
ONE(ACCEPT_PEER_OPENSSL, ech_63_accepted_in_a_retry_openssl, ILLEGAL_PARAMETER, &left,
    .retry_request = ANSWERED);
ONE(ACCEPT_PEER_GNUTLS, ech_63_accepted_in_a_retry_gnutls, UNSUPPORTED_EXTENSION, NULL,
    .retry_request = ANSWERED);

/* ---- rejected: the engine judges, by the outer hello ---- */

NAMED(ech_111_rejected, ECH_REQUIRED, &rejected, .rejects = true, .encrypted_extensions = ANSWERED);
NAMELESS(ech_111_rejected, ECH_REQUIRED, &rejected, .rejects = true,
         .encrypted_extensions = ANSWERED);
NAMED(ech_111_rejected_after_a_retry, ECH_REQUIRED, &rejected, .rejects = true, .retry_request = "",
      .encrypted_extensions = ANSWERED);
NAMELESS(ech_111_rejected_after_a_retry, ECH_REQUIRED, &rejected, .rejects = true,
         .retry_request = "", .encrypted_extensions = ANSWERED);
/* The name itself is no answer, nor is one answer two. */
NAMELESS(ech_111_rejected_with_contents, DECODE_ERROR, &unfinished, .rejects = true,
         .encrypted_extensions = "0000000100");
NAMELESS(ech_111_rejected_twice, ILLEGAL_PARAMETER, &unfinished, .rejects = true,
         .encrypted_extensions = ANSWERED ANSWERED);
NAMELESS(ech_111_rejected_in_a_retry, ILLEGAL_PARAMETER, &unfinished, .rejects = true,
         .retry_request = ANSWERED);
NAMELESS(ech_111_rejected_in_server_hello, ILLEGAL_PARAMETER, &unfinished, .rejects = true,
         .server_hello = ANSWERED);

/* ---- TLS 1.2: a rejection, whose ServerHello is in the clear ---- */

static bool is_answered(const struct world *world)
{
    size_t length;
    char *octets = world_read(world, "wire/0001.s2c", &length);
    struct cursor stream = {(const uint8_t *)octets, length};
    cr_assert_eq(take_number(&stream, 1), 22u);
    (void)take_number(&stream, 2);
    struct cursor record = take_vector(&stream, 2);
    cr_assert_eq(take_number(&record, 1), 2u);
    struct cursor hello = take_vector(&record, 3);
    (void)take(&hello, 2 + 32); /* legacy_version, random */
    (void)take_vector(&hello, 1);
    (void)take(&hello, 2 + 1); /* cipher_suite, legacy_compression_method */
    bool answered = false;
    for (struct cursor list = take_vector(&hello, 2); list.left > 0;) {
        size_t type = take_number(&list, 2);
        answered |= take_vector(&list, 2).left == 0 && type == 0;
    }
    free(octets);
    return answered;
}

static void check_tls12(const char *client)
{
    char setting[1200];
    struct world *world =
        world_start(&(struct world_options){.tls12 = true, .server_without_ech = true});
    (void)snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s", world->configs);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){STRICT, setting, NULL}, client);
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, rejected.outcome, rejected.reason);
    cr_assert_eq(world_log_count(world, "ech_required", 1), 1u);
    cr_assert_eq(connections_ended(world), 1u);
    cr_assert(is_answered(world));
}

#define TLS12(name, client)                                                                        \
    Test(name_answered, ech_111_tls12_##name)                                                      \
    {                                                                                              \
        check_tls12(client);                                                                       \
    }                                                                                              \
    struct world
TLS12(openssl, S_CLIENT);
TLS12(gnutls, GNUTLS_CLI);
TLS12(without_a_name_openssl,
      "openssl s_client -noservername -connect 127.0.0.1:443 -CAfile \"$CA\" </dev/null");
TLS12(without_a_name_gnutls, "gnutls-cli --disable-sni --x509cafile \"$CA\" 127.0.0.1 </dev/null");
