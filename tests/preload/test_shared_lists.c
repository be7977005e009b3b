/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One ECHConfigList for many names: by patterns, and from files that change. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(shared_lists, .fini = world_end, .timeout = 120);

static void write_file(const struct world *world, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void check(const char *format, const char *command)
{
    char setting[1400] = "ECHSHIM_CONFIG_LIST=";
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    size_t length = strlen(setting);
    write_file(world, "list", world->configs);
    write_file(world, "names", "other.example.org\n" INNER_NAME "\n");
    snprintf(setting + length, sizeof setting - length, format, world->folder, world->folder);
    if (strstr(format, "%s") == NULL) {
        snprintf(setting + length, sizeof setting - length, "%s%s", format, world->configs);
    }
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting, "ECHSHIM_MODE=strict", NULL}, command);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    expect_report_text(world, "source", "static");
}

Test(shared_lists, a_pattern)
{
    check("*.example.org=", CURL);
}

Test(shared_lists, a_pattern_and_a_file)
{
    check("*.example.org=@%s/list", WGET);
}

Test(shared_lists, the_names_of_a_file)
{
    check("@%s/names=@%s/list", CURL);
}

/* The pattern of a section says whom the file is for. */
static struct run_result run_with_section(struct world *world, const char *file)
{
    char text[400];
    char conf[200];
    snprintf(text, sizeof text,
             "[default]\nmode = strict\n[host \"*.example.org\"]\nconfig_list = @%s/%s\n",
             world->folder, file);
    write_file(world, "own.conf", text);
    snprintf(conf, sizeof conf, "ECHSHIM_CONF=%s/own.conf", world->folder);
    return world_shell(world, RUN_SHIM, (char *[]){conf, NULL}, CURL);
}

Test(shared_lists, a_file_in_a_section_of_hosts)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    write_file(world, "list", world->configs);
    struct run_result result = run_with_section(world, "list");
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 1);
    expect_report_text(world, "source", "static");
}

Test(shared_lists, a_file_in_a_section_of_hosts_that_is_not_there)
{
    struct world *world = world_start(NULL);
    struct run_result result = run_with_section(world, "nothing");
    cr_assert_neq(result.exit_code, 0);
    expect_report(world, 1, "refused", "settings");
    world_expect_hidden(world);
}

/* Two connections of one process; between them the file changes, or nothing does. */
#define TWICE                                                                                      \
    "/usr/bin/python3 -c 'import os, urllib.request as r\n"                                        \
    "print(r.urlopen(\"" URL "\").read().decode())\n"                                              \
    "new = os.environ.get(\"NEW\")\n"                                                              \
    "if new: os.rename(new, os.environ[\"OLD\"])\n"                                                \
    "print(r.urlopen(\"" URL "\").read().decode())'"

/* The report lines of accepted handshakes with a stale list: the first one by a retry, and the
 * others begin with the key that the server gave then. */
static void expect_one_retry(const struct world *world, unsigned lines)
{
    const char *report = world_read(world, "report", NULL);
    const char *line = report;
    cr_assert_not_null(strstr(report, "\"retries\":1"), "%s", report);
    for (unsigned i = 1; i < lines; i++) {
        line = strchr(line, '\n');
        cr_assert_not_null(line, "%s", report);
        line++;
        cr_assert_null(strstr(line, "\"retries\":1"), "%s", report);
        cr_assert_not_null(strstr(line, "\"source\":\"retry_configs\""), "%s", report);
    }
}

/* Nobody renews a list that is set by hand. */
static void check_learnt_in_process(const char *variable, char *mode)
{
    char setting[1400];
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    write_file(world, "list", world->configs);
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%s%s%s",
             variable[0] == '@' ? "*.example.org=@" : variable,
             variable[0] == '@' ? world->folder : "",
             variable[0] == '@' ? "/list" : world->configs);
    struct run_result result = world_shell(world, RUN_SHIM, (char *[]){setting, mode, NULL}, TWICE);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
    expect_one_retry(world, 2);
}

Test(shared_lists, a_learnt_key_of_a_pattern)
{
    check_learnt_in_process("*.example.org=", "ECHSHIM_MODE=strict");
}

Test(shared_lists, a_learnt_key_of_a_file)
{
    check_learnt_in_process("@", "ECHSHIM_MODE=opportunistic");
}

Test(shared_lists, a_learnt_key_for_every_name)
{
    check_learnt_in_process("", "ECHSHIM_MODE=strict");
}

static void run_with_list(struct world *world, const char *cache, const char *command, int status)
{
    char setting[1400];
    char folder[200] = "ECHSHIM_CACHE=";
    if (cache != NULL) {
        snprintf(folder, sizeof folder, "ECHSHIM_CACHE=%s/%s", world->folder, cache);
    }
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=*.example.org=%s", world->configs);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){setting, folder, "ECHSHIM_MODE=strict", NULL}, command);
    if (status == 0) {
        expect_exit(&result, 0, HELLO);
    } else {
        cr_assert_neq(result.exit_code, 0);
    }
}

Test(shared_lists, a_learnt_key_in_the_next_process)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    run_with_list(world, "cache", CURL, 0);
    run_with_list(world, "cache", WGET, 0);
    run_with_list(world, "cache", CURL, 0);
    world_expect_accepted(world, 3);
    expect_one_retry(world, 3);
}

Test(shared_lists, a_learnt_key_is_not_shared_without_a_cache)
{
    struct world *world = world_start(&(struct world_options){.stale_config = true});
    run_with_list(world, NULL, CURL, 0);
    run_with_list(world, NULL, CURL, 0);
    const char *report = world_read(world, "report", NULL);
    const char *second = strchr(report, '\n');
    cr_assert(second != NULL && strstr(second, "\"retries\":1") != NULL, "%s", report);
}

/* Whoever does not prove to be the public name teaches nothing. */
Test(shared_lists, an_impostor_teaches_nothing)
{
    struct world *world = world_start(
        &(struct world_options){.stale_config = true, .public_certificate = "public-stranger"});
    run_with_list(world, "cache", CURL, 1);
    run_with_list(world, "cache", CURL, 1);
    const char *report = world_read(world, "report", NULL);
    cr_assert_null(strstr(report, "\"source\":\"retry_configs\""), "%s", report);
    world_expect_hidden(world);
}

Test(shared_lists, a_file_that_changes_while_the_program_runs)
{
    char setting[256];
    char old[192];
    char new[192];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    write_file(world, "list", "AAj+CgAEAAAAAA=="); /* nothing in it can be used */
    write_file(world, "fresh", world->configs);
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=@%s/list", world->folder);
    snprintf(old, sizeof old, "OLD=%s/list", world->folder);
    snprintf(new, sizeof new, "NEW=%s/fresh", world->folder);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){setting, old, new, NULL}, TWICE);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "grease"), 1);
    cr_assert_eq(world_report_count(world, "accepted"), 1);
}

/* A program that writes in place: the shim sees a half of the list, and keeps the whole one. */
Test(shared_lists, a_file_that_is_half_written)
{
    static const char requests[] =
        "/usr/bin/python3 -c 'import os, urllib.request as r\n"
        "for length in None, 40, 7, 0:\n"
        "    if length is not None: os.truncate(os.environ[\"OLD\"], length)\n"
        "    print(r.urlopen(\"" URL "\").read().decode())'";
    char setting[256];
    char old[192];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    write_file(world, "list", world->configs);
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=@%s/list", world->folder);
    snprintf(old, sizeof old, "OLD=%s/list", world->folder);
    struct run_result result = world_shell(
        world, RUN_SHIM, (char *[]){setting, old, "ECHSHIM_MODE=strict", NULL}, requests);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 4);
}
