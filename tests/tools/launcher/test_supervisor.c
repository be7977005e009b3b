/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that the shim cannot be in, held by the supervisor: what they try, and what the wire
 * shows. */
#include "tests/tools/launcher/held.h"
#include "tests/tools/launcher/launch.h"
#include "tests/tools/launcher/tool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(supervisor, .fini = world_end, .timeout = 120);

static char line[4096];

#define WAYS_INTO_32 "int80-connect int80-socketcall int80-sendmsg"

/* ---- what is refused, and what is not ---- */

/* Without this the tests below could not fail. */
Test(supervisor, the_wire_shows_what_is_not_held)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--mode=opportunistic",
               held_command("connects-static", "443 connect fastopen-sendmsg"));
    held_expect(&result, "connect fastopen-sendmsg", 0);
    result = launch(world, "--mode=opportunistic", held_command("connects", "443 double-fork"));
    held_expect(&result, "double-fork", 0);
    cr_assert_eq(world_wire_count(world, INNER_NAME), 3);
}

#define LINE(host)                                                                                 \
    "\"host\":\"" host "\",\"port\":443,\"mode\":\"strict\",\"outcome\":\"refused\","              \
    "\"reason\":\"unreachable_tls\""

static void expect_all_refused(struct world *world, const char *program)
{
    static const char ways[] = HELD_WAYS " " HELD_ELSEWHERE;
    struct run_result result = launch(world, "--strict -q --report=lines",
                                      held_command(program, "443 " HELD_WAYS " " HELD_ELSEWHERE));
    expect_exit(&result, 0, NULL);
    held_expect(&result, ways, EACCES);
#if defined(__x86_64__)
    if (held_machine_runs_32()) {
        result = launch(world, "--strict -q", held_command(program, "443 " WAYS_INTO_32));
        held_expect(&result, WAYS_INTO_32, EACCES);
    }
    result = launch(world, "--strict -q", held_command(program, "443 x32"));
    held_expect(&result, "x32", ENOSYS);
#endif
    world_expect_hidden(world);
    const char *report = world_read(world, "lines", NULL);
    unsigned count = held_count(ways, " ") + 1;
    cr_assert_eq(held_count(report, LINE("127.0.0.1")), count - 2, "%s", report);
    cr_assert_eq(held_count(report, LINE("::ffff:127.0.0.1")), 1, "%s", report);
    cr_assert_eq(held_count(report, LINE("::1")), 1, "%s", report);
    snprintf(line, sizeof line, "\"program\":\"%s\"", tool_program(program));
    cr_assert_eq(held_count(report, line), count - 1, "%s", report);
    cr_assert_eq(held_count(report, "\"program\":\"/memfd:program (deleted)\""), 1, "%s", report);
}

Test(supervisor, a_static_program_is_held)
{
    expect_all_refused(world_start(NULL), "connects-static");
}

/* The stub lives in it, but these calls are instructions of the program itself, as in Go. */
Test(supervisor, calls_beside_the_stub_are_held)
{
    expect_all_refused(world_start(NULL), "connects");
}

Test(supervisor, what_is_no_tls_passes)
{
    static const char *const programs[] = {"connects-static", "connects"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < 2; i++) {
        struct run_result result = launch(
            world, "--strict",
            held_command(programs[i], "9 unix unix-sendmsg bad-pointer io_uring connect disconnect "
                                      "datagram-connect datagram-sendmsg"));
        held_expect(&result, "unix", ENOENT);
        held_expect(&result, "bad-pointer", EFAULT);
        held_expect(&result, "io_uring", ENOSYS);
        held_expect(&result, "connect", ECONNREFUSED);
        held_expect(&result, "unix-sendmsg disconnect datagram-connect datagram-sendmsg", 0);
    }
}

/* The guard of the stub judges what follows. */
Test(supervisor, calls_of_the_stub_pass)
{
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict", held_command("connects", "443 libc"));
    held_expect(&result, "libc", 0);
    world_expect_hidden(world);
    result = launch(world, "--strict", held_command("connects-static", "443 libc"));
    held_expect(&result, "libc", EACCES);
}

Test(supervisor, hooked_programs_work_as_before)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --report",
               "sh -c 'wget -qO- --ca-certificate=\"$CA\" https://" INNER_NAME
               "/; curl -sS --cacert \"$CA\" https://" INNER_NAME "/'");
    expect_exit(&result, 0, "2 handshakes: 2 accepted");
    world_expect_hidden(world);
}

/* The shim makes these calls itself; they do what libc's do, also behind the program's own filter.
 */
Test(supervisor, hooked_calls_are_those_of_the_c_library)
{
    static const char *const ways[] = {"datagrams", "locked", "cancelled"};
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(line, sizeof line, "%s well\n", ways[i]);
        struct run_result result = launch(world, "--strict", held_command("hooked", ways[i]));
        cr_assert_str_eq(result.out, line, "%s%s", result.out, result.err);
        result = launch(world, "--mode=opportunistic", held_command("hooked", ways[i]));
        cr_assert_str_eq(result.out, line, "%s%s", result.out, result.err);
    }
}

/* getaddrinfo sorts addresses by connecting datagram sockets to the port that it was asked for. */
Test(supervisor, calls_of_the_c_library_pass)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --report=lines",
               "/usr/bin/python3 -c 'import socket\n"
               "print(len(socket.getaddrinfo(\"localhost\", \"443\", type=socket.SOCK_STREAM)))'");
    expect_exit(&result, 0, NULL);
    cr_assert_str_empty(world_read(world, "lines", NULL));
}

/* A script reaches libc's functions in ways of its own, and the number of a system call. */
Test(supervisor, calls_of_a_script)
{
    static const char script[] =
        "import ctypes, os, socket, struct\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "again = ctypes.CDLL(\"libc.so.6\", use_errno=True)\n"
        "address = struct.pack(\"=HH4s8x\", 2, socket.htons(443), bytes([127, 0, 0, 1]))\n"
        "hello = bytes([22, 3, 1, 0, 90, 1, 0, 0, 86, 3, 3]) + bytes(32) + bytes([0, 0, 2, 19, 1, "
        "\n"
        "    1, 0, 0, 43, 0, 0, 0, 39, 0, 37, 0, 0, 34]) + b\"" INNER_NAME "\".ljust(34, b\".\")\n"
        "ways = [\n"
        "    lambda s: libc.connect(s.fileno(), address, 16),\n"
        "    lambda s: again.connect(s.fileno(), address, 16),\n"
        "    lambda s: libc.syscall(SYS_CONNECT, s.fileno(), address, 16),\n"
        "    lambda s: again.syscall(SYS_CONNECT, s.fileno(), address, 16),\n"
        "    lambda s: s.connect((\"127.0.0.1\", 443)),\n"
        "    lambda s: s.sendto(hello, socket.MSG_FASTOPEN, (\"127.0.0.1\", 443)),\n"
        "    lambda s: s.sendmsg([hello], [], socket.MSG_FASTOPEN, (\"127.0.0.1\", 443))]\n"
        "for way in ways:\n"
        "    for send in (lambda s: s.send(hello), lambda s: os.write(s.fileno(), hello),\n"
        "                 lambda s: libc.syscall(SYS_WRITE, s.fileno(), hello, len(hello))):\n"
        "        with socket.socket() as s:\n"
        "            try: way(s); send(s)\n"
        "            except OSError as error: pass\n"
        "print(\"tried\")\n";
    struct world *world = world_start(NULL);
    FILE *file;
    snprintf(line, sizeof line, "%s/script.py", world->folder);
    file = fopen(line, "w");
    cr_assert_not_null(file);
    fprintf(file, "SYS_CONNECT, SYS_WRITE = %d, %d\n%s", SYS_connect, SYS_write, script);
    fclose(file);
    struct run_result result = launch(world, "--strict", "/usr/bin/python3 \"$WORLD/script.py\"");
    expect_exit(&result, 0, "tried");
    world_expect_hidden(world);
    result = launch(world, "--off", "/usr/bin/python3 \"$WORLD/script.py\"");
    expect_exit(&result, 0, "tried");
    cr_assert_gt(world_wire_await(world, INNER_NAME, 11), 10);
}

Test(supervisor, programs_of_32_bits)
{
    static const char *const ways[] = {"connect", "socketcall", "unix"};
    if (!held_machine_runs_32() || access(tool_program("connects32"), X_OK) != 0) {
        fprintf(stderr, "supervisor: skipped: this machine has no such programs\n");
        return;
    }
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct run_result result = launch(world, "--strict", held_command("connects32", ways[i]));
        expect_exit(&result, strcmp(ways[i], "unix") == 0 ? ENOENT : EACCES, NULL);
    }
}

/* The stub of 32-bit programs makes its calls by an instruction of its own, too. */
Test(supervisor, the_pass_of_32_bits)
{
    if (!held_machine_runs_32() || access(tool_program("passing32"), X_OK) != 0) {
        fprintf(stderr, "supervisor: skipped: this machine has no such programs\n");
        return;
    }
    struct world *world = world_start(NULL);
    struct run_result result = launch(world, "--strict -q", held_command("passing32", ""));
    expect_exit(&result, 0, NULL);
}

Test(supervisor, other_ports)
{
    struct world *world = world_start(NULL);
    struct run_result result =
        launch(world, "--strict --ports=9,10",
               held_command("connects-static", "9 connect datagram-sendmmsg"));
    held_expect(&result, "connect datagram-sendmmsg", EACCES);
    result = launch(world, "--strict --ports=9,10", held_command("connects-static", "11 connect"));
    held_expect(&result, "connect", ECONNREFUSED);
}

/* With an encrypted resolver no question for names may go out by itself. */
Test(supervisor, names_in_the_clear)
{
    struct world *world = world_start(NULL);
    static const char dns[] = "datagram-sendto datagram-sendmmsg";
    snprintf(line, sizeof line, "--strict --resolver=%s", DNS_TLS);
    char *options = strdup(line);
    struct run_result result =
        launch(world, options,
               held_command("connects-static", "53 datagram-connect datagram-sendto "
                                               "datagram-sendmmsg"));
    held_expect(&result, dns, EACCES);
    held_expect(&result, "datagram-connect", 0); /* it leads to the supervisor: test_go_asks.c */
    result = launch(world, options, held_command("connects-static", "853 connect"));
    held_expect(&result, "connect", EACCES);
    result = launch(world, "--strict",
                    held_command("connects-static", "53 datagram-connect datagram-sendto"));
    held_expect(&result, "datagram-connect datagram-sendto", 0);
}

/* Where strict mode holds for some hosts only, the supervisor cannot tell which one it is. */
Test(supervisor, strict_for_one_host)
{
    struct world *world = world_start(NULL);
    snprintf(line, sizeof line, "%s/strict.conf", world->folder);
    FILE *file = fopen(line, "w");
    cr_assert_not_null(file);
    fputs("[host \"other.example\"]\nmode = strict\n", file);
    fclose(file);
    char *options;
    cr_assert_gt(asprintf(&options, "--conf='%s'", line), 0);
    struct run_result result =
        launch(world, options, held_command("connects-static", "443 connect"));
    held_expect(&result, "connect", EACCES);
    world_expect_hidden(world);
}
