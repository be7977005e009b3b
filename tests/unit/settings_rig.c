/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settings_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *get(void *context, const char *variable)
{
    const struct settings_rig *rig = context;
    for (size_t i = 0; i < RIG_ITEMS && rig->items[i] != NULL; i += 2) {
        if (strcmp(rig->items[i], variable) == 0) {
            return rig->items[i + 1];
        }
    }
    return NULL;
}

static void tell(void *context, const char *text)
{
    struct settings_rig *rig = context;
    size_t length = strlen(rig->said);
    rig->problems++;
    snprintf(rig->said + length, sizeof rig->said - length, "%s\n", text);
}

void settings_rig_conf(struct settings_rig *rig)
{
    cr_assert_eq(shim_conf_add_environment(&rig->conf, get, rig), ECH_OK);
    if (rig->file != NULL) {
        cr_assert_eq(shim_conf_add_file(&rig->conf, RIG_FILE,
                                        bytes_of(rig->file, strlen(rig->file)),
                                        rig->trusted ? SHIM_CONF_SYSTEM : SHIM_CONF_USER),
                     ECH_OK);
    }
}

struct shim_settings settings_rig_parse(struct settings_rig *rig, unsigned problems)
{
    const struct shim_settings_problems listener = {.tell = tell, .context = rig};
    struct shim_settings settings;
    settings_rig_conf(rig);
    cr_assert_eq(shim_settings_parse(&settings, &rig->conf, &listener), ECH_OK);
    cr_assert_eq(rig->problems, problems, "%u problems, not %u: %s", rig->problems, problems,
                 rig->said);
    return settings;
}

void settings_rig_free(struct shim_settings *settings)
{
    struct shim_conf *conf = (struct shim_conf *)(uintptr_t)settings->conf;
    shim_settings_free(settings);
    shim_conf_free(conf);
}
