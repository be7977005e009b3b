/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest file that has all that the launcher reads of a Go program. */
#ifndef TESTS_UNIT_GO_RIG_H
#define TESTS_UNIT_GO_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GO_RIG_SIZE = 0x4000, GO_RIG_BASE = 0x400000, GO_RIG_MODULE = 0x1000 };

/* What differs from a program that is ready; all zero: nothing. */
struct go_rig_options {
    bool moves;           /* pointers are relocations */
    uint16_t machine;     /* EM_... */
    uint32_t magic;       /* of the table of functions */
    const char *function; /* the name of one more function */
    const char *without;  /* a function that is not there */
    const char *package;  /* that declares tls.Conn */
    const char *without_field;
    const uint8_t *prologue; /* of the handshake: 16 octets */
    const char *build;       /* what the linker tells of the build; NULL: nothing */
    size_t build_length;     /* that is said of it; 0: the true one */
};

void go_rig_make(uint8_t out[GO_RIG_SIZE], const struct go_rig_options *options);

#endif
