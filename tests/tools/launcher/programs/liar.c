/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Its loader is lying_loader.c, so this never runs. */
#include <stdio.h>

int main(void)
{
    return puts("main ran") < 0;
}
