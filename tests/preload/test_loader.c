/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shim as a guest in the loader: dlopen, dlsym, fork and other preloaded libraries work as
 * without us, and no TLS library escapes. */
#include "../facts.h"
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(loader, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"
#define WELL "all is well"
#define LOADER(mode) "\"$CLIENTS/loader_client\" " INNER_NAME " 443 \"$CA\" " mode

static void check_accepted(const char *command, unsigned count)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), command);
    expect_exit(&result, 0, WELL);
    world_expect_accepted(world, count);
}

/* ---- without an engine ---- */

#define TWICE(command) command " && " command
#define URLLIB_TWICE                                                                               \
    "/usr/bin/python3 -c 'import urllib.request as r\n"                                            \
    "for i in range(2): print(r.urlopen(\"" URL "\").read().decode())'"

static void check_plain_without_engine(const char *command)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(stub_alone(world)), command);
    expect_exit(&result, 0, HELLO);
    world_expect_visible(world, 1);
    const char *said = strstr(result.err, "libechshim: the engine cannot be loaded");
    cr_assert_not_null(said, "%s", result.err);
    cr_assert_not_null(strstr(said, "TLS goes on without ECH"), "%s", result.err);
    cr_assert_null(strstr(said + 1, "libechshim: "), "said twice: %s", result.err);
}

Test(loader, without_engine_openssl_goes_on)
{
    check_plain_without_engine(URLLIB_TWICE);
}

Test(loader, without_engine_gnutls_goes_on)
{
    check_plain_without_engine(WGET);
}

static void check_refused_without_engine(const char *command, int exit_code)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, stub_alone(world)), command);
    expect_exit(&result, exit_code, "TLS connections are refused");
    cr_assert_null(strstr(result.out, HELLO));
    expect_silence(world);
}

Test(loader, without_engine_strict_curl)
{
    check_refused_without_engine(CURL, 35);
}

Test(loader, without_engine_strict_wget)
{
    check_refused_without_engine(WGET, 4);
}

Test(loader, without_engine_strict_s_client)
{
    check_refused_without_engine(S_CLIENT, 1);
}

Test(loader, without_engine_strict_urllib)
{
    check_refused_without_engine(URLLIB, 1);
}

/* Without an engine the guard enforces the strict mode of a single host. */
static void check_host_refused_without_engine(const char *command, int exit_code)
{
    struct world *world = world_start(NULL);
    char *conf = conf_setting(world, "[host \"" INNER_NAME "\"]\nmode = strict\n");
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(conf, stub_alone(world)), command);
    expect_exit(&result, exit_code, "is refused where the mode is strict");
    cr_assert_null(strstr(result.out, HELLO));
    (void)connections_ended(world);
    world_expect_hidden(world);
    cr_assert_eq(world_report_count(world, "refused"), 1u);
}

Test(loader, without_engine_strict_host_curl)
{
    check_host_refused_without_engine(CURL, 35);
}

Test(loader, without_engine_strict_host_wget)
{
    check_host_refused_without_engine(WGET, 4);
}

/* ---- a program without TLS ---- */

Test(loader, a_program_without_tls_maps_only_the_stub)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, NULL,
                    "LD_DEBUG=files LD_DEBUG_OUTPUT=$PWD/files /usr/bin/env true; cat files.*");
    expect_exit(&result, 0, "libechshim.so");
    static const char *const heavy[] = {"libgnutls", "libldns",           "libnghttp2",
                                        "libnettle", "libechshim-engine", "libssl"};
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++) {
        cr_assert_null(strstr(result.out, heavy[i]), "%s is mapped", heavy[i]);
    }
}

/* ---- dlopen and dlsym ---- */

Test(loader, plugin_by_runpath)
{
    check_accepted(LOADER("plugin"), 1);
}

Test(loader, plugin_with_deepbind)
{
    check_accepted(LOADER("deepbind"), 1);
}

Test(loader, plugin_closed_and_opened_again)
{
    check_accepted(LOADER("reopen"), 5);
}

Test(loader, plugins_in_threads)
{
    check_accepted(LOADER("threads"), 40);
}

Test(loader, dlerror_is_silent_after_success)
{
    check_accepted(LOADER("dlerror"), 1);
}

Test(loader, probing_for_functions_changes_nothing)
{
    check_accepted(LOADER("probe"), 1);
}

/* ---- two libraries ---- */

/* The same library under other names of the same length: the two copies share nothing. */
#define COPY_OPENSSL                                                                               \
    "/usr/bin/python3 -c 'import re, ssl\n"                                                        \
    "maps = open(\"/proc/self/maps\").read()\n"                                                    \
    "for name in (\"ssl\", \"crypto\"):\n"                                                         \
    "    path, end = re.search(r\"(\\S*/lib%s(\\.so\\.[0-9.]+))\" % name, maps).groups()\n"        \
    "    new = re.sub(\"[0-9]\", \"9\", end)\n"                                                    \
    "    data = open(path, \"rb\").read()\n"                                                       \
    "    for other in (\"ssl\", \"crypto\"):\n"                                                    \
    "        names = (\"lib%s%s\\0\" % (other, last) for last in (end, new))\n"                    \
    "        data = data.replace(*(text.encode() for text in names))\n"                            \
    "    open(\"lib%s%s\" % (name, new), \"wb\").write(data)' && "                                 \
    "export LD_LIBRARY_PATH=$PWD SECOND=$(ls libssl.so.9*) && "

Test(loader, two_openssl_in_one_process)
{
    check_accepted(COPY_OPENSSL LOADER("two"), 23);
}

/* The shim has room for as many as a process opens. */
Test(loader, twenty_openssl_in_one_process)
{
    check_accepted("for i in $(seq 20); do cp -L /usr/lib/*/" FACT_LIBSSL " libssl-$i.so; done && "
                   "export SECOND=$PWD && " LOADER("many"),
                   21);
}

#define BORING "SECOND=$(ls /usr/lib/*/android/libssl.so.0) "

#define UNKNOWN UNKNOWN_LIBRARY "export SECOND=$PWD/libssl.so.0 && "

Test(loader, boringssl_beside_openssl)
{
    need_boringssl_with_ech();
    check_accepted(BORING LOADER("two"), 23);
}

/* Its connections go on untouched. */
Test(loader, an_unknown_library_beside_openssl)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, NULL, UNKNOWN LOADER("two"));
    expect_exit(&result, 0, WELL);
    cr_assert_eq(world_log_count(world, "accepted", 12), 12);
    cr_assert_eq(world_log_count(world, "done", 23), 23);
}

/* Refused at the handshake, with a reason: a program without a context crashes, or cannot even
 * serve. */
Test(loader, an_unknown_library_is_refused_in_strict_mode)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), UNKNOWN LOADER("other"));
    expect_exit(&result, 1, "SSL_connect or SSL_write failed");
    expect_report(world, 1, "refused", "library");
    expect_silence(world);
}

/* ---- each call that may start a handshake ---- */

#define REFUSED_CALLS(library) "\"$CLIENTS/refused_calls_" library "\" " INNER_NAME " 443 - all"

Test(loader, every_call_of_an_unknown_library_fails_with_a_text)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), UNKNOWN REFUSED_CALLS("boringssl"));
    expect_exit(&result, 0, "5 refused");
    expect_report(world, 5, "refused", "library");
    expect_silence(world);
}

Test(loader, every_call_of_boringssl_that_policy_refuses_fails_with_a_text)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), REFUSED_CALLS("boringssl"));
    expect_exit(&result, 0, "5 refused");
    expect_report(world, 5, "refused", boringssl_has_ech() ? "nodata" : "library");
    expect_silence(world);
}

Test(loader, without_engine_every_call_fails_with_a_text)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, stub_alone(world)), REFUSED_CALLS("openssl"));
    expect_exit(&result, 0, "10 refused");
    const char *report = world_read(world, "report", NULL);
    unsigned by_guard = fact_calls_are_bound() ? 1 : 0;
    cr_assert_eq(world_report_count(world, "refused"), 10u, "%s", report);
    cr_assert_eq(text_count(report, "\"reason\":\"no_engine\""), 10 - by_guard, "%s", report);
    cr_assert_eq(text_count(report, "\"reason\":\"unhooked_tls\""), by_guard, "%s", report);
    expect_silence(world);
}

Test(loader, every_call_that_policy_refuses_fails_with_a_text)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT), REFUSED_CALLS("openssl"));
    expect_exit(&result, 0, "10 refused");
    /* Without a session SSL_write_early_data does not begin a handshake. */
    expect_report(world, 9, "refused", "nodata");
    expect_silence(world);
}

/* ---- unsupported libraries and a missing engine: the shim refuses only what it must ---- */

/* A server on BoringSSL or on OpenSSL, and a client that runs without the shim. */
#define SERVED(server)                                                                             \
    server " >served.out 2>served.err & "                                                          \
           "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.3; LD_PRELOAD= curl -sS --cacert \"$CA\" "      \
           "--connect-to " INNER_NAME ":443:127.0.0.3:443 " URL " && break; done; "                \
           "kill $!; cat served.err"
#define BORING_SERVER                                                                              \
    "\"$PKI/../peers/ech_server\" --no-ech --listen 127.0.0.3:443 "                                \
    "--cert " INNER_NAME "=\"$PKI/inner.pem\"=\"$PKI/inner.key\""
#define S_SERVER                                                                                   \
    "openssl s_server -quiet -www -accept 127.0.0.3:443 "                                          \
    "-cert \"$PKI/inner.pem\" -key \"$PKI/inner.key\""

Test(loader, a_server_on_an_unknown_library_in_strict_mode)
{
    if (system("head -c 2 build/peers/ech_server | grep -q '#!'") == 0) {
        cr_skip_test("the server is of another system (make check-suites)");
    }
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT), SERVED(BORING_SERVER));
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

Test(loader, a_server_without_engine_in_strict_mode)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, stub_alone(world)), SERVED(S_SERVER));
    expect_exit(&result, 0, "Ciphers");
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

/* Connects to the server without the relay: that port is not watched. */
static void check_other_port(char *extra[], const char *client)
{
    char command[2400];
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command, client, world->server_address, world->configs);
    struct run_result result = world_shell(world, RUN_SHIM, extra, command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

#define UNKNOWN_CLIENT UNKNOWN_LIBRARY "\"$PKI/../peers/ech_client\" " INNER_NAME " %s \"$CA\" %s"

Test(loader, an_unknown_library_to_another_port_in_strict_mode)
{
    need_boringssl_with_ech();
    check_other_port(EXTRA(STRICT), UNKNOWN_CLIENT);
}

Test(loader, without_engine_to_another_port_in_strict_mode)
{
    char command[2400];
    struct world *world = world_start(NULL);
    snprintf(command, sizeof command,
             "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -servername " INNER_NAME
             " -connect %s",
             world->server_address);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, stub_alone(world)), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_report_count(world, "refused"), 0u);
}

/* ---- other preloaded libraries ---- */

static void check_other_guest(const char *format)
{
    struct world *world = world_start(NULL);
    char preload[1500];
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    size_t used =
        (size_t)snprintf(preload, sizeof preload, "LD_PRELOAD=%s ", runtime != NULL ? runtime : "");
    snprintf(preload + used, sizeof preload - used, format, world->library, world->clients);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(STRICT, preload), WGET);
    expect_exit(&result, 0, HELLO);
    expect_exit(&result, 0, "connect was wrapped");
    world_expect_accepted(world, 1);
}

Test(loader, another_preload_after_ours)
{
    check_other_guest("%s %s/libwrap_connect.so");
}

Test(loader, another_preload_before_ours)
{
    check_other_guest("%2$s/libwrap_connect.so %1$s");
}

/* ---- processes ---- */

Test(loader, vfork_and_exec)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT),
                    "/usr/bin/python3 -c 'import subprocess, urllib.request as r\n"
                    "for i in range(2):\n"
                    "    r.urlopen(\"" URL "\").read()\n"
                    "    print(subprocess.run([\"curl\", \"-sS\", \"" URL "\"]).returncode)'");
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 4);
}
