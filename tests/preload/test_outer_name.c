/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outer name of the user's choice: what an observer sees, and whose certificate counts after a
 * rejection. */
#include "checks.h"
#include "second_hello.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(outer_name, .fini = world_end, .timeout = 120);

#define STRICT "ECHSHIM_MODE=strict"
#define COVER "ECHSHIM_OUTER_NAME=" COVER_NAME
#define WELL "all is well"
#define S_CLIENT_GET(options)                                                                      \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -servername " INNER_NAME         \
    " " options " -connect " INNER_NAME ":443"
#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})

/* Every connection shows this name, and nothing shows the names that it stands for. */
static void expect_shown(struct world *world, const char *name, unsigned connections)
{
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, name), connections, "%u hellos with %s, not %u",
                 world_wire_count(world, name), name, connections);
    if (strcmp(name, COVER_NAME) == 0) {
        cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 0, "the public name was on the wire");
    }
    (void)world_compare_hellos(world);
}

static void check_accepted(const struct world_options *options, const char *command,
                           const char *says)
{
    struct world *world = world_start(options);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT, COVER), command);
    expect_exit(&result, 0, says);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    expect_shown(world, COVER_NAME, 1);
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "public_name", PUBLIC_NAME);
    expect_report_text(world, "outer_name", COVER_NAME);
}

/* A server needs no certificate for the name if it accepts. */
#define ACCEPTED(name, command)                                                                    \
    Test(outer_name, accepted_##name)                                                              \
    {                                                                                              \
        check_accepted(NULL, command, HELLO);                                                      \
    }                                                                                              \
    Test(outer_name, accepted_##name##_with_two_hellos)                                            \
    {                                                                                              \
        check_accepted(&(struct world_options){.hello_retry = true}, command, HELLO);              \
    }                                                                                              \
    struct world

ACCEPTED(curl, CURL);
ACCEPTED(wget, WGET);
ACCEPTED(s_client, S_CLIENT_GET("")); /* make check-openssl4 has it with OpenSSL 4 */

/* Libraries that seal a hello by themselves: ours has no name of theirs. */
Test(outer_name, accepted_nss)
{
    need_nss();
    check_accepted(NULL, "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" send \"$PKI\"", WELL);
}

Test(outer_name, accepted_boringssl)
{
    need_boringssl_with_ech();
    check_accepted(NULL, "\"$CLIENTS/boringssl_client\" " INNER_NAME " 443 \"$CA\" direct", WELL);
}

Test(outer_name, of_one_host)
{
    char name[256];
    char conf[280];
    struct world *world = world_start(NULL);
    snprintf(name, sizeof name, "%s/own.conf", world->folder);
    FILE *file = fopen(name, "we");
    cr_assert_not_null(file);
    cr_assert_geq(fputs("[default]\nmode = strict\nouter_name = -\n"
                        "[host \"*.example.org\"]\nouter_name = " COVER_NAME "\n",
                        file),
                  0);
    cr_assert_eq(fclose(file), 0);
    snprintf(conf, sizeof conf, "ECHSHIM_CONF=%s", name);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(conf), WGET);
    expect_exit(&result, 0, HELLO);
    expect_shown(world, COVER_NAME, 1);
}

/* ---- after a rejection ---- */

static struct world *start_stale(const char *certificate)
{
    return world_start(
        &(struct world_options){.stale_config = true, .cover_certificate = certificate});
}

/* The certificate is for both names: the new key counts. */
static void check_retried(const char *command)
{
    struct world *world = start_stale("public-cover");
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT, COVER), command);
    expect_exit(&result, 0, HELLO);
    expect_shown(world, COVER_NAME, 2);
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "retries", "1");
}

Test(outer_name, ech_72_retried_for_both_names_curl)
{
    check_retried(CURL);
}

Test(outer_name, ech_72_retried_for_both_names_wget)
{
    check_retried(WGET);
}

Test(outer_name, ech_72_retried_for_both_names_s_client)
{
    check_retried(S_CLIENT_GET(""));
}

/* No key is seen, and the engine cannot make all of these shares: it asks by a probe. */
static struct world *run_probe(const char *certificate, struct run_result *result)
{
    char *hidden[] = {COVER, NULL, NULL, NULL};
    struct world *world = start_stale(certificate);
    memcpy(hidden + 1, HIDE_KEYS(world), 2 * sizeof *hidden);
    *result = world_shell(
        world, RUN_SHIM, hidden,
        SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" "
                     "--priority NORMAL:-GROUP-ALL:+GROUP-FFDHE2048:+GROUP-X25519 " INNER_NAME);
    return world;
}

Test(outer_name, ech_72_a_probe_has_the_outer_name)
{
    struct run_result result;
    struct world *world = run_probe("public-cover", &result);
    expect_exit(&result, 0, HELLO);
    expect_shown(world, COVER_NAME, 3);
}

Test(outer_name, ech_72_ech_75_a_probe_that_meets_the_outer_name_alone)
{
    struct run_result result;
    struct world *world = run_probe("cover", &result);
    cr_assert_neq(result.exit_code, 0);
    expect_shown(world, COVER_NAME, 2);
    expect_report(world, 1, "rejected", "unauthenticated");
}

/* A rejection from one that proves to be only one of the two. */
static void check_not_retried(const char *certificate, const char *command)
{
    struct world *world = start_stale(certificate);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(COVER), command);
    cr_assert_neq(result.exit_code, 0);
    expect_shown(world, COVER_NAME, 1);
    expect_report(world, 1, "rejected", "outer_certificate");
}

Test(outer_name, ech_72_ech_75_not_for_the_public_name)
{
    check_not_retried("cover", CURL);
}

Test(outer_name, ech_72_ech_75_not_for_the_public_name_wget)
{
    check_not_retried("cover", WGET);
}

Test(outer_name, ech_72_ech_75_not_for_the_outer_name)
{
    check_not_retried("public", CURL);
}

static struct world *run_disabled(const char *certificate, struct run_result *result)
{
    struct world *world = world_start(
        &(struct world_options){.server_without_ech = true, .cover_certificate = certificate});
    *result = world_shell(world, RUN_SHIM, EXTRA(COVER), CURL);
    return world;
}

Test(outer_name, ech_86_disabled_for_both_names)
{
    struct run_result result;
    struct world *world = run_disabled("public-cover", &result);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "disabled", NULL);
}

Test(outer_name, ech_76_not_disabled_for_the_outer_name_alone)
{
    struct run_result result;
    struct world *world = run_disabled("cover", &result);
    cr_assert_neq(result.exit_code, 0);
    expect_shown(world, COVER_NAME, 1);
    expect_report(world, 1, "rejected", "outer_certificate");
}

/* ---- names that cannot stand there ---- */

static void check_refused(char *setting)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(setting), CURL);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_not_null(strstr(result.err, "ECHSHIM_OUTER_NAME: cannot use"), "%s", result.err);
    expect_report(world, 1, "refused", "settings");
    expect_shown(world, PUBLIC_NAME, 0);
}

Test(outer_name, an_address)
{
    check_refused("ECHSHIM_OUTER_NAME=192.0.2.1");
}

Test(outer_name, no_host_name)
{
    check_refused("ECHSHIM_OUTER_NAME=a_b..example");
}

/* ECH is to hide this very name. */
Test(outer_name, the_name_of_the_host_itself)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, "ECHSHIM_OUTER_NAME=Secret.Example.ORG"), CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_wire_count(world, "Secret.Example.ORG"), 0);
    expect_shown(world, PUBLIC_NAME, 1);
}

/* ---- the warning ---- */

Test(outer_name, warned_of_once)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(COVER, "ECHSHIM_LOG=warn"),
                    CURL " -H 'Connection: close' --next --cacert \"$CA\" -sS " URL "?again");
    const char *log = world_read(world, "shim.log", NULL);
    const char *first = strstr(log, "outer_name is set");
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "accepted"), 2);
    cr_assert_not_null(first, "%s", log);
    cr_assert_null(strstr(first + 1, "outer_name is set"), "%s", log);
    cr_assert_null(strstr(log, COVER_NAME), "names are for level debug");
    cr_assert_str_empty(result.err);
}
