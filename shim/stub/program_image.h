/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the program that may be read: its segments. What reads a program's tables and code
 * by addresses that stand in them asks here first. Pure.
 */
#ifndef SHIM_STUB_PROGRAM_IMAGE_H
#define SHIM_STUB_PROGRAM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUB_SEGMENTS_MAX = 16 };

struct stub_segment {
    uintptr_t address;
    size_t length;
    const uint8_t *octets; /* what lies there; in a process that is the address itself */
    bool is_code;          /* readable, executable and not writable */
};

/* Segments beyond the maximum are left out: nothing in them can be read. */
struct stub_image {
    struct stub_segment segments[STUB_SEGMENTS_MAX];
    size_t count;
};

/* The segment that an address lies in; NULL: none. */
const struct stub_segment *stub_image_segment(const struct stub_image *image, uintptr_t address);
/* Points to `length` octets at an address; NULL: they are not all in one segment. */
const uint8_t *stub_image_at(const struct stub_image *image, uintptr_t address, size_t length);

#endif
