/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dlsym and dlopen. A program that takes SSL_connect out of a handle would pass by a preload in
 * silence and in clear; one that opens a library with RTLD_DEEPBIND would bind past it. Both
 * functions look at their caller's address (RTLD_NEXT, RUNPATH), so the real ones are reached by a
 * jump that leaves the caller's frame on top.
 */
#include <dlfcn.h>
#include <string.h>

#include "shim/stub.h"

static enum shim_hook hook_of_name(const char *name)
{
    for (int hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (strcmp(stub_hook_name((enum shim_hook)hook), name) == 0) {
            return (enum shim_hook)hook;
        }
    }
    return SHIM_HOOK_COUNT;
}

/* The hook to hand out, or NULL: then the real dlsym answers. Called by the thunk. */
__attribute__((used)) void *stub_dlsym_replacement(void *handle, const char *name);
__attribute__((used)) void *stub_dlsym_replacement(void *handle, const char *name)
{
    if (handle == RTLD_NEXT || handle == RTLD_DEFAULT || name == NULL || stub_inside()) {
        return NULL;
    }
    /* Settings come last: they take memory, and what asks here may be about to provide it. */
    enum shim_hook hook = hook_of_name(name);
    if (hook == SHIM_HOOK_COUNT || stub_off()) {
        return NULL;
    }
    void *real = stub_real_dlsym(handle, name);
    if (real == NULL) {
        return NULL;
    }
    if (stub_hook_family(hook) != SHIM_FAMILY_LIBC) {
        (void)stub_library_at(stub_hook_family(hook), real);
    }
    return stub_hook_address(hook);
}

/* The flags for the real dlopen. Called by the thunk. */
__attribute__((used)) int stub_dlopen_flags(const char *file, int flags);
__attribute__((used)) int stub_dlopen_flags(const char *file, int flags)
{
    (void)file;
    if ((flags & RTLD_DEEPBIND) == 0 || stub_inside() || stub_off()) {
        return flags;
    }
    return flags & ~RTLD_DEEPBIND;
}

__attribute__((used)) void *stub_dlsym_target(void);
__attribute__((used)) void *stub_dlsym_target(void)
{
    return stub_libc(SHIM_HOOK_dlsym);
}

__attribute__((used)) void *stub_dlopen_target(void);
__attribute__((used)) void *stub_dlopen_target(void)
{
    return stub_libc(SHIM_HOOK_dlopen);
}

#if defined(__x86_64__)

/* rdi and rsi are kept over the calls; the pushes leave the stack aligned to 16 octets. */
__asm__(".text\n"
        ".globl dlsym\n"
        ".type dlsym, @function\n"
        ".balign 16\n"
        "dlsym:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    pushq %rsi\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    call stub_dlsym_replacement\n"
        "    testq %rax, %rax\n"
        "    jnz 1f\n"
        "    call stub_dlsym_target\n"
        "    addq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    popq %rsi\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    popq %rdi\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    jmp *%rax\n"
        "1:\n"
        "    .cfi_adjust_cfa_offset 24\n"
        "    addq $24, %rsp\n"
        "    .cfi_adjust_cfa_offset -24\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size dlsym, . - dlsym\n"
        ".globl dlopen\n"
        ".type dlopen, @function\n"
        ".balign 16\n"
        "dlopen:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rdi\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    subq $16, %rsp\n"
        "    .cfi_adjust_cfa_offset 16\n"
        "    call stub_dlopen_flags\n"
        "    movl %eax, 8(%rsp)\n"
        "    call stub_dlopen_target\n"
        "    movl 8(%rsp), %esi\n"
        "    addq $16, %rsp\n"
        "    .cfi_adjust_cfa_offset -16\n"
        "    popq %rdi\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    jmp *%rax\n"
        "    .cfi_endproc\n"
        ".size dlopen, . - dlopen\n");

#elif defined(__aarch64__)

__asm__(".text\n"
        ".globl dlsym\n"
        ".type dlsym, %function\n"
        ".balign 16\n"
        "dlsym:\n"
        "    .cfi_startproc\n"
        "    hint #34\n"
        "    stp x29, x30, [sp, #-32]!\n"
        "    stp x0, x1, [sp, #16]\n"
        "    bl stub_dlsym_replacement\n"
        "    cbnz x0, 1f\n"
        "    bl stub_dlsym_target\n"
        "    mov x16, x0\n"
        "    ldp x0, x1, [sp, #16]\n"
        "    ldp x29, x30, [sp], #32\n"
        "    br x16\n"
        "1:\n"
        "    ldp x29, x30, [sp], #32\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size dlsym, . - dlsym\n"
        ".globl dlopen\n"
        ".type dlopen, %function\n"
        ".balign 16\n"
        "dlopen:\n"
        "    .cfi_startproc\n"
        "    hint #34\n"
        "    stp x29, x30, [sp, #-32]!\n"
        "    str x0, [sp, #16]\n"
        "    bl stub_dlopen_flags\n"
        "    str w0, [sp, #24]\n"
        "    bl stub_dlopen_target\n"
        "    mov x16, x0\n"
        "    ldr x0, [sp, #16]\n"
        "    ldr w1, [sp, #24]\n"
        "    ldp x29, x30, [sp], #32\n"
        "    br x16\n"
        "    .cfi_endproc\n"
        ".size dlopen, . - dlopen\n");

#elif defined(__i386__)

/* Arguments are on the stack, and a callee's to change; the calls find it aligned to 16 octets. */
__asm__(".text\n"
        ".globl dlsym\n"
        ".type dlsym, @function\n"
        ".balign 16\n"
        "dlsym:\n"
        "    .cfi_startproc\n"
        "    endbr32\n"
        "    subl $4, %esp\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    pushl 12(%esp)\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    pushl 12(%esp)\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    call stub_dlsym_replacement\n"
        "    testl %eax, %eax\n"
        "    jnz 1f\n"
        "    call stub_dlsym_target\n"
        "    addl $12, %esp\n"
        "    .cfi_adjust_cfa_offset -12\n"
        "    jmp *%eax\n"
        "1:\n"
        "    .cfi_adjust_cfa_offset 12\n"
        "    addl $12, %esp\n"
        "    .cfi_adjust_cfa_offset -12\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size dlsym, . - dlsym\n"
        ".globl dlopen\n"
        ".type dlopen, @function\n"
        ".balign 16\n"
        "dlopen:\n"
        "    .cfi_startproc\n"
        "    endbr32\n"
        "    subl $4, %esp\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    pushl 12(%esp)\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    pushl 12(%esp)\n"
        "    .cfi_adjust_cfa_offset 4\n"
        "    call stub_dlopen_flags\n"
        "    movl %eax, 20(%esp)\n"
        "    call stub_dlopen_target\n"
        "    addl $12, %esp\n"
        "    .cfi_adjust_cfa_offset -12\n"
        "    jmp *%eax\n"
        "    .cfi_endproc\n"
        ".size dlopen, . - dlopen\n");

#else
#error "dlsym and dlopen need a tail jump; write the thunk for this architecture"
#endif
