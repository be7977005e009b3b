/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of the handshakes of a Go program when the server has other keys than the DNS says,
 * no ECH any more, or a host has settings of its own. See test_go.c. */
#include "tests/tools/launcher/go_client.h"
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(go_outcomes, .fini = world_end, .timeout = 120);

enum { HANDSHAKES = 16 };

static struct world *start(const struct world_options *options)
{
    return go_client_is_led("go_outcomes") ? world_start(options) : NULL;
}

/* Makes the handshakes; `responses` of them are answered. */
static void run(struct world *world, const char *options, unsigned responses)
{
    char all[512];
    char found[64];
    char *command;
    snprintf(all, sizeof all, "-q --report=lines %s", options);
    cr_assert_gt(asprintf(&command, "%s -disable-keepalive -n %d -c 4 https://" INNER_NAME "/",
                          go_client(), HANDSHAKES),
                 0);
    struct run_result result = launch(world, all, command);
    snprintf(found, sizeof found, "%u responses", responses);
    cr_assert((strstr(result.out, found) != NULL) == (responses > 0), "%s%s", result.out,
              result.err);
}

/* So many handshakes had this outcome. The supervisor may end after the program. */
static void expect_lines(const struct world *world, unsigned count, const char *part)
{
    const char *report = world_read(world, "lines", NULL);
    for (int i = 0; i < 100 && held_count(report, part) < count; i++) {
        usleep(20000);
        report = world_read(world, "lines", NULL);
    }
    cr_assert_eq(held_count(report, part), count, "%s in\n%s", part, report);
}

Test(go_outcomes, accepted)
{
    struct world *world = start(NULL);
    if (world != NULL) {
        run(world, "--strict", HANDSHAKES);
        expect_lines(world, HANDSHAKES, "\"library\":\"go\",\"host\":\"" INNER_NAME "\"");
        expect_lines(world, HANDSHAKES, "\"outcome\":\"accepted\",\"reason\":null");
        world_expect_hidden(world);
    }
}

/* The program sees nothing of it. */
Test(go_outcomes, a_stale_record)
{
    struct world *world = start(&(struct world_options){.stale_config = true});
    if (world != NULL) {
        run(world, "--strict", HANDSHAKES);
        expect_lines(world, HANDSHAKES,
                     "\"outcome\":\"accepted\",\"reason\":null,\"source\":\"retry_configs\"");
        expect_lines(world, 1, "\"retries\":1");
        world_expect_hidden(world);
    }
}

/* Nobody asks the server before: the program's own client finds out, and fails. */
Test(go_outcomes, a_stale_record_without_retry)
{
    struct world *world = start(&(struct world_options){.stale_config = true});
    if (world != NULL) {
        run(world, "--strict --no-retry", 0);
        expect_lines(world, 0, "\"outcome\":\"accepted\"");
        world_expect_hidden(world);
    }
}

Test(go_outcomes, securely_disabled)
{
    struct world *world = start(&(struct world_options){.server_without_ech = true});
    if (world != NULL) {
        run(world, "--strict", 0);
        expect_lines(world, HANDSHAKES, "\"outcome\":\"refused\",\"reason\":\"disabled\"");
        world_expect_hidden(world);
        run(world, "--mode=opportunistic", HANDSHAKES);
        expect_lines(world, HANDSHAKES, "\"outcome\":\"plain\",\"reason\":\"disabled\"");
    }
}

Test(go_outcomes, settings_of_a_host)
{
    struct world *world = start(NULL);
    char path[256];
    char options[300];
    if (world == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/hosts.conf", world->folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("[default]\nmode = strict\n[host \"" INNER_NAME "\"]\nmode = off\n", file);
    fclose(file);
    snprintf(options, sizeof options, "--conf='%s'", path);
    run(world, options, HANDSHAKES);
    expect_lines(world, 0, "\n");
}

/* Go's own resolver asks the supervisor, which asks the encrypted one. */
Test(go_outcomes, names_by_an_encrypted_resolver)
{
    struct world *world = start(NULL);
    if (world != NULL) {
        run(world, "--strict --resolver=" DNS_TLS, HANDSHAKES);
        expect_lines(world, HANDSHAKES, "\"outcome\":\"accepted\"");
        world_expect_hidden(world);
    }
}
