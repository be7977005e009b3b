/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library in a place from which it should not be loaded. */
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    (void)!write(STDERR_FILENO, "foreign code\n", 13);
}
