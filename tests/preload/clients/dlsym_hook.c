/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another preload with a dlsym of its own, as tools for games and graphics have. It only looks on.
 */
#include <dlfcn.h>
#include <stddef.h>

#if defined(__x86_64__)
#define FIRST_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST_VERSION "GLIBC_2.17"
#else
#define FIRST_VERSION "GLIBC_2.0"
#endif

void *dlsym(void *restrict handle, const char *restrict name)
{
    static void *(*next)(void *, const char *);
    if (next == NULL) {
        next = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", FIRST_VERSION);
    }
    return next(handle, name);
}
