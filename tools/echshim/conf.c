/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the launcher needs from the configuration files: the mode of a program, and --check-config.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/common/configured.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/settings.h"

/* The file that the kernel executes: for a script, its interpreter. */
static const char *process_of(const struct program *program)
{
    return program->chain[program->count - 1].path;
}

/* A switch that is on unless it is set to off. */
static bool is_on(const struct program *program, enum shim_conf_key key)
{
    struct shim_conf conf;
    bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    const char *value = shim_conf_value(&conf, key, NULL);
    bool wanted = !whole || value == NULL || strcmp(value, "off") != 0;
    shim_conf_free(&conf);
    return wanted;
}

bool conf_detours(const struct program *program)
{
    return is_on(program, SHIM_CONF_DETOURS);
}

bool conf_go(const struct program *program)
{
    return is_on(program, SHIM_CONF_GO);
}

enum shim_mode conf_mode(const struct program *program)
{
    static bool known;
    static enum shim_mode mode;
    if (!known) {
        struct shim_conf conf;
        /* The shim in the program reports problems. If it cannot be loaded there, conf_say_problems
         * does. */
        bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
        (void)shim_mode_parse(shim_conf_value(&conf, SHIM_CONF_MODE, NULL), &mode);
        mode = whole ? mode : SHIM_MODE_STRICT;
        known = true;
        shim_conf_free(&conf);
    }
    return mode;
}

void conf_policy(const struct program *program, struct supervisor_policy *policy)
{
    struct shim_conf conf;
    bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    supervisor_policy_read(policy, &conf);
    policy->strict = policy->strict || !whole;
    shim_conf_free(&conf);
}

bool conf_relay(const struct program *program)
{
    struct shim_conf conf;
    bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    const char *value = shim_conf_value(&conf, SHIM_CONF_RELAY, NULL);
    bool wanted = whole && value != NULL && (strcmp(value, "on") == 0 || strcmp(value, "yes") == 0);
    shim_conf_free(&conf);
    return wanted;
}

bool conf_to_environment(const struct program *program)
{
    struct shim_conf conf;
    bool set = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    for (int key = 0; set && key < SHIM_CONF_KEYS; key++) {
        const struct shim_conf_entry *winner =
            shim_conf_winner(&conf, (enum shim_conf_key)key, NULL);
        set = key == SHIM_CONF_RELAY || winner == NULL ||
              setenv(shim_conf_variable(winner->key), winner->value, 1) == 0;
    }
    shim_conf_free(&conf);
    return set;
}

const struct shim_conf *conf_whole(const struct program *program)
{
    static struct shim_conf conf;
    return shim_conf_load(&conf, process_of(program)) == ECH_OK ? &conf : NULL;
}

char *conf_report_place(const struct program *program)
{
    struct shim_conf conf;
    bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    const char *value = whole ? shim_conf_value(&conf, SHIM_CONF_REPORT, NULL) : NULL;
    char *place = value != NULL && *value != '\0' ? strdup(value) : NULL;
    shim_conf_free(&conf);
    return place;
}

void conf_say_problems(const struct program *program)
{
    (void)configured_load(ECHSHIM, process_of(program));
}

bool conf_report(const struct program *program, char **report)
{
    struct shim_conf conf;
    bool whole = shim_conf_load(&conf, process_of(program)) == ECH_OK;
    const struct shim_conf_entry *winner = shim_conf_winner(&conf, SHIM_CONF_REPORT, NULL);
    bool locked = winner != NULL && winner->section != NULL && winner->section->locked;
    *report = winner != NULL && !locked ? strdup(winner->value) : NULL;
    if (locked) {
        say(ECHSHIM, "--report: %s:%u locks the report: there can be no table",
            winner->section->file, winner->line);
    } else if (!whole || (winner != NULL && *report == NULL)) {
        say(ECHSHIM, "there is no memory for the settings");
        locked = true;
    }
    shim_conf_free(&conf);
    return !locked;
}

/* ---- --check-config ---- */

static size_t check_values(const struct shim_conf *conf)
{
    size_t problems = 0;
    for (size_t i = 0; i < conf->entry_count; i++) {
        const struct shim_conf_entry *entry = &conf->entries[i];
        const char *problem = setting_check((int)entry->key, entry->value);
        if (problem == NULL) {
            continue;
        }
        problems++;
        if (entry->section == NULL) {
            say(ECHSHIM, "%s: cannot use \"%.80s\": %s", shim_conf_variable(entry->key),
                entry->value, problem);
        } else {
            say(ECHSHIM, "%s:%u: %s: cannot use \"%.80s\": %s", entry->section->file, entry->line,
                shim_conf_key_name(entry->key), entry->value, problem);
        }
    }
    return problems;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_files(const struct shim_conf *conf)
{
    for (size_t file = 0; file < conf->file_count; file++) {
        size_t sections = 0;
        size_t values = 0;
        for (size_t i = 0; i < conf->section_count; i++) {
            sections += conf->sections[i]->file == conf->files[file];
        }
        for (size_t i = 0; i < conf->entry_count; i++) {
            const struct shim_conf_section *section = conf->entries[i].section;
            values += section != NULL && section->file == conf->files[file];
        }
        (void)printf("%s: %zu section%s, %zu value%s\n", conf->files[file], sections,
                     plural(sections), values, plural(values));
    }
}

/* Prints the values for hosts without values of their own, and where each comes from. */
static void print_values(const struct shim_conf *conf)
{
    for (int key = 0; key < SHIM_CONF_KEYS; key++) {
        const struct shim_conf_entry *winner =
            shim_conf_winner(conf, (enum shim_conf_key)key, NULL);
        if (winner == NULL) {
            continue;
        }
        (void)printf("%s = %s  (", shim_conf_key_name(winner->key), winner->value);
        if (winner->section != NULL) {
            (void)printf("%s:%u%s)\n", winner->section->file, winner->line,
                         winner->section->locked ? ", locked" : "");
        } else if (conf->broken && getenv(shim_conf_variable(winner->key)) == NULL) {
            (void)puts("because of the problems)");
        } else {
            (void)printf("%s)\n", shim_conf_variable(winner->key));
        }
    }
}

int conf_check(const char *file)
{
    struct shim_conf conf;
    enum ech_status status =
        file != NULL ? shim_conf_load_file(&conf, file) : shim_conf_load(&conf, NULL);
    if (status != ECH_OK) {
        say(ECHSHIM, "there is no memory for the settings");
        return EXIT_OWN;
    }
    for (size_t i = 0; i < conf.problem_count; i++) {
        say(ECHSHIM, "%s", conf.problems[i]);
    }
    size_t problems = check_values(&conf) + conf.problem_count;
    print_files(&conf);
    if (file == NULL && conf.file_count == 0 && problems == 0) {
        (void)puts("there is no configuration file");
    }
    if (file == NULL) {
        print_values(&conf);
    }
    shim_conf_free(&conf);
    if (fflush(stdout) != 0) {
        return EXIT_OWN;
    }
    return problems == 0 ? 0 : EXIT_BAD_CONF;
}
