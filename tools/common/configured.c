/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/configured.h"

#include "tools/common/say.h"

const struct shim_conf *configured_load(const char *tool, const char *program)
{
    static struct shim_conf conf;
    shim_conf_free(&conf);
    if (shim_conf_load(&conf, program) != ECH_OK) {
        say(tool, "there is no memory for the settings");
    }
    for (size_t i = 0; i < conf.problem_count; i++) {
        say(tool, "%s", conf.problems[i]);
    }
    return &conf;
}

const char *configured_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host,
                             const char *otherwise)
{
    const char *value = shim_conf_value(conf, key, host);
    return value != NULL ? value : otherwise;
}
