/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program with many handshakes that wait for an answer, as a crawler has: pending ADDRESS PORT
 * NAME CA COUNT. It begins all of them, on non-blocking sockets, and then continues each one that
 * has its answer. Prints how many were done, the processor time of a hello at the beginning and at
 * the end, and the octets of heap that each hello holds while it waits. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 60000, EVENTS = 64, BLOCK = 1000, WARM_UP = 10 };

struct peer {
    struct sockaddr_in address;
    const char *name;
    SSL_CTX *ctx;
    int epoll;
};

static void fail_tls(const char *what)
{
    ERR_print_errors_fp(stderr);
    fail("%s", what);
}

static double processor_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* What is allocated, also in blocks that were mapped for themselves. */
static size_t heap(void)
{
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
#else
    struct mallinfo all = mallinfo();
    return (unsigned)all.uordblks + (size_t)(unsigned)all.hblkhd;
#endif
}

/* Returns the processor time of the hello. */
static double begin(const struct peer *peer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&peer->address, sizeof peer->address) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        fail("connect: %s", strerror(errno));
    }
    SSL *ssl = SSL_new(peer->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, peer->name) != 1 ||
        SSL_set1_host(ssl, peer->name) != 1) {
        fail_tls("SSL_new");
    }
    double before = processor_us();
    int result = SSL_connect(ssl);
    double taken = processor_us() - before;
    if (result == 1 || SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
        fail_tls("there is no hello");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = ssl};
    if (epoll_ctl(peer->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl: %s", strerror(errno));
    }
    return taken;
}

static bool go_on(SSL *ssl)
{
    int result = SSL_connect(ssl);
    if (result != 1) {
        if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
            fail_tls("SSL_connect");
        }
        return false;
    }
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    return true;
}

static void finish(const struct peer *peer, int count)
{
    for (int done = 0; done < count;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(peer->epoll, events, EVENTS, WAIT_MS);
        if (ready <= 0) {
            fail("nothing happens any more: %d are done", done);
        }
        for (int i = 0; i < ready; i++) {
            done += go_on(events[i].data.ptr);
        }
    }
}

static double mean(const double *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / count;
}

int main(int argc, char **argv)
{
    int count = argc == 6 ? atoi(argv[5]) : 0;
    if (count < 4 * WARM_UP) {
        fail("usage: pending ADDRESS PORT NAME CA COUNT");
    }
    struct rlimit files;
    struct peer peer = {
        .address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))},
        .name = argv[3],
        .ctx = SSL_CTX_new(TLS_client_method()),
        .epoll = epoll_create1(EPOLL_CLOEXEC)};
    double *taken = calloc((size_t)count, sizeof *taken);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    if (inet_pton(AF_INET, argv[1], &peer.address.sin_addr) != 1 || taken == NULL ||
        setrlimit(RLIMIT_NOFILE, &files) != 0 ||
        SSL_CTX_load_verify_locations(peer.ctx, argv[4], NULL) != 1) {
        fail_tls("no start");
    }
    SSL_CTX_set_verify(peer.ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(peer.ctx, SSL_MODE_RELEASE_BUFFERS);
    size_t before = 0;
    for (int i = 0; i < count; i++) {
        before = i == WARM_UP ? heap() : before;
        taken[i] = begin(&peer);
    }
    size_t held = (heap() - before) / (size_t)(count - WARM_UP);
    finish(&peer, count);
    int block = (count - WARM_UP) / 2 < BLOCK ? (count - WARM_UP) / 2 : BLOCK;
    double first = mean(taken + WARM_UP, block);
    double last = mean(taken + count - block, block);
    printf("done %d of %d\nthe first %d hellos took %.0f us each, the last %d %.0f us: ratio %.2f\n"
           "heap: %zu octets a hello\n",
           count, count, block, first, block, last, last / first, held);
    free(taken);
    SSL_CTX_free(peer.ctx);
    close(peer.epoll);
    return 0;
}
