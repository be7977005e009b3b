/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files (echshim.conf(5)), as programs under the shim meet them. */
#include "checks.h"
#include "require.h"
#include "sniff.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(configuration, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define OTHER_NAME "other.example.org"
#define OTHER_URL "https://" OTHER_NAME "/"
/* curl alone knows the address of this name; the server has no certificate for it. */
#define CURL_OTHER "curl -sSk --resolve " OTHER_NAME ":443:127.0.0.1 " OTHER_URL
#define SECRET_IS(lines) "[host \"" INNER_NAME "\"]\n" lines "\n"

/* Writes the user's own file, in HOME: that is the world's folder. */
static void write_own(const struct world *world, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s/.config", world->folder);
    mkdir(name, 0700);
    snprintf(name, sizeof name, "%s/.config/echshim", world->folder);
    mkdir(name, 0700);
    snprintf(name, sizeof name, "%s/.config/echshim/echshim.conf", world->folder);
    FILE *file = fopen(name, "w");
    require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s: %s", name,
            strerror(errno));
}

static struct world *start(const struct world_options *options, const char *text)
{
    struct world *world = world_start(options);
    write_own(world, text);
    return world;
}

/* Writes /etc/echshim.conf, without touching this machine's own /etc. */
static void write_system(const struct world *world, const char *text)
{
    char folder[160];
    char name[256];
    char options[800];
    char copy[400];
    snprintf(folder, sizeof folder, "%s/etc", world->folder);
    mkdir(folder, 0700);
    require(mount("tmpfs", folder, "tmpfs", 0, "mode=0755") == 0, "%s", strerror(errno));
    snprintf(name, sizeof name, "%s/upper", folder);
    mkdir(name, 0755);
    snprintf(name, sizeof name, "%s/work", folder);
    mkdir(name, 0755);
    snprintf(name, sizeof name, "%s/upper/echshim.conf", folder);
    FILE *file = fopen(name, "w");
    require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", strerror(errno));
    require(chmod(name, 0644) == 0, "%s", strerror(errno));
    /* The overlay would hide the files that the world has mounted in /etc: copy them. */
    snprintf(copy, sizeof copy, "cp /etc/resolv.conf /etc/hosts /etc/nsswitch.conf %s/upper/",
             folder);
    require(system(copy) == 0, "%s", copy);
    snprintf(options, sizeof options, "lowerdir=/etc,upperdir=%s/upper,workdir=%s/work", folder,
             folder);
    require(mount("overlay", "/etc", "overlay", 0, options) == 0, "overlay: %s", strerror(errno));
}

static void expect_failure(const struct run_result *result)
{
    cr_assert_neq(result->exit_code, 0, "%s", result->out);
    cr_assert_null(strstr(result->out, "hello from"));
}

/* ---- modes of hosts ---- */

Test(configuration, a_host_that_is_strict)
{
    struct world *world = start(&(struct world_options){.no_https_record = true},
                                "[default]\nmode = opportunistic\n" SECRET_IS("mode = strict"));
    struct run_result other = world_shell(world, RUN_SHIM, NULL, CURL_OTHER);
    expect_exit(&other, 0, "hello");
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_failure(&secret);
    world_expect_hidden(world);
    cr_assert_eq(world_report_count(world, "grease"), 1u);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
}

Test(configuration, a_host_that_is_strict_for_gnutls)
{
    struct world *world =
        start(&(struct world_options){.no_https_record = true}, SECRET_IS("mode = strict"));
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, WGET);
    expect_failure(&secret);
    world_expect_hidden(world);
    expect_report(world, 1, "refused", "nodata");
    expect_report_text(world, "mode", "strict");
}

/* Strict mode for all hosts but one, which the shim ignores. */
static void check_host_off(const char *program)
{
    struct world *world = start(NULL, "[default]\nmode = strict\n" SECRET_IS("mode = off"));
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, program);
    expect_exit(&secret, 0, HELLO);
    world_expect_visible(world, 1);
    cr_assert_str_empty(world_read(world, "report", NULL));
    struct run_result other = world_shell(world, RUN_SHIM, NULL, CURL_OTHER);
    expect_failure(&other);
    cr_assert_eq(world_wire_count(world, OTHER_NAME), 0);
    expect_report(world, 1, "refused", "nxdomain");
}

Test(configuration, a_host_that_is_off_for_curl)
{
    check_host_off(CURL);
}

Test(configuration, a_host_that_is_off_for_wget)
{
    check_host_off(WGET);
}

Test(configuration, only_one_host_is_on)
{
    struct world *world = start(NULL, "[default]\nmode = off\n" SECRET_IS("mode = strict"));
    struct run_result other = world_shell(world, RUN_SHIM, NULL, CURL_OTHER);
    expect_exit(&other, 0, "hello");
    cr_assert_str_empty(world_read(world, "report", NULL));
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&secret, 0, HELLO);
    world_expect_hidden(world);
    expect_report(world, 1, "accepted", NULL);
}

/* A pattern, and a more specific name that it matches too. */
Test(configuration, patterns)
{
    struct world *world =
        start(NULL, SECRET_IS("mode = opportunistic") "[host \"*.example.org\"]\nmode = off\n"
                                                      "[default]\nmode = strict\n");
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&secret, 0, HELLO);
    world_expect_hidden(world);
    expect_report(world, 1, "accepted", NULL);
    struct run_result other = world_shell(world, RUN_SHIM, NULL, CURL_OTHER);
    expect_exit(&other, 0, "hello");
    cr_assert_gt(world_wire_await(world, OTHER_NAME, 1), 0);
    expect_report(world, 1, "accepted", NULL);
}

/* ---- a TLS library without hooks: the guard reads the name in the hello ---- */

#define WELL "all is well"
#define STATIC(name) "\"$CLIENTS/openssl_static\" " name " 443 \"$CA\" direct \"$PKI\""

Test(configuration, an_unhooked_library_and_a_strict_host)
{
    struct world *world = start(NULL, SECRET_IS("mode = strict"));
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, STATIC(INNER_NAME));
    expect_failure(&secret);
    (void)connections_ended(world);
    world_expect_hidden(world);
    expect_report(world, 1, "refused", "unhooked_tls");
    expect_report_text(world, "mode", "strict");
}

Test(configuration, an_unhooked_library_and_another_host)
{
    struct world *world = start(NULL, "[host \"" OTHER_NAME "\"]\nmode = strict\n");
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, STATIC(INNER_NAME));
    expect_exit(&secret, 0, WELL);
    world_expect_visible(world, 1);
    expect_report(world, 1, "plain", "unhooked_tls");
    expect_report_text(world, "mode", "opportunistic");
}

Test(configuration, an_unhooked_library_and_a_host_that_is_off)
{
    struct world *world = start(NULL, "[default]\nmode = strict\n" SECRET_IS("mode = off"));
    struct run_result secret = world_shell(world, RUN_SHIM, NULL, STATIC(INNER_NAME));
    expect_exit(&secret, 0, WELL);
    world_expect_visible(world, 1);
    cr_assert_str_empty(world_read(world, "report", NULL));
}

/* ---- resolvers of hosts ---- */

/* The environment would take precedence. */
#define NO_RESOLVER "ECHSHIM_RESOLVER="

/* Only this name is asked for by an encrypted resolver; the others as usual. */
Test(configuration, an_encrypted_resolver_for_one_host)
{
    struct world *world = start(NULL, SECRET_IS("resolver = " DNS_TLS));
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER),
                    CURL "; curl -s --max-time 5 https://" PUBLIC_NAME "/ >/dev/null; exit 0");
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(sniff_queries(INNER_NAME, 0), 0u, "the name is asked for in clear");
    cr_assert_geq(sniff_queries(PUBLIC_NAME, 0), 1u, "nor are others asked for by it");
    world_expect_hidden(world);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
    cr_assert_not_null(strstr(world_read(world, "report", NULL), "\"resolver\":\"" DNS_TLS));
}

/* Split horizon: an encrypted resolver for all names except those of this network. */
Test(configuration, the_systems_resolver_for_one_host)
{
    struct world *world =
        start(NULL, "[default]\nresolver = " DNS_TLS "\n" SECRET_IS("resolver = system"));
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER),
                    CURL "; curl -s --max-time 5 https://" PUBLIC_NAME "/ >/dev/null; exit 0");
    expect_exit(&result, 0, HELLO);
    cr_assert_geq(sniff_queries(INNER_NAME, 1), 1u);
    cr_assert_geq(sniff_queries(INNER_NAME, 65), 1u, "the record, too");
    cr_assert_eq(sniff_queries(PUBLIC_NAME, 0), 0u);
    cr_assert_eq(world_report_count(world, "accepted"), 1u);
}

/* A plain resolver serves records alone. The system resolves the program's own names, even where
 * another host has an encrypted resolver. */
Test(configuration, a_plain_resolver_does_not_take_the_programs_names)
{
    struct world *world = start(NULL, "[default]\nresolver = udp://127.0.0.55:53\n"
                                      "[host \"" OTHER_NAME "\"]\nresolver = " DNS_TLS "\n");
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(NO_RESOLVER, "ECHSHIM_TIMEOUT_MS=300"),
        "/usr/bin/python3 -c 'import socket; print(socket.gethostbyname(\"" INNER_NAME "\"))'");
    expect_exit(&result, 0, "127.0.0.1");
}

Test(configuration, a_resolver_that_cannot_be_used_is_nobody)
{
    struct world *world = start(NULL, SECRET_IS("resolver = tsl://127.0.0.53"));
    sniff_start();
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER), CURL);
    expect_failure(&result);
    cr_assert_eq(sniff_queries(INNER_NAME, 0), 0u);
    expect_silence(world);
    cr_assert_not_null(strstr(result.err, "echshim.conf:2: resolver: cannot use"), "%s",
                       result.err);
}

/* A program that asks the DNS by itself: by datagram, by stream, and two questions at once by
 * stream; the second is about `name`. */
#define OWN_DNS(name)                                                                              \
    "/usr/bin/python3 -c 'import socket as s\n"                                                    \
    "def question(name):\n"                                                                        \
    "    q = bytes.fromhex(\"000101000001000000000000\")\n"                                        \
    "    for label in name.split(\".\"): q += bytes([len(label)]) + label.encode()\n"              \
    "    return q + bytes.fromhex(\"0000010001\")\n"                                               \
    "def framed(q): return len(q).to_bytes(2, \"big\") + q\n"                                      \
    "def attempt(kind, octets):\n"                                                                 \
    "    try:\n"                                                                                   \
    "        with s.socket(s.AF_INET, kind) as k:\n"                                               \
    "            k.connect((\"" DNS_ADDRESS "\", 53))\n"                                           \
    "            k.sendall(octets)\n"                                                              \
    "        print(\"sent\")\n"                                                                    \
    "    except OSError as e: print(e.__class__.__name__)\n"                                       \
    "q, other = question(\"" name "\"), question(\"" OTHER_NAME "\")\n"                            \
    "attempt(s.SOCK_DGRAM, q)\n"                                                                   \
    "attempt(s.SOCK_STREAM, framed(q))\n"                                                          \
    "attempt(s.SOCK_STREAM, framed(other) + framed(q))\n"                                          \
    "'"

#define STRICT_HOST SECRET_IS("mode = strict\nresolver = " DNS_TLS)

Test(configuration, a_question_of_the_programs_own_for_a_strict_host)
{
    struct world *world = start(NULL, STRICT_HOST);
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER), OWN_DNS(INNER_NAME));
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, "PermissionError\nConnectionAbortedError\n"
                                 "ConnectionAbortedError\n");
    cr_assert_eq(sniff_queries(NULL, 0), 0u);
}

/* The shim cannot tell the host of data that it cannot read as one question: it does not let it
 * out. */
Test(configuration, a_question_of_the_programs_own_for_another_host)
{
    struct world *world = start(NULL, STRICT_HOST);
    sniff_start();
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER), OWN_DNS(OTHER_NAME));
    expect_exit(&result, 0, NULL);
    cr_assert_str_eq(result.out, "sent\nsent\nConnectionAbortedError\n");
    cr_assert_eq(sniff_queries(OTHER_NAME, 0), 1u);
}

/* ---- other keys of hosts ---- */

Test(configuration, a_config_list_for_one_host)
{
    char text[1400];
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    /* The list is long: give it in two lines. */
    size_t half = strlen(world->configs) / 2;
    snprintf(text, sizeof text, SECRET_IS("config_list = %.*s\n   %s"), (int)half, world->configs,
             world->configs + half);
    write_own(world, text);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_hidden(world);
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "source", "static");
}

Test(configuration, retry_off_for_one_host)
{
    struct world *world =
        start(&(struct world_options){.stale_config = true}, SECRET_IS("retry = off"));
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_failure(&result);
    expect_report(world, 1, "rejected", "retry_off");
}

Test(configuration, grease_off_for_one_host)
{
    struct world *world =
        start(&(struct world_options){.no_https_record = true}, SECRET_IS("grease = off"));
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "plain", "nodata");
}

/* ---- precedence ---- */

Test(configuration, the_environment_wins)
{
    struct world *world =
        start(&(struct world_options){.no_https_record = true}, SECRET_IS("mode = strict"));
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_MODE=opportunistic"), CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "nodata");
}

Test(configuration, the_users_file_wins_over_the_systems)
{
    struct world *world = start(NULL, "[default]\nmode = grease\n");
    write_system(world, "[default]\nmode = strict\n");
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "mode");
}

Test(configuration, what_is_more_special_wins_over_the_users_file)
{
    struct world *world = start(NULL, "[default]\nmode = grease\n");
    write_system(world, SECRET_IS("mode = opportunistic"));
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "accepted", NULL);
}

/* The user's settings do not count, wherever they stand. */
Test(configuration, what_is_locked_wins_over_all)
{
    struct world *world = start(&(struct world_options){.no_https_record = true},
                                "[default]\nmode = off\n" SECRET_IS("mode = off"));
    write_system(world, "[default]\nlocked = yes\nmode = strict\n");
    static char *const ways[][3] = {{NULL},
                                    {"ECHSHIM_MODE=off", NULL},
                                    {"ECHSHIM_CONF=/dev/null", "ECHSHIM_MODE=grease", NULL}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run_result result = world_shell(world, RUN_SHIM, ways[i], CURL);
        expect_failure(&result);
    }
    expect_silence(world);
    cr_assert_eq(world_report_count(world, "refused"), 3u);
}

Test(configuration, another_file_by_name)
{
    struct world *world = start(NULL, "[default]\nmode = strict\n");
    char *other = conf_setting(world, "[default]\nmode = grease\n");
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(other), CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "mode");
}

/* ---- programs ---- */

/* curl and wget have sections; the shell has none. */
Test(configuration, programs)
{
    struct world *world = start(NULL, "[program \"/usr/bin/curl\"]\nmode = off\n"
                                      "[program \"wget\"]\nmode = grease\n");
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL " && " WGET);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "mode");
}

/* git starts another program to connect: git's section covers it. */
Test(configuration, what_a_program_starts)
{
    struct world *world = start(NULL, "[default]\nmode = strict\n"
                                      "[program \"/usr/bin/git\"]\nmode = grease\n");
    struct run_result result =
        world_shell(world, RUN_SHIM, NULL, "git ls-remote " URL "repo.git >&2; exit 0");
    expect_exit(&result, 0, "");
    cr_assert_geq(world_report_count(world, "grease"), 1u, "%s", world_read(world, "report", NULL));
    cr_assert_eq(world_report_count(world, "accepted"), 0u);
}

/* ---- errors ---- */

static void check_broken(const char *text, const char *problem)
{
    struct world *world = start(&(struct world_options){.no_https_record = true}, text);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, CURL);
    expect_failure(&result);
    expect_silence(world);
    expect_report(world, 1, "refused", "nodata");
    cr_assert_not_null(strstr(result.err, problem), "%s", result.err);
}

Test(configuration, a_key_that_nobody_knows_is_strict)
{
    check_broken("[default]\nmdoe = off\n",
                 "/.config/echshim/echshim.conf:2: there is no key \"mdoe\"");
}

Test(configuration, a_section_that_nobody_knows_is_strict)
{
    check_broken("[defualt]\nmode = off\n", "echshim.conf:1: cannot use [defualt]");
}

Test(configuration, locked_in_the_users_file_is_strict)
{
    check_broken("[default]\nlocked = yes\nmode = off\n",
                 "echshim.conf:2: locked: only in /etc/echshim.conf");
}

static void check_file(const char *command, const char *problem)
{
    struct world *world = start(&(struct world_options){.no_https_record = true}, "[default]\n");
    char shell[900];
    snprintf(shell, sizeof shell, "cd \"$HOME/.config/echshim\" && %s && " CURL, command);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, shell);
    expect_failure(&result);
    expect_silence(world);
    cr_assert_not_null(strstr(result.err, problem), "%s", result.err);
}

Test(configuration, a_file_that_everybody_writes_is_not_used)
{
    check_file("chmod 666 echshim.conf", "every user may write to it");
}

Test(configuration, a_pipe_is_no_file)
{
    check_file("rm echshim.conf && mkfifo echshim.conf", "not a file");
}

Test(configuration, a_file_that_is_too_large)
{
    check_file("truncate -s 2M echshim.conf", "larger than 1 MiB");
}

Test(configuration, a_named_file_that_is_missing)
{
    check_file("export ECHSHIM_CONF=/nowhere/echshim.conf", "/nowhere/echshim.conf: No such file");
}

/* valgrind checks the memory of a program. */
Test(configuration, by_valgrind)
{
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    struct world *world = start(
        NULL,
        SECRET_IS(
            "mode = strict\nresolver = " DNS_TLS) "[program \"/usr/bin/nothing\"]\nmode = off\n"
                                                  "[host \"*.test\"]\nresolver = "
                                                  "udp://127.0.0.53\n");
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(NO_RESOLVER),
                    "valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite "
                    "--errors-for-leak-kinds=definite " OWN_OPENSSL("direct"));
    expect_exit(&result, 0, WELL);
    expect_report(world, 1, "accepted", NULL);
}
