/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that jump out of a call in the middle of it: nothing leaks afterwards, and everything
 * works. */
#include "checks.h"
#include "names.h"
#include "sniff.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(jumps, .fini = world_end, .timeout = 300);

#define ZONE "jumps.example.org"
#define STALLED "127.0.0.57"
#define STALLED_TLS "ECHSHIM_RESOLVER=tls://" STALLED ":853#dns.example"
#define WGET_LIMITED                                                                               \
    "wget -nv -O - -T 1 --tries=2 --retry-on-host-error --ca-certificate=\"$CA\" " URL

/* Starts a relay to the resolver. It accepts connections at once, and carries octets only after so
 * many seconds. */
static void start_stalled(struct world *world, const char *seconds)
{
    static const char script[] =
        "import socket, sys, threading, time\n"
        "until = time.monotonic() + float(sys.argv[1])\n"
        "def carry(a, b):\n"
        "    try:\n"
        "        for data in iter(lambda: a.recv(65536), b''): b.sendall(data)\n"
        "        b.shutdown(socket.SHUT_WR)\n"
        "    except OSError: pass\n"
        "def serve(a):\n"
        "    time.sleep(max(0, until - time.monotonic()))\n"
        "    b = socket.create_connection(('" DNS_ADDRESS "', 853))\n"
        "    threading.Thread(target=carry, args=(a, b), daemon=True).start()\n"
        "    carry(b, a)\n"
        "s = socket.create_server(('" STALLED "', 853))\n"
        "print('listening', flush=True)\n"
        "while True:\n"
        "    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()\n";
    char *const argv[] = {"python3", "-c", (char *)(size_t)script, (char *)(size_t)seconds, NULL};
    world_spawn(world, "stalled", "listening", argv);
}

static struct run_result run_stalled(struct world *world, const char *mode, const char *seconds,
                                     const char *command)
{
    start_stalled(world, seconds);
    sniff_start();
    return world_shell(world, RUN_SHIM, (char *[]){STALLED_TLS, (char *)(size_t)mode, NULL},
                       command);
}

/* wget's handler jumps out of getaddrinfo. */
Test(jumps, wget_gives_up_a_resolver_that_stalls)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        run_stalled(world, "ECHSHIM_MODE=strict", "1000", WGET_LIMITED " " URL "again");
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    cr_assert_eq(sniff_packets(), 0u, "%u packets to port 53", sniff_packets());
    expect_silence(world);
}

static void check_late(const char *mode)
{
    struct world *world = world_start(NULL);
    struct run_result result = run_stalled(world, mode, "1.5", WGET_LIMITED);
    expect_exit(&result, 0, HELLO);
    cr_assert_eq(sniff_packets(), 0u, "%u packets to port 53", sniff_packets());
    world_expect_accepted(world, 1);
    expect_report(world, 1, "accepted", NULL);
}

Test(jumps, wget_tries_again_a_resolver_that_is_late)
{
    check_late("ECHSHIM_MODE=strict");
}

Test(jumps, wget_tries_again_a_resolver_that_is_late_opportunistic)
{
    check_late("ECHSHIM_MODE=opportunistic");
}

/* wget tries each of the two URLs once. The first jump must not cost the second attempt its
 * protection. */
#define WGET_TWO "wget -nv -O - -T 1 --tries=1 --ca-certificate=\"$CA\" " URL " " URL

static void check_two(const char *seconds, unsigned accepted)
{
    struct world *world = world_start(NULL);
    struct run_result result = run_stalled(world, "ECHSHIM_MODE=strict", seconds, WGET_TWO);
    cr_assert_neq(result.exit_code, 0, "%s", result.out);
    cr_assert_eq(sniff_packets(), 0u, "%u packets to port 53", sniff_packets());
    world_expect_hidden(world);
    if (accepted > 0) {
        world_expect_accepted(world, accepted);
    } else {
        expect_silence(world);
    }
}

Test(jumps, wget_goes_on_to_the_second_of_two_urls)
{
    check_two("1000", 0);
}

Test(jumps, wget_fetches_the_second_of_two_urls)
{
    check_two("1.5", 1);
}

/* ---- a jump that leaves a lock of the C library's locked ---- */

/* Known: the name is found later all the same, as without the shim. Unknown: without the shim it is
 * never found again; under the shim it is, because an encrypted resolver needs no resolv.conf. */
static void check_resolv_conf(enum run_mode mode, const char *known, const char *expected)
{
    char command[200];
    struct world *world = world_start(NULL);
    sniff_start();
    snprintf(command, sizeof command,
             "mkfifo reading; \"$CLIENTS/jump_resolv_conf\" " INNER_NAME " \"$PWD/reading\" %s",
             known);
    struct run_result result = world_shell(
        world, mode, mode == RUN_SHIM ? (char *[]){ENCRYPTED, "ECHSHIM_MODE=strict", NULL} : NULL,
        command);
    expect_exit(&result, 0, expected);
    cr_assert(mode == RUN_PLAIN || sniff_packets() == 0);
}

Test(jumps, baseline_out_of_reading_resolv_conf_again)
{
    check_resolv_conf(RUN_PLAIN, "known", "then: found");
}

Test(jumps, out_of_reading_resolv_conf_again)
{
    check_resolv_conf(RUN_SHIM, "known", "then: found");
}

Test(jumps, out_of_reading_resolv_conf_for_the_first_time)
{
    check_resolv_conf(RUN_SHIM, "unknown", "then: found");
}

/* ---- a jump, and the downgrade rule ---- */

/* The server rejects and cannot prove its name; then the program jumps; then it tries a weaker
 * hello. */
static void check_downgrade(const char *mode)
{
    char command[256];
    char configs[1200];
    struct world *world = world_start(&(struct world_options){
        .server_without_ech = true, .public_certificate = "public-stranger", .delay_ms = 100});
    start_stalled(world, "1000");
    sniff_start();
    snprintf(configs, sizeof configs, "ECHSHIM_CONFIG_LIST=" INNER_NAME "=%s", world->configs);
    snprintf(command, sizeof command,
             "STALLS=other." ZONE " \"$CLIENTS/jump_downgrade\" " INNER_NAME " 443 \"$CA\" %s",
             mode);
    struct run_result result =
        world_shell(world, RUN_SHIM,
                    (char *[]){STALLED_TLS, "ECHSHIM_MODE=opportunistic", configs, NULL}, command);
    expect_exit(&result, 0, "the last attempt was stopped");
    cr_assert_eq(sniff_packets(), 0u, "%u packets to port 53", sniff_packets());
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, ZONE), 0u, "a name was seen");
    cr_assert_eq(world_report_count(world, "refused"), 1u, "%s", world_read(world, "report", NULL));
    cr_assert_eq(world_report_count(world, "plain"), 0u);
    cr_assert_eq(world_report_count(world, "grease"), 0u);
}

#define DOWNGRADE(name, mode)                                                                      \
    Test(jumps, no_downgrade_after_##name)                                                         \
    {                                                                                              \
        check_downgrade(mode);                                                                     \
    }                                                                                              \
    struct world

DOWNGRADE(names_tls12, "openssl-names-tls12");
DOWNGRADE(names_no_name, "openssl-names-no-name");
DOWNGRADE(openssl_tls12, "openssl-handshake-tls12");
DOWNGRADE(openssl_no_name, "openssl-handshake-no-name");
DOWNGRADE(gnutls_names_tls12, "gnutls-names-tls12");
DOWNGRADE(gnutls_tls12, "gnutls-handshake-tls12");
DOWNGRADE(gnutls_no_name, "gnutls-handshake-no-name");

/* ---- the attack ---- */

static void check_attack(const char *attack, const char *mode, const char *leaves,
                         const char *under)
{
    char command[512];
    struct world *world = world_start(&(struct world_options){.dns_zone = ZONE, .delay_ms = 2});
    world->run_seconds = 280;
    sniff_start();
    snprintf(command, sizeof command,
             "LEAVES=%s %s \"$CLIENTS/jump_client\" " INNER_NAME " 443 \"$CA\" %s " ZONE, leaves,
             under, attack);
    unsigned before = sniff_queries(NULL, TYPE_HTTPS);
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){ENCRYPTED, (char *)(size_t)mode, NULL}, command);
    expect_exit(&result, 0, "left");
    fprintf(stderr, "jumps: %s: %s", attack, result.out);
    cr_assert_eq(sniff_packets() - before, 0u, "plain questions");
    world_expect_hidden(world);
    cr_assert_eq(world_wire_count(world, ZONE), 0u, "a name was seen");
    cr_assert_geq(world_report_count(world, "accepted"), 1u);
}

#define ATTACK(name, attack)                                                                       \
    Test(jumps, name)                                                                              \
    {                                                                                              \
        const char *leaves = getenv("ECHSHIM_TEST_LEAVES");                                        \
        check_attack(attack, "ECHSHIM_MODE=strict", leaves != NULL ? leaves : "60", "");           \
    }                                                                                              \
    struct world

ATTACK(out_of_getaddrinfo, "names");
ATTACK(out_of_ssl_connect, "openssl-connect");
ATTACK(out_of_ssl_do_handshake, "openssl-handshake");
ATTACK(out_of_ssl_write, "openssl-write");
ATTACK(out_of_ssl_read, "openssl-read");
ATTACK(out_of_gnutls_handshake, "gnutls");
ATTACK(out_of_a_callback, "callback-jumps");
ATTACK(to_another_stack, "callback-swaps");
ATTACK(a_thread_cancelled_in_getaddrinfo, "names-cancelled");
ATTACK(a_thread_that_ends_after_a_jump, "names-left-and-exit");
ATTACK(a_thread_cancelled_in_a_handshake, "openssl-cancelled");

/* ---- what is lost, to the octet ---- */

/* What the libraries themselves lose when a function that they call never returns. OpenSSL loses
 * the lengths of the hello that it is writing, GnuTLS the record that it is reading, the C library
 * the kernel's list of addresses. The loader loses a list of 40 octets when a cancellation opens
 * libgcc, which is loaded already. */
static const char lost_by_others[] =
    "{\n openssl\n Memcheck:Leak\n fun:malloc\n fun:CRYPTO_*alloc\n obj:*/libssl.so*\n}\n"
    "{\n openssl 3.5\n Memcheck:Leak\n fun:malloc\n fun:CRYPTO_malloc\n fun:CRYPTO_zalloc\n"
    " obj:*/libssl.so*\n}\n"
    "{\n gnutls\n Memcheck:Leak\n fun:malloc\n obj:*/libgnutls.so*\n ...\n"
    " fun:gnutls_handshake\n}\n"
    "{\n libc\n Memcheck:Leak\n fun:malloc\n fun:make_request\n fun:__check_pf\n}\n"
    "{\n libc 2.41\n Memcheck:Leak\n fun:realloc\n fun:make_request\n fun:__check_pf\n}\n"
    "{\n loader\n Memcheck:Leak\n fun:malloc\n fun:malloc\n fun:_dl_map_object_deps\n}\n"
    "{\n loader 2.31\n Memcheck:Leak\n fun:malloc\n fun:_dl_map_object_deps\n}\n";

static void check_lost(const char *attack)
{
    char file[64];
    char valgrind[256];
    if (system("command -v valgrind >/dev/null") != 0 || getenv("ECHSHIM_TEST_PRELOAD") != NULL) {
        cr_skip_test("no valgrind here");
    }
    snprintf(file, sizeof file, "/tmp/echshim-test.%d.supp", (int)getpid());
    FILE *out = fopen(file, "we");
    cr_assert(out != NULL && fputs(lost_by_others, out) >= 0 && fclose(out) == 0);
    snprintf(
        valgrind, sizeof valgrind,
        "MEMORY=valgrind valgrind -q --error-exitcode=99 --leak-check=full --max-stackframe=65536 "
        "--show-leak-kinds=definite --errors-for-leak-kinds=definite --num-callers=24 "
        "--suppressions=%s",
        file);
    check_attack(attack, "ECHSHIM_MODE=strict", "20", valgrind);
    (void)remove(file);
}

#define LOST(name, attack)                                                                         \
    Test(jumps, nothing_of_ours_is_lost_##name)                                                    \
    {                                                                                              \
        check_lost(attack);                                                                        \
    }                                                                                              \
    struct world

LOST(in_names, "names");
LOST(in_names_cancelled, "names-cancelled");
LOST(in_openssl, "openssl-connect");
LOST(in_openssl_cancelled, "openssl-cancelled");
LOST(in_gnutls, "gnutls");
