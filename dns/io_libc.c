/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of its own: the engine has other functions and must not import these. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dns/io.h"

/* A futex, unlike a condition variable, keeps no state about a waiter that never comes back. */
static bool libc_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_us)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &timeout, NULL, 0);
    return true;
}

static void libc_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

const struct dns_io dns_io_libc = {
    .socket = socket,
    .connect = connect,
    .send = send,
    .recv = recv,
    .poll = poll,
    .wait = libc_wait,
    .wake = libc_wake,
    .close = close,
    .now_us = dns_io_now_us,
    .random = dns_io_random,
};
