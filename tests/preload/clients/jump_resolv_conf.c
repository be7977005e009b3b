/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A signal handler jumps out of getaddrinfo while the C library reads resolv.conf, which holds a
 * lock: NAME FIFO KNOWN. Meanwhile resolv.conf is the FIFO, so that the reading takes long. KNOWN
 * is "known" if resolv.conf was read before. Says how the next look-up of the name ends.
 */
#include "client.h"

#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/time.h>
#include <unistd.h>

enum { JUMP_US = 200000, SECONDS = 20 };

static sigjmp_buf back;
static volatile sig_atomic_t jumped;

static void on_alarm(int number)
{
    (void)number;
    jumped = 1;
    siglongjmp(back, 1);
}

static int look_up(const char *name)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(name, "443", &hints, &list);
    if (error == 0) {
        freeaddrinfo(list);
    }
    return error;
}

static void leave(const char *name, const char *fifo)
{
    struct itimerval timer = {.it_value = {.tv_usec = JUMP_US}};
    if (mount(fifo, "/etc/resolv.conf", NULL, MS_BIND, NULL) != 0) {
        fail("resolv.conf cannot be the FIFO");
    }
    (void)signal(SIGALRM, on_alarm);
    if (sigsetjmp(back, 1) == 0) {
        (void)setitimer(ITIMER_REAL, &timer, NULL);
        (void)look_up(name);
    }
    if (!jumped || umount2("/etc/resolv.conf", MNT_DETACH) != 0) {
        fail("the look-up was not left");
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fail("usage: jump_resolv_conf NAME FIFO KNOWN");
    }
    if (strcmp(argv[3], "known") == 0 && look_up(argv[1]) != 0) {
        fail("the first look-up failed");
    }
    leave(argv[1], argv[2]);
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(SECONDS);
    int error = look_up(argv[1]);
    (void)printf("then: %s\n", error != 0 ? gai_strerror(error) : "found");
    return 0;
}
