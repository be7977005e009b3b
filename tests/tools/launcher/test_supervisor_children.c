/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a held program starts, and what the user reads of it. */
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(supervisor_children, .fini = world_end, .timeout = 120);

static char line[4096];

/* ---- children ---- */

/* curl without the stub, or with a stub that does not know that it should be strict. */
Test(supervisor_children, a_child_that_lost_the_preload)
{
    static const char *const ways[] = {"env -u LD_PRELOAD",
                                       "env -i PATH=\"$PATH\"",
                                       "env -u ECHSHIM_MODE -u ECHSHIM_LAUNCHER",
                                       "env -u ECHSHIM_MODE -u ECHSHIM_SUPERVISOR",
                                       "env ECHSHIM_MODE=opportunistic",
                                       "env ECHSHIM_MODE=off"};
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(line, sizeof line,
                 "sh -c '%s curl -sS --cacert \"$CA\" https://" INNER_NAME "/; echo $?'", ways[i]);
        struct run_result result = launch(world, "--strict -q", line);
        cr_assert_null(strstr(result.out, "hello"), "%s: %s", ways[i], result.out);
        world_expect_hidden(world);
    }
    struct run_result result =
        launch(world, "--mode=opportunistic -q",
               "env -u LD_PRELOAD curl -sS --cacert \"$CA\" https://" INNER_NAME "/");
    expect_exit(&result, 0, "hello");
    world_expect_visible(world, 1);
}

/* A warning says why connections will fail; --quiet does not. */
Test(supervisor_children, what_the_user_reads)
{
    static const char said[] = "runs without the shim, and strict mode refuses its TLS";
    struct tool_result result = tool_run(NULL, ARGV("echshim", "--strict", tool_program("static")));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, said);
    tool_expect_err(&result, "it is statically linked");
    result =
        tool_run(NULL, ARGV("echshim", "--strict", "sh", "-c", "\"$0\"", tool_program("static")));
    tool_expect_exit(&result, 0);
    tool_expect_err(&result, said);
    result = tool_run(
        NULL, ARGV("echshim", "--strict", "-q", "sh", "-c", "\"$0\"", tool_program("static")));
    tool_expect_exit(&result, 0);
    cr_assert_str_empty(result.err);
    result = tool_run(NULL, ARGV("echshim", "--strict=nonsense", "true"));
    tool_expect_sentence(&result, 125, "--strict: cannot use \"nonsense\": it is refuse-program");
}

Test(supervisor_children, what_the_table_shows)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict -q --report",
                                      held_command("connects-static", "443 connect mapped"));
    expect_exit(&result, 0, "2 handshakes: 2 refused\n");
    cr_assert_not_null(strstr(result.err, "\n127.0.0.1         refused  program without the shim"),
                       "%s", result.err);
    cr_assert_not_null(strstr(result.err, "\n::ffff:127.0.0.1  refused  program without the shim"),
                       "%s", result.err);
}

/* Namespaces of a child, in which it has another process id and is root. */
Test(supervisor_children, children_in_namespaces_of_their_own)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line,
             "unshare --user --map-root-user --pid --fork '%s' 443 connect thread",
             tool_program("connects-static"));
    struct run_result result = launch(world, "--strict -q --report=lines", line);
    if (result.exit_code != 0 && result.out[0] == '\0') {
        fprintf(stderr, "supervisor_children: skipped: no namespaces here: %s\n", result.err);
        return;
    }
    held_expect(&result, "connect thread", EACCES);
    cr_assert_eq(held_count(world_read(world, "lines", NULL), "\"host\":\"127.0.0.1\""), 2);
    world_expect_hidden(world);
}

Test(supervisor_children, many_children)
{
    struct world *world = world_start(NULL);
    snprintf(
        line, sizeof line,
        "sh -c 'for i in $(seq 100); do \"%s\" 443 connect nonblocking datagram-sendto & done; "
        "wait' | sort | uniq -c | tr -s \" \"",
        tool_program("connects-static"));
    struct run_result result = launch(world, "--strict -q --report=lines", line);
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, " 100 connect 13\n 100 datagram-sendto 13\n 100 nonblocking 13\n",
                     "%s%s", result.out, result.err);
    cr_assert_eq(held_count(world_read(world, "lines", NULL), "unreachable_tls"), 300);
    world_expect_hidden(world);
}

/* Programs of musl run, dynamic ones too: their loader must not find the library of glibc. */
Test(supervisor_children, programs_of_musl)
{
    static const char *const names[] = {"connects-musl", "connects-musl-static"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (access(tool_program(names[i]), X_OK) != 0) {
            fprintf(stderr, "supervisor_children: skipped: musl is not here\n");
            return;
        }
        struct world *world = world_start(NULL);
        struct run_result result =
            launch(world, "--strict -q", held_command(names[i], "443 " HELD_WAYS " exec script"));
        held_expect(&result, HELD_WAYS " exec script", EACCES);
        snprintf(line, sizeof line, "sh -c '\"%s\" 443 connect'", tool_program(names[i]));
        result = launch(world, "--strict -q", line);
        held_expect(&result, "connect", EACCES);
        world_expect_hidden(world);
        result = launch(world, "--mode=opportunistic -q", line);
        held_expect(&result, "connect", 0);
        result = launch(world, "--strict=refuse-program", held_command(names[i], "443 connect"));
        cr_assert_eq(result.exit_code, 121);
        world_end();
    }
}

/* The supervisor keeps nothing of any process. */
Test(supervisor_children, processes_without_end)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict -q", held_command("connects-static", "443 generations connect"));
    held_expect(&result, "generations connect", EACCES);
    world_expect_hidden(world);
}

/* ---- real programs ---- */

/* Debian's, which are Go and dynamic; each beside itself in opportunistic mode. */
Test(supervisor_children, go_programs_of_debian)
{
    static const struct {
        const char *path;
        const char *arguments;
    } programs[] = {
        {"/usr/bin/hey", "-n 1 -c 1 -t 5 https://" INNER_NAME "/"},
        {"/usr/bin/rclone", "lsf --contimeout 5s --retries 1 --low-level-retries 1 --http-url "
                            "https://" INNER_NAME "/ :http:"},
        {"/usr/bin/restic", "-r rest:https://" INNER_NAME "/ --no-cache cat config"},
        {"/usr/bin/gh", "api --hostname " INNER_NAME " user"},
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (access(programs[i].path, X_OK) != 0) {
            fprintf(stderr, "supervisor_children: skipped: %s is not installed\n",
                    programs[i].path);
            continue;
        }
        struct world *world = world_start(NULL);
        snprintf(
            line, sizeof line,
            "env RESTIC_PASSWORD=x GH_ENTERPRISE_TOKEN=x SSL_CERT_FILE=\"$CA\" timeout 20 %s %s",
            programs[i].path, programs[i].arguments);
        struct run_result result = launch(world, "--strict -q --go=off --report=lines", line);
        /* hey counts errors, and ends well. */
        cr_assert(result.exit_code != 0 || strstr(result.out, "Error distribution") != NULL, "%s",
                  result.out);
        world_expect_hidden(world);
        cr_assert_gt(held_count(world_read(world, "lines", NULL), "unreachable_tls"), 0, "%s",
                     result.err);
        (void)launch(world, "--mode=opportunistic -q --go=off", line);
        cr_assert_gt(world_wire_await(world, INNER_NAME, 1), 0, "%s says nothing by itself",
                     programs[i].path);
        world_end();
    }
}
