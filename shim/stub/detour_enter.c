/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way from a detoured function to the hook.
 *
 * A compiler that sees both a function and its caller knows which registers the function leaves
 * alone, and may keep values of the caller in them (gcc's -fipa-ra): SSL_get_rbio changes rax and
 * nothing else. A hook changes far more. So everything but the result comes back as it was: the
 * registers, the flags, and the lower halves of the vectors. Code that OpenSSL is built from keeps
 * nothing in the upper halves.
 */
#include "shim/stub/detours.h"

#if defined(__x86_64__)

#define EACH_VECTOR(do)                                                                            \
    do                                                                                             \
    (0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(      \
        14) do(15)
#define SAVE(number) "    movups %xmm" #number ", 16+16*" #number "(%rsp)\n"
#define RESTORE(number) "    movups 16+16*" #number "(%rsp), %xmm" #number "\n"

/* On the stack, from below: the caller's return address again (stub_detour_caller), a gap, the
 * vectors, the registers, rbp, the hook, the caller's return address. */
__asm__(".text\n"
        ".type stub_detour_enter, @function\n"
        ".balign 16\n"
        ".globl stub_detour_enter\n"
        ".hidden stub_detour_enter\n"
        "stub_detour_enter:\n"
        "    .cfi_startproc\n"
        "    .cfi_def_cfa_offset 16\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 24\n"
        "    .cfi_offset %rbp, -24\n"
        "    movq %rsp, %rbp\n"
        "    .cfi_def_cfa_register %rbp\n"
        "    pushfq\n"
        "    pushq %rcx\n"
        "    pushq %rdx\n"
        "    pushq %rsi\n"
        "    pushq %rdi\n"
        "    pushq %r8\n"
        "    pushq %r9\n"
        "    pushq %r10\n"
        "    pushq %r11\n"
        "    subq $16+16*16, %rsp\n"
        "    andq $-16, %rsp\n"
        "    movq 16(%rbp), %r11\n"
        "    movq %r11, (%rsp)\n" EACH_VECTOR(
            SAVE) "    call *8(%rbp)\n"
                  ".globl stub_detour_return\n"
                  ".hidden stub_detour_return\n"
                  "stub_detour_return:\n" EACH_VECTOR(
                      RESTORE) "    leaq -72(%rbp), %rsp\n"
                               "    popq %r11\n"
                               "    popq %r10\n"
                               "    popq %r9\n"
                               "    popq %r8\n"
                               "    popq %rdi\n"
                               "    popq %rsi\n"
                               "    popq %rdx\n"
                               "    popq %rcx\n"
                               "    popfq\n"
                               "    popq %rbp\n"
                               "    .cfi_def_cfa %rsp, 16\n"
                               "    leaq 8(%rsp), %rsp\n"
                               "    .cfi_def_cfa_offset 8\n"
                               "    ret\n"
                               "    .cfi_endproc\n"
                               ".size stub_detour_enter, . - stub_detour_enter\n");

#else

/* There are no detours on other machines. */
const char stub_detour_enter[1];
const char stub_detour_return[1];

#endif

const void *stub_detour_caller(const void *frame)
{
    return *(const void *const *)frame;
}
