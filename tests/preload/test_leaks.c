/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The leak matrix: every failure, in every mode, with both libraries, blocking and not. After a
 * failed attempt the wire never shows the name; in strict mode it never does at all. Each test
 * prints the number of its cases. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(leaks, .fini = world_end, .timeout = 300);

static const char *const clients[] = {
    OWN_OPENSSL("direct"), OWN_OPENSSL("epoll"),       OWN_OPENSSL("memory"),
    OWN_GNUTLS("default"), OWN_GNUTLS("non-blocking"), OWN_GNUTLS("push-pull"),
};
enum { CLIENTS = sizeof clients / sizeof *clients };

/* The modes in which this failure must not show the name. */
enum forbidden { IN_STRICT, IN_EVERY_MODE };

struct failure {
    struct world_options options;
    const char *hostile; /* what the server does, or NULL for the ECH server */
    const char *extra;   /* one more environment variable, or NULL */
    enum forbidden forbidden;
};

static const char *const modes[] = {"ECHSHIM_MODE=strict", "ECHSHIM_MODE=opportunistic"};

static void check(const struct failure *failure)
{
    unsigned cases = 0;
    struct world *world = world_start(&failure->options);
    world->run_seconds = 30;
    if (failure->hostile != NULL) {
        start_hostile_server(world, failure->hostile);
    }
    /* Strict mode first: names from opportunistic mode would hide a leak of strict mode. */
    for (size_t mode = 0; mode < (failure->forbidden == IN_STRICT ? 1 : 2); mode++) {
        for (size_t i = 0; i < CLIENTS; i++) {
            char *extra[] = {(char *)(size_t)modes[mode], (char *)(size_t)failure->extra, NULL};
            struct run_result result = world_shell(world, RUN_SHIM, extra, clients[i]);
            cr_assert_not(result.timed_out, "%s: %s hangs", modes[mode], clients[i]);
            cr_assert_neq(result.exit_code, 0, "%s: %s succeeds", modes[mode], clients[i]);
            world_expect_hidden(world);
            cases++;
        }
    }
    fprintf(stderr, "leak matrix: %u cases, the name in none\n", cases);
}

#define LEAKS(name, ...)                                                                           \
    Test(leaks, name)                                                                              \
    {                                                                                              \
        check(&(struct failure){__VA_ARGS__});                                                     \
    }                                                                                              \
    struct failure

LEAKS(impostor_with_retry_configs,
      .options = {.stale_config = true, .public_certificate = "public-stranger"},
      .forbidden = IN_EVERY_MODE);
LEAKS(impostor_after_hello_retry,
      .options = {.stale_config = true,
                  .hello_retry = true,
                  .public_certificate = "public-stranger"},
      .forbidden = IN_EVERY_MODE);
LEAKS(expired_impostor, .options = {.stale_config = true, .public_certificate = "public-expired"},
      .forbidden = IN_EVERY_MODE);
LEAKS(impostor_without_ech,
      .options = {.server_without_ech = true, .public_certificate = "public-stranger"},
      .forbidden = IN_EVERY_MODE);
LEAKS(retry_switched_off, .options = {.stale_config = true}, .extra = "ECHSHIM_RETRY=off",
      .forbidden = IN_EVERY_MODE);
LEAKS(disablement_with_retry_switched_off, .options = {.server_without_ech = true},
      .extra = "ECHSHIM_RETRY=off", .forbidden = IN_EVERY_MODE);
LEAKS(no_trust_anchors, .options = {.stale_config = true}, .extra = "ECHSHIM_CA_FILE=/nowhere",
      .forbidden = IN_EVERY_MODE);
LEAKS(tls12_server, .options = {.tls12 = true}, .forbidden = IN_EVERY_MODE);
LEAKS(wrong_certificate, .options = {.inner_certificate = "stranger"}, .forbidden = IN_EVERY_MODE);
LEAKS(server_closes, .hostile = "close", .forbidden = IN_EVERY_MODE);
LEAKS(server_resets, .hostile = "reset", .forbidden = IN_EVERY_MODE);
LEAKS(server_sends_garbage, .hostile = "garbage", .forbidden = IN_EVERY_MODE);
LEAKS(server_sends_an_alert, .hostile = "alert", .forbidden = IN_EVERY_MODE);
LEAKS(server_sends_half_a_hello, .hostile = "half", .forbidden = IN_EVERY_MODE);
LEAKS(server_sends_our_hello_back, .hostile = "echo", .forbidden = IN_EVERY_MODE);

LEAKS(disabled, .options = {.server_without_ech = true}, .forbidden = IN_STRICT);
LEAKS(no_record, .options = {.no_https_record = true}, .forbidden = IN_STRICT);
LEAKS(dead_resolver, .extra = "ECHSHIM_RESOLVER=udp://127.0.0.55:53", .forbidden = IN_STRICT);
LEAKS(bad_resolver, .extra = "ECHSHIM_RESOLVER=gibberish", .forbidden = IN_STRICT);
LEAKS(bad_config_list, .extra = "ECHSHIM_CONFIG_LIST=AAAA", .forbidden = IN_STRICT);
