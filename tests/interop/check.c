/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/interop/interop.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/preload/wire.h"

/* ---- the programs ---- */

#define SEND_REQUEST                                                                               \
    "printf 'GET / HTTP/1.1\\r\\nHost: " INNER_NAME "\\r\\nConnection: close\\r\\n\\r\\n' | "
#define CURL "curl -sS --cacert \"$CA\" "
#define WGET "wget -nv -O - --tries=1 --ca-certificate=\"$CA\" "
#define S_CLIENT                                                                                   \
    SEND_REQUEST                                                                                   \
    "openssl s_client -quiet -verify_return_error -CAfile \"$CA\" -verify_hostname " INNER_NAME    \
    " -servername " INNER_NAME " -connect " INNER_NAME ":443 "
#define GNUTLS_CLI SEND_REQUEST "gnutls-cli --x509cafile \"$CA\" " INNER_NAME " "

const struct program curl = {"curl", "OpenSSL", CURL URL,
                             CURL "-H 'Connection: close' " URL "a " URL "b", CURL URL " " URL};
const struct program s_client = {"openssl s_client", "OpenSSL", S_CLIENT,
                                 S_CLIENT "-sess_out session && " S_CLIENT "-sess_in session",
                                 NULL};
const struct program urllib = {"python3 urllib", "OpenSSL",
                               "/usr/bin/python3 -c 'import urllib.request as r; "
                               "print(r.urlopen(\"" URL "\").read().decode())'",
                               NULL, NULL};
/* wget's exit status is that of the worst failure: 4, of the network. */
const struct program wget = {"wget", "GnuTLS", WGET URL, NULL, WGET URL " " URL " || [ $? -eq 4 ]"};
/* --resume asks for nothing before it connects again. BoringSSL sends tickets only with its data,
 * the others without it. */
const struct program gnutls_cli = {"gnutls-cli", "GnuTLS", GNUTLS_CLI,
                                   GNUTLS_CLI "--resume --waitresumption", NULL};

/* ---- the table ---- */

void interop_write_row(const struct interop_server *server, const char *row, const char *format,
                       ...)
{
    char name[512];
    const char *folder = getenv("ECHSHIM_INTEROP_RESULTS");
    if (folder == NULL) {
        return;
    }
    snprintf(name, sizeof name, "%s/%s", folder, server->name);
    mkdir(name, 0777);
    snprintf(name, sizeof name, "%s/%s/%s", folder, server->name, row);
    FILE *out = fopen(name, "we");
    cr_assert_not_null(out, "%s", name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    cr_assert_eq(fclose(out), 0);
}

/* Connections and octets of the hellos: from the last report line that has them. */
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

/* ---- the judgement ---- */

static const char *judge(const struct interop_server *server, struct world *world,
                         enum expected expected, const char *out)
{
    switch (expected) {
    case ACCEPTED:
        server->expect_accepted(world, 1, out);
        return "accepted";
    case RESUMED:
        server->expect_accepted(world, 2, out);
        server->expect_resumed(world, out);
        return "accepted, accepted and resumed";
    case RETRIED:
        server->expect_accepted(world, 1, out);
        cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"retries\":1"));
        return "retry, accepted";
    case DISABLED:
        cr_assert_eq(world_report_count(world, "disabled"), 1, "reported: %s",
                     world_read(world, "report", NULL));
        cr_assert_eq(world_wire_count(world, INNER_NAME), 1, "only the last hello is a plain one");
        return "securely disabled";
    case DISABLED_REFUSED:
        cr_assert_eq(world_report_count(world, "disabled"), 1, "reported: %s",
                     world_read(world, "report", NULL));
        cr_assert_eq(world_wire_count(world, INNER_NAME), 2, "the last two hellos are plain ones");
        return "securely disabled; an error, then a plain hello";
    default:
        cr_assert_eq(world_report_count(world, "grease"), 1, "reported: %s",
                     world_read(world, "report", NULL));
        server->expect_plain(world, out);
        return "GREASE";
    }
}

static const char *command_for(const struct program *program, enum expected expected)
{
    switch (expected) {
    case RESUMED:
        return program->resuming;
    case DISABLED_REFUSED:
        return program->insisting;
    default:
        return program->command;
    }
}

static unsigned connections_for(enum expected expected)
{
    switch (expected) {
    case RESUMED:
    case RETRIED:
    case DISABLED:
        return 2;
    case DISABLED_REFUSED:
        return 3;
    default:
        return 1;
    }
}

void interop_check(const struct interop_server *server, const char *row,
                   const struct program *program, const struct interop_case *tried)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    char figures[96];
    enum expected expected = tried->expected;
    interop_write_row(server, row, "| %s | %s | %s | **failed** | - | - | - |\n", program->name,
                      program->library, tried->text);
    struct world *world = world_start(&tried->options);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, command_for(program, expected));
    expect_exit(&result, 0, server->says);
    size_t count = wire_hellos(world, hellos);
    cr_assert_gt(count, 0u);
    unsigned connections = hellos[count - 1].connection;
    bool plain = expected == DISABLED || expected == DISABLED_REFUSED;
    const char *text = judge(server, world, expected, result.out);
    /* Never a probe: the outer handshake ends on its own connection, with every group. */
    unsigned wanted = connections_for(expected);
    cr_assert_eq(connections, wanted, "%u connections, not %u", connections, wanted);
    cr_assert_eq(count > connections, tried->options.hello_retry, "%zu hellos", count);
    if (!plain) {
        (void)wire_outer_ech(&hellos[count - 1]);
    }
    format_figures(world, connections, &hellos[count - 1], figures, sizeof figures);
    interop_write_row(server, row, "| %s | %s | %s | %s | %s |\n", program->name, program->library,
                      tried->text, text, figures);
}
