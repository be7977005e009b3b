/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans a detour: a jump at the head of a function, and a trampoline that does what the head did
 * and goes on behind it. Pure: reads the program's code, and writes a plan. It refuses whatever it
 * does not know to be right.
 */
#ifndef SHIM_STUB_DETOUR_PLAN_H
#define SHIM_STUB_DETOUR_PLAN_H

#include "shim/stub/program_image.h"

enum {
    STUB_JUMP_SIZE = 5,       /* e9 and a displacement of four octets */
    STUB_TRAMPOLINE_SIZE = 64 /* more than any head needs */
};

struct stub_detour_plan {
    uintptr_t jump; /* where the jump has to be written: behind an endbr64 */
    uint8_t trampoline[STUB_TRAMPOLINE_SIZE];
    size_t trampoline_length;
};

/*
 * Plans the detour of the function at `function`, which has `size` octets by its symbol. The
 * trampoline will stand at `trampoline`. Returns NULL, or why the function cannot have one: a half
 * sentence about the function, static storage.
 */
const char *stub_detour_plan(const struct stub_image *image, uintptr_t function, size_t size,
                             uintptr_t trampoline, struct stub_detour_plan *plan);

/* Writes a jump that will stand at `from`. False: its goal is too far away. */
bool stub_detour_jump(uint8_t jump[STUB_JUMP_SIZE], uintptr_t from, uintptr_t to);

#endif
