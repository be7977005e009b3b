/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* We cover the innermost folder that exists, so that nothing is made outside this world. */
#define FOLDER "/run/systemd/journal"
#define HIDE                                                                                       \
    "for at in " FOLDER " /run; do [ ! -d $at ] || break; done; "                                  \
    "mount -t tmpfs none $at && mkdir -p " FOLDER

void journal_hide(struct world *world)
{
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, HIDE);
    if (result.exit_code != 0) {
        cr_skip_test("nothing can be mounted here");
    }
}

void journal_start(struct world *world, const char *how)
{
    char script[300];
    journal_hide(world);
    snprintf(script, sizeof script, "%s/../../tests/preload/journal.py", world->pki);
    char *const argv[] = {"python3", script, FOLDER "/socket", (char *)(size_t)how, NULL};
    world_spawn(world, "journal", "listening", argv);
}

static json_t *read_entries(const struct world *world)
{
    json_t *entries = json_array();
    char *text = world_read(world, "journal.out", NULL);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *entry = json_loads(line, JSON_ALLOW_NUL, NULL);
        if (entry != NULL) {
            json_array_append_new(entries, entry);
        }
    }
    free(text);
    return entries;
}

json_t *journal_entries(const struct world *world, size_t at_least)
{
    json_t *entries = read_entries(world);
    for (int tries = 0; tries < 200 && json_array_size(entries) < at_least; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
        json_decref(entries);
        entries = read_entries(world);
    }
    return entries;
}

const char *journal_value(const json_t *entries, size_t index, const char *field)
{
    return json_string_value(json_object_get(json_array_get(entries, index), field));
}
