/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/io.h"

#include <errno.h>
#include <sys/random.h>
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

const struct dns_io dns_io_libc = {
    .socket = socket,
    .connect = connect,
    .send = send,
    .recv = recv,
    .poll = poll,
    .close = close,
    .now_us = libc_now_us,
    .random = libc_random,
};
