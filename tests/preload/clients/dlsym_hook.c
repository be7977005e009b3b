/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another preload that has a dlsym of its own, as tools for games and graphics have. It looks on.
 */
#include <dlfcn.h>
#include <stddef.h>

void *dlsym(void *restrict handle, const char *restrict name)
{
    static void *(*next)(void *, const char *);
    if (next == NULL) {
        next = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    }
    return next(handle, name);
}
