/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/go_client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/launcher/tool.h"

const char *go_client(void)
{
    const char *named = getenv("ECHSHIM_TEST_GO");
    return named != NULL ? named : "/usr/bin/hey";
}

const char *go_client_way(const char *option)
{
    static char word[16];
    struct tool_result result =
        tool_run(NULL, ARGV("echshim", "--inspect", "--json", (char *)(size_t)option,
                            (char *)(size_t)go_client()));
    json_t *document = json_loads(result.out, 0, NULL);
    const char *found = json_string_value(json_object_get(json_object_get(document, "go"), "way"));
    snprintf(word, sizeof word, "%s", found != NULL ? found : "");
    json_decref(document);
    return word;
}

bool go_client_is_led(const char *suite)
{
    bool led = strcmp(go_client_way("--strict"), "go") == 0;
    if (!led) {
        fprintf(stderr, "%s: skipped: there is no %s with Go 1.23 or later\n", suite, go_client());
    }
    return led;
}
