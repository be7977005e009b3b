/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The official build of node contains OpenSSL, and exports all of it. `make node` downloads it;
 * `make check-node` tests older and newer ones too.
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(node, .fini = world_end, .timeout = 180);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"
#define NODE "NODE_EXTRA_CA_CERTS=\"$CA\" \"$NODE\" "
#define SCRIPTS "\"$CLIENTS/../../tests/preload/node/"
#define WAY(way) NODE SCRIPTS "ways.js\" " way
#define ADDON(flags)                                                                               \
    NODE "-e 'process.dlopen({ exports: {} }, process.env.CLIENTS + \"/libnode_addon.so\",\n"      \
         "    require(\"os\").constants.dlopen.RTLD_NOW | " flags ")'"
#define DEEPBIND "require(\"os\").constants.dlopen.RTLD_DEEPBIND"
#define WELL "all is well"

/* The variable for NODE, with the build under test. */
static char node_variable[512];
#define NODE_PROGRAM (node_variable + strlen("NODE="))

static struct world *start(const struct world_options *options)
{
    const char *other = getenv("ECHSHIM_TEST_NODE");
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("node does not run with a sanitizer's runtime");
    }
    struct world *world = world_start(options);
    if (other != NULL) {
        snprintf(node_variable, sizeof node_variable, "NODE=%s", other);
    } else {
        snprintf(node_variable, sizeof node_variable, "NODE=%s/../node/bin/node", world->clients);
    }
    if (access(NODE_PROGRAM, X_OK) != 0) {
        world_end();
        cr_skip_test("the official node is not there (make node)");
    }
    return world;
}

#if defined(__x86_64__)
static struct run_result run(struct world *world, enum run_mode mode, char *setting,
                             const char *command)
{
    return world_shell(world, mode, EXTRA(node_variable, setting), command);
}

/* A server behind the ECH server (tests/preload/node/backend.js). */
static void start_backend(struct world *world, const char *how)
{
    char script[512];
    snprintf(script, sizeof script, "%s/../../tests/preload/node/backend.js", world->clients);
    char how_[16];
    snprintf(how_, sizeof how_, "%s", how);
    world_spawn(world, "backend", "ready", (char *[]){NODE_PROGRAM, script, how_, "8080", NULL});
}

#define FORWARD "--forward", "127.0.0.1:8080"

/* Output, errors and exit status are as without the shim, and each handshake has ECH. */
static void check_accepted(const struct world_options *options, const char *backend,
                           const char *command, unsigned count)
{
    static char *const modes[] = {OPPORTUNISTIC, STRICT};
    struct run_result plain = {0};
    for (int i = -1; i < 2; i++) {
        struct world *world = start(options);
        if (backend != NULL) {
            start_backend(world, backend);
        }
        if (i < 0) {
            plain = run(world, RUN_PLAIN, "X=", command);
            expect_exit(&plain, 0, WELL);
        } else {
            struct run_result result = run(world, RUN_SHIM, modes[i], command);
            expect_exit(&result, 0, WELL);
            cr_assert_str_eq(result.out, plain.out);
            cr_assert_str_eq(result.err, plain.err);
            world_expect_accepted(world, count);
        }
        world_end();
    }
}

#define ACCEPTED(name, count, way)                                                                 \
    Test(node, name)                                                                               \
    {                                                                                              \
        check_accepted(NULL, NULL, WAY(way), count);                                               \
    }                                                                                              \
    struct world

ACCEPTED(get, 1, "get");
ACCEPTED(fetch, 1, "fetch");
ACCEPTED(threads, 400, "threads");
ACCEPTED(resume, 2, "resume");
ACCEPTED(a_server_in_the_same_process, 1, "server");
ACCEPTED(any_stream, 1, "stream");
ACCEPTED(a_child, 1, "child");
ACCEPTED(garbage_collection, 20, "heap");

Test(node, an_agent_keeps_its_connection)
{
    static const struct world_options options = {.server_arguments = {FORWARD}};
    check_accepted(&options, "http1", WAY("agent"), 1);
}

Test(node, http2)
{
    static const struct world_options options = {.server_arguments = {FORWARD, "--alpn", "h2"}};
    check_accepted(&options, "http2", WAY("http2"), 1);
}

Test(node, a_stale_key)
{
    static const struct world_options options = {.stale_config = true};
    check_accepted(&options, NULL, WAY("parallel"), 120);
}

Test(node, a_second_hello)
{
    static const struct world_options options = {.hello_retry = true};
    check_accepted(&options, NULL, WAY("fetch"), 1);
}

/* node puts itself into huge pages, with our jumps. */
Test(node, in_large_pages)
{
    check_accepted(NULL, NULL, NODE "--use-largepages=on " SCRIPTS "ways.js\" get", 1);
}

static void check_unprotected(const struct world_options *options, const char *command,
                              const char *outcome, const char *reason)
{
    struct world *world = start(options);
    struct run_result result = run(world, RUN_SHIM, OPPORTUNISTIC, command);
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, outcome, reason);
    world_end();
}

static void check_refused(const struct world_options *options, const char *command,
                          const char *reason)
{
    struct world *world = start(options);
    struct run_result result = run(world, RUN_SHIM, STRICT, command);
    expect_exit(&result, 3, "");
    expect_report(world, 1, "refused", reason);
    world_expect_hidden(world);
    world_end();
}

Test(node, tls12)
{
    check_unprotected(NULL, WAY("tls12"), "plain", "no_tls13");
    check_refused(NULL, WAY("tls12"), "no_tls13");
}

Test(node, without_a_record)
{
    static const struct world_options options = {.no_https_record = true};
    check_unprotected(&options, WAY("fetch"), "grease", "nodata");
    check_refused(&options, WAY("fetch"), "nodata");
}

/* ---- npm ---- */

/* The machine's own settings of npm may name other authorities (cafile), or another registry. */
#define NPM                                                                                        \
    NODE "\"$(readlink -f \"$(command -v npm)\")\" --no-update-notifier --no-audit --no-fund "     \
         "--globalconfig=\"$WORLD/none\" --userconfig=/dev/null --fetch-retries=0 "                \
         "--cache=\"$WORLD/npm\" --registry=" URL " "

Test(node, npm)
{
    static const struct world_options options = {.server_arguments = {FORWARD}};
    struct world *world = start(&options);
    if (system("command -v npm >/dev/null") != 0) {
        world_end();
        cr_skip_test("npm is not installed");
    }
    start_backend(world, "registry");
    struct run_result plain =
        run(world, RUN_PLAIN, "X=", NPM "view local-package description version");
    expect_exit(&plain, 0, "from the local registry");
    world_end();
    world = start(&options);
    start_backend(world, "registry");
    struct run_result result =
        run(world, RUN_SHIM, STRICT, NPM "view local-package description version");
    expect_exit(&result, 0, plain.out);
    cr_assert_str_eq(result.err, plain.err);
    result = run(world, RUN_SHIM, STRICT,
                 "mkdir project && cd project && " NPM "install local-package 2>&1 && "
                 "cat node_modules/local-package/package.json");
    expect_exit(&result, 0, "from the local registry");
    cr_assert_geq(world_report_count(world, "accepted"), 2);
    cr_assert_eq(world_report_count(world, "plain"), 0);
    world_expect_hidden(world);
}
#endif

/* ---- without detours ---- */

static void check_unreached(char *setting, const char *reason)
{
    struct world *world = start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(node_variable, OPPORTUNISTIC, setting), WAY("get"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "plain", reason);
    world_end();
    world = start(NULL);
    result = world_shell(world, RUN_SHIM, EXTRA(node_variable, STRICT, setting), WAY("get"));
    expect_exit(&result, 3, "ECONN");
    expect_report(world, 1, "refused", reason);
    world_expect_hidden(world);
}

Test(node, switched_off)
{
    check_unreached("ECHSHIM_DETOURS=off", "unhooked_tls");
}

/* ---- an addon ---- */

/* Without the shim: an addon's libssl uses node's libcrypto, which works only if both have nearly
 * the same version. */
static void need_addons(struct world *world)
{
    static const char *const addons[] = {ADDON("0"), ADDON(DEEPBIND)};
    for (size_t i = 0; i < sizeof addons / sizeof *addons; i++) {
        struct run_result plain =
            world_shell(world, RUN_PLAIN, EXTRA(node_variable, "TARGET=" INNER_NAME), addons[i]);
        if (plain.exit_code != 0) {
            world_end();
            cr_skip_test("this node and the system's libssl do not go together");
        }
    }
}

/* The shim never mixes the addon's libssl with node's own. */
Test(node, an_addon_with_a_libssl_of_its_own)
{
    static const char *const addons[] = {ADDON("0"), ADDON(DEEPBIND)};
    static char *const settings[][2] = {
        {OPPORTUNISTIC, "X="}, {STRICT, "X="}, {STRICT, "ECHSHIM_DETOURS=off"}};
    need_addons(start(NULL));
    world_end();
    struct world *world = start(NULL);
    for (size_t i = 0; i < sizeof addons / sizeof *addons; i++) {
        for (size_t mode = 0; mode < sizeof settings / sizeof *settings; mode++) {
            struct run_result result = world_shell(
                world, RUN_SHIM,
                EXTRA(node_variable, settings[mode][0], settings[mode][1], "TARGET=" INNER_NAME),
                addons[i]);
            expect_exit(&result, 0, WELL);
        }
    }
    world_expect_accepted(world, 6);
}

#if defined(__x86_64__)
/* node's requests before and after the addon's. */
Test(node, an_addon_beside_nodes_own_requests)
{
    need_addons(start(NULL));
    world_end();
    struct world *world = start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(node_variable, STRICT, "TARGET=" INNER_NAME),
                    NODE "-e 'const get = () => new Promise((done, failed) => require(\"https\")\n"
                         "    .get(\"" URL "\", { agent: false }, answer => {\n"
                         "        answer.on(\"end\", done).resume(); }).on(\"error\", failed));\n"
                         "get().then(() => process.dlopen({ exports: {} },\n"
                         "    process.env.CLIENTS + \"/libnode_addon.so\")).then(get).then(get)'");
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, 4);
}
#endif
