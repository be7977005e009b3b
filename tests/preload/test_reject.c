/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failed handshakes with ECH: the program gets an ordinary TLS error, and the inner name never
 * leaves, whatever the server does. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(reject, .fini = world_end, .timeout = 120);
TestSuite(hostile, .fini = world_end, .timeout = 120);

static void check_failure(struct world *world, const struct program *program, const char *outcome,
                          const char *reason)
{
    world->run_seconds = 20;
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){"ECHSHIM_RETRY=off", NULL}, program->command);
    expect_exit(&result, program->failure_exit, program->failure_text);
    cr_assert_null(strstr(result.out, HELLO));
    expect_outer_hellos(world, 1);
    expect_report(world, 1, outcome, reason);
    expect_report_text(world, "public_name", PUBLIC_NAME);
    expect_report_text(world, "retries", "0");
}

/* The outer hello mirrors the inner hello, which offers TLS 1.3 only: the server sends an alert. */
#define REJECTED(name, program)                                                                    \
    Test(reject, stale_config_##name)                                                              \
    {                                                                                              \
        check_failure(world_start(&(struct world_options){.stale_config = true}), &(program),      \
                      "rejected", "retry_off");                                                    \
    }                                                                                              \
    Test(reject, stale_config_retry_##name)                                                        \
    {                                                                                              \
        check_failure(                                                                             \
            world_start(&(struct world_options){.stale_config = true, .hello_retry = true}),       \
            &(program), "rejected", "retry_off");                                                  \
    }                                                                                              \
    Test(reject, no_keys_##name)                                                                   \
    {                                                                                              \
        check_failure(world_start(&(struct world_options){.server_without_ech = true}),            \
                      &(program), "rejected", "retry_off");                                        \
    }                                                                                              \
    Test(reject, tls12_##name)                                                                     \
    {                                                                                              \
        check_failure(world_start(&(struct world_options){.tls12 = true}), &(program), "failed",   \
                      "alert");                                                                    \
    }                                                                                              \
    struct world

REJECTED(wget, a_wget);
REJECTED(curl, a_curl);
REJECTED(s_client, an_s_client);
REJECTED(gnutls_cli, a_gnutls_cli);
REJECTED(urllib, a_urllib);
REJECTED(asyncio, an_asyncio);
REJECTED(epoll, an_openssl_epoll);
REJECTED(gnutls_nonblocking, a_gnutls_nonblocking);

static void check_hostile(const struct program *program, const char *how, const char *reason)
{
    struct world *world = world_start(NULL);
    start_hostile_server(world, how);
    check_failure(world, program, "failed", reason);
}

#define HOSTILE(name, program, at_end)                                                             \
    Test(hostile, close_##name)                                                                    \
    {                                                                                              \
        check_hostile(&(program), "close", at_end);                                                \
    }                                                                                              \
    Test(hostile, reset_##name)                                                                    \
    {                                                                                              \
        check_hostile(&(program), "reset", at_end);                                                \
    }                                                                                              \
    Test(hostile, garbage_##name)                                                                  \
    {                                                                                              \
        check_hostile(&(program), "garbage", "unexpected");                                        \
    }                                                                                              \
    Test(hostile, echo_##name)                                                                     \
    {                                                                                              \
        check_hostile(&(program), "echo", "unexpected");                                           \
    }                                                                                              \
    Test(hostile, huge_##name)                                                                     \
    {                                                                                              \
        check_hostile(&(program), "huge", "unexpected");                                           \
    }                                                                                              \
    Test(hostile, half_##name)                                                                     \
    {                                                                                              \
        check_hostile(&(program), "half", at_end);                                                 \
    }                                                                                              \
    Test(hostile, alert_##name)                                                                    \
    {                                                                                              \
        check_hostile(&(program), "alert", "alert");                                               \
    }                                                                                              \
    struct world

/* A library that reads from memory does not learn that the connection has ended. */
HOSTILE(wget, a_wget, "closed");
HOSTILE(curl, a_curl, "closed");
HOSTILE(s_client, an_s_client, "closed");
HOSTILE(gnutls_cli, a_gnutls_cli, "closed");
HOSTILE(urllib, a_urllib, "closed");
HOSTILE(asyncio, an_asyncio, "abandoned");
HOSTILE(epoll, an_openssl_epoll, "closed");
HOSTILE(gnutls_nonblocking, a_gnutls_nonblocking, "closed");
