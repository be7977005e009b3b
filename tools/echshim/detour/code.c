/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A goroutine's stack is small, and the collector walks it by tables that do not know our code. So
 * the detour stands where a function has not begun yet, and does all its work in one call of
 * runtime.systemstack: on the stack of the thread, where nothing preempts, and no collection begins
 * or ends. The new Config comes from runtime.newobject and is stored by runtime.typedmemmove,
 * with the collector's barriers. When the detour jumps back, no trace of it is on any stack.
 *
 * To wait, the detour sets the goroutine's stack guard as the runtime does to preempt it. The
 * function's own beginning then calls runtime.morestack, which lets other goroutines run and begins
 * the function anew.
 */
#include "tools/echshim/detour/code.h"

#include <string.h>

#include "tools/echshim/go/ask.h"

#if defined(__x86_64__)

/* In the order of the words in the code. */
struct parameters {
    uint8_t mark[GO_DETOUR_MARK_SIZE];
    uint64_t pass[2];
    uint64_t handshake_more;
    uint64_t handshake_rest;
    uint64_t finished_more;
    uint64_t finished_rest;
    uint64_t system_stack;
    uint64_t new_object;
    uint64_t make_slice;
    uint64_t typed_move;
    uint64_t type_config;
    uint64_t type_pointer;
    uint64_t type_octet;
    uint64_t config;
    uint64_t accepted;
    uint64_t name;
    uint64_t list;
    uint64_t minimum;
    uint64_t maximum;
    uint64_t mutex;
    uint64_t mutex_size;
    uint64_t type_tcp;
    uint64_t type_inner;
    uint64_t connection;
    uint64_t network;
    uint64_t descriptor;
};

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

/* Registers at the beginning of a Go function (ABIInternal): RAX, RBX, RCX are arguments, R14 is
 * the goroutine, XMM15 is zero, RDX the closure. All others are free. */
/* clang-format off */
__asm__("    .pushsection .rodata\n"
        "    .intel_syntax noprefix\n"
        "    .balign 16\n"
        "    .globl go_detour_start, go_detour_handshake, go_detour_finished, go_detour_end\n"
        "    .hidden go_detour_start, go_detour_handshake, go_detour_finished, go_detour_end\n"
        "go_detour_start:\n"
        "    .skip 24\n" /* the mark and the pass */
        ".Lhandshake_more: .quad 0\n"
        ".Lhandshake_rest: .quad 0\n"
        ".Lfinished_more: .quad 0\n"
        ".Lfinished_rest: .quad 0\n"
        ".Lsystem_stack: .quad 0\n"
        ".Lnew_object: .quad 0\n"
        ".Lmake_slice: .quad 0\n"
        ".Ltyped_move: .quad 0\n"
        ".Ltype_config: .quad 0\n"
        ".Ltype_pointer: .quad 0\n"
        ".Ltype_octet: .quad 0\n"
        ".Lconfig: .quad 0\n"
        ".Laccepted: .quad 0\n"
        ".Lname: .quad 0\n"
        ".Llist: .quad 0\n"
        ".Lminimum: .quad 0\n"
        ".Lmaximum: .quad 0\n"
        ".Lmutex: .quad 0\n"
        ".Lmutex_size: .quad 0\n"
        ".Ltype_tcp: .quad 0\n"
        ".Ltype_inner: .quad 0\n"
        ".Lconnection: .quad 0\n"
        ".Lnetwork: .quad 0\n"
        ".Ldescriptor: .quad 0\n"
        /* What makes a list ours: these octets behind its end. */
        ".Lstamp: .ascii \"ECHSHIM\\0\"\n"

        /* ---- the handshake begins; RAX is the Conn ---- */
        "    .balign 16\n"
        "go_detour_handshake:\n"
        "    .fill 16, 1, 0x90\n" /* the comparison of the function itself */
        "    ja 1f\n"
        "    jmp [rip + .Lhandshake_more]\n"
        "1:  push rbp\n"
        "    mov rbp, rsp\n"
        "    push rax\n"
        "    push rbx\n"
        "    push rcx\n"
        "    push rdx\n"
        "    push r14\n"
        "    push 0\n" /* [rbp - 48]: must it ask again? */
        "    lea rdx, [rip + .Lwork]\n"
        "    push rdx\n" /* [rbp - 56]: a closure */
        "    mov rdx, rsp\n"
        "    push rdx\n"
        "    call [rip + .Lsystem_stack]\n"
        "    add rsp, 16\n"
        "    pop r12\n"
        "    pop r14\n"
        "    pop rdx\n"
        "    pop rcx\n"
        "    pop rbx\n"
        "    pop rax\n"
        "    pop rbp\n"
        "    xorps xmm15, xmm15\n"
        "    test r12, r12\n"
        "    jnz 2f\n"
        "    jmp [rip + .Lhandshake_rest]\n"
        "2:  mov qword ptr [r14 + 16], -1314\n" /* stackguard0 = stackPreempt */
        "    jmp go_detour_handshake\n"

        /* On the stack of the thread; RDX is the closure. Locals: [rbp - 8] the frame above, - 16
        * where the Conn has its Config, - 24 the Config, - 32 the length of the list, - 40 the new
        * Config,
        * - 48 the flags; the buffer ends at - 64. Below it callees may keep their arguments. */
        "    .set buffer, 64 + " TEXT(
        GO_ASK_BUFFER) "\n"
        ".Lwork:\n"
        "    push rbp\n"
        "    mov rbp, rsp\n"
        "    sub rsp, buffer + 64\n"
        "    add rdx, 56\n"
        "    mov [rbp - 8], rdx\n"
        "    mov r9, [rdx - 8]\n"
        "    add r9, [rip + .Lconfig]\n"
        "    mov [rbp - 16], r9\n"
        "    mov r9, [r9]\n"
        "    mov [rbp - 24], r9\n"
        "    test r9, r9\n" /* no Config, no name: crypto/tls sends nothing */
        "    jz .Ldone\n"
        "    xor eax, eax\n"
        "    mov r11, [rip + .Llist]\n"
        "    cmp qword ptr [r9 + r11], 0\n"
        "    je 1f\n"
        "    or eax, " TEXT(
        GO_ASK_OWN_LIST) "\n"
        "1:  mov r11, [rip + .Lmaximum]\n"
        "    movzx r11d, word ptr [r9 + r11]\n"
        "    test r11d, r11d\n"
        "    jz 2f\n"
        "    cmp r11d, 0x304\n"
        "    jae 2f\n"
        "    or eax, " TEXT(GO_ASK_OLD_ONLY) "\n"
        "2:  mov [rbp "
        "- 48], rax\n"
        "    mov r11, "
        "[rip + "
        ".Lname]\n"
        "    mov rsi, "
        "[r9 + r11]\n"
        "    mov r10, "
        "[r9 + r11 + "
        "8]\n"
        "    mov r9, "
        "rax\n"
        "    shl r9, "
        "32\n"
        "    or "
        "r9, " TEXT(
        GO_ASK_BUFFER) "\n"
        "    lea r8, "
        "[rbp - "
        "buffer]\n"
        "    mov rax, [rbp - 8]\n"
        "    mov rax, [rax - 8]\n"
        "    call .Lsocket\n"
        "    mov "
        "edx, " TEXT(
        GO_ASK) "\n"
        "    mov eax, 42\n" /* connect */
        "    syscall\n"
        "    cmp rax, -11\n" /* EAGAIN */
        "    je .Lagain\n"
        "    cmp rax, -4\n" /* EINTR */
        "    je .Lagain\n"
        "    test rax, rax\n"
        "    jz .Ldone\n"
        "    cmp rax, " TEXT(
        GO_ASK_BUFFER) "\n"
        "    ja .Lrefused\n" /* also an error */
        "    cmp qword ptr [rbp - 48], 0\n"
        "    je .Lgive\n"
        ".Lrefused:\n" /* crypto/tls returns an error for a list without a config */
        "    mov word ptr [rbp - buffer], 0\n"
        "    mov eax, 2\n"
        ".Lgive:\n"
        "    mov [rbp - 32], rax\n"
        "    mov rax, [rip + .Ltype_config]\n"
        "    call [rip + .Lnew_object]\n"
        "    mov [rbp - 40], rax\n"
        "    mov rbx, rax\n"
        "    mov rcx, [rbp - 24]\n"
        "    mov rax, [rip + .Ltype_config]\n"
        "    call [rip + .Ltyped_move]\n"
        /* Another goroutine may hold the mutex of the old one. */
        "    mov rdi, [rbp - 40]\n"
        "    add rdi, [rip + .Lmutex]\n"
        "    mov rcx, [rip + .Lmutex_size]\n"
        "    xor eax, eax\n"
        "    rep stosb\n"
        "    mov rax, [rip + .Ltype_octet]\n"
        "    mov rbx, [rbp - 32]\n"
        "    lea rcx, [rbx + 16]\n"
        "    call [rip + .Lmake_slice]\n"
        "    mov rdi, rax\n"
        "    lea rsi, [rbp - buffer]\n"
        "    mov rcx, [rbp - 32]\n"
        "    rep movsb\n"
        "    mov rdx, [rip + .Lstamp]\n"
        "    mov [rdi], rdx\n"
        "    mov r8, [rbp - 40]\n"
        "    mov r9, [rip + .Llist]\n"
        "    mov rcx, [rbp - 32]\n"
        "    mov [r8 + r9], rax\n"
        "    mov [r8 + r9 + 8], rcx\n"
        "    add rcx, 16\n"
        "    mov [r8 + r9 + 16], rcx\n"
        "    mov r9, [rip + .Lminimum]\n"
        "    mov word ptr [r8 + r9], 0x304\n"
        "    mov rax, [rip + .Ltype_pointer]\n"
        "    mov rbx, [rbp - 16]\n"
        "    lea rcx, [rbp - 40]\n"
        "    call [rip + .Ltyped_move]\n"
        "    jmp .Ldone\n"
        ".Lagain:\n"
        "    mov rdx, [rbp - 8]\n"
        "    mov qword ptr [rdx - 48], 1\n"
        ".Ldone:\n"
        "    leave\n"
        "    ret\n"

        /* ---- RAX is a Conn; RDI will be SOCKET (go/ask.h); RAX, R11 and R12 are lost ----
         * A struct that begins with a net.Conn is looked into (abi.PtrType, abi.StructType): a
         * tls.Conn, what golang.org/x/net/proxy makes, many types of programs. It stays what it is
         * while a handshake begins over it. */
        ".Lsocket:\n"
        "    mov edi, -1\n"
        "    cmp qword ptr [rip + .Ltype_tcp], 0\n"
        "    je 1f\n"
        "    add rax, [rip + .Lconnection]\n"
        "    xor r12d, r12d\n" /* how deep */
        "2:  mov r11, [rax]\n" /* an interface: its itab, and the value */
        "    test r11, r11\n"
        "    jz 1f\n"
        "    mov r11, [r11 + 8]\n" /* the type in the itab */
        "    mov rax, [rax + 8]\n"
        "    test rax, rax\n"
        "    jz 1f\n"
        "    cmp r11, [rip + .Ltype_tcp]\n"
        "    je 3f\n"
        "    inc r12d\n"
        "    cmp r12d, 8\n"
        "    ja 1f\n"
        "    mov dil, [r11 + 23]\n"
        "    and dil, 31\n"
        "    cmp dil, 22\n" /* a pointer */
        "    mov edi, -1\n"
        "    jne 1f\n"
        "    mov r11, [r11 + 48]\n"
        "    mov dil, [r11 + 23]\n"
        "    and dil, 31\n"
        "    cmp dil, 25\n" /* to a struct */
        "    mov edi, -1\n"
        "    jne 1f\n"
        "    cmp qword ptr [r11 + 64], 0\n" /* with fields */
        "    je 1f\n"
        "    mov r11, [r11 + 56]\n"
        "    cmp qword ptr [r11 + 16], 0\n" /* the first of which is at 0 */
        "    jne 1f\n"
        "    mov r11, [r11 + 8]\n"
        "    cmp r11, [rip + .Ltype_inner]\n"
        "    je 2b\n"
        "    ret\n"
        "3:\n"
        "    add rax, [rip + .Lnetwork]\n"
        "    mov rax, [rax]\n"
        "    test rax, rax\n"
        "    jz 1f\n"
        "    add rax, [rip + .Ldescriptor]\n"
        "    mov rax, [rax]\n"
        "    cmp rax, 0x7fffffff\n" /* also -1, if it was closed */
        "    jae 1f\n"
        "    inc rax\n"
        "    test r12d, r12d\n"
        "    jz 4f\n"
        "    bts rax, 31\n" /* GO_ASK_WRAPPED */
        "4:  shl rax, 32\n"
        "    or rdi, rax\n"
        "1:  ret\n"

        /* ---- the server's Finished was right; RAX is the state, which begins with the Conn ---- */
        "    .balign 16\n"
        "go_detour_finished:\n"
        "    .fill 16, 1, 0x90\n"
        "    ja 1f\n"
        "    jmp [rip + .Lfinished_more]\n"
        "1:  push rax\n"
        "    push rdx\n"
        "    mov r8, [rax]\n"
        "    mov r9, [rip + .Lconfig]\n"
        "    mov r9, [r8 + r9]\n"
        "    test r9, r9\n"
        "    jz 2f\n"
        "    mov rdi, [rip + .Llist]\n"
        "    add rdi, r9\n"
        "    mov rsi, [rdi]\n"
        "    test rsi, rsi\n"
        "    jz 2f\n"
        "    mov rdx, [rdi + 8]\n"
        "    mov r10, [rdi + 16]\n"
        "    sub r10, rdx\n"
        "    cmp r10, 16\n"
        "    jne 2f\n"
        "    mov r10, [rip + .Lstamp]\n"
        "    cmp [rsi + rdx], r10\n"
        "    jne 2f\n"
        "    mov rax, r8\n"
        "    call .Lsocket\n"
        "    mov r10, [rip + .Laccepted]\n"
        "    movzx r8d, byte ptr [r8 + r10]\n" /* GO_TELL_ACCEPTED or GO_TELL_REJECTED */
        "    mov r11, [rip + .Lname]\n"
        "    mov rsi, [r9 + r11]\n"
        "    mov r10, [r9 + r11 + 8]\n"
        "    xor r9d, r9d\n"
        "    mov edx, " TEXT(
        GO_TELL) "\n"
        "    mov eax, 42\n"
        "    push rcx\n"
        "    syscall\n"
        "    pop rcx\n"
        "2:  pop rdx\n"
        "    pop rax\n"
        "    jmp [rip + .Lfinished_rest]\n"
        "go_detour_end:\n"
        "    .att_syntax\n"
        "    .popsection\n");
/* clang-format on */

extern const uint8_t go_detour_start[];
extern const uint8_t go_detour_handshake[];
extern const uint8_t go_detour_finished[];
extern const uint8_t go_detour_end[];

bool go_detour_make(struct go_detour *detour, const struct go_plan *plan, uint64_t base,
                    const struct shim_pass *pass)
{
    const struct parameters parameters = {
        .pass = {pass->words[0], pass->words[1]},
        .handshake_more = base + plan->handshake_prologue.more,
        .handshake_rest = base + plan->handshake_prologue.rest,
        .finished_more = base + plan->finished_prologue.more,
        .finished_rest = base + plan->finished_prologue.rest,
        .system_stack = base + plan->function.system_stack,
        .new_object = base + plan->function.new_object,
        .make_slice = base + plan->function.make_slice,
        .typed_move = base + plan->function.typed_move,
        .type_config = base + plan->type.config,
        .type_pointer = base + plan->type.pointer,
        .type_octet = base + plan->type.octet,
        .config = plan->offset.config,
        .accepted = plan->offset.accepted,
        .name = plan->offset.name,
        .list = plan->offset.list,
        .minimum = plan->offset.minimum,
        .maximum = plan->offset.maximum,
        .mutex = plan->offset.mutex,
        .mutex_size = plan->mutex_size,
        .type_tcp = plan->type.tcp != 0 ? base + plan->type.tcp : 0,
        .type_inner = base + plan->type.inner,
        .connection = plan->offset.connection,
        .network = plan->offset.network,
        .descriptor = plan->offset.descriptor,
    };
    uintptr_t start = (uintptr_t)go_detour_start;
    *detour = (struct go_detour){.handshake = (uintptr_t)go_detour_handshake - start,
                                 .finished = (uintptr_t)go_detour_finished - start};
    memcpy(detour->code, go_detour_start, (uintptr_t)go_detour_end - start);
    memcpy(detour->code, &parameters, sizeof parameters);
    memcpy(detour->code, GO_DETOUR_MARK, GO_DETOUR_MARK_SIZE);
    memcpy(detour->code + detour->handshake, plan->handshake_prologue.code,
           plan->handshake_prologue.length);
    memcpy(detour->code + detour->finished, plan->finished_prologue.code,
           plan->finished_prologue.length);
    return true;
}

#else

bool go_detour_make(struct go_detour *detour, const struct go_plan *plan, uint64_t base,
                    const struct shim_pass *pass)
{
    (void)detour;
    (void)plan;
    (void)base;
    (void)pass;
    return false;
}

#endif
