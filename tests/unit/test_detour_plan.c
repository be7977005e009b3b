/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instructions and detours of x86-64, byte by byte, and over all of the system's libssl. */
#include "shim/stub/detour_plan.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shim/common/tls_libraries.h"
#include "shim/stub/instruction.h"
#include "shim/stub/symbol.h"

/* The code and its addresses are of 64 bits. */
TestSuite(detour_plan, .timeout = 60, .disabled = sizeof(void *) < sizeof(uint64_t));

enum { CODE = 0x401000, NEAR = 0x20000000, SPACE = 0x1000, ENDBR = 4 };

/* One page of code, filled with int3, and one of data. */
struct place {
    uint8_t code[SPACE];
    uint8_t data[SPACE];
    struct stub_image image;
    struct stub_detour_plan plan;
};
static struct place place;

static void make(const uint8_t *octets, size_t length)
{
    memset(&place, 0, sizeof place);
    memset(place.code, 0xcc, sizeof place.code);
    memcpy(place.code, octets, length);
    place.image.segments[0] = (struct stub_segment){CODE, SPACE, place.code, true};
    place.image.segments[1] = (struct stub_segment){CODE + SPACE, SPACE, place.data, false};
    place.image.count = 2;
}

#define FUNCTION(...) ((const uint8_t[]){__VA_ARGS__})
#define PLAN(...)                                                                                  \
    (make(FUNCTION(__VA_ARGS__), sizeof FUNCTION(__VA_ARGS__)),                                    \
     stub_detour_plan(&place.image, CODE, sizeof FUNCTION(__VA_ARGS__), NEAR, &place.plan))

static void expect_trampoline(const uint8_t *octets, size_t length)
{
    static const uint8_t endbr64[ENDBR] = {0xf3, 0x0f, 0x1e, 0xfa};
    cr_assert_eq(place.plan.trampoline_length, length + ENDBR, "%zu octets",
                 place.plan.trampoline_length);
    cr_assert_arr_eq(place.plan.trampoline, endbr64, sizeof endbr64);
    cr_assert_arr_eq(place.plan.trampoline + ENDBR, octets, length);
}

#define TRAMPOLINE(...) expect_trampoline(FUNCTION(__VA_ARGS__), sizeof FUNCTION(__VA_ARGS__))

/* The displacement of four octets from the end of an instruction at NEAR + ENDBR + `end`. */
#define FROM(end, goal)                                                                            \
    (uint8_t)((goal) - (NEAR + ENDBR + (end))), (uint8_t)(((goal) - (NEAR + ENDBR + (end))) >> 8), \
        (uint8_t)(((goal) - (NEAR + ENDBR + (end))) >> 16),                                        \
        (uint8_t)(((goal) - (NEAR + ENDBR + (end))) >> 24)

static void expect_refused(const char *refused, const char *why)
{
    cr_assert_not_null(refused, "not refused, but it %s", why);
    cr_assert_str_eq(refused, why);
}

/* ---- heads ---- */

Test(detour_plan, whole_instructions_move)
{
    /* push %rbp; mov %rsp,%rbp; push %r15; then the rest */
    cr_assert_null(PLAN(0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x90, 0x90, 0xc3));
    cr_assert_eq(place.plan.jump, CODE);
    TRAMPOLINE(0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0xe9, FROM(11, CODE + 6));
}

Test(detour_plan, endbr64_stays)
{
    cr_assert_null(PLAN(0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x57, 0x41, 0x56, 0x53, 0xc3));
    cr_assert_eq(place.plan.jump, CODE + 4);
    TRAMPOLINE(0x41, 0x57, 0x41, 0x56, 0x53, 0xe9, FROM(10, CODE + 9));
}

/* SSL_get_rbio: mov 0x10(%rdi),%rax; ret */
Test(detour_plan, a_function_of_five_octets)
{
    cr_assert_null(PLAN(0x48, 0x8b, 0x47, 0x10, 0xc3));
    TRAMPOLINE(0x48, 0x8b, 0x47, 0x10, 0xc3);
}

Test(detour_plan, a_shorter_function_needs_padding)
{
    cr_assert_null(PLAN(0x31, 0xc0, 0xc3));
    TRAMPOLINE(0x31, 0xc0, 0xc3);
    make(FUNCTION(0x31, 0xc0, 0xc3, 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x0f, 0x1f, 0x40, 0),
         16);
    cr_assert_null(stub_detour_plan(&place.image, CODE, 3, NEAR, &place.plan));
    place.code[12] = 0x55; /* something begins before the next boundary */
    expect_refused(stub_detour_plan(&place.image, CODE, 3, NEAR, &place.plan), "is too short");
    place.code[3] = 0xc3;
    expect_refused(stub_detour_plan(&place.image, CODE, 3, NEAR, &place.plan), "is too short");
    /* No room before the boundary, whatever is behind it. */
    make(FUNCTION(0x90), 1);
    memcpy(place.code + 13, FUNCTION(0x31, 0xc0, 0xc3), 3);
    expect_refused(stub_detour_plan(&place.image, CODE + 13, 3, NEAR, &place.plan), "is too short");
}

Test(detour_plan, addresses_are_corrected)
{
    /* mov 0x1000(%rip),%rax */
    cr_assert_null(PLAN(0x48, 0x8b, 0x05, 0x00, 0x10, 0, 0, 0xc3));
    TRAMPOLINE(0x48, 0x8b, 0x05, FROM(7, CODE + 7 + 0x1000), 0xe9, FROM(12, CODE + 7));
    /* cmpl $1,0x20(%rip): an immediate follows */
    cr_assert_null(PLAN(0x83, 0x3d, 0x20, 0, 0, 0, 0x01, 0xc3));
    TRAMPOLINE(0x83, 0x3d, FROM(7, CODE + 7 + 0x20), 0x01, 0xe9, FROM(12, CODE + 7));
    /* call; jmp */
    cr_assert_null(PLAN(0xe8, 0x00, 0x01, 0, 0, 0xc3));
    TRAMPOLINE(0xe8, FROM(5, CODE + 0x105), 0xe9, FROM(10, CODE + 5));
    cr_assert_null(PLAN(0xe9, 0x00, 0x01, 0, 0));
    TRAMPOLINE(0xe9, FROM(5, CODE + 0x105));
    /* js */
    cr_assert_null(PLAN(0x0f, 0x88, 0x00, 0x01, 0, 0, 0xc3));
    TRAMPOLINE(0x0f, 0x88, FROM(6, CODE + 0x106), 0xe9, FROM(11, CODE + 6));
}

/* What compilers put at a head for certain flags (test_detour_heads.c has the compilers
 * themselves). */
Test(detour_plan, heads_of_uncommon_builds)
{
    /* lock addq $1,0x1000(%rip): a counter (gcc --coverage) */
    cr_assert_null(PLAN(0xf0, 0x48, 0x83, 0x05, 0x00, 0x10, 0, 0, 0x01, 0xc3));
    TRAMPOLINE(0xf0, 0x48, 0x83, 0x05, FROM(9, CODE + 9 + 0x1000), 0x01, 0xe9, FROM(14, CODE + 9));
    /* addr32 call: what the linker makes of a call through a table (-fno-plt) */
    cr_assert_null(PLAN(0x67, 0xe8, 0x00, 0x01, 0, 0, 0xc3));
    TRAMPOLINE(0x67, 0xe8, FROM(6, CODE + 0x106), 0xe9, FROM(11, CODE + 6));
    /* data16 data16 rex.W call: of __tls_get_addr */
    cr_assert_null(PLAN(0x66, 0x66, 0x48, 0xe8, 0x00, 0x01, 0, 0, 0xc3));
    TRAMPOLINE(0x66, 0x66, 0x48, 0xe8, FROM(8, CODE + 0x108), 0xe9, FROM(13, CODE + 8));
    /* vmovsd 0x1000(%rip),%xmm1; vmulsd with a prefix of three octets */
    cr_assert_null(PLAN(0xc5, 0xfb, 0x10, 0x0d, 0x00, 0x10, 0, 0, 0xc3));
    TRAMPOLINE(0xc5, 0xfb, 0x10, 0x0d, FROM(8, CODE + 8 + 0x1000), 0xe9, FROM(13, CODE + 8));
    cr_assert_null(PLAN(0xc4, 0xe2, 0xf1, 0x99, 0x47, 0x70, 0xc3));
    TRAMPOLINE(0xc4, 0xe2, 0xf1, 0x99, 0x47, 0x70, 0xe9, FROM(11, CODE + 6));
    /* vmovdqu8 0x40(%rsi),%zmm0; vpternlogd $0xff,%zmm0,%zmm0,%zmm0 */
    cr_assert_null(PLAN(0x62, 0xf1, 0x7f, 0x48, 0x6f, 0x46, 0x01, 0xc3));
    TRAMPOLINE(0x62, 0xf1, 0x7f, 0x48, 0x6f, 0x46, 0x01, 0xe9, FROM(12, CODE + 7));
    cr_assert_null(PLAN(0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff, 0xc3));
    TRAMPOLINE(0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff, 0xe9, FROM(12, CODE + 7));
    /* sub $0x58,%rsp; xchg %rax,%rsi (gcc 15 -Oz) */
    cr_assert_null(PLAN(0x48, 0x83, 0xec, 0x58, 0x48, 0x96, 0xc3));
    TRAMPOLINE(0x48, 0x83, 0xec, 0x58, 0x48, 0x96, 0xe9, FROM(11, CODE + 6));
    /* fldz (-fzero-call-used-regs) */
    cr_assert_null(PLAN(0xd9, 0xee, 0xd9, 0xee, 0xd9, 0xee, 0xc3));
    TRAMPOLINE(0xd9, 0xee, 0xd9, 0xee, 0xd9, 0xee, 0xe9, FROM(11, CODE + 6));
}

/* int3 stands behind a return or a jump (-mharden-sls), and nowhere else. */
Test(detour_plan, breakpoints_of_the_compiler)
{
    cr_assert_null(PLAN(0x31, 0xc0, 0x90, 0x90, 0x90, 0xc3, 0xcc, 0x31, 0xc0, 0xff, 0xe0, 0xcc));
    cr_assert_null(PLAN(0x48, 0x8b, 0x47, 0x10, 0xc3, 0xcc));
    expect_refused(PLAN(0x31, 0xc0, 0x90, 0x90, 0x90, 0x90, 0xcc, 0x31, 0xc0, 0xc3),
                   "has an instruction that the shim does not know");
}

Test(detour_plan, short_jumps_become_long)
{
    /* test %edx,%edx; js +1; nop; nop; ret */
    cr_assert_null(PLAN(0x85, 0xd2, 0x78, 0x01, 0x90, 0x90, 0xc3));
    TRAMPOLINE(0x85, 0xd2, 0x0f, 0x88, FROM(8, CODE + 5), 0x90, 0xe9, FROM(14, CODE + 5));
    /* xor %eax,%eax; nop; jmp +2 */
    cr_assert_null(PLAN(0x31, 0xc0, 0x90, 0xeb, 0x02, 0x90, 0x90, 0xc3));
    TRAMPOLINE(0x31, 0xc0, 0x90, 0xe9, FROM(8, CODE + 7));
}

Test(detour_plan, what_is_not_known_is_refused)
{
    static const char *const why = "begins with an instruction that the shim does not move";
    expect_refused(PLAN(0x0f, 0xa2, 0x90, 0x90, 0x90, 0xc3), why);       /* cpuid */
    expect_refused(PLAN(0xcc, 0x90, 0x90, 0x90, 0x90, 0xc3), why);       /* int3 */
    expect_refused(PLAN(0x0f, 0x05, 0x90, 0x90, 0x90, 0xc3), why);       /* syscall */
    expect_refused(PLAN(0xe3, 0x01, 0x90, 0x90, 0x90, 0xc3), why);       /* jrcxz */
    expect_refused(PLAN(0xe2, 0x01, 0x90, 0x90, 0x90, 0xc3), why);       /* loop */
    expect_refused(PLAN(0x66, 0xe9, 0x00, 0x01, 0, 0, 0xc3), why);       /* jmpw */
    expect_refused(PLAN(0x2e, 0x74, 0x02, 0x90, 0x90, 0x90, 0xc3), why); /* je, with a hint */
    expect_refused(PLAN(0xc5, 0xf8, 0x0b, 0xc1, 0x90, 0xc3), why);       /* VEX, no opcode */
    expect_refused(PLAN(0xc4, 0xe4, 0x78, 0x28, 0xc1, 0xc3), why);       /* VEX, no map */
    expect_refused(PLAN(0x62, 0xf9, 0x7c, 0x48, 0x28, 0xc1, 0xc3), why); /* EVEX, APX */
    expect_refused(PLAN(0x62, 0xf1, 0x78, 0x48, 0x28, 0xc1, 0xc3), why); /* the same */
    expect_refused(PLAN(0x66, 0xe8, 0x00, 0x01, 0, 0, 0xc3), why);       /* callw */
    /* addr32 mov 0x1000(%eip),%rax: an address of 32 bits */
    expect_refused(PLAN(0x67, 0x48, 0x8b, 0x05, 0x00, 0x10, 0, 0, 0xc3), why);
    expect_refused(PLAN(0x90, 0xf3, 0x0f, 0x1e, 0xfa, 0x90, 0x90, 0xc3), why); /* endbr64 within */
    expect_refused(PLAN(0xff, 0xd8, 0x90, 0x90, 0x90, 0xc3), why);             /* ff /3 */
    expect_refused(PLAN(0x90, 0x90, 0x90, 0x90, 0xe8, 0, 0), why);             /* cut */
}

/* ---- jumps into the head ---- */

static const char loops[] = "has a jump back to its beginning";

Test(detour_plan, no_jump_may_lead_into_the_head)
{
    /* xor %eax,%eax; inc %eax; nop; then a jump to each octet of the head */
    for (int8_t goal = 0; goal < 5; goal++) {
        expect_refused(PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0x75, (uint8_t)(goal - 7), 0xc3), loops);
        expect_refused(PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0x0f, 0x85, (uint8_t)(goal - 11), 0xff,
                            0xff, 0xff, 0xc3),
                       loops);
        expect_refused(
            PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0xe9, (uint8_t)(goal - 10), 0xff, 0xff, 0xff),
            loops);
    }
    /* Behind the head they may lead. */
    cr_assert_null(PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0x75, 0xfe, 0xc3));
    /* Within the head as well: jmp +1 over an octet. */
    expect_refused(PLAN(0x74, 0x01, 0x90, 0x90, 0x90, 0xc3), loops);
}

Test(detour_plan, a_call_may_lead_to_the_first_octet_alone)
{
    cr_assert_null(PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0xe8, 0xf6, 0xff, 0xff, 0xff, 0xc3));
    expect_refused(PLAN(0x31, 0xc0, 0xff, 0xc0, 0x90, 0xe8, 0xf7, 0xff, 0xff, 0xff, 0xc3), loops);
}

/* 200 octets behind the head, where a short jump no longer reaches. The instruction before it is
 * one that we do not know. */
Test(detour_plan, a_near_jump_is_found_anywhere)
{
    uint8_t code[300];
    memset(code, 0x90, sizeof code);
    memcpy(code + 200, FUNCTION(0x0f, 0x05, 0x0f, 0x84, 0, 0, 0, 0), 8);
    int32_t distance = 2 - 208;
    memcpy(code + 204, &distance, sizeof distance);
    make(code, sizeof code);
    expect_refused(stub_detour_plan(&place.image, CODE, sizeof code, NEAR, &place.plan), loops);
    code[204]++; /* to the fourth octet: still in the head */
    make(code, sizeof code);
    expect_refused(stub_detour_plan(&place.image, CODE, sizeof code, NEAR, &place.plan), loops);
    distance = 5 - 208;
    memcpy(code + 204, &distance, sizeof distance);
    make(code, sizeof code);
    cr_assert_null(stub_detour_plan(&place.image, CODE, sizeof code, NEAR, &place.plan));
    /* Within reach of short jumps the function has to be read, instruction by instruction. */
    memcpy(code + 20, FUNCTION(0x0f, 0x05), 2);
    make(code, sizeof code);
    expect_refused(stub_detour_plan(&place.image, CODE, sizeof code, NEAR, &place.plan),
                   "has an instruction that the shim does not know");
}

/* A part that the compiler moved elsewhere, as gcc's .cold, jumps back into the head. */
Test(detour_plan, a_jump_from_a_part_elsewhere)
{
    for (int32_t goal = 0; goal < 6; goal++) {
        int32_t distance = goal - 0x80a;
        /* je 0x800; the rest of the function */
        make(FUNCTION(0x31, 0xc0, 0xff, 0xc0, 0x90, 0x0f, 0x84, 0xf5, 0x07, 0, 0, 0xc3), 12);
        memcpy(place.code + 0x800, FUNCTION(0x90, 0x90, 0x90, 0x90, 0x90, 0xe9), 6);
        memcpy(place.code + 0x806, &distance, sizeof distance);
        const char *refused = stub_detour_plan(&place.image, CODE, 12, NEAR, &place.plan);
        if (goal == 0 || goal == 5) {
            cr_assert_null(refused, "%d: %s", goal, refused); /* a call at its end, or no head */
        } else {
            expect_refused(refused, loops);
        }
    }
}

Test(detour_plan, a_table_that_leads_into_the_head)
{
    enum { TABLE = CODE + SPACE + 0x10 };
    /* xor; nop...; lea table(%rip),%rdx; movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax */
    static const uint8_t code[] = {0x31, 0xc0, 0x90, 0x90, 0x90, 0x48, 0x8d, 0x15,
                                   0x04, 0x10, 0,    0,    0x48, 0x63, 0x04, 0x82,
                                   0x48, 0x01, 0xd0, 0xff, 0xe0, 0x90, 0xc3};
    for (int32_t goal = 0; goal < 7; goal++) {
        const int32_t entries[] = {21 + CODE - TABLE, 22 + CODE - TABLE, goal + CODE - TABLE};
        make(code, sizeof code);
        memcpy(place.data + 0x10, entries, sizeof entries);
        const char *refused = stub_detour_plan(&place.image, CODE, sizeof code, NEAR, &place.plan);
        cr_assert_eq(refused == NULL, goal >= 5, "%d", goal);
    }
    /* jmp *table(,%rax,8) */
    static const uint8_t fixed[] = {0x31, 0xc0, 0x90, 0x90, 0x90, 0xff, 0x24,
                                    0xc5, 0x10, 0x20, 0x40, 0x00, 0xc3};
    for (uint64_t goal = 0; goal < 7; goal++) {
        const uint64_t entries[] = {CODE + 12, CODE + goal};
        make(fixed, sizeof fixed);
        memcpy(place.data + 0x10, entries, sizeof entries);
        const char *refused = stub_detour_plan(&place.image, CODE, sizeof fixed, NEAR, &place.plan);
        cr_assert_eq(refused == NULL, goal >= 5, "%d", (int)goal);
    }
}

/* ---- places ---- */

Test(detour_plan, only_code_of_the_program)
{
    static const char *const why = "does not lie in the program's code";
    (void)PLAN(0x48, 0x8b, 0x47, 0x10, 0xc3);
    const struct stub_image *image = &place.image;
    expect_refused(stub_detour_plan(image, CODE + SPACE, 5, NEAR, &place.plan), why);
    expect_refused(stub_detour_plan(image, CODE + SPACE - 4, 5, NEAR, &place.plan), why);
    expect_refused(stub_detour_plan(image, CODE - 1, 5, NEAR, &place.plan), why);
    expect_refused(stub_detour_plan(image, 0, 5, NEAR, &place.plan), why);
    expect_refused(stub_detour_plan(image, UINTPTR_MAX, 5, NEAR, &place.plan), why);
    expect_refused(stub_detour_plan(image, CODE, 0, NEAR, &place.plan), "has no size");
    place.image.segments[0].is_code = false; /* writable, perhaps */
    expect_refused(stub_detour_plan(image, CODE, 5, NEAR, &place.plan), why);
}

Test(detour_plan, memory_that_is_too_far)
{
    static const uint8_t code[] = {0x90, 0x90, 0x90, 0x90, 0x90, 0xc3};
    uint8_t jump[STUB_JUMP_SIZE];
    make(code, sizeof code);
    expect_refused(
        stub_detour_plan(&place.image, CODE, sizeof code, CODE + (1L << 31), &place.plan),
        "is too far from free memory");
    cr_assert(stub_detour_jump(jump, CODE, (uintptr_t)CODE + 5 + INT32_MAX));
    cr_assert_not(stub_detour_jump(jump, CODE, (uintptr_t)CODE + 6 + INT32_MAX));
    make(FUNCTION(0x48, 0x8b, 0x05, 0, 0, 0, 0x80, 0xc3), 8);
    expect_refused(
        stub_detour_plan(&place.image, CODE, 8, (uintptr_t)CODE + 0x7fff0000, &place.plan),
        "begins with an address that is too far away");
}

/* ---- real code ---- */

#if defined(__x86_64__)
static int note_libssl(struct dl_phdr_info *info, size_t size, void *context)
{
    struct stub_image *image = context;
    (void)size;
    if (strstr(info->dlpi_name, "libssl.so") == NULL) {
        return 0;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        uintptr_t address = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD) {
            image->segments[image->count++] =
                (struct stub_segment){address, header->p_memsz, (const uint8_t *)address,
                                      header->p_flags == (PF_R | PF_X)};
        }
    }
    return 1;
}

/* Each trampoline has the instructions of the head, and they lead where they led. */
static void check_moved(const struct stub_detour_plan *plan, uintptr_t from, uintptr_t to)
{
    const uint8_t *head = (const uint8_t *)plan->jump;
    for (size_t at = ENDBR, was = 0; was < STUB_JUMP_SIZE;) {
        struct stub_instruction moved;
        struct stub_instruction original;
        cr_assert(
            stub_instruction_read(plan->trampoline + at, plan->trampoline_length - at, &moved));
        cr_assert(stub_instruction_read(head + was, STUB_INSTRUCTION_MAX, &original));
        cr_assert_eq(moved.branches, original.branches);
        if (original.displacement_size == 4) {
            int32_t before;
            int32_t after;
            memcpy(&before, head + was + original.displacement, 4);
            memcpy(&after, plan->trampoline + at + moved.displacement, 4);
            cr_assert_eq(from + was + original.length + (uintptr_t)(intptr_t)before,
                         to + at + moved.length + (uintptr_t)(intptr_t)after);
        } else if (original.displacement_size == 0) {
            cr_assert_arr_eq(head + was, plan->trampoline + at, original.length);
        }
        at += moved.length;
        was += original.length;
        if (original.ends) {
            break;
        }
    }
}

/* All 500 and more functions of libssl by name: the hooks' have plans, and of the others nearly
 * all. */
Test(detour_plan, all_of_libssl)
{
    static const struct {
        const char *name;
        enum shim_family family;
    } hooks[] = {
#define HOOK(name, family) {#name, SHIM_FAMILY_##family},
#include "shim/common/hooks.def"
#undef HOOK
    };
    struct stub_image image = {.count = 0};
    struct link_map *libssl = NULL;
    void *handle = dlopen("libssl.so.3", RTLD_NOW);
    if (handle == NULL) {
        cr_skip_test("no libssl.so.3");
    }
    cr_assert_eq(dlinfo(handle, RTLD_DI_LINKMAP, &libssl), 0);
    cr_assert_eq(dl_iterate_phdr(note_libssl, &image), 1);
    size_t planned = 0;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        struct stub_detour_plan plan;
        const ElfW(Sym) *symbol = hooks[i].family == SHIM_FAMILY_OPENSSL
                                      ? stub_symbol_find(libssl, &image, hooks[i].name)
                                      : NULL;
        if (symbol == NULL) {
            continue;
        }
        uintptr_t address = libssl->l_addr + symbol->st_value;
        uintptr_t to = address + 0x10000000;
        const char *refused = stub_detour_plan(&image, address, symbol->st_size, to, &plan);
        cr_assert_null(refused, "%s %s", hooks[i].name, refused);
        check_moved(&plan, plan.jump, to);
        planned++;
    }
    cr_assert_geq(planned, 20);
}
#endif
