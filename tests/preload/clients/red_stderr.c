/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Colours standard error red, as stderred does, which Debian lacks: it interposes write and stdio's
 * functions and finds the next ones by RTLD_NEXT. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char red[] = "\033[31m";
static const char usual[] = "\033[0m";
static int wanted;

__attribute__((constructor)) static void begin(void)
{
    wanted = getenv("RED_STDERR") != NULL;
}

ssize_t write(int fd, const void *octets, size_t length)
{
    if (!wanted || fd != STDERR_FILENO) {
        return NEXT(write)(fd, octets, length);
    }
    (void)!NEXT(write)(fd, red, sizeof red - 1);
    ssize_t written = NEXT(write)(fd, octets, length);
    (void)!NEXT(write)(fd, usual, sizeof usual - 1);
    return written;
}

size_t fwrite(const void *octets, size_t size, size_t count, FILE *stream)
{
    if (!wanted || fileno(stream) != STDERR_FILENO) {
        return NEXT(fwrite)(octets, size, count, stream);
    }
    NEXT(fwrite)(red, 1, sizeof red - 1, stream);
    size_t written = NEXT(fwrite)(octets, size, count, stream);
    NEXT(fwrite)(usual, 1, sizeof usual - 1, stream);
    return written;
}
