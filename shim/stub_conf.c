/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings, read once and handed to the engine too, so that both go by the same. The
 * constructor does it for nearly every process; what comes before that (another library's
 * constructor) does it itself.
 */
#include <pthread.h>

#include "shim/stub.h"

static struct shim_conf conf;
static enum shim_mode base_mode;
static bool modes_differ;
static bool strict_somewhere;
static bool on_somewhere;

/* context: a bool, true for the first one, which is the mode of every host that has none of its
 * own. */
static void see_mode(void *context, const char *word)
{
    bool *first = context;
    enum shim_mode mode;
    /* An unknown word gives strict here and is reported by the engine, with the other settings. */
    (void)shim_mode_parse(word, &mode);
    base_mode = *first ? mode : base_mode;
    *first = false;
    modes_differ = modes_differ || mode != base_mode;
    strict_somewhere = strict_somewhere || mode == SHIM_MODE_STRICT;
    on_somewhere = on_somewhere || mode != SHIM_MODE_OFF;
}

static void see_each(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context)
{
    see(context, shim_conf_value(&conf, key, NULL));
    size_t count = shim_conf_has_hosts(&conf, key) ? conf.entry_count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct shim_conf_entry *one = &conf.entries[i];
        if (one->key == key && one->section != NULL && one->section->kind == SHIM_CONF_HOST) {
            see(context, one->value);
        }
    }
}

static void load(void)
{
    bool first = true;
    stub_enter(); /* what we call may call what we hook */
    /* What there is no memory for makes the mode strict. */
    conf.broken = shim_conf_load(&conf, NULL) != ECH_OK || conf.broken;
    see_each(SHIM_CONF_MODE, see_mode, &first);
    stub_leave();
}

const struct shim_conf *stub_conf(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return &conf;
}

const char *stub_setting(enum shim_conf_key key)
{
    return shim_conf_value(stub_conf(), key, NULL);
}

enum shim_mode stub_mode(void)
{
    (void)stub_conf();
    return base_mode;
}

enum shim_mode stub_mode_of(const char *host)
{
    enum shim_mode mode;
    if (!stub_modes_differ()) {
        return base_mode;
    }
    (void)shim_mode_parse(shim_conf_value(&conf, SHIM_CONF_MODE, host), &mode);
    return mode;
}

bool stub_modes_differ(void)
{
    (void)stub_conf();
    return modes_differ;
}

bool stub_strict_somewhere(void)
{
    (void)stub_conf();
    return strict_somewhere;
}

bool stub_off(void)
{
    (void)stub_conf();
    return !on_somewhere;
}

void stub_each_value(enum shim_conf_key key, void (*see)(void *context, const char *value),
                     void *context)
{
    (void)stub_conf();
    see_each(key, see, context);
}
