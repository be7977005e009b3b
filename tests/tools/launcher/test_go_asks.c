/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the supervisor answers to the detours in Go programs, and to programs with a resolver of
 * their own. programs/asks makes the same calls, without Go. */
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(go_asks, .fini = world_end, .timeout = 120);

enum { LIST_LENGTH = 75 }; /* of the world's config */

static char text[4096];

static struct run_result ask(struct world *world, const char *options, const char *ways)
{
    char all[512];
    snprintf(all, sizeof all, "-q --report=lines %s", options);
    struct run_result result = launch(world, all, held_command("asks", ways));
    expect_exit(&result, 0, NULL);
    return result;
}

/* `way` gave this number. */
static void expect(const struct run_result *result, const char *way, int number)
{
    held_expect(result, way, number);
}

/* The report has so many lines with this part. The supervisor may end after the program. */
static void expect_lines(const struct world *world, unsigned count, const char *part)
{
    const char *report = world_read(world, "lines", NULL);
    for (int i = 0; i < 100 && held_count(report, part) < count; i++) {
        usleep(20000);
        report = world_read(world, "lines", NULL);
    }
    cr_assert_eq(held_count(report, part), count, "%s in\n%s", part, report);
}

#define LINE(host, mode, outcome, reason)                                                          \
    "\"library\":\"go\",\"host\":" host ",\"port\":443,\"mode\":\"" mode "\",\"outcome\":"         \
    "\"" outcome "\",\"reason\":" reason

#define NAME "\"" INNER_NAME "\""

/* Strict mode for another host lets the supervisor live, in other modes too. */
static const char *mode_of_name(const struct world *world, const char *mode)
{
    char path[256];
    char *options;
    snprintf(path, sizeof path, "%s/hosts.conf", world->folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "[host \"other.example\"]\nmode = strict\n[host \"" INNER_NAME "\"]\nmode = %s\n",
            mode);
    fclose(file);
    cr_assert_gt(asprintf(&options, "--conf='%s'", path), 0);
    return options;
}

/* ---- what is given ---- */

Test(go_asks, a_list_and_how_it_ended)
{
    struct world *world = world_start(NULL);
    struct run_result result = ask(world, "--strict",
                                   "ask:" INNER_NAME " accepted:" INNER_NAME
                                   " ask:SECRET.example.ORG. rejected:" INNER_NAME
                                   " accepted:" INNER_NAME " ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME " ask:SECRET.example.ORG.", LIST_LENGTH);
    expect_lines(world, 1, LINE(NAME, "strict", "accepted", "null"));
    expect_lines(world, 1, LINE(NAME, "strict", "rejected", "\"rejected\""));
    /* Nobody told of the last one. */
    expect_lines(world, 1, LINE(NAME, "strict", "failed", "\"unfinished\""));
    expect_lines(world, 3, "\"source\":\"dns\"");
    expect_lines(world, 3,
                 "\"public_name\":\"" PUBLIC_NAME "\",\"outer_name\":null,\"config_id\":7");
    expect_lines(world, 3, "\n");
    world_expect_hidden(world);
}

/* The server is asked once, and again after a rejection. */
Test(go_asks, the_server_is_asked_once)
{
    struct world *world = world_start(NULL);
    struct run_result result = ask(world, "--strict", "many:" INNER_NAME);
    expect(&result, "many:" INNER_NAME, 1);
    expect_lines(world, 64 * 157, LINE(NAME, "strict", "accepted", "null"));
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
    result = ask(world, "--strict",
                 "ask:" INNER_NAME " ask:" INNER_NAME " rejected:" INNER_NAME " ask:" INNER_NAME);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 3);
    world_expect_hidden(world);
}

Test(go_asks, a_stale_record)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    struct run_result result =
        ask(world, "--strict",
            "ask:" INNER_NAME " accepted:" INNER_NAME " ask:" INNER_NAME " accepted:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    expect_lines(world, 2, LINE(NAME, "strict", "accepted", "null"));
    expect_lines(world, 2, "\"source\":\"retry_configs\"");
    expect_lines(world, 1, "\"retries\":1");
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
    /* The program's own handshake finds out. */
    result = ask(world, "--strict --no-retry", "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 1);
}

Test(go_asks, securely_disabled)
{
    struct world *world = world_start(&(struct world_options){.server_without_ech = true});
    struct run_result result = ask(world, "--strict", "ask:" INNER_NAME " own:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, -EACCES);
    expect(&result, "own:" INNER_NAME, 0);
    expect_lines(world, 1, LINE(NAME, "strict", "refused", "\"disabled\""));
    result = ask(world, mode_of_name(world, "opportunistic"), "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, 0);
    expect_lines(world, 1, LINE(NAME, "opportunistic", "plain", "\"disabled\""));
    world_expect_hidden(world);
}

/* It cannot prove that it is public_name: what it says counts for nothing. */
Test(go_asks, an_impostor)
{
    struct world *world = world_start(
        &(struct world_options){.stale_config = true, .public_certificate = "public-stranger"});
    struct run_result result =
        ask(world, mode_of_name(world, "opportunistic"), "ask:" INNER_NAME " accepted:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    expect_lines(world, 1, "\"source\":\"dns\"");
}

Test(go_asks, without_a_record)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = ask(world, "--strict", "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, -EACCES);
    expect_lines(world, 1, LINE(NAME, "strict", "refused", "\"nodata\""));
    result = ask(world, mode_of_name(world, "opportunistic"),
                 "ask:" INNER_NAME " ask:sub.other.example");
    expect(&result, "ask:" INNER_NAME, 0);
    expect_lines(world, 1, LINE(NAME, "opportunistic", "plain", "\"nodata\""));
}

Test(go_asks, settings_of_a_host)
{
    struct world *world = world_start(NULL);
    struct run_result result = ask(world, mode_of_name(world, "off"), "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, 0);
    expect_lines(world, 0, "\n");
    result = ask(world, mode_of_name(world, "grease"), "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, 0);
    expect_lines(world, 1, LINE(NAME, "grease", "plain", "\"mode\""));
    result = ask(world, mode_of_name(world, "opportunistic"), "ask:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    result = ask(world, mode_of_name(world, "opportunistic"), "ask:other.example");
    expect(&result, "ask:other.example", -EACCES);
}

Test(go_asks, a_list_by_hand)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    snprintf(text, sizeof text, "--strict --config-list=" INNER_NAME "=%s", world->configs);
    struct run_result result = ask(world, text, "ask:" INNER_NAME " accepted:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    expect_lines(world, 1, "\"source\":\"static\"");
}

/* ---- what is refused ---- */

Test(go_asks, what_cannot_be_given)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        ask(world, "--strict",
            "old:" INNER_NAME " own:" INNER_NAME " small:" INNER_NAME " unwritable:" INNER_NAME
            " nul:x long:x nowhere:x ask:192.0.2.1 ask:a_b.example/x ask: ask:printer");
    expect(&result,
           "old:" INNER_NAME " small:" INNER_NAME " unwritable:" INNER_NAME " nul:x long:x",
           -EACCES);
    expect(&result, "nowhere:x ask:192.0.2.1 ask:a_b.example/x ask: ask:printer", -EACCES);
    expect(&result, "own:" INNER_NAME, 0); /* its own list is used */
    expect_lines(world, 1, LINE(NAME, "strict", "refused", "\"no_tls13\""));
    expect_lines(world, 2, LINE(NAME, "strict", "refused", "\"internal\""));
    expect_lines(world, 1, LINE("\"printer\"", "strict", "refused", "\"private_name\""));
    expect_lines(world, 6, "\"reason\":\"no_name\"");
    expect_lines(world, 10, "\"library\":\"go\"");
}

Test(go_asks, a_proxy)
{
    struct world *world = world_start(NULL);
    snprintf(text, sizeof text,
             "https_proxy=http://127.0.0.1:3128 '%s' -q --strict --private "
             "--resolver=system --ca-file=\"$CA\" --report=lines -- %s",
             tool_path("echshim"), held_command("asks", "ask:" INNER_NAME));
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, text);
    expect(&result, "ask:" INNER_NAME, -EACCES);
    expect_lines(world, 1, LINE(NAME, "strict", "refused", "\"tunnel\""));
    cr_assert_eq(world_wire_count(world, PUBLIC_NAME), 0);
}

/* ---- processes and time ---- */

Test(go_asks, processes_that_fork_and_end)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        ask(world, "--strict", "fork:" INNER_NAME " dying:" INNER_NAME " fork:" INNER_NAME);
    expect(&result, "fork:" INNER_NAME, 7);
    expect(&result, "dying:" INNER_NAME, LIST_LENGTH);
}

/* A look-up without an answer holds up no other call. */
Test(go_asks, a_slow_resolver)
{
    struct world *world = world_start(NULL);
    world_relay_dns(world, (const char *const[]){"--type", "65", "--drop", "all", NULL});
    struct run_result result = ask(world, "--strict --timeout=1500", "beside:" INNER_NAME);
    expect(&result, "beside:" INNER_NAME, 1);
    expect_lines(world, 1, LINE(NAME, "strict", "refused", "\"timeout\""));
}

Test(go_asks, the_supervisor_dies)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        ask(world, "--strict", "ask:" INNER_NAME " kill:x ask:" INNER_NAME " own:" INNER_NAME);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    expect(&result, "own:" INNER_NAME, -ENOSYS);
}

Test(go_asks, a_detour_makes_connections_pass)
{
    struct world *world = world_start(NULL);
    struct run_result result = ask(world, "--strict", "connect:right connect:wrong");
    expect(&result, "connect:right", 0);
    expect(&result, "connect:wrong", -EACCES);
    snprintf(text, sizeof text, "--strict --resolver=%s", DNS_TLS);
    result = ask(world, text, "connect:right");
    expect(&result, "connect:right", 0);
}

/* ---- a resolver of its own ---- */

/* There is no server at the address that the program asks. */
Test(go_asks, names_by_the_encrypted_resolver)
{
    struct world *world = world_start(NULL);
    snprintf(text, sizeof text, "--strict --resolver=%s", DNS_TLS);
    struct run_result result =
        ask(world, text,
            "udp:" INNER_NAME " tcp:" INNER_NAME " udp:none.example.org tcp:none.example.org "
            "udp:printer udp:printer.local ask:" INNER_NAME);
    expect(&result, "udp:" INNER_NAME " tcp:" INNER_NAME, 100);
    expect(&result, "udp:none.example.org tcp:none.example.org udp:printer udp:printer.local", 3);
    expect(&result, "ask:" INNER_NAME, LIST_LENGTH);
    result = ask(world, "--strict", "udp:" INNER_NAME);
    expect(&result, "udp:" INNER_NAME, -EBADMSG); /* it goes where the program sends it */
}
