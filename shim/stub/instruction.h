/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads one instruction of x86-64: how long it is, and what in it depends on its own address. Pure.
 * It knows what compilers make of C, and says of everything else that it does not know it.
 */
#ifndef SHIM_STUB_INSTRUCTION_H
#define SHIM_STUB_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUB_INSTRUCTION_MAX = 15 };

struct stub_instruction {
    uint8_t length;
    /* A displacement counts from the end of the instruction. It has 1 or 4 octets, which begin at
     * `displacement`; size 0: there is none. */
    uint8_t displacement;
    uint8_t displacement_size;
    bool branches; /* the displacement leads to an instruction, not to data */
    bool calls;    /* it comes back from there */
    bool ends;     /* the next instruction does not follow it */
    bool pads;     /* it does nothing */
    bool landing;  /* endbr64: an indirect branch may arrive here */
    /* It does the same at any address once the displacement is corrected, and compilers put it at
     * the head of a function. */
    bool movable;
};

/* False: the octets are none that we know, or end within an instruction. */
bool stub_instruction_read(const uint8_t *octets, size_t length,
                           struct stub_instruction *instruction);

#endif
