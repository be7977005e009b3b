/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The octets that the jump takes must not be the goal of any other jump. Three searches see to
 * that:
 *
 * - Short jumps come from at most 128 octets away. As far as that the function is read instruction
 *   by instruction, so each of them is seen.
 * - Near jumps may come from the whole function, and from parts of it that the compiler moved
 *   elsewhere (.cold). They are looked for at every octet, whether or not an instruction begins
 *   there. So none is missed, and a false alarm needs four octets that fit by chance.
 * - Tables of addresses for a switch are looked for behind every address that the function takes.
 */
#include "shim/stub/detour_plan.h"

#include <string.h>

#include "shim/stub/instruction.h"

enum {
    NEAR_JUMP = 0xe9,
    NEAR_CALL = 0xe8,
    SHORT_JUMP = 0xeb,
    TWO_OCTETS = 0x0f,
    NEAR_CONDITION = 0x80, /* behind TWO_OCTETS; the lowest four bits are the condition */
    BREAKPOINT = 0xcc,
    ALIGNMENT = 16, /* of functions */
    SHORT_REACH = 128 + STUB_INSTRUCTION_MAX,
    BODY_MAX = 1 << 20,
    PART_SIZE = 512,     /* of a part elsewhere that is searched */
    PARTS_MAX = 64,      /* of these */
    TABLE_ENTRIES = 4096 /* that a switch has at most */
};

static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* One function, and what of it the jump will take. */
struct head {
    const struct stub_image *image;
    uintptr_t function;
    size_t size;
    const uint8_t *code; /* `size` octets */
    uintptr_t jump;      /* where the jump will be */
    uintptr_t end;       /* the first octet that stays; 0: not known yet */
};

/* ---- the trampoline ---- */

struct writer {
    struct stub_detour_plan *plan;
    uintptr_t address; /* of the trampoline */
};

static bool put(struct writer *writer, const void *octets, size_t length)
{
    struct stub_detour_plan *plan = writer->plan;
    if (sizeof plan->trampoline - plan->trampoline_length < length) {
        return false;
    }
    memcpy(plan->trampoline + plan->trampoline_length, octets, length);
    plan->trampoline_length += length;
    return true;
}

/* The displacement that leads from the end of an instruction to a goal. */
static bool displacement(uintptr_t end, uintptr_t goal, uint8_t out[4])
{
    int64_t distance = (int64_t)(goal - end);
    int32_t narrow = (int32_t)distance;
    memcpy(out, &narrow, sizeof narrow);
    return narrow == distance;
}

bool stub_detour_jump(uint8_t jump[STUB_JUMP_SIZE], uintptr_t from, uintptr_t to)
{
    jump[0] = NEAR_JUMP;
    return displacement(from + STUB_JUMP_SIZE, to, jump + 1);
}

static uintptr_t goal_of(const struct stub_instruction *instruction, const uint8_t *octets,
                         uintptr_t address)
{
    const uint8_t *at = octets + instruction->displacement;
    intptr_t distance = *at < 0x80 ? *at : *at - 0x100; /* one signed octet */
    if (instruction->displacement_size == sizeof(int32_t)) {
        int32_t wide;
        memcpy(&wide, at, sizeof wide);
        distance = wide;
    }
    return address + instruction->length + (uintptr_t)distance;
}

/* A short jump becomes a near one. */
static bool put_widened(struct writer *writer, uint8_t opcode, uintptr_t goal)
{
    uint8_t wide[6] = {TWO_OCTETS, (uint8_t)(NEAR_CONDITION | (opcode & 0x0f))};
    size_t opcodes = 2;
    if (opcode == SHORT_JUMP) {
        wide[0] = NEAR_JUMP;
        opcodes = 1;
    }
    uintptr_t end = writer->address + writer->plan->trampoline_length + opcodes + 4;
    return displacement(end, goal, wide + opcodes) && put(writer, wide, opcodes + 4);
}

static bool put_moved(struct writer *writer, const struct stub_instruction *instruction,
                      const uint8_t *octets, uintptr_t address)
{
    uint8_t moved[STUB_INSTRUCTION_MAX];
    if (instruction->displacement_size == 0) {
        return put(writer, octets, instruction->length);
    }
    uintptr_t goal = goal_of(instruction, octets, address);
    if (instruction->displacement_size == 1) {
        return put_widened(writer, octets[0], goal);
    }
    memcpy(moved, octets, instruction->length);
    uintptr_t end = writer->address + writer->plan->trampoline_length + instruction->length;
    return displacement(end, goal, moved + instruction->displacement) &&
           put(writer, moved, instruction->length);
}

/* ---- what the jump takes ---- */

/* Is the space behind the function empty, from its end to where the next one can begin, and has it
 * room for the rest of the jump? */
static bool is_padded(const struct head *head)
{
    uintptr_t end = head->function + head->size;
    size_t padding = (size_t)(-end & (ALIGNMENT - 1));
    const uint8_t *octets = stub_image_at(head->image, end, padding);
    if (octets == NULL || end + padding < head->jump + STUB_JUMP_SIZE) {
        return false;
    }
    for (size_t at = 0; at < padding;) {
        struct stub_instruction instruction;
        if (octets[at] == BREAKPOINT) {
            at++;
        } else if (stub_instruction_read(octets + at, padding - at, &instruction) &&
                   instruction.pads) {
            at += instruction.length;
        } else {
            return false;
        }
    }
    return true;
}

/* Moves whole instructions until the jump has room. */
static const char *move_head(struct head *head, struct writer *writer)
{
    size_t at = head->jump - head->function;
    size_t need = at + STUB_JUMP_SIZE;
    struct stub_instruction instruction = {0};
    while (at < need && !instruction.ends) {
        if (!stub_instruction_read(head->code + at, head->size - at, &instruction) ||
            !instruction.movable) {
            return "begins with an instruction that the shim does not move";
        }
        if (!put_moved(writer, &instruction, head->code + at, head->function + at)) {
            return "begins with an address that is too far away";
        }
        at += instruction.length;
    }
    head->end = head->function + (at < need ? need : at);
    if (at < need && (at < head->size || !is_padded(head))) {
        return "is too short";
    }
    if (!instruction.ends) {
        uint8_t back[STUB_JUMP_SIZE];
        uintptr_t from = writer->address + writer->plan->trampoline_length;
        if (!stub_detour_jump(back, from, head->end) || !put(writer, back, sizeof back)) {
            return "is too far from free memory";
        }
    }
    return NULL;
}

/* ---- no other jump may lead into it ---- */

/* A jump back to the first octet may be a loop. From elsewhere (`calls`) it is a call. */
static bool is_taken(const struct head *head, uintptr_t goal, bool calls)
{
    return goal >= head->function && goal < head->end && !(calls && goal == head->function);
}

static const char into_head[] = "has a jump back to its beginning";

static const char *check_short_jumps(const struct head *head)
{
    size_t end = head->end - head->function + SHORT_REACH;
    struct stub_instruction instruction = {0};
    end = end < head->size ? end : head->size;
    for (size_t at = 0; at < end;) {
        /* Behind a return or a jump, compilers stop the processor's guesses by a breakpoint
         * (-mharden-sls). Elsewhere it is a debugger's, and hides an instruction. */
        if (instruction.ends && head->code[at] == BREAKPOINT) {
            at++;
            continue;
        }
        if (!stub_instruction_read(head->code + at, head->size - at, &instruction)) {
            return "has an instruction that the shim does not know";
        }
        if (instruction.branches &&
            is_taken(head, goal_of(&instruction, head->code + at, head->function + at),
                     instruction.calls)) {
            return into_head;
        }
        at += instruction.length;
    }
    return NULL;
}

/* Might a near jump or call begin here? Sets *goal. */
static bool may_be_near(const uint8_t *octets, size_t length, uintptr_t address, uintptr_t *goal,
                        bool *calls)
{
    size_t opcodes = octets[0] == NEAR_JUMP || octets[0] == NEAR_CALL ? 1 : 0;
    if (octets[0] == TWO_OCTETS && length > 1 && (octets[1] & 0xf0) == NEAR_CONDITION) {
        opcodes = 2;
    }
    int32_t distance;
    if (opcodes == 0 || length < opcodes + sizeof distance) {
        return false;
    }
    memcpy(&distance, octets + opcodes, sizeof distance);
    *goal = address + opcodes + sizeof distance + (uintptr_t)(intptr_t)distance;
    *calls = octets[0] == NEAR_CALL;
    return true;
}

/* `elsewhere`: another function may begin there, and end in a jump to ours. */
static bool near_jump_leads_in(const struct head *head, const uint8_t *octets, size_t length,
                               uintptr_t address, bool elsewhere)
{
    for (size_t at = 0; at < length; at++) {
        uintptr_t goal;
        bool calls;
        if (may_be_near(octets + at, length - at, address + at, &goal, &calls) &&
            is_taken(head, goal, calls || elsewhere)) {
            return true;
        }
    }
    return false;
}

/* Searches the place elsewhere that a jump of the function leads to. */
static bool part_leads_in(const struct head *head, uintptr_t part)
{
    const struct stub_segment *segment = stub_image_segment(head->image, part);
    if (segment == NULL || !segment->is_code) {
        return false;
    }
    size_t offset = part - segment->address;
    size_t length = segment->length - offset;
    return near_jump_leads_in(head, segment->octets + offset,
                              length < PART_SIZE ? length : PART_SIZE, part, true);
}

static const char *check_near_jumps(const struct head *head)
{
    size_t parts = 0;
    if (near_jump_leads_in(head, head->code, head->size, head->function, false)) {
        return into_head;
    }
    for (size_t at = 0; at < head->size; at++) {
        uintptr_t goal;
        bool calls;
        if (!may_be_near(head->code + at, head->size - at, head->function + at, &goal, &calls) ||
            calls || goal - head->function < head->size) {
            continue;
        }
        if (++parts > PARTS_MAX) {
            return "is spread over too many places";
        }
        if (part_leads_in(head, goal)) {
            return into_head;
        }
    }
    return NULL;
}

/* ---- tables ---- */

/* Reads a table up to the first entry that leads out of the function. `relative`: entries of four
 * octets that count from the table's beginning, as in code for any address; else addresses. */
static bool table_leads_in(const struct head *head, uintptr_t table, bool relative)
{
    for (size_t i = 0; i < TABLE_ENTRIES; i++) {
        uintptr_t goal;
        int32_t distance;
        size_t size = relative ? sizeof distance : sizeof goal;
        const uint8_t *entry = stub_image_at(head->image, table + i * size, size);
        if (entry == NULL) {
            return false;
        }
        if (relative) {
            memcpy(&distance, entry, sizeof distance);
            goal = table + (uintptr_t)(intptr_t)distance;
        } else {
            memcpy(&goal, entry, sizeof goal);
        }
        if (goal - head->function >= head->size) {
            return false;
        }
        if (is_taken(head, goal, false)) {
            return true;
        }
    }
    return true; /* such a table is not one of a switch */
}

/* lea with an address relative to itself (48 8d or 4c 8d), or an absolute address behind SIB, as in
 * jmp *table(,%rax,8). */
static const char *check_tables(const struct head *head)
{
    enum { LEA = 0x8d, REX_W = 0x48, RELATIVE = 0x05, MODE = 0xc7, GROUP = 0xff, JUMP_SIB = 0x24 };
    for (size_t at = 0; at + 7 <= head->size; at++) {
        const uint8_t *octets = head->code + at;
        int32_t number;
        memcpy(&number, octets + 3, sizeof number);
        bool takes_address =
            (octets[0] & 0xf8) == REX_W && octets[1] == LEA && (octets[2] & MODE) == RELATIVE;
        bool jumps = octets[0] == GROUP && octets[1] == JUMP_SIB && (octets[2] & 7) == RELATIVE;
        uintptr_t near = head->function + at + 7 + (uintptr_t)(intptr_t)number;
        if ((takes_address && table_leads_in(head, near, true)) ||
            (jumps && table_leads_in(head, (uintptr_t)(intptr_t)number, false))) {
            return "has a table with its beginning in it";
        }
    }
    return NULL;
}

/* ---- all of it ---- */

static const char *check(const struct head *head)
{
    static const char *(*const checks[])(const struct head *head) = {
        check_short_jumps,
        check_near_jumps,
        check_tables,
    };
    const char *refused = NULL;
    for (size_t i = 0; i < sizeof checks / sizeof *checks && refused == NULL; i++) {
        refused = checks[i](head);
    }
    return refused;
}

const char *stub_detour_plan(const struct stub_image *image, uintptr_t function, size_t size,
                             uintptr_t trampoline, struct stub_detour_plan *plan)
{
    const struct stub_segment *segment = stub_image_segment(image, function);
    struct head head = {.image = image, .function = function, .size = size, .jump = function};
    struct writer writer = {.plan = plan, .address = trampoline};
    head.code = stub_image_at(image, function, size);
    if (segment == NULL || !segment->is_code || head.code == NULL) {
        return "does not lie in the program's code";
    }
    if (size == 0 || size > BODY_MAX) {
        return "has no size";
    }
    *plan = (struct stub_detour_plan){0};
    if (size >= sizeof endbr64 && memcmp(head.code, endbr64, sizeof endbr64) == 0) {
        head.jump += sizeof endbr64;
    }
    plan->jump = head.jump;
    /* The shim reaches the trampoline by an indirect call. */
    (void)put(&writer, endbr64, sizeof endbr64);
    const char *refused = move_head(&head, &writer);
    return refused != NULL ? refused : check(&head);
}
