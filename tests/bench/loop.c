/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void loop_fail(const char *what)
{
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

/* ---- up to the first write ---- */

static bool first_write;
static int silent = -1;
static double begun_us;
static double first_us;
static double connecting_us;
static double heap_before;
static double held;

static double process_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double heap(void)
{
#if __GLIBC_PREREQ(2, 33)
    return (double)mallinfo2().uordblks;
#else
    return (double)(unsigned)mallinfo().uordblks;
#endif
}

void loop_before_object(void)
{
    heap_before = first_write ? heap() : 0;
}

void loop_before_first(void)
{
    begun_us = first_write ? process_us() : 0;
}

bool loop_after_first(void)
{
    if (first_write) {
        first_us += process_us() - begun_us;
        held += heap() - heap_before;
    }
    return first_write;
}

/* A peer that never answers, for LOOP_FIRST_WRITE: a fast answer would be taken in the same call.
 */
static int silent_peer(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, "127.0.0.9", &address->sin_addr) != 1 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof *address) != 0 || listen(fd, 8) != 0) {
        loop_fail("listening");
    }
    return fd;
}

/* ---- handshakes ---- */

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static long resident_kib(void)
{
    long all = 0;
    long resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL || fscanf(in, "%ld %ld", &all, &resident) != 2) {
        loop_fail("/proc/self/statm");
    }
    fclose(in);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Does not block for LOOP_FIRST_WRITE, as in programs that make many connections. */
static bool connect_to(int fd, const struct sockaddr_in *address)
{
    enum { LONG_MS = 60000 };
    struct pollfd made = {.fd = fd, .events = POLLOUT};
    double before_us = first_write ? process_us() : 0;
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    if (first_write) {
        connecting_us += process_us() - before_us;
    }
    return result == 0 || (errno == EINPROGRESS && poll(&made, 1, LONG_MS) == 1);
}

static void once(const struct loop_target *target, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (first_write ? SOCK_NONBLOCK : 0), 0);
    /* A reset at the end leaves no port in TIME_WAIT; otherwise we would run out of ports. */
    struct linger reset = {.l_onoff = 1};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0 ||
        !connect_to(fd, address)) {
        loop_fail("connect");
    }
    target->handshake(target, fd);
    close(fd);
    if (silent >= 0) {
        close(accept(silent, NULL, NULL));
    }
}

/* What each thread does. */
struct turns {
    const struct loop_target *target;
    const struct sockaddr_in *address;
    int count;
};

static void *run_turns(void *argument)
{
    const struct turns *turns = argument;
    for (int i = 0; i < turns->count; i++) {
        once(turns->target, turns->address);
    }
    return NULL;
}

static int thread_count(void)
{
    const char *text = getenv("LOOP_THREADS");
    return text != NULL ? atoi(text) : 1;
}

/* One thread is the program's own. Gives the number of handshakes. */
static int run_in_threads(struct turns *turns)
{
    enum { THREADS_MAX = 64 };
    pthread_t threads[THREADS_MAX];
    int all = thread_count();
    if (all < 1 || all > THREADS_MAX) {
        loop_fail("reading LOOP_THREADS");
    }
    for (int i = 1; i < all; i++) {
        if (pthread_create(&threads[i], NULL, run_turns, turns) != 0) {
            loop_fail("pthread_create");
        }
    }
    (void)run_turns(turns);
    for (int i = 1; i < all; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return all * turns->count;
}

/* ---- signal handlers ---- */

static void on_signal(int number)
{
    (void)number;
}

/* What the kernel takes; with SA_RESTORER only where it needs one. The handler is never called. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask[2];
};

static void set_by_kernel(void)
{
    const struct kernel_sigaction action = {.handler = on_signal};
    enum { MASK_SIZE = 8 };
    long result = -1;
#if defined(__x86_64__)
    register long mask_size __asm__("r10") = MASK_SIZE;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_rt_sigaction), "D"((long)SIGALRM), "S"(&action), "d"(0L),
                       "r"(mask_size)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_rt_sigaction;
    register long first __asm__("x0") = SIGALRM;
    register const void *second __asm__("x1") = &action;
    register long third __asm__("x2") = 0;
    register long fourth __asm__("x3") = MASK_SIZE;
    __asm__ volatile("svc #0"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(third), "r"(fourth)
                     : "memory");
    result = first;
#else
    (void)action;
#endif
    if (result != 0) {
        loop_fail("setting a handler");
    }
}

extern sighandler_t bsd_signal(int number, sighandler_t handler);
extern sighandler_t old_sigset(int number, sighandler_t handler) __asm__("sigset");

static void set_handler(const char *way)
{
    const struct sigaction action = {.sa_handler = on_signal};
    const struct kernel_sigaction raw = {.handler = on_signal};
    static const struct {
        const char *name;
        sighandler_t (*set)(int number, sighandler_t handler);
    } functions[] = {{"signal", signal},
                     {"ssignal", ssignal},
                     {"bsd_signal", bsd_signal},
                     {"sysv_signal", sysv_signal},
                     {"sigset", old_sigset}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(way, functions[i].name) == 0) {
            (void)functions[i].set(SIGALRM, on_signal);
        }
    }
    if (strcmp(way, "sigaction") == 0) {
        (void)sigaction(SIGALRM, &action, NULL);
    } else if (strcmp(way, "fault") == 0) {
        (void)sigaction(SIGSEGV, &action, NULL);
    } else if (strcmp(way, "syscall") == 0) {
        (void)syscall(SYS_rt_sigaction, SIGALRM, &raw, NULL, sizeof *raw.mask);
    } else if (strcmp(way, "kernel") == 0 || strcmp(way, "late") == 0) {
        set_by_kernel();
    }
}

static const char *handler_wanted(bool late)
{
    const char *way = getenv("LOOP_HANDLER");
    return way != NULL && (strcmp(way, "late") == 0) == late ? way : "";
}

void loop_open(struct loop_target *target, int argc, char **argv)
{
    if (argc != 6) {
        loop_fail("SERVER-NAME ADDRESS PORT CAFILE COUNT: the command line");
    }
    target->server_name = argv[1];
    target->ca = argv[4];
    set_handler(handler_wanted(false));
}

int loop_run(const struct loop_target *target, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(argv[3]))};
    int count = atoi(argv[5]);
    first_write = getenv("LOOP_FIRST_WRITE") != NULL;
    if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1 || count <= 0) {
        loop_fail("reading the command line");
    }
    silent = first_write ? silent_peer(&address) : -1;
    struct turns turns = {.target = target, .address = &address, .count = WARM_UP};
    (void)run_turns(&turns);
    set_handler(handler_wanted(true));
    turns.count = count;
    first_us = 0;
    connecting_us = 0;
    held = 0;
    double before_us = cpu_us();
    long before_kib = resident_kib();
    int handshakes = run_in_threads(&turns);
    double each_us = (cpu_us() - before_us) / handshakes;
    if (first_write) {
        printf("%.3f %.3f %.0f ", first_us / handshakes, connecting_us / handshakes,
               held / handshakes);
    } else {
        printf("%.3f ", each_us);
    }
    printf("%ld\n", resident_kib() - before_kib);
    return 0;
}
