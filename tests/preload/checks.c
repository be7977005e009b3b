/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <glob.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const struct program a_wget = {WGET, 4, "Unable to establish SSL connection"};
const struct program a_curl = {CURL, 35, "curl: (35)"};
const struct program an_s_client = {S_CLIENT, 1, NULL};
const struct program a_gnutls_cli = {GNUTLS_CLI, 1, "*** Fatal error"};
const struct program a_urllib = {URLLIB, 1, "urlopen error"};
const struct program an_asyncio = {ASYNCIO, 1, "Error"};
const struct program an_openssl_epoll = {OWN_OPENSSL("epoll"), 1, "failed"};
const struct program a_gnutls_nonblocking = {OWN_GNUTLS("non-blocking"), 1, "gnutls_handshake"};

/* ---- the report ---- */

static const char *const fields[] = {"time",
                                     "pid",
                                     "program",
                                     "library",
                                     "host",
                                     "port",
                                     "mode",
                                     "outcome",
                                     "reason",
                                     "source",
                                     "resolver",
                                     "public_name",
                                     "outer_name",
                                     "config_id",
                                     "kem",
                                     "kdf",
                                     "aead",
                                     "hello_retry_request",
                                     "retries",
                                     "hello_bytes_inner",
                                     "hello_bytes_outer",
                                     "lookup_us",
                                     "hello_us"};

size_t report_field_count(void)
{
    return sizeof fields / sizeof *fields;
}

static void check_fields(const json_t *line, const char *text)
{
    size_t count = report_field_count();
    size_t more = json_object_get(line, "lost") != NULL ? 1 : 0; /* only where lines were lost */
    cr_assert_eq(json_object_size(line), count + more, "not the fields of the interface: %s", text);
    for (size_t i = 0; i < count; i++) {
        cr_assert_not_null(json_object_get(line, fields[i]), "no %s: %s", fields[i], text);
    }
}

static void check_value(const json_t *line, const char *key, const char *value, const char *text)
{
    const json_t *have = json_object_get(line, key);
    char number[32];
    const char *said = json_string_value(have);
    if (json_is_integer(have)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(have));
        said = number;
    }
    cr_assert(value == NULL ? json_is_null(have) : said != NULL && strcmp(said, value) == 0,
              "%s is not %s: %s", key, value != NULL ? value : "null", text);
}

/* Calls `check` for each line and gives their number. */
static unsigned each_line(const struct world *world, const char *const values[][2], size_t count)
{
    char *report = world_read(world, "report", NULL);
    char *rest = NULL;
    unsigned lines = 0;
    for (char *text = strtok_r(report, "\n", &rest); text != NULL;
         text = strtok_r(NULL, "\n", &rest)) {
        json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(line, "not JSON: %s", text);
        check_fields(line, text);
        for (size_t i = 0; i < count; i++) {
            check_value(line, values[i][0], values[i][1], text);
        }
        json_decref(line);
        lines++;
    }
    free(report);
    return lines;
}

char *conf_setting(const struct world *world, const char *text)
{
    char *setting = NULL;
    int length = asprintf(&setting, "ECHSHIM_CONF=%s/mine.conf", world->folder);
    require(length > 0);
    FILE *file = fopen(strchr(setting, '=') + 1, "we");
    require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", setting);
    return setting;
}

void expect_report(struct world *world, unsigned count, const char *outcome, const char *reason)
{
    const char *const values[][2] = {{"outcome", outcome}, {"reason", reason}};
    unsigned lines = each_line(world, values, 2);
    cr_assert_eq(lines, count, "%u report lines, not %u", lines, count);
}

void expect_report_text(struct world *world, const char *key, const char *value)
{
    const char *const values[][2] = {{key, value}};
    cr_assert_gt(each_line(world, values, 1), 0, "nothing is reported");
}

/* ---- the wire ---- */

static size_t total(const struct world *world, unsigned *connections)
{
    char pattern[192];
    glob_t found = {0};
    size_t octets = 0;
    snprintf(pattern, sizeof pattern, "%s/wire/*.c2s", world->folder);
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        free(world_read(world, found.gl_pathv[i] + strlen(world->folder) + 1, &len));
        octets += len;
    }
    *connections = (unsigned)found.gl_pathc;
    globfree(&found);
    return octets;
}

static unsigned lines_of_log(const struct world *world)
{
    char *log = world_read(world, "server.log", NULL);
    unsigned lines = 0;
    for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    free(log);
    return lines;
}

unsigned connections_ended(struct world *world)
{
    unsigned connections = 0;
    bool ended = false;
    for (int tries = 0; tries < 1000 && !ended; tries++) {
        if (tries > 0) {
            nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
        }
        (void)total(world, &connections);
        ended = lines_of_log(world) >= connections;
    }
    cr_assert(ended, "the server still waits on one of %u connections", connections);
    return connections;
}

size_t octets_sent(struct world *world)
{
    unsigned connections;
    (void)connections_ended(world);
    return total(world, &connections);
}

void expect_silence(struct world *world)
{
    size_t octets = octets_sent(world);
    cr_assert_eq(octets, 0, "%zu octets went to the server", octets);
}

/* Handshake records that begin with a ClientHello, in one direction of one connection. */
static unsigned hellos_in(const char *octets, size_t len)
{
    unsigned hellos = 0;
    const unsigned char *at = (const unsigned char *)octets;
    while (len >= 6) {
        size_t record = 5 + ((size_t)at[3] << 8 | at[4]);
        hellos += at[0] == 22 && at[5] == 1;
        if (record > len) {
            break;
        }
        at += record;
        len -= record;
    }
    return hellos;
}

void expect_outer_hellos(struct world *world, unsigned count)
{
    unsigned connections = connections_ended(world);
    cr_assert_eq(connections, count, "%u connections, not %u", connections, count);
    world_expect_hidden(world);
    for (unsigned i = 1; i <= connections; i++) {
        char name[32];
        size_t len;
        snprintf(name, sizeof name, "wire/%04u.c2s", i);
        char *octets = world_read(world, name, &len);
        cr_assert_not_null(memmem(octets, len, PUBLIC_NAME, strlen(PUBLIC_NAME)), "no outer hello");
        /* A rejecting server may send a HelloRetryRequest: the engine itself answers with a second
         * outer hello. */
        unsigned hellos = hellos_in(octets, len);
        cr_assert(hellos == 1 || (hellos == 2 && world_log_count(world, "hrr", 0) > 0),
                  "%u ClientHellos", hellos);
        free(octets);
    }
}

/* ---- bad peers ---- */

static char *script_of(const struct world *world)
{
    static char script[400];
    snprintf(script, sizeof script, "%s/../../tests/preload/hostile.py", world->pki);
    return script;
}

void start_bad_dns(struct world *world, const char *how)
{
    char *const argv[] = {"python3", script_of(world),    "127.0.0.54",
                          "53",      (char *)(size_t)how, NULL};
    world_spawn(world, "bad-dns", "listening", argv);
}

void start_deaf_server(struct world *world, const char *address, const char *port)
{
    char *const argv[] = {
        "python3", script_of(world), (char *)(size_t)address, (char *)(size_t)port, "deaf", NULL};
    world_spawn(world, "deaf", "listening", argv);
}

void start_hostile_server(struct world *world, const char *how)
{
    char address[64];
    char log[200];
    snprintf(address, sizeof address, "%s", world->server_address);
    char *colon = strrchr(address, ':');
    *colon = '\0';
    snprintf(log, sizeof log, "%s/server.log", world->folder);
    kill(world->children[0], SIGKILL);
    waitpid(world->children[0], NULL, 0);
    world->children[0] = world->children[--world->child_count];
    char *const argv[] = {"python3", script_of(world), address, colon + 1, (char *)(size_t)how, log,
                          NULL};
    world_spawn(world, "hostile", "listening", argv);
}

unsigned expect_each(const struct run_result *result, const char *word)
{
    unsigned count = 0;
    expect_exit(result, 0, NULL);
    for (char *line = strtok(result->out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *blank = strchr(line, ' ');
        cr_assert(blank != NULL && strcmp(blank + 1, word) == 0, "%s, and not %s", line, word);
        count++;
    }
    cr_assert_gt(count, 0);
    return count;
}

char *preload(const struct world *world, const char *other, enum preload_order order)
{
    static char setting[1500];
    char path[300];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(path, sizeof path, "%s/%s", world->clients, other);
    snprintf(setting, sizeof setting, "LD_PRELOAD=%s %s %s", runtime != NULL ? runtime : "",
             order == BEFORE ? path : world->library, order == BEFORE ? world->library : path);
    return setting;
}

bool boringssl_has_ech(void)
{
    return access("build/peers/ech_client", X_OK) == 0;
}

void need_boringssl_with_ech(void)
{
    if (!boringssl_has_ech()) {
        cr_skip_test("BoringSSL has no ECH here");
    }
}

void need_nss_client(void)
{
    if (access("build/clients/nss_client", X_OK) != 0) {
        cr_skip_test("no headers of NSS here (libnss3-dev)");
    }
}

bool nss_knows_ech(void)
{
    void *nss = dlopen("libnss3.so", RTLD_NOW | RTLD_LOCAL);
    int (*is_at_least)(const char *) = NULL;
    if (nss != NULL) {
        is_at_least = (int (*)(const char *))dlsym(nss, "NSS_VersionCheck");
    }
    return is_at_least != NULL && is_at_least("3.87") != 0;
}

void need_nss(void)
{
    need_nss_client();
    if (!nss_knows_ech()) {
        cr_skip_test("the NSS here does not know the ECH of RFC 9849");
    }
}

void need_nss_of_sid(void)
{
    need_nss_client();
    if (access("build/suites/sid-openssl4/.suite", R_OK) != 0 ||
        system("ls build/suites/sid-openssl4/usr/lib/*/libssl3.so >/dev/null 2>&1") != 0) {
        cr_skip_test("no root with NSS (make suites makes it)");
    }
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the sanitizer's runtime is for this machine's C library");
    }
}

const char *nss_of_sid(const char *mode)
{
    static char command[PATH_MAX + 600];
    char root[PATH_MAX];
    if (realpath("build/suites/sid-openssl4", root) == NULL) {
        cr_skip_test("no root");
    }
    snprintf(command, sizeof command,
             "LD=$(ls \"%s\"/usr/lib/*/ld-linux*.so.*); $LD --library-path $(dirname \"$LD\") "
             "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" %s",
             root, mode);
    return command;
}

char *stub_alone(struct world *world)
{
    static char setting[700];
    char copy[600];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(copy, sizeof copy, "cp '%s' libechshim.so", world->library);
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, copy);
    expect_exit(&result, 0, NULL);
    snprintf(setting, sizeof setting, "LD_PRELOAD=%s%s%s/libechshim.so",
             runtime != NULL ? runtime : "", runtime != NULL ? " " : "", world->folder);
    return setting;
}
