/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs with their own ECH, in strict mode: their outer hellos pass, and no hello that only
 * looks like one. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(own_ech, .fini = world_end, .timeout = 120);

#define STRICT ((char *[]){"ECHSHIM_MODE=strict", NULL})
#define BORINGSSL "\"$PKI/../peers/ech_client\" %s 127.0.0.1:443 \"$CA\" %s"
#define NSS                                                                                        \
    "mkdir db; certutil -N -d db --empty-password; certutil -A -d db -n ca -t C,, -i \"$CA\"; "    \
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 3 tstclnt -h %s -p 443 -a %s -d db -V "         \
    "tls1.3:tls1.3 "                                                                               \
    "%s %s"

static struct run_result run(struct world *world, const char *format, const char *name,
                             const char *configs)
{
    char command[3000];
    snprintf(command, sizeof command, format, name, configs);
    return world_shell(world, RUN_SHIM, STRICT, command);
}

Test(own_ech, boringssl)
{
    need_boringssl_with_ech();
    struct world *world = world_start(NULL);
    struct run_result result = run(world, BORINGSSL, INNER_NAME, world->configs);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "own_ech", NULL);
    world_expect_hidden(world);
}

static void need_tstclnt_with_ech(void)
{
    if (system(
            "command -v certutil >/dev/null && tstclnt -h 2>&1 | grep -q '^-i .*Client Hello'") !=
        0) {
        cr_skip_test("no tstclnt with ECH here (3.87 has it, 3.61 not)");
    }
}

Test(own_ech, nss)
{
    need_tstclnt_with_ech();
    char command[3000];
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command, NSS, INNER_NAME, INNER_NAME, "-N", world->configs);
    struct run_result result = world_shell(world, RUN_SHIM, STRICT, command);
    cr_assert_not_null(strstr(result.out, HELLO), "%s", result.err);
    expect_report(world, 1, "own_ech", NULL);
    world_expect_hidden(world);
}

/* NSS has GREASE too, with the true name next to it. Without a record there is nothing else. */
Test(own_ech, grease_is_stopped)
{
    need_tstclnt_with_ech();
    char command[3000];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    snprintf(command, sizeof command, NSS, INNER_NAME, INNER_NAME, "-i", "100");
    struct run_result result = world_shell(world, RUN_SHIM, STRICT, command);
    cr_assert_neq(result.exit_code, 0);
    cr_assert_eq(world_report_count(world, "refused"), 1u, "%s%s%s", result.out, result.err,
                 world_read(world, "report", NULL));
    world_expect_hidden(world);
}
