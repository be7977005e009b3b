/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A dynamic loader that lies: asked what it would load, it lists the shim; as a program's loader it
 * loads nothing at all. If the program has an argument, it closes every descriptor but the first
 * three, and sleeps. It has no C library, because it starts in the place of ld.so.
 */
#include "../../../compat.h"

/* Registers and system call numbers differ between x86-64, i386 and aarch64; the rest is the same.
 */
static long call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__i386__)
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

__attribute__((used)) void lie(const long *stack);
__attribute__((used)) void lie(const long *stack)
{
    static const char list[] = "\tlibechshim.so => /usr/lib/libechshim.so (0x00007f0000000000)\n";
    static const char ran[] = "main ran\n";
    long count = stack[0];
    const char *first = (const char *)stack[2]; /* or the NULL behind the arguments */
    if (count > 1 && first[0] == '-' && first[1] == '-' && first[2] == 'l') {
        call(SYS_write, 1, (long)list, sizeof list - 1);
        call(SYS_exit_group, 0, 0, 0);
    }
    if (count > 1) {
        call(SYS_close_range, 3, 0x7fffffff, 0);
    }
    long seconds[2] = {20, 0};
    call(SYS_nanosleep, (long)seconds, 0, 0);
    call(SYS_write, 1, (long)ran, sizeof ran - 1);
    call(SYS_exit_group, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n    mov %rsp, %rdi\n    and $-16, %rsp\n    call lie\n");
#elif defined(__i386__)
__asm__(".globl _start\n_start:\n    mov %esp, %eax\n    and $-16, %esp\n    sub $12, %esp\n"
        "    push %eax\n    call lie\n");
#else
__asm__(".globl _start\n_start:\n    mov x0, sp\n    bl lie\n");
#endif
