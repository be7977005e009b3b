/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/io.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t libc_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

static bool libc_random(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
    return true;
}

/* A word of the kernel's, unlike a condition variable, knows nothing of a waiter that never comes
 * back. */
static bool libc_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_us)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &timeout, NULL, 0);
    return true;
}

void dns_io_wake(_Atomic uint32_t *word)
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
    .close = close,
    .now_us = libc_now_us,
    .random = libc_random,
};
