/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hooked WAY: uses the C library's functions that the shim hooks, and prints "WAY well" if they do
 * what their manual pages say.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_in server;

static int receiver(int type)
{
    socklen_t length = sizeof server;
    int fd = socket(AF_INET, type, 0);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)&server, sizeof server) != 0 ||
        getsockname(fd, (struct sockaddr *)&server, &length) != 0) {
        perror("receiver");
        exit(2);
    }
    return fd;
}

static bool received(int fd, const char *text)
{
    char octets[16];
    ssize_t length = recv(fd, octets, sizeof octets, 0);
    return length == (ssize_t)strlen(text) && memcmp(octets, text, strlen(text)) == 0;
}

/* Each way to send a datagram to an address, and their errors. */
static bool datagrams(void)
{
    int to = receiver(SOCK_DGRAM);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr *address = (const struct sockaddr *)&server;
    struct iovec parts[2] = {{"th", 2}, {"ree", 3}};
    struct msghdr message = {
        .msg_name = &server, .msg_namelen = sizeof server, .msg_iov = parts, .msg_iovlen = 2};
    struct mmsghdr two[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
    static char long_address[200];
    errno = 0;
    return sendto(fd, "one", 3, 0, address, sizeof server) == 3 && received(to, "one") &&
           sendto(fd, "", 0, 0, address, sizeof server) == 0 && received(to, "") &&
           sendmsg(fd, &message, 0) == 5 && received(to, "three") && sendmmsg(fd, two, 2, 0) == 2 &&
           received(to, "three") && received(to, "three") && two[1].msg_len == 5 && errno == 0 &&
           sendto(fd, "x", 1, 0, address, 4) == -1 && errno == EINVAL &&
           sendto(fd, "x", 1, 0, (struct sockaddr *)long_address, sizeof long_address) == -1 &&
           errno == EINVAL && sendto(-1, "x", 1, 0, address, sizeof server) == -1 &&
           errno == EBADF && sendto(fd, (void *)1, 1, 0, address, sizeof server) == -1 &&
           errno == EFAULT && sendto(fd, "x", 1, 0, (void *)1, sizeof server) == -1 &&
           errno == EFAULT && sendmsg(fd, (void *)1, 0) == -1 && errno == EFAULT &&
           connect(fd, (void *)1, sizeof server) == -1 && errno == EFAULT &&
           connect(fd, address, sizeof server) == 0 && send(fd, "four", 4, 0) == 4 &&
           received(to, "four");
}

/* A filter of the program's own, which lets everything go. */
static bool locked(void)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog filter = {.len = 1, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 && datagrams();
}

static void *connect_without_end(void *unused)
{
    for (;;) { /* the listener's queue is short */
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        (void)connect(fd, (const struct sockaddr *)&server, sizeof server);
    }
    return unused;
}

/* A thread that waits in connect can be cancelled. */
static bool cancelled(void)
{
    pthread_t thread;
    void *end = NULL;
    int fd = receiver(SOCK_STREAM);
    if (listen(fd, 0) != 0 || pthread_create(&thread, NULL, connect_without_end, NULL) != 0) {
        return false;
    }
    usleep(200000);
    return pthread_cancel(thread) == 0 && pthread_join(thread, &end) == 0 &&
           end == PTHREAD_CANCELED;
}

int main(int argc, char *argv[])
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } ways[] = {{"datagrams", datagrams}, {"locked", locked}, {"cancelled", cancelled}};
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++) {
        if (strcmp(argv[1], ways[i].name) == 0) {
            printf("%s %s\n", ways[i].name, ways[i].run() ? "well" : strerror(errno));
        }
    }
    return 0;
}
