/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A function of any octets, between code and data of any octets. A plan's trampoline consists of
 * whole instructions, each of which leads where it led in the function, or into the rest of it.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/stub/detour_plan.h"
#include "shim/stub/instruction.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

enum { CODE = 0x401000, TRAMPOLINE = 0x20000000, SIZES = 4, ENDBR = 4 };

struct goals {
    uintptr_t goals[STUB_TRAMPOLINE_SIZE];
    size_t count;
};

/* Notes where the instructions lead, up to the end of the octets or of what runs. */
static size_t collect(struct goals *goals, const uint8_t *octets, size_t length, uintptr_t address)
{
    size_t at = 0;
    while (at < length) {
        struct stub_instruction instruction;
        require(stub_instruction_read(octets + at, length - at, &instruction));
        require(instruction.length > 0 && at + instruction.length <= length);
        if (instruction.displacement_size != 0) {
            int32_t distance = (int8_t)octets[at + instruction.displacement];
            require(instruction.displacement + instruction.displacement_size <= instruction.length);
            if (instruction.displacement_size == 4) {
                memcpy(&distance, octets + at + instruction.displacement, sizeof distance);
            }
            goals->goals[goals->count++] =
                address + at + instruction.length + (uintptr_t)(intptr_t)distance;
        }
        at += instruction.length;
        if (instruction.ends) {
            break;
        }
    }
    return at;
}

static void check_plan(const struct stub_detour_plan *plan, const uint8_t *code, size_t size)
{
    struct goals moved = {.count = 0};
    struct goals original = {.count = 0};
    size_t entry = plan->jump - CODE;
    require(entry == 0 || entry == ENDBR);
    require(plan->trampoline_length > ENDBR && plan->trampoline_length <= STUB_TRAMPOLINE_SIZE);
    require(collect(&moved, plan->trampoline + ENDBR, plan->trampoline_length - ENDBR,
                    TRAMPOLINE + ENDBR) == plan->trampoline_length - ENDBR);
    /* The instructions of the head are those up to the end of the jump. */
    size_t taken = 0;
    bool ended = false;
    while (taken < STUB_JUMP_SIZE && !ended) {
        struct stub_instruction instruction;
        require(stub_instruction_read(code + entry + taken, size - entry - taken, &instruction));
        (void)collect(&original, code + entry + taken, instruction.length, CODE + entry + taken);
        taken += instruction.length;
        ended = instruction.ends;
    }
    require(moved.count == original.count + (ended ? 0 : 1));
    for (size_t i = 0; i < original.count; i++) {
        require(moved.goals[i] == original.goals[i]);
    }
    require(ended || moved.goals[original.count] == CODE + entry + taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stub_detour_plan plan;
    if (size < SIZES) {
        return 0;
    }
    size_t function = (size_t)data[0] << 8 | data[1];
    size_t code = (size_t)data[2] << 8 | data[3];
    data += SIZES;
    size -= SIZES;
    code = code < size ? code : size;
    struct stub_image image = {
        .segments = {{CODE, code, data, true}, {CODE + 0x100000, size - code, data + code, false}},
        .count = 2};
    if (stub_detour_plan(&image, CODE, function, TRAMPOLINE, &plan) == NULL) {
        require(function <= code);
        check_plan(&plan, data, function);
    }
    return 0;
}
