/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded with the sanitizer's runtime, and initialised before all else (-z initfirst). The
 * runtime starts at the first malloc of the process. If that is the one in p11-kit's constructor,
 * within newlocale, its start takes and gives back libc's locale lock, which newlocale holds:
 * setlocale then hangs in every program that uses p11-kit, with and without the shim. */
#include <stdlib.h>

__attribute__((constructor)) static void start_the_runtime(void)
{
    void *volatile any = malloc(1);
    free(any);
}
