/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "soak.h"
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Few names, so that all memories of names are full when the measuring begins. */
enum { NAMES_SHARE = 40, GROWTH_KIB = 512, THREADS_MAX = 64 };

static unsigned count;
static unsigned names;

static int dial_address(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* A reset at the end leaves no port in TIME_WAIT: there are not enough of them. */
    struct linger reset = {.l_onoff = 1};
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1 || fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        fail("%s: no connection", text);
    }
    return fd;
}

/* A TLS library with an ECH client of its own fails the first handshake where ECH is disabled. */
static bool may_fail_once(const struct soak_way *way)
{
#ifdef DISABLED_IS_AN_ERROR
    return strcmp(way->outcome, "disabled") == 0;
#else
    (void)way;
    return false;
#endif
}

static void once(unsigned number)
{
    char name[128];
    const struct soak_way *way = &soak_ways[number % SOAK_WAYS];
    snprintf(name, sizeof name, way->name, number / SOAK_WAYS % names);
    int fd = dial_address(way->address);
    bool succeeded = soak_handshake(name, way->tls12, fd);
    if (succeeded == way->fails && !may_fail_once(way)) {
        fail("handshake %u, %s: %s", number, name, way->fails ? "succeeded" : "failed");
    }
    close(fd);
}

static void *share(void *argument)
{
    unsigned first = *(const unsigned *)argument;
    for (unsigned i = 0; i < count; i++) {
        once(first + i);
    }
    return NULL;
}

/* Each thread makes all handshakes, and begins with a different one. */
static void in_parallel(unsigned threads)
{
    pthread_t thread[THREADS_MAX];
    unsigned first[THREADS_MAX];
    for (unsigned i = 0; i < threads; i++) {
        first[i] = i;
        if (pthread_create(&thread[i], NULL, share, &first[i]) != 0) {
            fail("no thread");
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void one_by_one(void)
{
    struct footprint before;
    for (unsigned i = 0; i < names * SOAK_WAYS; i++) {
        once(i);
    }
    footprint_take(&before);
    for (unsigned i = 0; i < count; i++) {
        once(i);
    }
    footprint_check(&before, GROWTH_KIB);
}

/* ThreadSanitizer's runtime, if the test preloads it. */
extern void __tsan_init(void) __attribute__((weak));

/* With gcc 12's ThreadSanitizer, glibc's lock of locales counts fewer than no readers before main
 * begins, also without the shim. The destructor of p11-kit, which GnuTLS links, then can wait for
 * that lock for ever: no destructor runs. The runtime's own _exit still turns a race that it has
 * seen into an error. */
static void leave(void)
{
    if (__tsan_init != NULL) {
        fflush(stdout);
        _exit(0);
    }
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
    if (argc < 3 || (count = (unsigned)atoi(argv[2])) == 0 || threads > THREADS_MAX) {
        fail("usage: %s CAFILE COUNT [THREADS]", argv[0]);
    }
    names = count / NAMES_SHARE + 1;
    signal(SIGPIPE, SIG_IGN);
    soak_open(argv[1]);
    if (threads > 0) {
        in_parallel(threads);
    } else {
        one_by_one();
    }
    printf("all is well\n");
    leave();
    return 0;
}
