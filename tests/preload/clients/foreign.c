/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands where it should not be loaded from. */
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    (void)!write(STDERR_FILENO, "foreign code\n", 13);
}
