/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The octets of a write, as the guard reads them. The kernel answers a bad pointer with EFAULT, so
 * we must not crash on one. We ask the kernel about each page before we read it.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* The smallest page of any machine. On machines with larger pages we ask more often than needed. */
#define PAGE ((uintptr_t)4096)

/* valgrind checks every octet that a system call gets, and would blame the program for our
 * question. It finds bad pointers itself. */
static bool judged_by_valgrind;

__attribute__((constructor)) static void look_for_valgrind(void)
{
    const char *preloads = getenv("LD_PRELOAD");
    judged_by_valgrind = preloads != NULL && strstr(preloads, "/vgpreload_") != NULL;
}

/*
 * Asks by rt_sigprocmask with an operation that does not exist. The kernel reads the set of signals
 * first: EINVAL says that it could, EFAULT that it could not. Nothing changes. Programs make this
 * call all the time, so seccomp filters let it pass. In a program that has locked itself in we do
 * not ask at all.
 */
static bool can_be_read(uintptr_t at, size_t length)
{
    enum { NO_SUCH_WAY = -1, SET_SIZE = _NSIG / CHAR_BIT };
    __typeof__(&syscall) real = (__typeof__(&syscall))stub_libc(SHIM_HOOK_syscall);
    if (at < PAGE) {
        return false; /* nothing lies there, and the call takes NULL for no set */
    }
    if (judged_by_valgrind || stub_locked() || real == NULL) {
        return true;
    }
    /* Puts the set into one page, and within what is to be read if that is long enough. */
    uintptr_t end = (at & ~(PAGE - 1)) + PAGE;
    uintptr_t set = length < SET_SIZE && at + SET_SIZE > end ? end - SET_SIZE : at;
    return real(SYS_rt_sigprocmask, NO_SUCH_WAY, set, NULL, (size_t)SET_SIZE) == 0 ||
           errno != EFAULT;
}

bool stub_can_read(const void *octets, size_t length)
{
    uintptr_t at = (uintptr_t)octets;
    int saved = errno;
    bool readable = length <= UINTPTR_MAX - at;
    while (readable && length > 0) {
        size_t step = (size_t)(PAGE - (at & (PAGE - 1)));
        step = step < length ? step : length;
        readable = can_be_read(at, step);
        at += step;
        length -= step;
    }
    errno = saved;
    return readable;
}

/* The part number `i`, if it can be read. */
static const struct iovec *part_at(struct stub_attempt *attempt, size_t i)
{
    if (i >= attempt->count) {
        return NULL;
    }
    if (i >= attempt->parts_known) {
        if (!attempt->readable && !stub_can_read(&attempt->parts[i], sizeof attempt->parts[i])) {
            attempt->count = i;
            return NULL;
        }
        attempt->parts_known = i + 1;
    }
    return &attempt->parts[i];
}

/* Remembers that this page can be read. A hello often lies across two, and is read several times.
 */
static void remember(struct stub_attempt *attempt, uintptr_t page)
{
    if (attempt->to != 0 && page == attempt->to) {
        attempt->to += PAGE;
    } else if (attempt->to != 0 && page + PAGE == attempt->from) {
        attempt->from = page;
    } else {
        attempt->from = page;
        attempt->to = page + PAGE;
    }
}

/* How many of these octets, which lie in one page, can be read: all or none. */
static size_t in_page(struct stub_attempt *attempt, const uint8_t *octets, size_t length)
{
    uintptr_t page = (uintptr_t)octets & ~(PAGE - 1);
    size_t step = (size_t)(page + PAGE - (uintptr_t)octets);
    step = step < length ? step : length;
    if (attempt->readable) {
        return length;
    }
    if (attempt->to == 0 || page < attempt->from || page >= attempt->to) {
        if (!stub_can_read(octets, step)) {
            return 0;
        }
        remember(attempt, page);
    }
    return step;
}

bool stub_attempt_octets(void *context, size_t at, const uint8_t **octets, size_t *length)
{
    struct stub_attempt *attempt = context;
    if (at < attempt->before) {
        *octets = attempt->octets + at;
        *length = attempt->before - at;
        return true;
    }
    at -= attempt->before;
    for (size_t i = 0;; i++) {
        const struct iovec *part = part_at(attempt, i);
        if (part == NULL) {
            return false;
        }
        if (at < part->iov_len) {
            *octets = (const uint8_t *)part->iov_base + at;
            *length = in_page(attempt, *octets, part->iov_len - at);
            return *length > 0;
        }
        at -= part->iov_len;
    }
}

size_t stub_attempt_copy(struct stub_attempt *attempt, size_t at, uint8_t *out, size_t max)
{
    size_t have = 0;
    const uint8_t *octets;
    size_t length;
    while (have < max && stub_attempt_octets(attempt, at + have, &octets, &length)) {
        length = length < max - have ? length : max - have;
        memmove(out + have, octets, length);
        have += length;
    }
    return have;
}
