/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The official build of node contains OpenSSL, exports all of it, and calls it without passing our
 * hooks. `make node` downloads it. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(node, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define NODE "NODE_EXTRA_CA_CERTS=\"$CA\" \"$CLIENTS/../node/bin/node\" "
#define GET                                                                                        \
    NODE "-e 'require(\"https\").get(\"" URL "\", { agent: false }, answer => {\n"                 \
         "    answer.on(\"data\", octets => process.stdout.write(octets));\n"                      \
         "}).on(\"error\", error => { console.log(error.code); process.exitCode = 3; })'"
#define FETCH                                                                                      \
    NODE "-e 'fetch(\"" URL "\").then(answer => answer.text()).then(console.log)\n"                \
         "    .catch(error => { console.log(error.cause.code); process.exitCode = 3; })'"
#define ADDON(flags)                                                                               \
    NODE "-e 'process.dlopen({ exports: {} }, process.env.CLIENTS + \"/libnode_addon.so\",\n"      \
         "    require(\"os\").constants.dlopen.RTLD_NOW | " flags ")'"
#define DEEPBIND "require(\"os\").constants.dlopen.RTLD_DEEPBIND"

static struct world *start(void)
{
    char program[300];
    struct world *world = world_start(NULL);
    snprintf(program, sizeof program, "%s/../node/bin/node", world->clients);
    if (access(program, X_OK) != 0) {
        world_end();
        cr_skip_test("the official node is not there (make node)");
    }
    return world;
}

static void check_opportunistic(const char *command)
{
    struct world *world = start();
    struct run_result plain = world_shell(world, RUN_PLAIN, NULL, command);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(OPPORTUNISTIC), command);
    expect_exit(&plain, 0, HELLO);
    expect_exit(&result, 0, HELLO);
    cr_assert_str_eq(result.out, plain.out);
    cr_assert_str_eq(result.err, plain.err);
    expect_report(world, 1, "plain", "unhooked_tls");
}

static void check_strict(const char *command)
{
    struct world *world = start();
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    expect_exit(&result, 3, "ECONN");
    expect_report(world, 1, "refused", "unhooked_tls");
    world_expect_hidden(world);
}

Test(node, get_works_as_ever)
{
    check_opportunistic(GET);
}

Test(node, fetch_works_as_ever)
{
    check_opportunistic(FETCH);
}

Test(node, get_is_refused_by_strict)
{
    check_strict(GET);
}

Test(node, fetch_is_refused_by_strict)
{
    check_strict(FETCH);
}

/* The shim never mixes the addon's libssl with node's own. */
Test(node, an_addon_with_a_libssl_of_its_own)
{
    static const char *const addons[] = {ADDON("0"), ADDON(DEEPBIND)};
    static char *const modes[] = {OPPORTUNISTIC, STRICT};
    struct world *world = start();
    for (size_t i = 0; i < sizeof addons / sizeof *addons; i++) {
        for (size_t mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
            struct run_result result =
                world_shell(world, RUN_SHIM, EXTRA(modes[mode], "TARGET=" INNER_NAME), addons[i]);
            expect_exit(&result, 0, "all is well");
        }
    }
    world_expect_accepted(world, 4);
}
