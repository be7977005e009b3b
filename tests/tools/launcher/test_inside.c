/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real programs with TLS inside (make inside): what the wire shows of each, in both modes. Their
 * rows go to the file ECHSHIM_INSIDE_RESULTS. Without that variable nothing runs: the programs come
 * from npm and are large.
 */
#include "tests/tools/launcher/inside_programs.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(inside, .fini = world_end, .timeout = 240);

#define NODE_SAYS                                                                                  \
    "-e 'require(\"https\").get(\"" URL "\", {ca: require(\"fs\").readFileSync(process.env.CA)}, " \
    "r => r.pipe(process.stdout)).on(\"error\", e => { console.error(e.code); process.exit(1) })'"
/* fetch, without a check of the certificate. */
#define FETCH "await fetch(\"" URL "\", {tls: {rejectUnauthorized: false}})"

static const struct inside {
    const char *name; /* a file of build/inside, or a path */
    const char *arguments;
    const char *relay_arguments; /* with a check of the certificate; NULL: the same */
} programs[] = {
    {"node-18", NODE_SAYS},
    {"node-20", NODE_SAYS},
    {"node-26", NODE_SAYS},
    {"bun", "-e '" FETCH "'", "-e '" CHECKED_FETCH "'"},
    {"deno", "eval --unsafely-ignore-certificate-errors '" FETCH "'", "eval '" CHECKED_FETCH "'"},
    {"workerd", WORKERD_SAYS},
    {"opencode", OPENCODE_SAYS},
    {"claude", "-p hello"},
    {"codex", CODEX_SAYS},
    {"copilot", COPILOT_SAYS},
    {"sentry-cli", SENTRY_SAYS},
    {"turbo", TURBO_SAYS},
    {"esbuild", "--version"},
    {"buf", "curl " URL "a.b.C/D"},
    /* Each of these twice: Debian's of this machine, and sid's with a newer Go. */
    {"/usr/bin/gh", GH_SAYS},
    {"gh", GH_SAYS},
    {"/usr/bin/rclone", RCLONE_SAYS},
    {"rclone", RCLONE_SAYS},
    {"/usr/bin/restic", RESTIC_SAYS},
    {"restic", RESTIC_SAYS},
    {"hugo", "--cacheDir \"$HOME/cache\" --source \"$HOME/site\""},
    {"caddy", "run --config \"$HOME/caddy.json\""},
    {"go", "list -m -versions example.org/x"},
    {"/usr/bin/keytool", "-printcert -sslserver " INNER_NAME},
    {"cargo", CARGO_SAYS},
    {"/usr/lib/firefox-esr/firefox-esr",
     "--headless --no-remote --profile \"$HOME\" --screenshot \"$HOME/page.png\" " URL},
    {"/usr/lib/chromium/chromium",
     "--headless --no-sandbox --disable-gpu --ignore-certificate-errors "
     "--timeout=5000 --dump-dom " URL},
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

/* Settings for the programs that take the server's name from their environment. */
#define TRUST "SSL_CERT_FILE=\"$CA\" CARGO_HTTP_CAINFO=\"$CA\" "
/* What happened in a mode, in words; *shown: an observer read the name. With the relay, what the
 * environment says of trust is the launcher's. */
static const char *run_in(const char *option, const char *path, const char *arguments, bool *shown)
{
    enum { TURNS = 3 };
    static char words[TURNS][64];
    static int turn;
    bool relay = strstr(option, "--relay") != NULL;
    char command[4096];
    char options[64];
    char *out = words[turn++ % TURNS];
    struct world *world = world_start(NULL);
    inside_write_configurations(world);
    snprintf(options, sizeof options, "%s -q --report=lines", option);
    snprintf(command, sizeof command, ENVIRONMENT "%s %s %s </dev/null", getenv("ECHSHIM_INSIDE"),
             relay ? "" : "env " TRUST, path, arguments);
    struct run_result result = launch(world, options, command);
    const char *report = world_read(world, "lines", NULL);
    bool accepted = strstr(report, "\"outcome\":\"accepted\"") != NULL;
    bool refused = strstr(report, "\"outcome\":\"refused\"") != NULL;
    *shown = world_wire_count(world, INNER_NAME) > 0;
    snprintf(out, sizeof words[0], "%s",
             *shown && accepted                                    ? "some accepted, some open"
             : *shown                                              ? "open"
             : strstr(report, "relay_not_trusted") != NULL         ? "not trusted"
             : accepted && strstr(report, "echshim-relay") != NULL ? "relay"
             : accepted                                            ? "accepted"
             : refused                                             ? "refused"
             : world_wire_count(world, PUBLIC_NAME) > 0            ? "ECH of its own"
                                                                   : "no TLS");
    fprintf(stderr, "inside: %s %s: %s (exit %d)\n", option, path, out, result.exit_code);
    if (getenv("ECHSHIM_TEST_KEEP") != NULL) {
        fprintf(stderr, "%s\n%s\n", result.out, result.err);
    }
    world_end();
    return out;
}

/* What --inspect finds in it: the kind of TLS, whether the shim can be in the program, or the
 * launcher switches on its ECH, and the way that the program's TLS goes if its user asks for the
 * relay. */
static void inspect(const char *path, char *out, size_t size)
{
    struct tool_result result = tool_run(
        NULL, ARGV("echshim", "--strict", "--relay", "--inspect", "--json", (char *)(size_t)path));
    json_t *document = json_loads(result.out, 0, NULL);
    const json_t *tls = json_object_get(document, "tls");
    const char *obstacle = json_string_value(json_object_get(document, "obstacle"));
    const char *why = obstacle != NULL ? strstr(obstacle, ": ") : NULL;
    const json_t *of_go = json_object_get(document, "go");
    const char *way = json_string_value(json_object_get(document, "way"));
    const char *reached = "the shim can be in it";
    if (way != NULL && strcmp(way, "go") == 0) {
        reached = json_string_value(json_object_get(of_go, "why"));
    }
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(tls); i++) {
        size_t length = strlen(out);
        snprintf(out + length, size - length, "%s%s", i > 0 ? ", " : "",
                 json_string_value(json_object_get(json_array_get(tls, i), "tls")));
    }
    size_t length = strlen(out);
    snprintf(out + length, size - length, "%s | %s | %s", length == 0 ? "none found" : "",
             why != NULL ? why + 2 : reached, way != NULL ? way : "-");
    json_decref(document);
}

ParameterizedTestParameters(inside, what_the_wire_shows)
{
    static size_t indices[PROGRAMS];
    for (size_t i = 0; i < PROGRAMS; i++) {
        indices[i] = i;
    }
    return cr_make_param_array(size_t, indices, PROGRAMS);
}

ParameterizedTest(const size_t *index, inside, what_the_wire_shows)
{
    const struct inside *program = &programs[*index];
    const char *results = getenv("ECHSHIM_INSIDE_RESULTS");
    const char *only = getenv("ECHSHIM_INSIDE_ONLY");
    if (results == NULL || (only != NULL && strcmp(only, program->name) != 0)) {
        return; /* make inside */
    }
    const char *path = inside_path(program->name);
    if (path == NULL) {
        fprintf(stderr, "inside: skipped: there is no %s\n", program->name);
        return;
    }
    char found[512];
    bool shown;
    bool shown_in_strict;
    bool shown_with_relay;
    const char *open = run_in("--mode=opportunistic", path, program->arguments, &shown);
    const char *strict = run_in("--strict", path, program->arguments, &shown_in_strict);
    const char *relay =
        run_in("--strict --relay", path,
               program->relay_arguments != NULL ? program->relay_arguments : program->arguments,
               &shown_with_relay);
    inspect(path, found, sizeof found);
    const char *slash = strrchr(program->name, '/');
    FILE *rows = fopen(results, "a");
    cr_assert_not_null(rows);
    flock(fileno(rows), LOCK_EX);
    fprintf(rows, "| %s | %s | %s | %s | %s | %s |\n", slash != NULL ? slash + 1 : program->name,
            inside_version(path), found, open, strict, relay);
    fclose(rows);
    cr_assert(!shown_in_strict && !shown_with_relay, "%s: strict mode showed the name",
              program->name);
}

/* ---- a module that a program loads ---- */

/* impit is rustls in a module for Node.js, with anchors of its own. Node.js asks with its own TLS,
 * too. */
static const char loads_a_module[] =
    "const {Impit} = require(process.argv[2]), https = require('https'), fs = require('fs');\n"
    "const asks = () => new Promise(done => https.get('" URL
    "', {ca: fs.readFileSync(process.env.CA)},\n"
    "    r => { r.resume(); done(r.statusCode); }).on('error', e => done(e.code)));\n"
    "(async () => {\n"
    "    console.log('node', await asks());\n"
    "    for (const ignoreTlsErrors of [false, true])\n"
    "        try {\n"
    "            const r = await new Impit({ignoreTlsErrors}).fetch('" URL "');\n"
    "            console.log('module', ignoreTlsErrors, r.status);\n"
    "        } catch (e) { console.log('module', ignoreTlsErrors, 'failed'); }\n"
    "    console.log('node', await asks());\n"
    "    process.exit(0);\n"
    "})();\n";

static void run_module(const char *options, const char *node, const char *expected)
{
    char command[2048];
    struct world *world = world_start(NULL);
    inside_write_file(world, "module.js", loads_a_module);
    snprintf(command, sizeof command, "'%s' \"$WORLD/module.js\" '%s/node_modules/impit'", node,
             getenv("ECHSHIM_INSIDE"));
    struct run_result result = launch(world, options, command);
    const char *report = world_read(world, "lines", NULL);
    fprintf(stderr, "inside: %s impit in %s:\n%s%s%s", options, node, result.out, result.err,
            report);
    cr_expect_str_eq(result.out, expected, "%s", result.err);
    cr_expect_eq(world_wire_count(world, INNER_NAME), 0);
    world_end();
}

Test(inside, a_module_with_tls)
{
    if (getenv("ECHSHIM_INSIDE_RESULTS") == NULL) {
        return; /* make inside */
    }
    if (inside_path("node_modules/impit-linux-x64-gnu") == NULL) {
        cr_skip_test("there is no impit");
    }
    static const char *const programs_of_node[] = {"node-20", "/usr/bin/node"};
    for (size_t i = 0; i < 2; i++) {
        const char *node = inside_path(programs_of_node[i]);
        if (node != NULL) {
            node = strdup(node);
            run_module("--strict -q --report=lines", node,
                       "node 200\nmodule false failed\nmodule true failed\nnode 200\n");
            run_module("--strict -q --relay --report=lines", node,
                       "node 200\nmodule false failed\nmodule true 200\nnode 200\n");
        }
    }
}
