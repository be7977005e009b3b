/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>

/* x32 programs make the calls of x86-64 with this bit in the number. */
enum { X32_BIT = 0x40000000 };

static const struct supervisor_calls kinds[] = {
#if defined(__x86_64__) || defined(__i386__)
    {.arch = AUDIT_ARCH_X86_64,
     .connect = 42,
     .sendto = 44,
     .sendmsg = 46,
     .sendmmsg = 307,
     .socketcall = -1,
     .io_uring_setup = 425,
     .word = 8},
    {.arch = AUDIT_ARCH_I386,
     .connect = 362,
     .sendto = 369,
     .sendmsg = 370,
     .sendmmsg = 345,
     .socketcall = 102,
     .io_uring_setup = 425,
     .word = 4},
#elif defined(__aarch64__)
    {.arch = AUDIT_ARCH_AARCH64,
     .connect = 203,
     .sendto = 206,
     .sendmsg = 211,
     .sendmmsg = 269,
     .socketcall = -1,
     .io_uring_setup = 425,
     .word = 8},
    {.arch = AUDIT_ARCH_ARM,
     .connect = 283,
     .sendto = 290,
     .sendmsg = 296,
     .sendmmsg = 374,
     .socketcall = -1,
     .io_uring_setup = 425,
     .word = 4},
#endif
};

enum { KINDS = sizeof kinds / sizeof *kinds };

const struct supervisor_calls *supervisor_calls_of(uint32_t arch)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].arch == arch) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- writing instructions ---- */

struct code {
    struct sock_filter *out;
    size_t length;
};

static void put(struct code *code, struct sock_filter instruction)
{
    code->out[code->length++] = instruction;
}

static void load(struct code *code, size_t offset)
{
    put(code, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* The lower and the upper half of an argument. */
static size_t lower(unsigned argument)
{
    size_t at = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);
    return __BYTE_ORDER == __LITTLE_ENDIAN ? at : at + sizeof(uint32_t);
}

static size_t upper(unsigned argument)
{
    size_t at = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);
    return __BYTE_ORDER == __LITTLE_ENDIAN ? at + sizeof(uint32_t) : at;
}

/* Passes over `count` instructions unless the loaded word is `value`. */
static void unless_equal_skip(struct code *code, uint32_t value, uint8_t count)
{
    put(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
}

static void answer(struct code *code, uint32_t what)
{
    put(code, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static void answer_if_equal(struct code *code, uint32_t value, uint32_t what)
{
    unless_equal_skip(code, value, 1);
    answer(code, what);
}

#define NO_SUCH_CALL (SECCOMP_RET_ERRNO | ENOSYS)

/* Each of these blocks returns in all cases, and BLOCK is its length behind the comparison. */

enum { PASS_BLOCK = 10, SENDTO_BLOCK = 6, SOCKETCALL_BLOCK = 10 };

/* A call that may carry the pass. */
static void put_passing(struct code *code, int number, const struct supervisor_calls *kind,
                        const struct shim_pass *pass)
{
    unless_equal_skip(code, (uint32_t)number, PASS_BLOCK);
    uint8_t left = PASS_BLOCK - 1;
    for (unsigned word = 0; word < 2; word++) {
        bool whole = kind->word == sizeof(uint64_t);
        load(code, lower(4 + word));
        left -= 2;
        unless_equal_skip(code, (uint32_t)pass->words[word], left);
        load(code, upper(4 + word));
        left -= 2;
        unless_equal_skip(code, whole ? (uint32_t)(pass->words[word] >> 32) : 0, left);
    }
    answer(code, SECCOMP_RET_ALLOW);
    answer(code, SECCOMP_RET_USER_NOTIF);
}

/* sendto uses all six arguments; the fifth is the address. */
static void put_sendto(struct code *code, int number)
{
    unless_equal_skip(code, (uint32_t)number, SENDTO_BLOCK);
    load(code, lower(4));
    unless_equal_skip(code, 0, 3);
    load(code, upper(4));
    unless_equal_skip(code, 0, 1);
    answer(code, SECCOMP_RET_ALLOW);
    answer(code, SECCOMP_RET_USER_NOTIF);
}

static void put_socketcall(struct code *code, int number)
{
    unless_equal_skip(code, (uint32_t)number, SOCKETCALL_BLOCK);
    load(code, lower(0));
    answer_if_equal(code, SUPERVISOR_SOCKETCALL_CONNECT, SECCOMP_RET_USER_NOTIF);
    answer_if_equal(code, SUPERVISOR_SOCKETCALL_SENDTO, SECCOMP_RET_USER_NOTIF);
    answer_if_equal(code, SUPERVISOR_SOCKETCALL_SENDMSG, SECCOMP_RET_USER_NOTIF);
    answer_if_equal(code, SUPERVISOR_SOCKETCALL_SENDMMSG, SECCOMP_RET_USER_NOTIF);
    answer(code, SECCOMP_RET_ALLOW);
}

/* Nothing in Debian is built for x32, so its calls simply fail. */
static void put_x32(struct code *code, const struct supervisor_calls *kind)
{
    enum { SENDMSG = 518, SENDMMSG = 538 };
    const int numbers[] = {kind->connect, kind->sendto, SENDMSG, SENDMMSG, kind->io_uring_setup};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        answer_if_equal(code, (uint32_t)numbers[i] | X32_BIT, NO_SUCH_CALL);
    }
}

static void put_kind(struct code *code, const struct supervisor_calls *kind,
                     const struct shim_pass *pass)
{
    load(code, offsetof(struct seccomp_data, nr));
    put_passing(code, kind->connect, kind, pass);
    put_passing(code, kind->sendmsg, kind, pass);
    put_passing(code, kind->sendmmsg, kind, pass);
    put_sendto(code, kind->sendto);
    if (kind->socketcall >= 0) {
        put_socketcall(code, kind->socketcall);
    }
    answer_if_equal(code, (uint32_t)kind->io_uring_setup, NO_SUCH_CALL);
    if (kind->arch == AUDIT_ARCH_X86_64) {
        put_x32(code, kind);
    }
    answer(code, SECCOMP_RET_ALLOW);
}

size_t supervisor_filter(const struct shim_pass *pass,
                         struct sock_filter out[SUPERVISOR_FILTER_MAX])
{
    struct code code = {.out = out};
    load(&code, offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < KINDS; i++) {
        unless_equal_skip(&code, kinds[i].arch, 0);
        size_t at = code.length;
        put_kind(&code, &kinds[i], pass);
        out[at - 1].jf = (uint8_t)(code.length - at);
    }
    answer(&code, NO_SUCH_CALL);
    return code.length;
}
