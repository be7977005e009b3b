/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Programs that leave gnutls_handshake without its returning: a signal handler or a transport
 * function jumps out, a thread is cancelled in one, a coroutine is never resumed. Afterwards
 * handshakes work as before, also on the same thread.
 */
#include "gnutls_common.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

/* GnuTLS itself loses the 8 KiB in hand for each function that does not return. */
enum { TIMES = 1000, GROWTH_KIB = 600, GROWTH_KIB_LOST = 9000 };

static sigjmp_buf out;
/* How many calls of transport functions come before one that jumps. */
static unsigned calls_left;

static void count_down(void)
{
    if (calls_left > 0 && --calls_left == 0) {
        siglongjmp(out, 1);
    }
}

static ssize_t push(gnutls_transport_ptr_t pointer, const void *data, size_t len)
{
    const struct connection *connection = pointer;
    count_down();
    return send(connection->fd, data, len > 300 ? 300 : len, MSG_NOSIGNAL);
}

static ssize_t pull(gnutls_transport_ptr_t pointer, void *data, size_t len)
{
    const struct connection *connection = pointer;
    count_down();
    return recv(connection->fd, data, len, 0);
}

static int ready(gnutls_transport_ptr_t pointer, unsigned ms)
{
    (void)pointer, (void)ms;
    return 1;
}

static void begin(struct connection *connection, const struct target *target)
{
    start(connection, target, "NORMAL");
    gnutls_transport_set_ptr(connection->session, connection);
    gnutls_transport_set_push_function(connection->session, push);
    gnutls_transport_set_pull_function(connection->session, pull);
    gnutls_transport_set_pull_timeout_function(connection->session, ready);
}

/* Measures what all times but the first leave behind. */
static void many_times(const struct target *target,
                       void (*once)(const struct target *target, unsigned i), long growth_kib)
{
    struct footprint before;
    for (unsigned i = 0; i < TIMES; i++) {
        if (i == TIMES / 10) {
            footprint_take(&before);
        }
        once(target, i);
    }
    footprint_check(&before, growth_kib);
    fetch(target);
}

/* ---- the program gives the session up ---- */

static void jump_and_end(const struct target *target, unsigned i)
{
    static struct connection connection;
    begin(&connection, target);
    calls_left = 1 + i % 12;
    if (sigsetjmp(out, 1) == 0) {
        (void)shake_hands(&connection);
    }
    calls_left = 0;
    finish(&connection);
}

static void run_end(const struct target *target)
{
    many_times(target, jump_and_end, GROWTH_KIB_LOST);
}

/* ---- the program continues the session ---- */

static void jump_and_go_on(const struct target *target, unsigned i)
{
    static struct connection connection;
    static volatile unsigned jumps;
    begin(&connection, target);
    jumps = 0;
    if (sigsetjmp(out, 1) != 0) {
        jumps++;
    }
    /* Before the first octet, and before any answer: GnuTLS itself can continue there. */
    calls_left = jumps == 0 ? 1 + i % 2 : 0;
    int result = shake_hands(&connection);
    calls_left = 0;
    if (result == 0) {
        exchange(&connection, target);
    } else if (gnutls_error_is_fatal(result) == 0) {
        fail("neither done nor failed: %s", gnutls_strerror(result));
    }
    finish(&connection);
}

static void run_go_on(const struct target *target)
{
    many_times(target, jump_and_go_on, GROWTH_KIB);
}

/* ---- a signal, in any wait ---- */

enum { AGAIN_US = 50 };

static volatile sig_atomic_t may_jump;

/* A call that waited and was interrupted. Elsewhere the jump may leave malloc, which breaks a
 * program without the shim too. */
static bool is_interrupted_wait(const ucontext_t *where)
{
#if defined(__x86_64__)
    const unsigned char *next = (const unsigned char *)where->uc_mcontext.gregs[REG_RIP];
    return next[-2] == 0x0f && next[-1] == 0x05 && where->uc_mcontext.gregs[REG_RAX] == -EINTR;
#elif defined(__aarch64__)
    const uint32_t *next = (const uint32_t *)(uintptr_t)where->uc_mcontext.pc;
    return next[-1] == 0xd4000001U /* svc #0 */ && (long)where->uc_mcontext.regs[0] == -EINTR;
#else
    (void)where;
    return true;
#endif
}

static void on_alarm(int number, siginfo_t *info, void *where)
{
    (void)number, (void)info;
    if (may_jump == 0) {
        return;
    }
    if (!is_interrupted_wait(where)) {
        struct itimerval timer = {.it_value = {.tv_usec = AGAIN_US}};
        (void)setitimer(ITIMER_REAL, &timer, NULL);
        return;
    }
    may_jump = 0;
    siglongjmp(out, 1);
}

static void jump_by_signal(const struct target *target, unsigned i)
{
    static struct connection connection;
    /* From 50 us to 20 ms: this includes the look-up of names and the sealing of the hello. */
    struct itimerval timer = {.it_value = {.tv_usec = 50 + (i * 37) % 20000}};
    const struct itimerval none = {.it_value = {0, 0}};
    start(&connection, target, "NORMAL");
    if (sigsetjmp(out, 1) == 0) {
        may_jump = 1;
        setitimer(ITIMER_REAL, &timer, NULL);
        (void)shake_hands(&connection);
    }
    may_jump = 0;
    setitimer(ITIMER_REAL, &none, NULL);
    finish(&connection);
}

static void run_signal(const struct target *target)
{
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    sigaction(SIGALRM, &action, NULL);
    for (unsigned i = 0; i < TIMES / 5; i++) {
        jump_by_signal(target, i);
    }
    fetch(target);
}

/* ---- a thread is cancelled ---- */

struct cancelled {
    struct connection connection;
    const struct target *target;
};

static void end_connection(void *argument)
{
    finish(argument);
}

static void *shake_hands_in_thread(void *argument)
{
    struct cancelled *cancelled = argument;
    start(&cancelled->connection, cancelled->target, "NORMAL");
    pthread_cleanup_push(end_connection, &cancelled->connection);
    (void)shake_hands(&cancelled->connection);
    /* Otherwise a late cancellation would not take effect. */
    pthread_testcancel();
    pthread_cleanup_pop(1);
    return NULL;
}

static void cancel(const struct target *target, unsigned i)
{
    static struct cancelled cancelled;
    pthread_t thread;
    cancelled.target = target;
    if (pthread_create(&thread, NULL, shake_hands_in_thread, &cancelled) != 0) {
        fail("no thread");
    }
    usleep(200 + (i * 131) % 5000);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

static void run_cancel(const struct target *target)
{
    /* What a cancelled thread opened before it set its clean-up is the program's leak. */
    for (unsigned i = 0; i < TIMES / 5; i++) {
        cancel(target, i);
    }
    fetch(target);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"end", run_end},       {"go-on", run_go_on}, {"signal", run_signal},
        {"cancel", run_cancel}, {NULL, NULL},
    };
    return run_mode_of(argc, argv, modes);
}
