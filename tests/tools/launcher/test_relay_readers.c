/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which variable serves which real program (make relay-variables): each program runs behind the
 * relay with one variable at a time, and once with none. It accepts the authority if octets of its
 * own come to the server. Rows go to the file ECHSHIM_READERS_RESULTS; without that variable
 * nothing runs, since the programs are large.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/inside_programs.h"
#include "tests/tools/launcher/launch.h"

TestSuite(relay_readers, .fini = world_end, .timeout = 900);

#define NODE_FETCH "-e 'require(\"https\").get(\"" URL "\", r => r.pipe(process.stdout))'"
#define AWS "s3 ls --no-sign-request --region x --endpoint-url " URL

/* Each decides by its own anchors whether it trusts the server. */
static const struct reader {
    const char *name; /* as inside_path takes it */
    const char *arguments;
} readers[] = {
    {"/usr/bin/curl", "-sS " URL},
    {"/usr/bin/git", "ls-remote " URL "a.git"},
    {"/usr/bin/python3", "-c 'import urllib.request as r; r.urlopen(\"" URL "\")'"},
    {"/usr/lib/python3/dist-packages/requests/api.py",
     "/usr/bin/python3 -c 'import requests; requests.get(\"" URL "\")'"},
    {"/usr/bin/ruby", "-e 'require \"net/http\"; Net::HTTP.get(URI(\"" URL "\"))'"},
    {"/usr/bin/php", "-r 'file_get_contents(\"" URL "\");'"},
    {"/usr/bin/aws", AWS},
    {"/usr/bin/java", "\"$WORLD/Get.java\""},
    {"/usr/bin/gh", GH_SAYS},
    {"/usr/bin/rclone", RCLONE_SAYS},
    {"/usr/bin/restic", RESTIC_SAYS},
    {"/usr/lib/chromium/chromium",
     "--headless --no-sandbox --disable-gpu --timeout=5000 --dump-dom " URL},
    {"node-18", NODE_FETCH},
    {"node-20", NODE_FETCH},
    {"node-26", NODE_FETCH},
    {"bun", "-e '" CHECKED_FETCH "'"},
    {"deno", "eval '" CHECKED_FETCH "'"},
    {"workerd", WORKERD_SAYS},
    {"opencode", OPENCODE_SAYS},
    {"claude", "-p hello"},
    {"codex", CODEX_SAYS},
    {"copilot", COPILOT_SAYS},
    {"sentry-cli", SENTRY_SAYS},
    {"turbo", TURBO_SAYS},
    {"cargo", CARGO_SAYS},
};

enum { READERS = sizeof readers / sizeof *readers };

/* The relay does not set SSL_CERT_DIR: the test makes a folder as OpenSSL has it. */
static const char *const variables[] = {
    "SSL_CERT_FILE", "SSL_CERT_DIR",      "CURL_CA_BUNDLE",    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",    "CARGO_HTTP_CAINFO", "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",     "JAVA_TOOL_OPTIONS",
};

enum { VARIABLES = sizeof variables / sizeof *variables };

/* Answers anything, and says of each connection that octets came. */
static const char server[] =
    "import socket, threading\n"
    "def serve(c):\n"
    "    try:\n"
    "        if c.recv(65536):\n"
    "            print('octets', flush=True)\n"
    "            c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: "
    "close\\r\\n\\r\\n{}\\n')\n"
    "    except OSError: pass\n"
    "    c.close()\n"
    "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "s.bind(('127.0.0.1', 8080)); s.listen()\n"
    "print('ready', flush=True)\n"
    "while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()\n";

static const char java[] = "class Get { public static void main(String[] a) throws Exception {\n"
                           "    new java.net.URL(\"" URL "\").openStream().readAllBytes(); } }\n";

static unsigned octets_came(struct world *world)
{
    return held_count(world_read(world, "server.out", NULL), "octets\n");
}

/* Runs the program with this variable alone; NULL: with none. */
static bool accepts(struct world *world, const char *path, const char *arguments,
                    const char *variable)
{
    char script[4096];
    size_t length = (size_t)snprintf(
        script, sizeof script,
        "mkdir -p \"$WORLD/anchors\" && cp \"$ECHSHIM_RELAY_FOLDER/DENO_CERT.pem\" "
        "\"$WORLD/anchors/a.pem\" && openssl rehash \"$WORLD/anchors\" >/dev/null\n"
        "SSL_CERT_DIR=\"$WORLD/anchors\"; export SSL_CERT_DIR\n");
    for (size_t i = 0; i < VARIABLES; i++) {
        if (variable == NULL || strcmp(variable, variables[i]) != 0) {
            length += (size_t)snprintf(script + length, sizeof script - length, "unset %s\n",
                                       variables[i]);
        }
    }
    (void)snprintf(script + length, sizeof script - length, ENVIRONMENT "%s %s </dev/null\n",
                   getenv("ECHSHIM_INSIDE"), path, arguments);
    inside_write_file(world, "run.sh", script);
    unsigned before = octets_came(world);
    struct run_result result =
        launch(world, "--strict -q --relay", "env -u LD_PRELOAD sh \"$WORLD/run.sh\"");
    if (getenv("ECHSHIM_TEST_KEEP") != NULL) {
        fprintf(stderr, "%s %s\n%s\n%s\n", path, variable, result.out, result.err);
    }
    return octets_came(world) > before;
}

ParameterizedTestParameters(relay_readers, which_variable)
{
    static size_t indices[READERS];
    for (size_t i = 0; i < READERS; i++) {
        indices[i] = i;
    }
    return cr_make_param_array(size_t, indices, READERS);
}

ParameterizedTest(const size_t *index, relay_readers, which_variable)
{
    const struct reader *reader = &readers[*index];
    const char *results = getenv("ECHSHIM_READERS_RESULTS");
    const char *only = getenv("ECHSHIM_INSIDE_ONLY");
    if (results == NULL || (only != NULL && strcmp(only, reader->name) != 0)) {
        return; /* make relay-variables */
    }
    bool module = strstr(reader->name, ".py") != NULL;
    const char *path = module && access(reader->name, R_OK) == 0 ? "" : inside_path(reader->name);
    if (path == NULL) {
        fprintf(stderr, "relay_readers: skipped: there is no %s\n", reader->name);
        return;
    }
    path = strdup(path);
    struct world *world =
        world_start(&(struct world_options){.server_arguments = {"--forward", "127.0.0.1:8080"}});
    char *arguments[] = {"/usr/bin/python3", "-c", (char *)(uintptr_t)server, NULL};
    (void)world_spawn(world, "server", "ready", arguments);
    inside_write_configurations(world);
    inside_write_file(world, "Get.java", java);
    char row[512] = "";
    for (size_t i = 0; i < VARIABLES; i++) {
        bool good = accepts(world, path, reader->arguments, variables[i]);
        strcat(row, good ? " | yes" : " | -");
    }
    bool always = accepts(world, path, reader->arguments, NULL);
    const char *slash = strrchr(reader->name, '/');
    FILE *rows = fopen(results, "a");
    cr_assert_not_null(rows);
    flock(fileno(rows), LOCK_EX);
    fprintf(rows, "| %s | %s%s |\n",
            module          ? "Python's requests"
            : slash != NULL ? slash + 1
                            : reader->name,
            module ? "-" : inside_version(path), row);
    fclose(rows);
    cr_assert_not(always, "%s trusts the relay without a variable", reader->name);
}
