/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static struct addrinfo *address_of(const char *where)
{
    char host[256];
    const char *colon = strrchr(where, ':');
    if (colon == NULL || (size_t)(colon - where) >= sizeof host) {
        die("%s: not ADDRESS:PORT", where);
    }
    size_t len = (size_t)(colon - where);
    if (len >= 2 && where[0] == '[' && where[len - 1] == ']') {
        where++;
        len -= 2;
    }
    memcpy(host, where, len);
    host[len] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        die("%s: not ADDRESS:PORT", where);
    }
    return found;
}

static int listen_on_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 512) != 0) {
        die("%s: %s", path, strerror(errno));
    }
    printf("listening %s\n", path);
    fflush(stdout);
    return fd;
}

int listen_on(const char *where)
{
    if (where[0] == '/') {
        return listen_on_path(where);
    }
    struct addrinfo *address = address_of(where);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 512) != 0) {
        die("%s: %s", where, strerror(errno));
    }
    freeaddrinfo(address);
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof bound;
    char host[64];
    char port[16];
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0 ||
        getnameinfo((struct sockaddr *)&bound, bound_len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        die("%s: no name of the listening socket", where);
    }
    printf(bound.ss_family == AF_INET6 ? "listening [%s]:%s\n" : "listening %s:%s\n", host, port);
    fflush(stdout);
    return fd;
}

int connect_to(const char *where)
{
    struct addrinfo *address = address_of(where);
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(address);
    return fd;
}

struct job {
    void (*serve)(int fd, void *argument, unsigned number);
    void *argument;
    int fd;
    unsigned number;
};

static void *work(void *argument)
{
    struct job job = *(struct job *)argument;
    free(argument);
    job.serve(job.fd, job.argument, job.number);
    return NULL;
}

void serve_forever(int listener, void (*serve)(int fd, void *argument, unsigned number),
                   void *argument)
{
    signal(SIGPIPE, SIG_IGN);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 256 * 1024);
    unsigned number = 0;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            die("accept: %s", strerror(errno));
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct job *job = malloc(sizeof *job);
        if (job == NULL) {
            die("out of memory");
        }
        *job = (struct job){serve, argument, fd, ++number};
        pthread_t thread;
        if (pthread_create(&thread, &detached, work, job) != 0) {
            die("no more threads");
        }
    }
}
