/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "shim/stub/locked.h"
#include "shim/stub/stub.h"

/* Is it a signal that a hold keeps back? Not those of faults; and the C library keeps two for
 * itself, whose handlers do not jump. */
static bool counts(int number)
{
    enum { OF_C_LIBRARY = 32, THE_OTHER = 33 };
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
    case OF_C_LIBRARY:
    case THE_OTHER:
        return false;
    default:
        return true;
    }
}

/* Reads the hexadecimal number of the line "SigCgt:": one bit a signal. */
static bool caught_in(const char *text)
{
    static const char name[] = "\nSigCgt:\t";
    enum { DIGIT_BITS = 4, DIGITS = 16 };
    const char *at = strstr(text, name);
    uint64_t set = 0;
    int digits = 0;
    if (at == NULL) {
        return true;
    }
    for (at += sizeof name - 1; *at != '\n'; at++, digits++) {
        static const char all[] = "0123456789abcdef";
        const char *digit = *at != '\0' ? strchr(all, *at) : NULL;
        if (digit == NULL || digits == DIGITS) {
            return true;
        }
        set = set << DIGIT_BITS | (uint64_t)(digit - all);
    }
    for (int number = 1; number <= DIGITS * DIGIT_BITS; number++) {
        if ((set >> (number - 1) & 1) != 0 && counts(number)) {
            return true;
        }
    }
    return digits == 0;
}

/* The file is read by one call, so that it is of one moment. */
static bool caught(void)
{
    char text[4096];
    int saved = errno;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = saved;
    if (length <= 0) {
        return true;
    }
    text[length] = '\0';
    return caught_in(text);
}

static struct shim_handlers handlers = {.caught = caught};

struct shim_handlers *stub_handlers(void)
{
    const struct link_map *own = stub_object();
    return own != NULL && stub_first_object(own) != own ? &handlers : NULL;
}

/* The wait has a bound: a thread may be gone in a fork, or may have called us from within a hold.
 */
void stub_handler_comes(int number)
{
    enum { TURNS = 1000 };
    if (!counts(number) || atomic_exchange(&handlers.seen, true) || stub_locked()) {
        return;
    }
    int saved = errno;
    for (int i = 0; i < TURNS && atomic_load(&handlers.within) > 0; i++) {
        (void)sched_yield();
    }
    errno = saved;
}

void stub_handler_undeferred(void)
{
    atomic_store(&handlers.undeferred, true);
}

void stub_handlers_look_again(void)
{
    atomic_store(&handlers.look, true);
}

void stub_handlers_unknown(void)
{
    atomic_store(&handlers.seen, true);
}
