/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../facts.h"
#include "../own_mounts.h"
#include "require.h"
#include "second_hello.h"
#include "world.h"

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <glob.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void world_fail(const char *file, unsigned line, const char *format, ...)
{
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cr_assert_fail("%s:%u: %s", file, line, text);
    abort();
}

void world_cannot(const char *why)
{
    cr_skip_test("%s", why);
    abort();
}

void world_check_library(void)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", criterion_current_test->category,
             criterion_current_test->name);
    for (size_t i = 0;
         fact_openssl4() && i < sizeof fact_openssl4_rows / sizeof *fact_openssl4_rows; i++) {
        if (fnmatch(fact_openssl4_rows[i].tests, name, 0) == 0) {
            cr_skip_test("OpenSSL 4: %s", fact_openssl4_rows[i].why);
        }
    }
    const char *clients = getenv("ECHSHIM_TEST_CLIENTS");
    if (clients != NULL && strcmp(criterion_current_test->category, "valgrind") == 0) {
        snprintf(name, sizeof name, "%.240s/debug", clients);
        if (access(name, R_OK) != 0) {
            cr_skip_test("no libc6-dbg in the root with OpenSSL 4");
        }
    }
}

void world_absent(const char *why)
{
    if (own_mounts_may_be_left_out(why)) {
        cr_skip_test("no namespaces: %s", why);
    }
    require(false, "no namespaces: %s (without root run the tests under unshare -r, as make does)",
            why);
    abort();
}

unsigned text_count(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        count++;
    }
    return count;
}

/* Counts the JSON lines of a file for which `matches` gives true. */
static unsigned count_lines(const struct world *world, const char *file,
                            bool (*matches)(const json_t *line, const char *what), const char *what)
{
    char *text = world_read(world, file, NULL);
    unsigned count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_error_t error;
        json_t *parsed = json_loads(line, 0, &error);
        cr_assert_not_null(parsed, "%s: not JSON: %s", file, line);
        count += matches(parsed, what);
        json_decref(parsed);
    }
    free(text);
    return count;
}

static bool is_text(const json_t *line, const char *key, const char *value)
{
    const char *have = json_string_value(json_object_get(line, key));
    return have != NULL && strcmp(have, value) == 0;
}

static bool key_is_true(const json_t *line, const char *key)
{
    return json_is_true(json_object_get(line, key));
}

static bool accepted_with_inner_name(const json_t *line, const char *public_name)
{
    return key_is_true(line, "done") && key_is_true(line, "accepted") &&
           is_text(line, "inner_name", INNER_NAME) && is_text(line, "outer_name", public_name);
}

static bool plain_with_inner_name(const json_t *line, const char *what)
{
    (void)what;
    return key_is_true(line, "done") && !key_is_true(line, "accepted") &&
           is_text(line, "outer_name", INNER_NAME);
}

static bool outcome_is(const json_t *line, const char *outcome)
{
    return is_text(line, "outcome", outcome);
}

static bool reported_accepted(const json_t *line, const char *host)
{
    return is_text(line, "outcome", "accepted") && is_text(line, "host", host);
}

/* The client may be done before the server has written its line. */
static unsigned await_log(struct world *world, unsigned at_least,
                          bool (*matches)(const json_t *line, const char *what), const char *what)
{
    unsigned count = 0;
    for (int tries = 0; tries < 400; tries++) {
        count = count_lines(world, "server.log", matches, what);
        if (count >= at_least) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    return count;
}

unsigned world_log_count(struct world *world, const char *key, unsigned at_least)
{
    return await_log(world, at_least, key_is_true, key);
}

unsigned world_report_count(struct world *world, const char *outcome)
{
    return count_lines(world, "report", outcome_is, outcome);
}

char *world_report_summary(const struct world *world)
{
    char *text = world_read(world, "report", NULL);
    json_t *counts = json_object();
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char kind[128];
        json_t *parsed = json_loads(line, 0, NULL);
        const char *outcome = json_string_value(json_object_get(parsed, "outcome"));
        const char *reason = json_string_value(json_object_get(parsed, "reason"));
        snprintf(kind, sizeof kind, "%s%s%s", outcome != NULL ? outcome : "not JSON",
                 reason != NULL ? " " : "", reason != NULL ? reason : "");
        json_object_set_new(counts, kind,
                            json_integer(json_integer_value(json_object_get(counts, kind)) + 1));
        json_decref(parsed);
    }
    char *summary = json_dumps(counts, JSON_SORT_KEYS);
    json_decref(counts);
    free(text);
    return summary;
}

unsigned world_wire_count(const struct world *world, const char *text)
{
    char pattern[192];
    glob_t found = {0};
    unsigned count = 0;
    snprintf(pattern, sizeof pattern, "%s/wire/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        char *octets = world_read(world, found.gl_pathv[i] + strlen(world->folder) + 1, &len);
        count += memmem(octets, len, text, strlen(text)) != NULL;
        free(octets);
    }
    globfree(&found);
    return count;
}

unsigned world_wire_await(const struct world *world, const char *text, unsigned at_least)
{
    enum { TURNS = 100, TURN_US = 50000 };
    unsigned count = world_wire_count(world, text);
    for (int turn = 0; turn < TURNS && count < at_least; turn++) {
        usleep(TURN_US);
        count = world_wire_count(world, text);
    }
    return count;
}

/* For messages: what the server and the shim said. */
static const char *notes(struct world *world)
{
    static char text[16384];
    char *log = world_read(world, "server.log", NULL);
    char *report = world_read(world, "report", NULL);
    char *shim = world_read(world, "shim.log", NULL);
    snprintf(text, sizeof text, "\nserver: %.4000s\nreport: %.4000s\nshim: %.6000s", log, report,
             shim);
    free(log);
    free(report);
    free(shim);
    return text;
}

void world_expect_hidden(struct world *world)
{
    cr_assert_eq(world_wire_count(world, INNER_NAME), 0, "the inner name was on the wire%s",
                 notes(world));
}

void world_expect_accepted(struct world *world, unsigned count)
{
    unsigned accepted = await_log(world, count, accepted_with_inner_name, PUBLIC_NAME);
    cr_assert_eq(accepted, count, "%u handshakes accepted at the server, not %u%s", accepted, count,
                 notes(world));
    world_expect_sealed(world, count);
}

void world_expect_sealed(struct world *world, unsigned count)
{
    unsigned reported = count_lines(world, "report", reported_accepted, INNER_NAME);
    world_expect_hidden(world);
    cr_assert_geq(world_wire_await(world, PUBLIC_NAME, count > 0 ? 1 : 0), count > 0 ? 1 : 0,
                  "the public name was not on the wire%s", notes(world));
    cr_assert_eq(reported, count, "%u handshakes reported as accepted, not %u%s", reported, count,
                 notes(world));
    (void)world_compare_hellos(world);
}

void world_expect_visible(struct world *world, unsigned count)
{
    unsigned plain = await_log(world, count, plain_with_inner_name, NULL);
    cr_assert_geq(plain, count, "%u plain handshakes at the server, not %u%s", plain, count,
                  notes(world));
    cr_assert_geq(world_wire_await(world, INNER_NAME, count), count,
                  "the recorder does not see the inner name%s", notes(world));
}

void expect_exit(const struct run_result *result, int exit_code, const char *text)
{
    cr_assert_not(result->timed_out, "no end in time\nout: %.4000s\nerr: %.4000s", result->out,
                  result->err);
    cr_assert_eq(result->exit_code, exit_code, "exit code %d, not %d\nout: %.4000s\nerr: %.4000s",
                 result->exit_code, exit_code, result->out, result->err);
    cr_assert(
        text == NULL || strstr(result->out, text) != NULL || strstr(result->err, text) != NULL,
        "\"%s\" is not in its output\nout: %.4000s\nerr: %.4000s", text, result->out, result->err);
}
