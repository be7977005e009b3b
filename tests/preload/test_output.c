/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Report and log in a process with limits, and with descriptors of its own: the engine reports a
 * handshake, and the wire guard reports a hello that no library made. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(output, .fini = world_end, .timeout = 120);

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})

/* Scripts for python3: a handshake, and a hello made by hand. */
#define HANDSHAKE "r.urlopen('" URL "').read()\n"
#define BY_HAND                                                                                    \
    "s = socket.create_connection(('127.0.0.1', 443))\n"                                           \
    "s.send(b'\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc\\x03\\x03' + bytes(502))\n"            \
    "s.close()\n"
#define BOTH HANDSHAKE BY_HAND
/* python3 ignores two signals that end most programs. */
#define PYTHON(before, after)                                                                      \
    "cat >guest.py <<'END'\nimport os, signal, socket, sys, urllib.request as r\n"                 \
    "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"                                              \
    "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n" before BOTH after                            \
    "print('the guest lives')\nEND\n"
#define RUN_GUEST "/usr/bin/python3 guest.py"

static struct run_result guest(const char *script, const char *run, char *const extra[],
                               struct world **out)
{
    char command[4096];
    struct world *world = world_start(NULL);
    world_open_to_all(world);
    snprintf(command, sizeof command, "%s%s", script, run);
    *out = world;
    return world_shell(world, RUN_SHIM, extra, command);
}

/* ulimit counts blocks of 512 octets or more, so the limit is 0. */
Test(output, a_report_beyond_the_limit_of_file_sizes)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", ""), "(ulimit -f 0; " RUN_GUEST ") | cat",
              EXTRA("ECHSHIM_REPORT=limited", "ECHSHIM_LOG=debug", "ECHSHIM_LOG_FILE=log"), &world);
    expect_exit(&result, 0, "the guest lives");
    cr_assert_str_empty(world_read(world, "limited", NULL));
    cr_assert_eq(world_log_count(world, "accepted", 1), 1);
}

Test(output, a_report_to_a_pipe_whose_reader_left)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", ""), "mkfifo pipe; exec 6<>pipe 7>pipe 6<&-; " RUN_GUEST,
              EXTRA("ECHSHIM_REPORT=fd:7"), &world);
    expect_exit(&result, 0, "the guest lives");
}

Test(output, a_log_to_standard_error_whose_reader_left)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", ""), "mkfifo pipe; exec 6<>pipe 2>pipe 6<&-; " RUN_GUEST,
              EXTRA("ECHSHIM_LOG_FILE=", "ECHSHIM_LOG=debug"), &world);
    expect_exit(&result, 0, "the guest lives");
}

/* The reader exists and does not read. */
#define FULL_PIPE                                                                                  \
    "mkfifo pipe; exec 7<>pipe; dd if=/dev/zero of=pipe oflag=nonblock bs=4096 2>/dev/null; "

Test(output, a_report_to_a_full_pipe)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", ""), FULL_PIPE RUN_GUEST, EXTRA("ECHSHIM_REPORT=fd:7"), &world);
    expect_exit(&result, 0, "the guest lives");
}

Test(output, a_report_to_a_full_pipe_by_path)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", ""), FULL_PIPE RUN_GUEST, EXTRA("ECHSHIM_REPORT=pipe"), &world);
    expect_exit(&result, 0, "the guest lives");
}

Test(output, a_log_to_a_full_pipe)
{
    struct world *world;
    struct run_result result = guest(PYTHON("", ""), FULL_PIPE RUN_GUEST " 2>pipe",
                                     EXTRA("ECHSHIM_LOG_FILE=", "ECHSHIM_LOG=debug"), &world);
    expect_exit(&result, 0, "the guest lives");
}

/* The next line tells how many lines are missing. */
Test(output, lost_lines_are_counted)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("os.chmod('.', 0o555)\nos.setresuid(65534, 65534, 0)\n",
                     "os.setresuid(0, 0, 0)\nos.chmod('.', 0o755)\n" HANDSHAKE),
              RUN_GUEST, EXTRA("ECHSHIM_MODE=opportunistic"), &world);
    expect_exit(&result, 0, "the guest lives");
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "lost", "2");
}

/* Standard error is closed, and a file or a connection of the program has its number. */
Test(output, standard_error_that_the_program_has_taken)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("os.close(2)\nassert os.open('data', os.O_WRONLY | os.O_CREAT) == 2\n", ""),
              RUN_GUEST, EXTRA("ECHSHIM_LOG_FILE=", "ECHSHIM_LOG=debug"), &world);
    expect_exit(&result, 0, "the guest lives");
    cr_assert_str_empty(world_read(world, "data", NULL));
}

Test(output, standard_error_that_was_closed_at_the_start)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("assert os.open('data', os.O_WRONLY | os.O_CREAT) in (2, 3)\n", ""),
              RUN_GUEST " 2>&-",
              EXTRA("ECHSHIM_LOG_FILE=", "ECHSHIM_LOG=debug", "ECHSHIM_TIMEOUT_MS=no"), &world);
    expect_exit(&result, 0, "the guest lives");
    cr_assert_str_empty(world_read(world, "data", NULL));
}

Test(output, a_report_whose_number_the_program_has_taken)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("own = os.open('data', os.O_WRONLY | os.O_CREAT)\nos.dup2(own, 7)\n", ""),
              "exec 7>taken; " RUN_GUEST, EXTRA("ECHSHIM_REPORT=fd:7"), &world);
    expect_exit(&result, 0, "the guest lives");
    cr_assert_str_empty(world_read(world, "data", NULL));
    cr_assert_str_empty(world_read(world, "taken", NULL));
}

/* A full disk. (dd asks aligned_alloc for sizes that the address sanitizer refuses.) */
Test(output, a_report_to_a_full_disk_has_whole_lines)
{
    struct world *world;
    struct run_result result =
        guest(PYTHON("", "os.unlink('small/filler')\n" HANDSHAKE),
              "mkdir small; mount -t tmpfs -o size=8k none small; "
              "dd if=/dev/zero of=small/filler bs=4096 count=1 2>/dev/null; "
              "head -c 3900 /dev/zero | tr '\\0' '\\n' >small/report; " RUN_GUEST
              "; code=$?; cat small/report | tr -s '\\n' >report; umount small; exit $code",
              EXTRA("ECHSHIM_REPORT=small/report"), &world);
    expect_exit(&result, 0, "the guest lives");
    expect_report(world, 1, "accepted", NULL);
    expect_report_text(world, "lost", "2");
}
