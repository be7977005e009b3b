/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The NSS of Debian sid, whose hello has a post-quantum key share. It comes from the root that make
 * suites makes. The client uses the loader and the libraries of that root, and all other files of
 * this machine.
 */
#include "checks.h"

#include <criterion/criterion.h>

TestSuite(nss_sid, .init = need_nss_of_sid, .fini = world_end, .timeout = 200);

#define WELL "all is well"
#define STRICT "ECHSHIM_MODE=strict"

static struct run_result run(struct world *world, const char *setting, const char *mode)
{
    return world_shell(world, RUN_SHIM, (char *[]){(char *)(size_t)setting, NULL},
                       nss_of_sid(mode));
}

static const char *const modes[] = {"send",      "write",      "force",   "poll",      "own-poll",
                                    "own-layer", "force-poll", "stutter", "peer-first"};
enum { MODES = sizeof modes / sizeof *modes };

static void check_accepted(const struct world_options *options)
{
    struct world *world = world_start(options);
    for (unsigned i = 0; i < MODES; i++) {
        struct run_result result = run(world, STRICT, modes[i]);
        expect_exit(&result, 0, WELL);
    }
    world_expect_accepted(world, MODES);
}

Test(nss_sid, accepted)
{
    check_accepted(NULL);
}

Test(nss_sid, second_hello)
{
    check_accepted(&(struct world_options){.hello_retry = true});
}

Test(nss_sid, ech_83_stale_config)
{
    check_accepted(&(struct world_options){.stale_config = true});
}

Test(nss_sid, ech_83_stale_config_and_second_hello)
{
    check_accepted(&(struct world_options){.stale_config = true, .hello_retry = true});
}

static void check_twice(const struct world_options *options, const char *mode, const char *says)
{
    struct world *world = world_start(options);
    struct run_result result = run(world, STRICT, mode);
    expect_exit(&result, 0, says);
    world_expect_accepted(world, 2);
}

Test(nss_sid, resumed)
{
    check_twice(NULL, "resume", "reused");
}

Test(nss_sid, resumed_after_a_rejection)
{
    check_twice(&(struct world_options){.stale_config = true}, "resume", "reused");
}

#define EARLY .server_arguments = {"--early-data"}

Test(nss_sid, early_data)
{
    check_twice(&(struct world_options){EARLY}, "early", "early data accepted");
}

Test(nss_sid, early_data_after_a_rejection)
{
    check_twice(&(struct world_options){.stale_config = true, EARLY}, "early",
                "early data accepted");
}

Test(nss_sid, ech_86_disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = run(world, "ECHSHIM_MODE=opportunistic", "attempts");
    expect_exit(&result, 0, "SSL_ERROR_ECH_REQUIRED_ALERT\ndone\n");
    cr_assert_eq(world_report_count(world, "rejected"), 1);
}

Test(nss_sid, strict_refuses)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    for (unsigned i = 0; i < MODES; i++) {
        struct run_result result = run(world, STRICT, modes[i]);
        expect_exit(&result, 1, "SSL_ERROR_ECH_REQUIRED_ALERT");
    }
    expect_report(world, MODES, "refused", "nodata");
    expect_silence(world);
}
