/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has lying_loader.c as its loader, so that this never runs. */
#include <stdio.h>

int main(void)
{
    return puts("main ran") < 0;
}
