/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines into a process with limits: writing never waits, raises no signal, and reaches no wrong
 * file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "shim/stub/guest_output.h"

static char folder[] = "/tmp/echshim-test.XXXXXX";
static char path[64];
static const struct shim_output_calls calls = {.writev = writev, .sendmsg = sendmsg};

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report", folder);
}

static void end(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(output, .init = start, .fini = end, .timeout = 30);

static bool say(struct shim_output *output, const char *text)
{
    const struct iovec part = {.iov_base = (void *)(size_t)text, .iov_len = strlen(text)};
    return shim_output_line(output, &calls, &part, 1);
}

static const char *contents(void)
{
    static char text[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[length > 0 ? length : 0] = '\0';
    if (fd >= 0) {
        (void)close(fd);
    }
    return text;
}

static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(fd);
    return fd;
}

/* No signal is left behind, and none of the program's is lost. */
static void expect_no_signal(void)
{
    sigset_t pending;
    sigset_t blocked;
    cr_assert_eq(sigpending(&pending), 0);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    cr_assert_eq(sigismember(&pending, SIGPIPE), 0);
    cr_assert_eq(sigismember(&pending, SIGXFSZ), 0);
    cr_assert_eq(sigismember(&blocked, SIGPIPE), 0);
    cr_assert_eq(sigismember(&blocked, SIGTERM), 0);
}

Test(output, a_file_is_appended_to)
{
    struct shim_output output = {.path = path, .fd = -1};
    int lowest = next_descriptor();
    cr_assert(say(&output, "one\n"));
    cr_assert(say(&output, "two\n"));
    cr_assert_str_eq(contents(), "one\ntwo\n");
    cr_assert_eq(next_descriptor(), lowest, "a descriptor is left");
    expect_no_signal();
}

Test(output, nowhere_is_no_loss)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    cr_assert_not(say(&output, "one\n"));
    cr_assert_eq(atomic_load(&output.lost), 0);
}

static void limit_files(rlim_t octets)
{
    const struct rlimit limit = {.rlim_cur = octets, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* SIGXFSZ would end the program; a cut line would spoil the next one. */
Test(output, a_file_at_its_limit_keeps_whole_lines)
{
    struct shim_output output = {.path = path, .fd = -1};
    cr_assert(say(&output, "0123456789\n"));
    limit_files(15);
    cr_assert_not(say(&output, "abcdefghij\n"), "it fits in part");
    cr_assert_str_eq(contents(), "0123456789\n");
    limit_files(11);
    errno = 0;
    cr_assert_not(say(&output, "abcdefghij\n"), "nothing fits");
    cr_assert_eq(errno, EFBIG);
    expect_no_signal();
    limit_files(RLIM_INFINITY);
    cr_assert(say(&output, "two\n"));
    cr_assert_str_eq(contents(), "0123456789\ntwo\n");
    cr_assert_eq(atomic_load(&output.lost), 2);
}

Test(output, a_descriptor_at_its_limit_begins_a_line_anew)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    shim_output_to_descriptor(&output, fd);
    limit_files(4);
    cr_assert_not(say(&output, "abcdefghij\n"));
    cr_assert_not(say(&output, "abcdefghij\n"));
    expect_no_signal();
    limit_files(RLIM_INFINITY);
    cr_assert(say(&output, "two\n"));
    cr_assert(say(&output, "three\n"));
    cr_assert_str_eq(contents(), "abcd\ntwo\nthree\n");
}

Test(output, a_full_disk)
{
    struct shim_output output = {.path = "/dev/full", .fd = -1};
    cr_assert_not(say(&output, "one\n"));
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(atomic_load(&output.lost), 1);
}

static void check_broken_pipe(struct shim_output *output)
{
    cr_assert_not(say(output, "one\n"));
    expect_no_signal();
    cr_assert_eq(atomic_load(&output->lost), 1);
}

Test(output, a_pipe_without_a_reader)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    shim_output_to_descriptor(&output, ends[1]);
    (void)close(ends[0]);
    check_broken_pipe(&output);
}

Test(output, a_stream_without_a_reader)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    shim_output_to_descriptor(&output, ends[1]);
    (void)close(ends[0]);
    check_broken_pipe(&output);
}

Test(output, a_fifo_without_a_reader)
{
    struct shim_output output = {.path = path, .fd = -1};
    cr_assert_eq(mkfifo(path, 0600), 0);
    check_broken_pipe(&output);
}

/* A signal that was already pending for the program stays. */
Test(output, a_pending_signal_of_the_program_stays)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    sigset_t set;
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    shim_output_to_descriptor(&output, ends[1]);
    (void)close(ends[0]);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)raise(SIGPIPE);
    cr_assert_not(say(&output, "one\n"));
    (void)sigpending(&set);
    cr_assert_eq(sigismember(&set, SIGPIPE), 1);
}

/* Fills a descriptor as the program would, and leaves it blocking as it was. */
static void fill(int fd)
{
    static const char octets[4096];
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (write(fd, octets, sizeof octets) > 0) {
    }
    while (write(fd, octets, 1) > 0) {
    }
    (void)fcntl(fd, F_SETFL, flags);
}

static void empty(int fd)
{
    static char octets[4096];
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    while (read(fd, octets, sizeof octets) > 0) {
    }
}

static void check_full(int to, int from)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    char got[64];
    shim_output_to_descriptor(&output, to);
    fill(to);
    int flags = fcntl(to, F_GETFL);
    cr_assert_not(say(&output, "one\n"));
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(fcntl(to, F_GETFL), flags, "others share the open file");
    cr_assert_eq(atomic_load(&output.lost), 1);
    empty(from);
    cr_assert(say(&output, "two\n"));
    ssize_t length = read(from, got, sizeof got);
    cr_assert_eq(length, 4);
    cr_assert_eq(memcmp(got, "two\n", 4), 0);
    expect_no_signal();
}

Test(output, a_full_pipe)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    check_full(ends[1], ends[0]);
}

Test(output, a_full_stream)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    check_full(ends[1], ends[0]);
}

Test(output, a_full_datagram_socket)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    check_full(ends[1], ends[0]);
}

/* Flow control, by which a user stops a terminal: ^S. */
Test(output, a_stopped_terminal)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(keyboard, 0);
    cr_assert_eq(grantpt(keyboard) | unlockpt(keyboard), 0);
    int terminal = open(ptsname(keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(terminal, 0);
    shim_output_to_descriptor(&output, terminal);
    cr_assert_eq(tcflow(terminal, TCOOFF), 0);
    cr_assert_not(say(&output, "one\n"));
    cr_assert_eq(tcflow(terminal, TCOON), 0);
    cr_assert(say(&output, "two\n"));
}

enum { WRITERS = 8 };

static void *write_lines(void *argument)
{
    for (int i = 0; i < 200; i++) {
        (void)say(argument, "a line that nobody reads, of some length, so that the pipe fills\n");
    }
    return NULL;
}

/* Two writers see the last free place at the same time: neither may wait forever. */
Test(output, many_writers_to_a_pipe_that_nobody_reads)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    pthread_t threads[WRITERS];
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    shim_output_to_descriptor(&output, ends[1]);
    for (size_t i = 0; i < WRITERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, write_lines, &output), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    cr_assert_gt(atomic_load(&output.lost), 0);
}

Test(output, a_line_too_long_for_a_pipe_is_dropped_whole)
{
    static char text[PIPE_BUF + 2];
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int ends[2];
    memset(text, 'a', sizeof text - 1);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    shim_output_to_descriptor(&output, ends[1]);
    cr_assert_not(say(&output, text));
    struct pollfd readable = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&readable, 1, 0), 0);
}

/* ---- descriptors that the program has taken over ---- */

static void check_taken(int fd, int other)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    char got[64];
    shim_output_to_descriptor(&output, fd);
    cr_assert_eq(dup2(other, fd), fd);
    errno = 0;
    cr_assert_not(say(&output, "secret.example.org\n"));
    cr_assert_eq(errno, EBADF);
    cr_assert_eq(read(fd, got, sizeof got), -1, "something was written");
}

static int file(void)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    return fd;
}

Test(output, a_descriptor_that_became_a_socket)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    int spare = dup(ends[0]);
    (void)spare;
    check_taken(file(), ends[1]);
    char got[8];
    cr_assert_eq(recv(ends[0], got, sizeof got, MSG_DONTWAIT), -1);
}

Test(output, a_pipe_that_became_another_pipe)
{
    int ends[2];
    int others[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(others, O_CLOEXEC | O_NONBLOCK), 0);
    check_taken(ends[1], others[1]);
    char got[8];
    cr_assert_eq(read(others[0], got, sizeof got), -1);
}

Test(output, a_descriptor_that_became_a_file)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    shim_output_to_descriptor(&output, ends[1]);
    cr_assert_eq(dup2(file(), ends[1]), ends[1]);
    cr_assert_not(say(&output, "secret.example.org\n"));
    cr_assert_str_eq(contents(), "");
}

Test(output, a_closed_descriptor_and_one_that_never_was)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int fd = file();
    shim_output_to_descriptor(&output, fd);
    (void)close(fd);
    cr_assert_not(say(&output, "one\n"));
    shim_output_to_descriptor(&output, fd);
    cr_assert_eq(file(), fd);
    cr_assert_not(say(&output, "one\n"), "it was closed at the start: nobody meant this file");
}

/* The same file opened anew is the same place. */
Test(output, a_descriptor_opened_anew)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    int fd = file();
    shim_output_to_descriptor(&output, fd);
    (void)close(fd);
    cr_assert_eq(file(), fd);
    cr_assert(say(&output, "one\n"));
    cr_assert_str_eq(contents(), "one\n");
}

static int first;
static int second;
static atomic_bool over;

static void *exchange(void *argument)
{
    int fd = *(int *)argument;
    while (!atomic_load(&over)) {
        (void)dup2(first, fd);
        (void)dup2(second, fd);
    }
    return NULL;
}

/* Another thread exchanges the file at any moment, also between our check and our write. */
Test(output, a_descriptor_exchanged_all_the_time)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    struct stat status;
    pthread_t thread;
    first = file();
    second = memfd_create("data", MFD_CLOEXEC);
    int fd = dup(first);
    shim_output_to_descriptor(&output, fd);
    cr_assert_eq(pthread_create(&thread, NULL, exchange, &fd), 0);
    for (int i = 0; i < 20000; i++) {
        (void)say(&output, "secret\n");
    }
    atomic_store(&over, true);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(fstat(second, &status), 0);
    cr_assert_eq(status.st_size, 0, "a line lies in the program's data");
}

/* ---- lack of descriptors ---- */

Test(output, no_descriptor_is_free)
{
    struct shim_output output = SHIM_OUTPUT_NOWHERE;
    struct shim_output by_path = {.path = path, .fd = -1};
    shim_output_to_descriptor(&output, file());
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 1024};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    cr_assert_not(say(&output, "one\n"));
    cr_assert_not(say(&by_path, "one\n"));
    const struct rlimit few = {.rlim_cur = 20, .rlim_max = 1024};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    cr_assert(say(&output, "two\n"), "below the numbers that we like best");
    cr_assert_eq(atomic_load(&output.lost), 1);
}
