/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go/prologue.h"

#include <string.h>

/* lea r12, [rsp - N], in two sizes; cmp r12, [r14 + 16] or cmp rsp, [r14 + 16]; jbe. R14 is the
 * goroutine. */
static const uint8_t lea_wide[] = {0x4c, 0x8d, 0xa4, 0x24};
static const uint8_t lea_narrow[] = {0x4c, 0x8d, 0x64, 0x24};
static const uint8_t compare_r12[] = {0x4d, 0x3b, 0x66, 0x10};
static const uint8_t compare_rsp[] = {0x49, 0x3b, 0x66, 0x10};
static const uint8_t branch_wide[] = {0x0f, 0x86};
enum { BRANCH_NARROW = 0x76, LONGEST = 18 };

static bool begins(const uint8_t *at, const uint8_t *what, size_t length)
{
    return memcmp(at, what, length) == 0;
}

/* The length of the comparison; 0: it is none. */
static uint8_t compared(const uint8_t *at)
{
    if (begins(at, compare_rsp, sizeof compare_rsp)) {
        return sizeof compare_rsp;
    }
    uint8_t lea = begins(at, lea_wide, sizeof lea_wide)       ? sizeof lea_wide + 4
                  : begins(at, lea_narrow, sizeof lea_narrow) ? sizeof lea_narrow + 1
                                                              : 0;
    return lea > 0 && begins(at + lea, compare_r12, sizeof compare_r12)
               ? (uint8_t)(lea + sizeof compare_r12)
               : 0;
}

bool go_prologue_read(struct go_prologue *prologue, const struct go_image *image, uint64_t function)
{
    const uint8_t *at = go_image_code(image, function, LONGEST);
    uint8_t length = at != NULL ? compared(at) : 0;
    if (length == 0) {
        return false;
    }
    *prologue = (struct go_prologue){.length = length};
    memcpy(prologue->code, at, length);
    at += length;
    if (begins(at, branch_wide, sizeof branch_wide)) {
        prologue->rest = function + length + sizeof branch_wide + 4;
        prologue->more =
            prologue->rest + (uint64_t)(int64_t)(int32_t)go_image_32(at + sizeof branch_wide);
    } else if (at[0] == BRANCH_NARROW) {
        prologue->rest = function + length + 2;
        prologue->more = prologue->rest + (uint64_t)(int64_t)(int8_t)at[1];
    } else {
        return false;
    }
    return go_image_code(image, prologue->more, 1) != NULL;
}
