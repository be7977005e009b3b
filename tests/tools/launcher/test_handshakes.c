/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handshakes under the launcher, in the world of the preload tests. */
#include "tests/preload/journal.h"
#include "tests/preload/world.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(handshakes, .fini = world_end, .timeout = 120);

#define URL "https://" INNER_NAME "/"

Test(handshakes, a_table_of_them)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--report",
                                      "sh -c 'wget -qO- --ca-certificate=\"$CA\" " URL
                                      "; curl -sS --cacert \"$CA\" " URL "'");
    expect_exit(&result, 0, "hello");
    cr_assert_eq(world_log_count(world, "accepted", 2), 2);
    world_expect_hidden(world);
    cr_assert_not_null(strstr(result.err, "2 handshakes: 2 accepted"), "%s", result.err);
    cr_assert_not_null(strstr(result.err, "\n" INNER_NAME "  accepted  -    " PUBLIC_NAME
                                          "  X25519/SHA256/AES-128-GCM"),
                       "%s", result.err);
}

/* Programs that change their user still reach the report. */
static void check_other_user(const char *command)
{
    if (geteuid() != 0) {
        fprintf(stderr, "handshakes: skipped: only root becomes another user\n");
        return;
    }
    struct world *world = world_start(NULL);
    world_open_to_all(world);
    struct run_result result = launch(world, "--report", command);
    cr_assert_not_null(strstr(result.err, "1 handshake: 1 accepted"), "%s%s", result.out,
                       result.err);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
}

Test(handshakes, of_a_program_that_changes_its_user)
{
    check_other_user("/usr/bin/python3 -c 'import os, urllib.request as r\n"
                     "os.setgroups([]); os.setresgid(65534, 65534, 65534)\n"
                     "os.setresuid(65534, 65534, 65534)\n"
                     "r.urlopen(\"" URL "\").read()'");
}

Test(handshakes, of_a_program_started_for_another_user)
{
    check_other_user("setpriv --reuid=65534 --regid=65534 --clear-groups "
                     "curl -sS --cacert \"$CA\" " URL);
}

/* The https method of apt runs as _apt. */
Test(handshakes, of_apt)
{
    if (access("/usr/lib/apt/apt-helper", X_OK) != 0) {
        fprintf(stderr, "handshakes: skipped: there is no apt\n");
        return;
    }
    check_other_user("/usr/lib/apt/apt-helper -o Acquire::https::CaInfo=\"$CA\" "
                     "download-file " URL " /tmp/echshim-test.apt.$$");
}

/* The launcher says what could not be written. */
Test(handshakes, that_could_not_be_reported)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--report",
               "/usr/bin/python3 -c 'import os, resource as l, urllib.request as r\n"
               "l.setrlimit(l.RLIMIT_FSIZE, (0, l.RLIM_INFINITY))\n"
               "r.urlopen(\"" URL "\").read()\n"
               "l.setrlimit(l.RLIMIT_FSIZE, (l.RLIM_INFINITY, l.RLIM_INFINITY))\n"
               "r.urlopen(\"" URL "\").read()'");
    expect_exit(&result, 0, "1 handshake: 1 accepted\n1 more could not be reported");
}

Test(handshakes, strict_refuses_a_server_without_a_record)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = launch(world, "--strict --report", "curl -sS --cacert \"$CA\" " URL);
    expect_exit(&result, 35, "1 handshake: 1 refused");
    cr_assert_not_null(strstr(result.err, "refused  no HTTPS record"), "%s", result.err);
    world_expect_hidden(world);
}

Test(handshakes, without_a_table_the_lines_are_appended)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --report=lines", "curl -sS --cacert \"$CA\" " URL);
    expect_exit(&result, 0, "hello");
    const char *lines = world_read(world, "lines", NULL);
    cr_assert_not_null(strstr(lines, "\"outcome\":\"accepted\""), "%s", lines);
    cr_assert_str_empty(result.err);
}

/* The shim itself writes to the journal; for a table the launcher does, with the same fields. */
static void check_journal(const char *options, const char *table)
{
    struct world *world = world_start(NULL);
    journal_start(world, "reads");
    struct run_result result = launch(world, options, "curl -sS --cacert \"$CA\" " URL);
    expect_exit(&result, 0, "hello");
    cr_assert((table == NULL && *result.err == '\0') ||
                  (table != NULL && strstr(result.err, table) != NULL),
              "%s", result.err);
    json_t *entries = journal_entries(world, 1);
    cr_assert_eq(json_array_size(entries), 1);
    cr_assert_eq(json_object_size(json_array_get(entries, 0)), 4 + 22 - 1);
    cr_assert_str_eq(journal_value(entries, 0, "ECHSHIM_HOST"), INNER_NAME);
    cr_assert_str_eq(journal_value(entries, 0, "ECHSHIM_HELLO_RETRY_REQUEST"), "false");
    cr_assert_str_eq(journal_value(entries, 0, "MESSAGE"), "curl: " INNER_NAME ": accepted");
    const char *time = journal_value(entries, 0, "ECHSHIM_TIME");
    cr_assert(time != NULL && strncmp(time, "20", 2) == 0);
}

Test(handshakes, the_journal)
{
    check_journal("--report=journald", NULL);
}

Test(handshakes, the_journal_and_a_table)
{
    check_journal("--report=journald --report", "1 handshake: 1 accepted");
}

Test(handshakes, a_table_without_the_journal_that_was_asked_for)
{
    struct world *world = world_start(NULL);
    journal_hide(world);
    struct run_result result =
        launch(world, "--report=journald --report", "curl -sS --cacert \"$CA\" " URL);
    expect_exit(&result, 0, "hello");
    cr_assert_not_null(
        strstr(result.err,
               "echshim: the report cannot be written to journald: No such file or directory\n"),
        "%s", result.err);
    cr_assert_not_null(strstr(result.err, "1 handshake: 1 accepted"), "%s", result.err);
}
