/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs against real servers, one row of docs/interop.md for each test (make interop). The
 * programs are those of this machine, or of the root that ECHSHIM_TEST_CHROOT names, so no test may
 * take a version of their libraries for granted. */
#include "tests/preload/wire.h"
#include "tests/preload/world.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(interop, .fini = world_end, .timeout = 120);

#define URL "https://" INNER_NAME "/"
#define HELLO "hello from " INNER_NAME
#define SEND_REQUEST                                                                               \
    "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
#define CURL "curl -sS --cacert \"$CA\" "
#define S_CLIENT                                                                                   \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -verify_hostname " INNER_NAME    \
    " -servername " INNER_NAME " -connect " INNER_NAME ":443 "
#define GNUTLS_CLI SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " "

struct program {
    const char *name;
    const char *library;
    const char *command;
    /* Two handshakes, of which the second resumes; NULL: it never does. */
    const char *resuming;
};

static const struct program curl = {"curl", "OpenSSL", CURL URL,
                                    CURL "-H 'Connection: close' " URL "a " URL "b"};
static const struct program s_client = {"openssl s_client", "OpenSSL", S_CLIENT,
                                        S_CLIENT "-sess_out session && " S_CLIENT
                                                 "-sess_in session"};
static const struct program urllib = {"python3 urllib", "OpenSSL",
                                      "/usr/bin/python3 -c 'import urllib.request as r; "
                                      "print(r.urlopen(\"" URL "\").read().decode())'",
                                      NULL};
static const struct program wget = {"wget", "GnuTLS",
                                    "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" " URL, NULL};
/* Its --resume asks for nothing before it connects again, and BoringSSL sends tickets only with
 * what it has to say. */
static const struct program gnutls_cli = {"gnutls-cli", "GnuTLS", GNUTLS_CLI, NULL};

/* ---- the table ---- */

static void write_row(const char *row, const struct program *program, const char *what,
                      const char *result, const char *figures)
{
    char name[512];
    const char *folder = getenv("ECHSHIM_INTEROP_RESULTS");
    if (folder == NULL) {
        return;
    }
    snprintf(name, sizeof name, "%s/%s", folder, row);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out, "%s", name);
    fprintf(out, "| %s | %s | %s | %s | %s |\n", program->name, program->library, what, result,
            figures);
    cr_assert_eq(fclose(out), 0);
}

/* Connections and octets of the hellos: of the last report line, where it has them. */
static void format_figures(struct world *world, unsigned connections, const struct wire_hello *last,
                           char *out, size_t size)
{
    char inner[32] = "-";
    char *report = world_read(world, "report", NULL);
    char *end = report + strlen(report);
    if (end > report && end[-1] == '\n') {
        *--end = '\0';
    }
    const char *line = strrchr(report, '\n');
    json_t *parsed = json_loads(line != NULL ? line + 1 : report, 0, NULL);
    const json_t *octets = json_object_get(parsed, "hello_bytes_inner");
    if (json_is_integer(octets)) {
        snprintf(inner, sizeof inner, "%lld", (long long)json_integer_value(octets));
    }
    snprintf(out, size, "%u | %s | %zu", connections, inner, last->length);
    json_decref(parsed);
    free(report);
}

/* ---- the cases ---- */

enum expected { ACCEPTED, RESUMED, RETRIED, DISABLED, GREASED };

struct interop_case {
    const char *text;
    struct world_options options;
    enum expected expected;
};

static const struct interop_case accepted = {"accept", {.hello_retry = false}, ACCEPTED},
                                 hello_retry = {"HelloRetryRequest",
                                                {.hello_retry = true},
                                                ACCEPTED},
                                 resumed = {"resumption", {.hello_retry = false}, RESUMED},
                                 stale = {"stale config", {.stale_config = true}, RETRIED},
                                 stale_hello_retry = {"stale config, HelloRetryRequest",
                                                      {.stale_config = true, .hello_retry = true},
                                                      RETRIED},
                                 disabled = {"server without ECH",
                                             {.server_without_ech = true},
                                             DISABLED},
                                 greased = {"no record", {.no_https_record = true}, GREASED};

/* Shares that the engine cannot make are the program's own, and a rejection takes a probe. */
static bool shares_key_share(const struct wire_hello *hello)
{
    enum { KEY_SHARE = 51, LIST_LENGTH = 2, OWN_AT_MOST = 256 };
    for (size_t i = 0; i < hello->extension_count; i++) {
        if (hello->extensions[i].type == KEY_SHARE) {
            return hello->extensions[i].length > OWN_AT_MOST + LIST_LENGTH;
        }
    }
    return false;
}

static const char *judge(struct world *world, const struct interop_case *tried, unsigned after)
{
    switch (tried->expected) {
    case ACCEPTED:
        world_expect_accepted(world, 1);
        return "accepted";
    case RESUMED:
        world_expect_accepted(world, 2);
        cr_assert_eq(world_log_count(world, "resumed", 1), 1, "nothing was resumed");
        return "accepted, accepted and resumed";
    case RETRIED:
        world_expect_accepted(world, 1);
        cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"retries\":1"));
        return after == 3 ? "probe, retry, accepted" : "retry, accepted";
    case DISABLED:
        cr_assert_eq(world_report_count(world, "disabled"), 1, "reported: %s",
                     world_read(world, "report", NULL));
        cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
        return after == 3 ? "probe, securely disabled" : "securely disabled";
    default:
        cr_assert_eq(world_report_count(world, "grease"), 1, "reported: %s",
                     world_read(world, "report", NULL));
        world_expect_visible(world, 1);
        return "GREASE";
    }
}

static void check(const char *row, const struct program *program, const struct interop_case *tried)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    char figures[96] = "- | - | -";
    const char *command = tried->expected == RESUMED ? program->resuming : program->command;
    write_row(row, program, tried->text, "**failed**", figures);
    struct world *world = world_start(&tried->options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command);
    expect_exit(&result, 0, HELLO);
    size_t count = wire_hellos(world, hellos);
    cr_assert_gt(count, 0u);
    unsigned connections = hellos[count - 1].connection;
    bool shared = shares_key_share(&hellos[0]);
    bool rejected = tried->expected == RETRIED || tried->expected == DISABLED;
    const char *text = judge(world, tried, rejected && shared ? 3 : 0);
    unsigned wanted = tried->expected == RESUMED ? 2 : 1;
    if (rejected) {
        wanted = shared ? 3 : 2;
    }
    cr_assert_eq(connections, wanted, "%u connections, not %u", connections, wanted);
    cr_assert_eq(world_log_count(world, "hrr", tried->options.hello_retry) > 0,
                 tried->options.hello_retry);
    if (tried->expected != DISABLED) {
        (void)wire_outer_ech(&hellos[count - 1]);
    }
    format_figures(world, connections, &hellos[count - 1], figures, sizeof figures);
    write_row(row, program, tried->text, text, figures);
}

#define TRY(program, order, place, what)                                                           \
    Test(interop, program##_##what)                                                                \
    {                                                                                              \
        check(#order "-" #program "-" #place "-" #what, &(program), &(what));                      \
    }                                                                                              \
    struct program
#define TRY_ALL(program, order)                                                                    \
    TRY(program, order, 1, accepted);                                                              \
    TRY(program, order, 2, hello_retry);                                                           \
    TRY(program, order, 4, stale);                                                                 \
    TRY(program, order, 5, stale_hello_retry);                                                     \
    TRY(program, order, 6, disabled);                                                              \
    TRY(program, order, 7, greased)

TRY_ALL(curl, 1);
TRY(curl, 1, 3, resumed);
TRY_ALL(s_client, 2);
TRY(s_client, 2, 3, resumed);
TRY_ALL(urllib, 3);
TRY_ALL(wget, 4);
TRY_ALL(gnutls_cli, 5);
