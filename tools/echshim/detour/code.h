/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine code that is put into a Go program (docs/architecture.md, Go programs). It is a block
 * that runs at any address: parameters, then two detours, one for each function that begins with a
 * jump to it.
 */
#ifndef TOOLS_ECHSHIM_DETOUR_CODE_H
#define TOOLS_ECHSHIM_DETOUR_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/common/supervision.h"
#include "tools/echshim/go/plan.h"

enum { GO_DETOUR_SIZE = 4096 };

struct go_detour {
    uint8_t code[GO_DETOUR_SIZE];
    size_t handshake; /* where the detours begin */
    size_t finished;
};

/* Fills the block for a program that the kernel has put `base` octets above its file's addresses.
 * False: there is no such code for this processor. */
bool go_detour_make(struct go_detour *detour, const struct go_plan *plan, uint64_t base,
                    const struct shim_pass *pass);

#endif
