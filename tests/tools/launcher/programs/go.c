/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has the note that Go's linker writes into every program, behind another vendor's note. */
#include <stdio.h>

__asm__(".pushsection .note.go.buildid, \"a\", %note\n"
        ".balign 4\n"
        ".long 6, 5, 1\n"
        ".ascii \"other\\0\\0\\0\"\n"
        ".ascii \"12345\\0\\0\\0\"\n"
        ".long 4, 4, 4\n"
        ".ascii \"Go\\0\\0\"\n"
        ".ascii \"abcd\"\n"
        ".popsection\n");

int main(void)
{
    puts("ran");
    return 0;
}
