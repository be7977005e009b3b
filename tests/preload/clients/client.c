/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../compat.h"

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

bool await(int fd, short events)
{
    struct pollfd wait = {.fd = fd, .events = events};
    int ready;
    do {
        ready = poll(&wait, 1, 20000);
    } while (ready < 0 && errno == EINTR);
    return ready == 1;
}

/* An interrupted connect continues by itself. */
static bool connected(int fd, int flags)
{
    int failure = errno;
    socklen_t len = sizeof failure;
    if (failure == EINPROGRESS && flags == SOCK_NONBLOCK) {
        return true;
    }
    return failure == EINTR && await(fd, POLLOUT) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0;
}

static int dial_with(const struct target *target, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(target->host, target->port, &hints, &found);
    if (error != 0) {
        fail("%s: %s", target->host, gai_strerror(error));
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 || (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && !connected(fd, flags))) {
        fail("%s: %s", target->host, strerror(errno));
    }
    /* Otherwise the request waits for the acknowledgement of Finished: 40 ms each time. */
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(found);
    return fd;
}

int dial(const struct target *target)
{
    return dial_with(target, 0);
}

int dial_nonblocking(const struct target *target)
{
    return dial_with(target, SOCK_NONBLOCK);
}

size_t make_request(const struct target *target, char *out, size_t size)
{
    int len = snprintf(out, size, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                       target->host);
    if (len < 0 || (size_t)len >= size) {
        fail("the request is too long");
    }
    return (size_t)len;
}

void response_add(struct response *response, const void *data, size_t len)
{
    if (len >= sizeof response->text - response->len) {
        fail("the response is too long");
    }
    memcpy(response->text + response->len, data, len);
    response->len += len;
    response->text[response->len] = '\0';
}

void response_check(struct response *response, const struct target *target)
{
    char expected[300];
    snprintf(expected, sizeof expected, "hello from %s\n", target->host);
    if (strncmp(response->text, "HTTP/1.1 200 ", 13) != 0 ||
        strstr(response->text, expected) == NULL) {
        fail("not the expected answer: %s", response->text);
    }
}

struct repeated {
    const struct target *target;
    void (*once)(const struct target *target);
};

static void *repeat(void *argument)
{
    const struct repeated *repeated = argument;
    for (int i = 0; i < HANDSHAKES_PER_THREAD; i++) {
        repeated->once(repeated->target);
    }
    return NULL;
}

void in_threads(const struct target *target, void (*once)(const struct target *target))
{
    struct repeated repeated = {target, once};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, repeat, &repeated) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

void across_fork(const struct target *target, void (*once)(const struct target *target))
{
    once(target);
    pid_t pid = fork();
    if (pid == 0) {
        once(target);
        exit(0);
    }
    once(target);
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail("the child failed");
    }
}

/* ---- what a client leaves behind ---- */

static unsigned entries(const char *folder)
{
    unsigned count = 0;
    DIR *open_folder = opendir(folder);
    while (open_folder != NULL && readdir(open_folder) != NULL) {
        count++;
    }
    if (open_folder == NULL) {
        fail("%s: %s", folder, strerror(errno));
    }
    closedir(open_folder);
    return count;
}

static long resident_kib(void)
{
    long total = 0;
    long resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL || fscanf(in, "%ld %ld", &total, &resident) != 2) {
        fail("/proc/self/statm cannot be read");
    }
    fclose(in);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void footprint_take(struct footprint *footprint)
{
    /* The address sanitizer keeps freed memory for a while: count only what is in use. */
    size_t (*in_use)(void) =
        (size_t(*)(void))dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    struct mallinfo2 heap = mallinfo2();
    size_t heap_size = in_use != NULL ? in_use() : (size_t)heap.uordblks + (size_t)heap.hblkhd;
    footprint->descriptors = entries("/proc/self/fd");
    footprint->threads = entries("/proc/self/task");
    footprint->heap_kib = (long)(heap_size / 1024);
    footprint->resident_kib = in_use != NULL ? footprint->heap_kib : resident_kib();
}

void footprint_check(const struct footprint *before, long growth_kib)
{
    struct footprint now;
    footprint_take(&now);
    long grown = now.resident_kib - before->resident_kib;
    long allocated = now.heap_kib - before->heap_kib;
    printf("grown by %ld KiB, of these allocated %ld KiB\n", grown, allocated);
    if (grown > growth_kib || allocated > growth_kib) {
        fail("grown by %ld KiB, allocated %ld KiB", grown, allocated);
    }
    if (now.descriptors != before->descriptors || now.threads != before->threads) {
        fail("%u descriptors and %u threads are left, not %u and %u", now.descriptors, now.threads,
             before->descriptors, before->threads);
    }
}

void endure(const struct target *target, void (*once)(const struct target *target))
{
    enum { WARMING = 200, ROUNDS = 2000, GROWTH_KIB = 512 };
    struct footprint before = {0};
    for (int i = 0; i < WARMING + ROUNDS; i++) {
        if (i == WARMING) {
            footprint_take(&before);
        }
        once(target);
    }
    footprint_check(&before, GROWTH_KIB);
}

static const struct mode *the_mode;
static struct target the_target;

void run_again(void)
{
    the_mode->run(&the_target);
}

int run_mode_of(int argc, char **argv, const struct mode *modes)
{
    if (argc < 5) {
        fail("usage: %s HOST PORT CAFILE MODE [PKI-FOLDER]", argv[0]);
    }
    the_target = (struct target){argv[1], argv[2], argv[3], argc > 5 ? argv[5] : "."};
    signal(SIGPIPE, SIG_IGN);
    for (; modes->name != NULL; modes++) {
        if (strcmp(modes->name, argv[4]) == 0) {
            the_mode = modes;
            modes->run(&the_target);
            printf("%s: all is well\n", modes->name);
            return 0;
        }
    }
    fail("%s: no such mode", argv[4]);
}
