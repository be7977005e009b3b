/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report of a program names what a broken or hostile resolver answered. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(bad_answers, .fini = world_end, .timeout = 120);

enum { CASES_MAX = 64 };

/* Each case of the zone has its own word in the report, and strict mode sends nothing. */
Test(bad_answers, each_has_its_word_in_the_report)
{
    struct world *world = world_start(NULL);
    char program[300];
    char resolver[64] = "";
    char script[8192] = "for l in";
    char *reasons[CASES_MAX];
    size_t count = 0;
    snprintf(program, sizeof program, "%s/../peers/bad_resolver", world->pki);
    char *const argv[] = {"env", "-u", "BXFI_MAP", program, NULL};
    world_spawn(world, "bad-resolver", "listening ", argv);
    char *printed = world_read(world, "bad-resolver.out", NULL);
    for (char *line = strtok(printed, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char label[64];
        char reason[64];
        unsigned port;
        if (sscanf(line, "case %63s %63s", label, reason) == 2) {
            cr_assert_lt(count, CASES_MAX);
            reasons[count++] = strdup(reason);
            /* The program does not wait long for a missing answer. Answers that come may take as
             * long as the machine likes. */
            strcat(strcat(strcat(script, " "), strcmp(reason, "timeout") == 0 ? "300:" : "20000:"),
                   label);
        } else if (sscanf(line, "listening %u", &port) == 1) {
            snprintf(resolver, sizeof resolver, "ECHSHIM_RESOLVER=udp://127.0.0.1:%u", port);
        }
    }
    cr_assert_gt(count, 30);
    strcat(script, "; do ECHSHIM_TIMEOUT_MS=${l%:*} openssl s_client -quiet -servername "
                   "${l#*:}.example -connect " INNER_NAME ":443 </dev/null; done; true");
    world->run_seconds = 60;
    struct run_result result =
        world_shell(world, RUN_SHIM, ((char *[]){"ECHSHIM_MODE=strict", resolver, NULL}), script);
    expect_exit(&result, 0, NULL);
    expect_silence(world);
    char *report = world_read(world, "report", NULL);
    size_t seen = 0;
    for (char *line = strtok(report, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char wanted[96];
        cr_assert_lt(seen, count);
        snprintf(wanted, sizeof wanted, "\"outcome\":\"refused\",\"reason\":\"%s\"", reasons[seen]);
        cr_expect_not_null(strstr(line, wanted), "not %s: %s", reasons[seen], line);
        free(reasons[seen++]);
    }
    cr_assert_eq(seen, count);
    free(report);
    free(printed);
}
