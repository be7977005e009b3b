/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/go_program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *go_program(void)
{
    return getenv("ECHSHIM_TEST_GO_OWN");
}

struct world *go_program_start(const struct world_options *options)
{
    if (go_program() == NULL) {
        fprintf(stderr, "go_program: skipped: make check-go builds the program\n");
        return NULL;
    }
    return world_start(options);
}

char *go_program_command(const char *arguments)
{
    char *line;
    cr_assert_gt(asprintf(&line, "env SSL_CERT_FILE=\"$CA\" '%s' %s", go_program(), arguments), 0);
    return line;
}

void go_program_say(const char *what, const struct run_result *result)
{
    fprintf(stderr, "go_program: %s: %s: %.*s\n", strrchr(go_program(), '/') + 1, what,
            (int)strcspn(result->out, "\n"), result->out);
}
