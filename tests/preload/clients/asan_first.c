/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded with the sanitizer's runtime, and initialised before everything else (-z initfirst).
 * The runtime starts at the first malloc of the process. p11-kit's constructor may make that call
 * within newlocale, which holds libc's locale lock. The runtime's start takes that lock and gives
 * it back, and setlocale then hangs: in every program that uses p11-kit, with and without the shim.
 */
#include <stdlib.h>

__attribute__((constructor)) static void start_the_runtime(void)
{
    void *volatile any = malloc(1);
    free(any);
}
