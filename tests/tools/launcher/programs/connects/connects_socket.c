/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls, and what goes over a connection. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "connects.h"

#define NAME "secret.example.org"

long raw(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    long result = number;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "+a"(result)
                     : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
#endif
}

/* ---- what is sent ---- */

uint8_t hello[256];
size_t hello_length;

void make_hello(void)
{
    static const uint8_t head[] = {22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3};
    memcpy(hello, head, sizeof head);
    hello_length = sizeof head;
    memset(hello + hello_length, 7, 32);
    hello_length += 32;
    static const uint8_t rest[] = {0,
                                   0,
                                   2,
                                   0x13,
                                   1,
                                   1,
                                   0,
                                   0,
                                   sizeof NAME + 8,
                                   0,
                                   0,
                                   0,
                                   sizeof NAME + 4,
                                   0,
                                   sizeof NAME + 2,
                                   0,
                                   0,
                                   sizeof NAME - 1};
    memcpy(hello + hello_length, rest, sizeof rest);
    hello_length += sizeof rest;
    memcpy(hello + hello_length, NAME, sizeof NAME - 1);
    hello_length += sizeof NAME - 1;
    hello[4] = (uint8_t)(hello_length - 5);
    hello[8] = (uint8_t)(hello_length - 9);
}

int new_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        perror("socket");
        exit(2);
    }
    return fd;
}

/* Sends the hello over a stream, and waits until the other side has read it. */
static void send_hello(int fd)
{
    char answer[64];
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    (void)poll(&ready, 1, 5000);
    (void)raw(SYS_write, fd, (long)hello, (long)hello_length, 0, 0, 0);
    (void)shutdown(fd, SHUT_WR);
    ready.events = POLLIN;
    (void)poll(&ready, 1, 5000);
    (void)raw(SYS_read, fd, (long)answer, sizeof answer, 0, 0, 0);
}

int end_of(int fd, long result)
{
    bool going = result == -EINPROGRESS;
    if (result >= 0 || going) {
        send_hello(fd);
    }
    close(fd);
    return result >= 0 || going ? 0 : (int)-result;
}
