/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The demonstration (make demo): wget and curl, as the distribution built them, fetch a page from a
 * server that speaks ECH, first without and then with the shim. A relay between them and the server
 * keeps every octet, as an observer on the way could; the demonstration shows what it reads side by
 * side. Exit status 1 if the observer learns the name in spite of the shim, or anything else fails.
 */
#include "tests/demo/observer.h"
#include "tests/demo/playground.h"
#include "tests/preload/require.h"
#include "tests/preload/world.h"
#include "tools/common/say.h"

#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Both texts of a program end with the URL; add_port appends the port once it is known. */
#define URL "https://" INNER_NAME
#define PAGE "hello from " INNER_NAME

static const struct {
    const char *name;
    const char *library;
    const char *shown;
    const char *command;
} programs[] = {
    {"wget", "GnuTLS", "wget -qO- " URL, "wget -qO- --tries=1 --ca-certificate=\"$CA\" " URL},
    {"curl", "OpenSSL", "curl -s " URL, "curl -sS --cacert \"$CA\" " URL},
};

/* One program's run, as the program, the observer and the server see it. */
struct run {
    bool page;
    struct observation wire;
    bool accepted;
    char server_saw[256];
};

void world_fail(const char *file, unsigned line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "demo: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s:%u)\n", file, line);
    va_end(arguments);
    world_end();
    exit(1);
}

void world_cannot(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

void world_check_library(void)
{
}

void world_absent(const char *why)
{
    fprintf(stderr,
            "make playground needs a network of its own, and namespaces are forbidden here: %s\n"
            "(make demo does without; in a container they need --privileged, or see unshare(1))\n",
            why);
    exit(1);
}

/* The last line of a file of JSON lines once it has `wanted` of them. NULL if that takes more than
 * two seconds: the server finishes after its client. */
static json_t *last_line(const struct world *world, const char *file, unsigned wanted)
{
    for (int tries = 0; tries < 400; tries++) {
        char *text = world_read(world, file, NULL);
        unsigned count = 0;
        char *last = text;
        for (char *line = text; strchr(line, '\n') != NULL; line = strchr(line, '\n') + 1) {
            last = line;
            count++;
        }
        last[strcspn(last, "\n")] = '\0';
        json_t *parsed = count >= wanted ? json_loads(last, 0, NULL) : NULL;
        free(text);
        if (parsed != NULL) {
            return parsed;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    return NULL;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text != NULL ? text : "-";
}

/* The usual port is left out. */
static void add_port(const struct world *world, const char *text, char *out, size_t size)
{
    char port[16] = "";
    if (world->port != HTTPS_PORT) {
        snprintf(port, sizeof port, ":%u", world->port);
    }
    snprintf(out, size, "%s%s/", text, port);
}

static struct run run_program(struct world *world, size_t which, enum run_mode mode)
{
    static unsigned runs;
    struct run run = {0};
    char command[256];
    add_port(world, programs[which].command, command, sizeof command);
    struct run_result result = world_shell(world, mode, NULL, command);
    run.page = result.exit_code == 0 && strstr(result.out, PAGE) != NULL;
    if (!run.page) {
        fprintf(stderr, "demo: %s: exit code %d\n%s%s", programs[which].name, result.exit_code,
                result.out, result.err);
    }
    /* Every run makes one connection; the relay numbers them from 1. */
    char file[32];
    size_t len;
    snprintf(file, sizeof file, "wire/%04u.c2s", ++runs);
    char *octets = world_read(world, file, &len);
    observe(octets, len, INNER_NAME, &run.wire);
    free(octets);
    json_t *line = last_line(world, "server.log", runs);
    run.accepted = json_is_true(json_object_get(line, "accepted"));
    snprintf(run.server_saw, sizeof run.server_saw, "%.200s",
             text_of(line, run.accepted ? "inner_name" : "outer_name"));
    json_decref(line);
    return run;
}

/* On a terminal, what an observer must not read is red, and what an observer may read is green. */
static const char *color_of(const char *seen)
{
    static const char *const bad[] = {INNER_NAME, "in the clear", "NOT RECEIVED"};
    static const char *const good[] = {PUBLIC_NAME, "nowhere"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(seen, bad[i]) == 0) {
            return "\033[31m";
        }
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (strcmp(seen, good[i]) == 0) {
            return "\033[32m";
        }
    }
    return "";
}

static void show_row(const char *label, const char *without, const char *with)
{
    printf("    %-30s %-22s %s\n", label, without, with);
}

static void show_wire_row(const char *label, const char *without, const char *with)
{
    if (say_colored(SAY_COLOR_AUTO, STDOUT_FILENO)) {
        printf("    %-30s %s%-22s\033[m %s%s\033[m\n", label, color_of(without), without,
               color_of(with), with);
    } else {
        show_row(label, without, with);
    }
}

static void show_sight(const struct run *without, const struct run *with)
{
    char counts[2][32];
    char ech[2][96];
    char server[2][300];
    const struct run *const runs[] = {without, with};
    for (int i = 0; i < 2; i++) {
        const struct run *run = runs[i];
        snprintf(counts[i], sizeof counts[i], run->wire.found > 0 ? "in the clear" : "nowhere");
        if (run->wire.ech) {
            snprintf(ech[i], sizeof ech[i], "config_id %u, %zu sealed octets", run->wire.config_id,
                     run->wire.payload_len);
        } else {
            snprintf(ech[i], sizeof ech[i], "none");
        }
        snprintf(server[i], sizeof server[i], "%s", run->accepted ? "ECH accepted" : "no ECH");
    }
    show_row("", "without the shim", "with the shim");
    show_wire_row("on the wire: server_name", without->wire.server_name, with->wire.server_name);
    show_row("  encrypted_client_hello", ech[0], ech[1]);
    show_wire_row("  \"" INNER_NAME "\"", counts[0], counts[1]);
    show_row("at the server", server[0], server[1]);
    show_row("  name asked for", without->server_saw, with->server_saw);
    show_row("at the program: page", without->page ? "received" : "NOT RECEIVED",
             with->page ? "received" : "NOT RECEIVED");
}

struct code {
    json_int_t id;
    const char *name;
};

/* IANA, HPKE registry: the algorithms of the demonstration's server and of others in use. */
static const struct code kems[] = {{16, "P-256"}, {17, "P-384"}, {18, "P-521"}, {32, "X25519"}};
static const struct code kdfs[] = {{1, "HKDF-SHA256"}, {2, "HKDF-SHA384"}, {3, "HKDF-SHA512"}};
static const struct code aeads[] = {
    {1, "AES-128-GCM"}, {2, "AES-256-GCM"}, {3, "ChaCha20-Poly1305"}};

static const char *name_of(const struct code *codes, size_t count, const json_t *id)
{
    for (size_t i = 0; i < count; i++) {
        if (codes[i].id == json_integer_value(id)) {
            return codes[i].name;
        }
    }
    return "?";
}
#define NAME_OF(codes, line, key)                                                                  \
    name_of((codes), sizeof(codes) / sizeof *(codes), json_object_get((line), (key)))

static void show_report(const json_t *line)
{
    if (line == NULL) {
        printf("    the shim's report: none\n");
        return;
    }
    printf("    the shim's report: %s, public_name %s, config_id %d, %s/%s/%s,\n"
           "                       config found in %d us, ServerHello after %d us\n",
           text_of(line, "outcome"), text_of(line, "public_name"),
           (int)json_integer_value(json_object_get(line, "config_id")), NAME_OF(kems, line, "kem"),
           NAME_OF(kdfs, line, "kdf"), NAME_OF(aeads, line, "aead"),
           (int)json_integer_value(json_object_get(line, "lookup_us")),
           (int)json_integer_value(json_object_get(line, "hello_us")));
}

/* True: all is as promised for one program. */
static bool show_program(struct world *world, size_t which)
{
    struct run without = run_program(world, which, RUN_PLAIN);
    struct run with = run_program(world, which, RUN_SHIM);
    json_t *report = last_line(world, "report", (unsigned)which + 1);
    char shown[128];
    add_port(world, programs[which].shown, shown, sizeof shown);
    printf("\n%s (%s)\n", shown, programs[which].library);
    show_sight(&without, &with);
    show_report(report);
    bool reported = strcmp(text_of(report, "outcome"), "accepted") == 0;
    json_decref(report);
    /* Without the shim the observer must see the name: otherwise it is blind and proves nothing. */
    return without.page && with.page && without.wire.found > 0 && with.wire.parsed &&
           with.wire.found == 0 && strcmp(with.wire.server_name, INNER_NAME) != 0 &&
           with.accepted && reported;
}

/* A SOCKS proxy where Tor would be. It leads to the encrypted resolver alone. */
static void start_proxy(struct world *world)
{
    char program[PATH_MAX];
    char log[PATH_MAX];
    snprintf(program, sizeof program, "%s/../peers/connect_proxy", world->pki);
    snprintf(log, sizeof log, "%s/proxy.log", world->folder);
    char *const arguments[] = {program, "127.0.0.1:9050", "127.0.0.53:853", log, NULL};
    (void)world_spawn(world, "proxy", "listening ", arguments);
}

/* Runs the shell or the command of make playground. */
static int play(const char *command)
{
    struct world *world = world_start(NULL);
    start_proxy(world);
    int status = playground_run(world, command != NULL && *command != '\0' ? command : NULL);
    world_end();
    return status;
}

static void introduce(const struct world *world)
{
    printf(
        "A DNS server with an HTTPS record, a server that speaks ECH (BoringSSL), and between it\n"
        "and the programs an observer: a relay that keeps every octet. ");
    if (world->shared == NULL) {
        printf("All in a network of its\nown. The programs are the distribution's, unchanged.\n");
    } else {
        printf("All on this machine's\nloopback, because namespaces are forbidden here (%s).\n"
               "The programs are the distribution's, unchanged.\n",
               world->shared);
    }
}

static void conclude(const struct world *world, bool good)
{
    if (!good) {
        printf("FAILED: not everything above is as it has to be.\n");
        return;
    }
    printf("With the shim the observer of the connection reads " PUBLIC_NAME ", and\n" INNER_NAME
           " nowhere. (The DNS question went %s: docs/security.md.)\n",
           world->shared == NULL ? "in the clear" : "over TLS");
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "--playground") == 0) {
        return play(argv[2]);
    }
    bool good = true;
    struct world *world = world_start(&(struct world_options){.may_share = true});
    introduce(world);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        good = show_program(world, i) && good;
    }
    char *report = world_read(world, "report", NULL);
    printf("\nA line of the report (ECHSHIM_REPORT) as it is:\n%.*s\n\n",
           (int)strcspn(report, "\n"), report);
    free(report);
    conclude(world, good);
    world_end();
    return good ? 0 : 1;
}
