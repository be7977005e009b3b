/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ECHSHIM_* variables as a user meets them: ports, resolvers, configs by hand, messages about
 * unusable settings, log and report files. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(interface, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"

/* ---- ports ---- */

Test(interface, a_port_that_is_not_watched_is_left_alone)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, "ECHSHIM_PORTS=8443,9443"), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_visible(world, 2);
    expect_report(world, 0, NULL, NULL);
}

Test(interface, a_list_of_ports)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(STRICT, "ECHSHIM_PORTS=8443,443,9443"), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
}

/* A second port of the same server. Its relay records into another folder. */
static void open_port_8443(struct world *world)
{
    char program[300];
    char record[160];
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/wire8443", world->folder);
    mkdir(record, 0700);
    char *const argv[] = {
        program, "--listen", "127.0.0.1:8443", "--to", world->server_address, "--record",
        record,  NULL};
    world_spawn(world, "relay8443", "listening ", argv);
}

static void check_port_8443(const char *command)
{
    /* The record of this port leads by AliasMode to that of the other port. */
    struct world *world =
        world_start(&(struct world_options){.dns_lines = "  local-data: '_8443._https." INNER_NAME
                                                         ". 60 IN HTTPS 0 " INNER_NAME ".'\n"});
    open_port_8443(world);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, "ECHSHIM_PORTS=8443"), command);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "port", "8443");
    size_t len;
    char *octets = world_read(world, "wire8443/0001.c2s", &len);
    cr_assert_not_null(memmem(octets, len, PUBLIC_NAME, strlen(PUBLIC_NAME)));
    cr_assert_null(memmem(octets, len, INNER_NAME, strlen(INNER_NAME)));
}

Test(interface, another_port_has_a_name_of_its_own_for_curl)
{
    check_port_8443("curl -sS --cacert \"$CA\" https://" INNER_NAME ":8443/");
}

Test(interface, another_port_has_a_name_of_its_own_for_wget)
{
    check_port_8443("wget -nv -O - --ca-certificate=\"$CA\" https://" INNER_NAME ":8443/");
}

/* A port without its own record does not use that of port 443 (RFC 9460, 2.3). */
Test(interface, the_record_of_another_port_is_not_used)
{
    struct world *world = world_start(NULL);
    open_port_8443(world);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_PORTS=443,8443"),
                    "curl -sS --cacert \"$CA\" https://" INNER_NAME ":8443/");
    expect_exit(&result, 0, HELLO);
    expect_report(world, 1, "grease", "nxdomain");
}

/* ---- resolvers ---- */

static void check_resolver(char *resolver, const char *reported)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA(STRICT, resolver), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    world_expect_accepted(world, 2);
    expect_report_text(world, "resolver", reported);
    expect_report_text(world, "source", "dns");
}

Test(interface, resolver_udp)
{
    check_resolver("ECHSHIM_RESOLVER=" DNS_UDP, DNS_UDP);
}

Test(interface, resolver_tcp)
{
    check_resolver("ECHSHIM_RESOLVER=" DNS_TCP, DNS_TCP);
}

Test(interface, resolver_system)
{
    check_resolver("ECHSHIM_RESOLVER=system", DNS_UDP);
}

/* ---- configs by hand ---- */

/* The resolver would answer nothing: the shim does not ask it. */
static void check_configs(const char *format, const char *outcome, const char *reason)
{
    char configs[2400] = "ECHSHIM_CONFIG_LIST=";
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    size_t used = strlen(configs);
    snprintf(configs + used, sizeof configs - used, format, world->configs);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA(configs, "ECHSHIM_RESOLVER=udp://127.0.0.55:53"), WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_str_empty(strstr(result.err, "libechshim") != NULL ? result.err : "");
    expect_report(world, 2, outcome, reason);
    expect_report_text(world, "resolver", NULL);
    expect_report_text(world, "lookup_us", "0");
    if (reason == NULL) {
        world_expect_accepted(world, 2);
        expect_report_text(world, "source", "static");
    }
}

Test(interface, a_config_for_every_name)
{
    check_configs("%s", "accepted", NULL);
}

Test(interface, a_config_for_one_name)
{
    check_configs("other.example.org=AAj+CgAEAAAAAA==,Secret.Example.ORG=%s", "accepted", NULL);
}

Test(interface, the_config_of_a_name_comes_before_the_one_for_all)
{
    check_configs("AAj+CgAEAAAAAA==,secret.example.org=%s", "accepted", NULL);
}

Test(interface, a_config_for_another_name)
{
    check_configs("other.example.org=%s", "grease", "no_record");
}

/* ---- unusable settings ---- */

/* One program with four connections: the message comes once. */
#define FOUR                                                                                       \
    "/usr/bin/python3 -c 'import urllib.request as r\n"                                            \
    "for i in range(4):\n"                                                                         \
    "    try: print(r.urlopen(\"" URL "\").read().decode())\n"                                     \
    "    except OSError as e: print(\"refused:\", e)'"

static void check_message(char *setting, char *mode, const char *message, const char *outcome,
                          const char *reason)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA(mode, setting), FOUR);
    expect_exit(&result, 0, strcmp(outcome, "refused") == 0 ? "refused:" : HELLO);
    cr_assert_eq(text_count(result.err, "libechshim: "), 1, "%s", result.err);
    cr_assert_not_null(strstr(result.err, message), "%s", result.err);
    expect_report(world, 4, outcome, reason);
    if (strcmp(outcome, "refused") == 0) {
        expect_silence(world);
    }
}

#define MODE_OPPORTUNISTIC "ECHSHIM_MODE=opportunistic"

Test(interface, unknown_mode_is_strict)
{
    struct world *world = world_start(&(struct world_options){.no_https_record = true});
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_MODE=Opportune"), FOUR);
    expect_exit(&result, 0, "refused:");
    cr_assert_eq(text_count(result.err, "ECHSHIM_MODE: cannot use \"Opportune\": mode is strict"),
                 1, "%s", result.err);
    expect_silence(world);
    expect_report(world, 4, "refused", "nodata");
}

Test(interface, bad_resolver_asks_nobody)
{
    check_message("ECHSHIM_RESOLVER=udp://dns.example", MODE_OPPORTUNISTIC, "no resolver is asked",
                  "refused", "settings");
}

/* It may be a misspelt encrypted resolver: then the names must not go out in the clear. */
Test(interface, bad_resolver_that_is_no_plain_one_takes_the_names_with_it)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA("ECHSHIM_RESOLVER=dns.example", MODE_OPPORTUNISTIC), FOUR);
    expect_exit(&result, 0, "Non-recoverable failure in name resolution");
    cr_assert_eq(text_count(result.err, "no resolver is asked"), 1, "%s", result.err);
    expect_silence(world);
}

Test(interface, bad_resolver_strict)
{
    check_message("ECHSHIM_RESOLVER=udp://dns.example", STRICT, "no resolver is asked", "refused",
                  "settings");
}

/* A user who sets a config wants ECH: a typing error must not send the name in the clear. */
Test(interface, bad_config_list_is_refused)
{
    check_message("ECHSHIM_CONFIG_LIST=AAj+CgAEAAAA", MODE_OPPORTUNISTIC,
                  "handshakes with hosts that have no config of their own are refused", "refused",
                  "settings");
}

Test(interface, bad_config_list_strict)
{
    check_message("ECHSHIM_CONFIG_LIST=" INNER_NAME "=???", STRICT,
                  "handshakes with this host are refused", "refused", "settings");
}

Test(interface, a_config_list_as_in_a_zone_file)
{
    check_message("ECHSHIM_CONFIG_LIST=ech=AAj+CgAEAAAAAA==", MODE_OPPORTUNISTIC,
                  "is how a zone file writes it", "refused", "settings");
}

Test(interface, a_config_list_with_a_port)
{
    check_message("ECHSHIM_CONFIG_LIST=" INNER_NAME ":443=AAj+CgAEAAAAAA==", MODE_OPPORTUNISTIC,
                  "a name has no scheme, port or path", "refused", "settings");
}

/* Blanks and a final dot make no difference. */
Test(interface, a_config_with_blanks_and_a_dot)
{
    check_configs(" other.example.org=AAj+CgAEAAAAAA== , " INNER_NAME ". = %s ", "accepted", NULL);
}

Test(interface, bad_timeout)
{
    check_message("ECHSHIM_TIMEOUT_MS=2s", MODE_OPPORTUNISTIC, "2000 is used", "accepted", NULL);
}

Test(interface, bad_ports_watch_443)
{
    check_message("ECHSHIM_PORTS=https", MODE_OPPORTUNISTIC, "are used, and 443", "accepted", NULL);
}

Test(interface, bad_log_level)
{
    check_message("ECHSHIM_LOG=loud", MODE_OPPORTUNISTIC, "nothing is logged", "accepted", NULL);
}

/* ---- log and report ---- */

static void check_mode_of(const struct world *world, const char *name)
{
    char path[300];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600, "%s has mode %o", name, status.st_mode);
}

Test(interface, files_are_private)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_LOG=info"), "umask 000; " CURL);
    expect_exit(&result, 0, HELLO);
    check_mode_of(world, "report");
    check_mode_of(world, "shim.log");
    cr_assert_not_null(strstr(world_read(world, "shim.log", NULL), " info: openssl: accepted"));
    cr_assert_null(strstr(world_read(world, "shim.log", NULL), INNER_NAME), "a name is in the log");
}

Test(interface, files_are_not_followed_through_links)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, NULL,
                    "echo precious >file; ln -s file report; ln -s file shim.log; " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_str_eq(world_read(world, "file", NULL), "precious\n");
}

Test(interface, files_that_cannot_be_written_disturb_nobody)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(
        world, RUN_SHIM, EXTRA("ECHSHIM_REPORT=/nowhere/report", "ECHSHIM_LOG_FILE=/nowhere/log"),
        WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_null(strstr(result.err, "libechshim"), "%s", result.err);
    cr_assert_eq(world_log_count(world, "accepted", 2), 2);
}

Test(interface, log_goes_to_standard_error)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_LOG=info", "ECHSHIM_LOG_FILE="), CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_not_null(strstr(result.err, "info: openssl: accepted (-)"), "%s", result.err);
}

Test(interface, report_by_descriptor)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_REPORT=fd:7"),
                                           "exec 7>report; " WGET " && " CURL);
    expect_exit(&result, 0, HELLO);
    expect_report(world, 2, "accepted", NULL);
    world_expect_accepted(world, 2);
}

/* A report whose reader has gone must not cause a signal. */
Test(interface, report_to_a_broken_pipe)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_REPORT=fd:7"),
                                           "mkfifo pipe; exec 6<>pipe 7>pipe 6<&-; "
                                           "perl -MLWP::UserAgent -e '"
                                           "print LWP::UserAgent->new->get(\"" URL "\")->content'");
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
}

/* A program may close the descriptor; the next file that it opens gets the same number. */
Test(interface, report_by_a_descriptor_that_is_another_file_now)
{
    struct world *world = world_start(NULL);
    struct run_result result = world_shell(world, RUN_SHIM, EXTRA("ECHSHIM_REPORT=fd:7"),
                                           "exec 7>report; "
                                           "/usr/bin/python3 -c 'import os, urllib.request as r\n"
                                           "r.urlopen(\"" URL "\").read()\n"
                                           "own = os.open(\"own\", os.O_WRONLY | os.O_CREAT)\n"
                                           "os.dup2(own, 7)\n"
                                           "print(r.urlopen(\"" URL "\").read().decode())'");
    expect_exit(&result, 0, HELLO);
    cr_assert_str_empty(world_read(world, "own", NULL));
    expect_report(world, 1, "accepted", NULL);
}

/* ---- docs/examples ---- */

/* Runs a command under the wrapper for the jobs of a pipeline. */
static struct run_result under_wrapper(struct world *world, char *mode, const char *command)
{
    char line[1024];
    char library[300];
    snprintf(library, sizeof library, "LIBECHSHIM=%s", world->library);
    snprintf(line, sizeof line,
             "ECHSHIM_CA_FILE=\"$CA\" ECHSHIM_PRIVATE=on ASAN_OPTIONS=detect_leaks=0 "
             "\"$PKI/../../docs/examples/ci-wrapper\" %s",
             command);
    return world_shell(world, RUN_PLAIN, EXTRA(library, mode), line);
}

Test(interface, ci_wrapper)
{
    if (getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("the wrapper's LD_PRELOAD has no place for a sanitizer's runtime");
    }
    struct world *world = world_start(NULL);
    struct run_result result = under_wrapper(world, "ECHSHIM_MODE=", CURL);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
    result = under_wrapper(world, "ECHSHIM_MODE=", "true");
    expect_exit(&result, 0, "ci-wrapper: no handshake was reported");
    result = under_wrapper(world, "ECHSHIM_MODE=", "sh -c 'exit 9'");
    expect_exit(&result, 9, NULL);
    /* The job itself succeeds, but without ECH: the wrapper fails. */
    result = under_wrapper(world, "ECHSHIM_MODE=opportunistic",
                           "curl -sS --cacert \"$CA\" https://plain.example.org/");
    expect_exit(&result, 1, "ci-wrapper: these handshakes were not protected by ECH");
}
