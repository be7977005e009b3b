/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calls ROUNDS: prints what one system call of each kind takes, in nanoseconds: connect (to a UNIX
 * socket that is not there), getppid, read, write, sendmsg without an address.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int sockets[2];
static int zero;
static int nothing;
static const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nowhere/socket"};

static void make_connect(void)
{
    (void)connect(sockets[0], (const struct sockaddr *)&nowhere, sizeof nowhere);
}

static void make_getppid(void)
{
    (void)getppid();
}

static void make_read(void)
{
    char octet;
    (void)!read(zero, &octet, 1);
}

static void make_write(void)
{
    (void)!write(nothing, "x", 1);
}

static void make_sendmsg(void)
{
    struct iovec part = {.iov_base = (char[]){'x'}, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    (void)sendmsg(nothing, &message, 0); /* ENOTSOCK */
}

static double time_of(void (*call)(void), long rounds)
{
    struct timespec from;
    struct timespec to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long i = 0; i < rounds; i++) {
        call();
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
           (double)rounds;
}

int main(int argc, char *argv[])
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    zero = open("/dev/zero", O_RDONLY);
    nothing = open("/dev/null", O_WRONLY);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
        return 1;
    }
    close(sockets[0]);
    sockets[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    printf("%.0f %.0f %.0f %.0f %.0f\n", time_of(make_connect, rounds),
           time_of(make_getppid, 10 * rounds), time_of(make_read, 10 * rounds),
           time_of(make_write, 10 * rounds), time_of(make_sendmsg, rounds));
    return 0;
}
