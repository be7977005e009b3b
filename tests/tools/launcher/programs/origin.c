/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Needs a library in its own folder, as Java's launcher does. */
#include <stdio.h>

const char *beside_word(void);

int main(void)
{
    puts(beside_word());
    return 0;
}
