/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHSHIM_REPORT=journald: the journal gets the entries. Where it is absent or does not listen, the
 * program loses the entries and nothing else. */
#include "checks.h"
#include "journal.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(journal, .fini = world_end, .timeout = 120);

#define JOURNALD "ECHSHIM_REPORT=journald"
#define LOG_ERROR "ECHSHIM_LOG=error"
#define STRICT "ECHSHIM_MODE=strict"
#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})

static void expect_value(const json_t *entries, size_t index, const char *field, const char *text)
{
    const char *value = journal_value(entries, index, field);
    cr_assert(value == text || (value != NULL && text != NULL && strcmp(value, text) == 0),
              "%s is %s, not %s", field, value != NULL ? value : "missing",
              text != NULL ? text : "missing");
}

Test(journal, an_entry_for_each_handshake)
{
    struct world *world = world_start(NULL);
    journal_start(world, "reads");
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(JOURNALD, STRICT), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_log_count(world, "accepted", 2), 2);
    world_expect_hidden(world);
    json_t *entries = journal_entries(world, 2);
    cr_assert_eq(json_array_size(entries), 2);
    expect_value(entries, 0, "ECHSHIM_LIBRARY", "gnutls");
    expect_value(entries, 1, "ECHSHIM_LIBRARY", "openssl");
    for (size_t i = 0; i < 2; i++) {
        /* Four fields of the protocol, and all fields of the report except reason and outer_name,
         * which are null.
         */
        cr_assert_eq(json_object_size(json_array_get(entries, i)), 4 + report_field_count() - 2);
        expect_value(entries, i, "SYSLOG_IDENTIFIER", "libechshim");
        expect_value(entries, i, "PRIORITY", "6");
        expect_value(entries, i, "ECHSHIM_HOST", INNER_NAME);
        expect_value(entries, i, "ECHSHIM_OUTCOME", "accepted");
        expect_value(entries, i, "ECHSHIM_PUBLIC_NAME", PUBLIC_NAME);
        expect_value(entries, i, "ECHSHIM_PORT", "443");
        cr_assert_eq(strlen(journal_value(entries, i, "MESSAGE_ID")), 32);
    }
    cr_assert_str_empty(world_read(world, "journald", NULL));
}

/* One program makes four connections and notices nothing; the log says it once. */
static void check_lost(struct world *world, const char *why)
{
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(JOURNALD, LOG_ERROR),
                    "/usr/bin/python3 -c 'import urllib.request as r\n"
                    "for i in range(4): print(r.urlopen(\"" URL "\").read().decode())'");
    expect_exit(&result, 0, HELLO);
    cr_assert_str_empty(result.err, "%s", result.err);
    cr_assert_eq(world_log_count(world, "accepted", 4), 4);
    const char *log = world_read(world, "shim.log", NULL);
    cr_assert_eq(text_count(log, "error: the journal cannot be written to: "), 1, "%s", log);
    cr_assert_not_null(strstr(log, why), "%s", log);
}

Test(journal, one_that_is_not_there)
{
    struct world *world = world_start(NULL);
    journal_hide(world);
    check_lost(world, "No such file or directory");
}

Test(journal, one_that_does_not_read_is_not_waited_for)
{
    struct world *world = world_start(NULL);
    journal_start(world, "deaf");
    check_lost(world, "Resource temporarily unavailable");
}

/* A sanitized library cannot run under valgrind. */
Test(journal, by_valgrind)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = world_start(NULL);
    journal_start(world, "reads");
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(JOURNALD),
                    "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
                    "--errors-for-leak-kinds=definite " OWN_OPENSSL("direct"));
    expect_exit(&result, 0, NULL);
    expect_value(journal_entries(world, 1), 0, "ECHSHIM_OUTCOME", "accepted");
}

/* ---- what the guard sees without an engine ---- */

static struct run_result send_hello(struct world *world, char *mode)
{
    return world_shell(world, RUN_SHIM, EXTRA(JOURNALD, LOG_ERROR, mode),
                       "\"$CLIENTS/guard_client\" 127.0.0.1 443 write " INNER_NAME);
}

static void check_guard(char *mode, int exit_code, const char *outcome, const char *priority)
{
    struct world *world = world_start(NULL);
    journal_start(world, "reads");
    struct run_result result = send_hello(world, mode);
    expect_exit(&result, exit_code, NULL);
    json_t *entries = journal_entries(world, 1);
    cr_assert_eq(json_array_size(entries), 1);
    expect_value(entries, 0, "ECHSHIM_OUTCOME", outcome);
    expect_value(entries, 0, "ECHSHIM_REASON", "unhooked_tls");
    expect_value(entries, 0, "ECHSHIM_PORT", "443");
    expect_value(entries, 0, "ECHSHIM_HOST", NULL);
    expect_value(entries, 0, "PRIORITY", priority);
    const char *program = journal_value(entries, 0, "ECHSHIM_PROGRAM");
    cr_assert(program != NULL && strstr(program, "/guard_client") != NULL);
    cr_assert_str_empty(world_read(world, "shim.log", NULL));
}

Test(journal, the_guard_tells_what_passes)
{
    check_guard("ECHSHIM_MODE=opportunistic", 0, "plain", "5");
}

Test(journal, the_guard_tells_what_it_refuses)
{
    check_guard(STRICT, 3, "refused", "4");
}

Test(journal, the_guard_without_one)
{
    struct world *world = world_start(NULL);
    journal_hide(world);
    struct run_result result = send_hello(world, STRICT);
    expect_exit(&result, 3, NULL);
    const char *log = world_read(world, "shim.log", NULL);
    cr_assert_not_null(
        strstr(log, "error: the journal cannot be written to: refused (unhooked_tls)\n"), "%s",
        log);
}

/* ---- systemd's own journald, where it is installed ---- */

#define SERVICE "/lib/systemd/systemd-journald"
#define SHOW "journalctl -q --no-pager -o json SYSLOG_IDENTIFIER=libechshim"

/* Everything that journald writes to belongs to this world. */
static void start_journald(struct world *world)
{
    if (access(SERVICE, X_OK) != 0 || system("command -v journalctl >/dev/null") != 0) {
        cr_skip_test("no systemd-journald here");
    }
    journal_hide(world);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL,
                                           "{ ! test -d /run/log || mount -t tmpfs none /run/log; "
                                           "} && mount -t tmpfs none /var/log && "
                                           "mkdir -p /run/log/journal && test -s /etc/machine-id");
    if (result.exit_code != 0) {
        cr_skip_test("systemd-journald has no place here");
    }
    char *const argv[] = {"/bin/sh", "-c",
                          SERVICE " & until [ -S /run/systemd/journal/socket ]; do sleep 0.05; "
                                  "done; echo ready; wait",
                          NULL};
    world_spawn(world, "journald", "ready", argv);
}

Test(journal, the_real_one)
{
    struct world *world = world_start(NULL);
    start_journald(world);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(JOURNALD), CURL);
    expect_exit(&result, 0, HELLO);
    result = world_shell(world, RUN_PLAIN, NULL,
                         "for i in $(seq 50); do [ -z \"$(" SHOW
                         ")\" ] || break; sleep 0.1; done; " SHOW);
    json_error_t error;
    json_t *entry = json_loads(result.out, 0, &error);
    cr_assert_not_null(entry, "%s: %s%s", error.text, result.out, result.err);
    json_t *entries = json_array();
    json_array_append_new(entries, entry);
    expect_value(entries, 0, "ECHSHIM_HOST", INNER_NAME);
    expect_value(entries, 0, "ECHSHIM_OUTCOME", "accepted");
    expect_value(entries, 0, "MESSAGE", "curl: " INNER_NAME ": accepted");
    expect_value(entries, 0, "_COMM", "curl");
    cr_assert_str_eq(journal_value(entries, 0, "_PID"), journal_value(entries, 0, "ECHSHIM_PID"));
}
