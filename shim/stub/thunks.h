/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hooks that end in a jump. STUB_THUNK(name, count) exports a function of `count` arguments (at
 * most three, each as large as a register). It calls stub_on_NAME and returns its result. If that
 * is NULL, the thunk jumps to call->target with call->arguments, and the caller's own return
 * address is on top of the stack.
 */
#ifndef SHIM_STUB_THUNKS_H
#define SHIM_STUB_THUNKS_H

#include <stdint.h>

struct stub_call {
    uintptr_t arguments[3]; /* may be changed */
    void *target;           /* to be set */
    const void *caller;     /* the return address */
};

#define STUB_ON __attribute__((used, visibility("hidden")))
STUB_ON void *stub_on_dlsym(struct stub_call *call);
STUB_ON void *stub_on_dlvsym(struct stub_call *call);
STUB_ON void *stub_on_dlopen(struct stub_call *call);
STUB_ON void *stub_on_dlmopen(struct stub_call *call);

#if defined(__x86_64__)

/* Aligns the stack to 16 octets for the call. */
#define STUB_THUNK(name, count)                                                                    \
    __asm__(".text\n"                                                                              \
            ".globl " #name "\n"                                                                   \
            ".type " #name ", @function\n"                                                         \
            ".balign 16\n" #name ":\n"                                                             \
            "    .cfi_startproc\n"                                                                 \
            "    endbr64\n"                                                                        \
            "    movq (%rsp), %rax\n"                                                              \
            "    subq $56, %rsp\n"                                                                 \
            "    .cfi_adjust_cfa_offset 56\n"                                                      \
            "    movq %rdi, (%rsp)\n"                                                              \
            "    movq %rsi, 8(%rsp)\n"                                                             \
            "    movq %rdx, 16(%rsp)\n"                                                            \
            "    movq %rax, 32(%rsp)\n"                                                            \
            "    movq %rsp, %rdi\n"                                                                \
            "    call stub_on_" #name "\n"                                                         \
            "    testq %rax, %rax\n"                                                               \
            "    jnz 1f\n"                                                                         \
            "    movq (%rsp), %rdi\n"                                                              \
            "    movq 8(%rsp), %rsi\n"                                                             \
            "    movq 16(%rsp), %rdx\n"                                                            \
            "    movq 24(%rsp), %rax\n"                                                            \
            "    addq $56, %rsp\n"                                                                 \
            "    .cfi_adjust_cfa_offset -56\n"                                                     \
            "    jmp *%rax\n"                                                                      \
            "1:\n"                                                                                 \
            "    .cfi_adjust_cfa_offset 56\n"                                                      \
            "    addq $56, %rsp\n"                                                                 \
            "    .cfi_adjust_cfa_offset -56\n"                                                     \
            "    ret\n"                                                                            \
            "    .cfi_endproc\n"                                                                   \
            ".size " #name ", . - " #name "\n");

#elif defined(__aarch64__)

#define STUB_THUNK(name, count)                                                                    \
    __asm__(".text\n"                                                                              \
            ".globl " #name "\n"                                                                   \
            ".type " #name ", %function\n"                                                         \
            ".balign 16\n" #name ":\n"                                                             \
            "    .cfi_startproc\n"                                                                 \
            "    hint #34\n"                                                                       \
            "    stp x29, x30, [sp, #-64]!\n"                                                      \
            "    .cfi_def_cfa_offset 64\n"                                                         \
            "    .cfi_offset 29, -64\n"                                                            \
            "    .cfi_offset 30, -56\n"                                                            \
            "    stp x0, x1, [sp, #16]\n"                                                          \
            "    str x2, [sp, #32]\n"                                                              \
            "    str x30, [sp, #48]\n"                                                             \
            "    add x0, sp, #16\n"                                                                \
            "    bl stub_on_" #name "\n"                                                           \
            "    cbnz x0, 1f\n"                                                                    \
            "    ldp x0, x1, [sp, #16]\n"                                                          \
            "    ldp x2, x16, [sp, #32]\n"                                                         \
            "    .cfi_remember_state\n"                                                            \
            "    ldp x29, x30, [sp], #64\n"                                                        \
            "    .cfi_restore 29\n"                                                                \
            "    .cfi_restore 30\n"                                                                \
            "    .cfi_def_cfa_offset 0\n"                                                          \
            "    br x16\n"                                                                         \
            "1:\n"                                                                                 \
            "    .cfi_restore_state\n"                                                             \
            "    ldp x29, x30, [sp], #64\n"                                                        \
            "    .cfi_restore 29\n"                                                                \
            "    .cfi_restore 30\n"                                                                \
            "    .cfi_def_cfa_offset 0\n"                                                          \
            "    ret\n"                                                                            \
            "    .cfi_endproc\n"                                                                   \
            ".size " #name ", . - " #name "\n");

#elif defined(__i386__)

/* Arguments are on the stack, and the callee may change them. Aligns the stack to 16 octets for the
 * call. */
#define STUB_THUNK(name, count)                                                                    \
    __asm__(".text\n"                                                                              \
            ".globl " #name "\n"                                                                   \
            ".type " #name ", @function\n"                                                         \
            ".balign 16\n" #name ":\n"                                                             \
            "    .cfi_startproc\n"                                                                 \
            "    endbr32\n"                                                                        \
            "    movl (%esp), %eax\n"                                                              \
            "    subl $28, %esp\n"                                                                 \
            "    .cfi_adjust_cfa_offset 28\n"                                                      \
            "    movl %eax, 20(%esp)\n"                                                            \
            "    .set stub_at, 0\n"                                                                \
            "    .rept " #count "\n"                                                               \
            "    movl 32 + stub_at(%esp), %eax\n"                                                  \
            "    movl %eax, 4 + stub_at(%esp)\n"                                                   \
            "    .set stub_at, stub_at + 4\n"                                                      \
            "    .endr\n"                                                                          \
            "    leal 4(%esp), %eax\n"                                                             \
            "    movl %eax, (%esp)\n"                                                              \
            "    call stub_on_" #name "\n"                                                         \
            "    testl %eax, %eax\n"                                                               \
            "    jnz 1f\n"                                                                         \
            "    .set stub_at, 0\n"                                                                \
            "    .rept " #count "\n"                                                               \
            "    movl 4 + stub_at(%esp), %eax\n"                                                   \
            "    movl %eax, 32 + stub_at(%esp)\n"                                                  \
            "    .set stub_at, stub_at + 4\n"                                                      \
            "    .endr\n"                                                                          \
            "    movl 16(%esp), %eax\n"                                                            \
            "    addl $28, %esp\n"                                                                 \
            "    .cfi_adjust_cfa_offset -28\n"                                                     \
            "    jmp *%eax\n"                                                                      \
            "1:\n"                                                                                 \
            "    .cfi_adjust_cfa_offset 28\n"                                                      \
            "    addl $28, %esp\n"                                                                 \
            "    .cfi_adjust_cfa_offset -28\n"                                                     \
            "    ret\n"                                                                            \
            "    .cfi_endproc\n"                                                                   \
            ".size " #name ", . - " #name "\n");

#else
#error "dlsym and dlopen need a tail jump; write the thunk for this architecture"
#endif

#endif
