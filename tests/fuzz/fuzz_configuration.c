/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files: any input yields settings that can be queried. Either every line was
 * understood, or the mode is strict where no locked section says otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/common/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = {NULL, "", ".", "a", "a.example", "www.a.example."};
    struct shim_conf conf = {0};
    if (shim_conf_add_file(&conf, "/etc/echshim.conf", bytes_of(data, size), SHIM_CONF_SYSTEM) !=
        ECH_OK) {
        abort();
    }
    require(conf.broken == (conf.problem_count > 0));
    for (size_t i = 0; i < conf.entry_count; i++) {
        require(conf.entries[i].section != NULL && conf.entries[i].line > 0);
        require(*conf.entries[i].value != '\0');
    }
    for (int key = 0; key < SHIM_CONF_KEYS; key++) {
        for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
            const struct shim_conf_entry *winner =
                shim_conf_winner(&conf, (enum shim_conf_key)key, hosts[i]);
            require(winner == NULL || winner->key == (enum shim_conf_key)key);
            require(!conf.broken || key != SHIM_CONF_MODE ||
                    (winner->section != NULL && winner->section->locked) ||
                    strcmp(winner->value, "strict") == 0);
        }
        (void)shim_conf_has_hosts(&conf, (enum shim_conf_key)key);
    }
    shim_conf_free(&conf);
    return 0;
}
