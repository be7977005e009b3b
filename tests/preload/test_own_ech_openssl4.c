/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that make ECH by themselves with OpenSSL 4.0. It comes from the root of Debian sid that
 * make suites makes. The programs use the loader and the C library of that root, and all other
 * files of this machine.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(own_ech_openssl4, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define WELL "all is well"
#define CLIENT(mode) "$BY \"$CLIENTS/openssl4_client\" " INNER_NAME " 443 \"$CA\" " mode
#define S_CLIENT4                                                                                  \
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | $BY \"$SID/usr/bin/openssl\" s_client -quiet "          \
    "-CAfile \"$CA\" -verify_return_error -tls1_3 -connect " INNER_NAME ":443 "                    \
    "-servername " INNER_NAME " "

static const char *sid(void)
{
    static char root[PATH_MAX];
    if (realpath("build/suites/sid-openssl4", root) == NULL ||
        access("build/suites/sid-openssl4/.suite", R_OK) != 0 ||
        access("build/clients/openssl4_client", X_OK) != 0) {
        cr_skip_test("no root with OpenSSL 4.0 (make suites makes it)");
    }
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer's runtime is for this machine's C library");
    }
    return root;
}

static struct run_result run_with(struct world *world, char *setting, char *preload,
                                  const char *command)
{
    char text[6000];
    char configs[1100];
    char root[PATH_MAX + 8];
    snprintf(text, sizeof text,
             "LD=$(ls \"$SID\"/usr/lib/*/ld-linux*.so.*); "
             "BY=\"$LD --library-path $(dirname \"$LD\")\"; %s",
             command);
    snprintf(configs, sizeof configs, "CONFIGS=%s", world->configs);
    snprintf(root, sizeof root, "SID=%s", sid());
    return world_shell(world, RUN_SHIM, (char *[]){setting, configs, root, preload, NULL}, text);
}

static struct run_result run(struct world *world, const char *setting, const char *command)
{
    return run_with(world, (char *)(size_t)setting, NULL, command);
}

/* ---- its own ECH ---- */

static void check_own(const char *setting, const char *command, bool hello_retry, unsigned count)
{
    (void)sid();
    struct world *world = world_start(&(struct world_options){.hello_retry = hello_retry});
    struct run_result result = run(world, setting, command);
    expect_exit(&result, 0, NULL);
    expect_report(world, count, "own_ech", NULL);
    cr_assert_eq(world_log_count(world, "accepted", count), count);
    world_expect_hidden(world);
}

#define OWN(name, command)                                                                         \
    Test(own_ech_openssl4, name##_in_strict_mode)                                                  \
    {                                                                                              \
        check_own(STRICT, command, false, 1);                                                      \
    }                                                                                              \
    Test(own_ech_openssl4, name##_with_two_hellos)                                                 \
    {                                                                                              \
        check_own(STRICT, command, true, 1);                                                       \
    }                                                                                              \
    Test(own_ech_openssl4, name)                                                                   \
    {                                                                                              \
        check_own(OPPORTUNISTIC, command, false, 1);                                               \
    }                                                                                              \
    struct world

OWN(s_client, S_CLIENT4 "-ech_config_list \"$CONFIGS\"");
OWN(base64, CLIENT("base64"));
OWN(binary, CLIENT("binary"));
OWN(store, CLIENT("store"));
OWN(context, CLIENT("context"));
OWN(pem, CLIENT("pem"));
OWN(copy, CLIENT("copy"));
OWN(bio, CLIENT("bio"));

/* ---- hellos that carry the true name ---- */

/* `own` handshakes with ECH, and then one that fails and has a reason. */
static void check_refused(const char *command, unsigned own, const char *text)
{
    (void)sid();
    struct world *world = world_start(NULL);
    struct run_result result = run(world, STRICT, command);
    cr_assert_eq(result.exit_code, 1, "%d %s%s", result.exit_code, result.out, result.err);
    if (text != NULL) {
        cr_assert_not_null(strstr(result.err, text), "%s", result.err);
    }
    cr_assert_eq(world_report_count(world, "own_ech"), own);
    cr_assert_eq(world_report_count(world, "refused"), 1u, "%s%s", result.err,
                 world_read(world, "report", NULL));
    world_expect_hidden(world);
}

#define REASON "ech required"

#define REFUSED(name, own, text, command)                                                          \
    Test(own_ech_openssl4, name##_is_refused)                                                      \
    {                                                                                              \
        check_refused(command, own, text);                                                         \
    }                                                                                              \
    struct world

REFUSED(s_client_grease, 0, REASON, S_CLIENT4 "-ech_grease");
REFUSED(grease, 0, REASON, CLIENT("grease"));
/* A list for one connection says nothing about another. */
REFUSED(grease_after_ech, 1, REASON, CLIENT("grease-after"));
REFUSED(bio_grease_after_ech, 1, REASON, CLIENT("bio-grease-after"));
REFUSED(outer_name, 0, NULL, CLIENT("outer-name"));

/* Handshakes for which the program gives nothing are the shim's. */
static void check_ours(const char *command, unsigned own)
{
    (void)sid();
    struct world *world = world_start(NULL);
    struct run_result result = run(world, STRICT, command);
    expect_exit(&result, 0, NULL);
    cr_assert_eq(world_report_count(world, "own_ech"), own);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
    cr_assert_eq(world_log_count(world, "accepted", own + 1), own + 1);
    world_expect_hidden(world);
}

Test(own_ech_openssl4, s_client_without_ech)
{
    check_ours(S_CLIENT4, 0);
}

Test(own_ech_openssl4, none)
{
    check_ours(CLIENT("none"), 0);
}

Test(own_ech_openssl4, none_after_ech)
{
    check_ours(CLIENT("none-after"), 1);
}

/* Each call that may start a handshake, and BIO_f_ssl, whose calls are bound within libssl. */
Test(own_ech_openssl4, every_call_fails_with_a_text)
{
    (void)sid();
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        run(world, STRICT, "$BY \"$CLIENTS/refused_calls_openssl4\" " INNER_NAME " 443 - all");
    expect_exit(&result, 0, "10 refused");
    /* Without a session SSL_write_early_data fails by itself. */
    cr_assert_eq(world_report_count(world, "refused"), 9u);
    expect_silence(world);
}

/* ---- without an engine ---- */

Test(own_ech_openssl4, without_an_engine)
{
    struct stat made;
    if (stat(sid(), &made) != 0 || made.st_uid != 0) {
        cr_skip_test("only root can enter the root");
    }
    setenv("ECHSHIM_TEST_CHROOT", "build/suites/sid-openssl4", 1);
    struct world *world = world_start(NULL);
    struct run_result result = run_with(world, STRICT, stub_alone(world),
                                        "BY=; " CLIENT("grease-after") "; " CLIENT("context"));
    expect_exit(&result, 0, REASON);
    cr_assert_eq(world_report_count(world, "own_ech"), 2u);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
    world_expect_hidden(world);
}
