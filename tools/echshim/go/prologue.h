/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a Go function begins: it compares the stack pointer with the guard of its goroutine, and goes
 * to runtime.morestack if there is too little room, or if the goroutine shall let others run
 * (source: cmd/internal/obj/x86/obj6.go, stacksplit). Pure.
 */
#ifndef TOOLS_ECHSHIM_GO_PROLOGUE_H
#define TOOLS_ECHSHIM_GO_PROLOGUE_H

#include "tools/echshim/go/image.h"

struct go_prologue {
    uint8_t code[16]; /* what comes before the branch; it can be executed anywhere */
    uint8_t length;   /* of it */
    uint64_t more;    /* where the branch (JBE) goes */
    uint64_t rest;    /* what follows the branch */
};

/* False: the function does not begin so, or has no room for a jump. */
bool go_prologue_read(struct go_prologue *prologue, const struct go_image *image,
                      uint64_t function);

#endif
