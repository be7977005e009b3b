/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an executable file is for the kernel and the dynamic loader: ELF with or without a loader,
 * or a script. Pure, and allocates nothing: the stub calls it between fork and exec, the launcher
 * before it starts a program. The octets are not trusted.
 */
#ifndef SHIM_COMMON_EXECUTABLE_H
#define SHIM_COMMON_EXECUTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_executable_kind {
    SHIM_EXECUTABLE_DYNAMIC, /* ELF that names a dynamic loader */
    SHIM_EXECUTABLE_STATIC,  /* ELF that names none: no library is loaded into it */
    SHIM_EXECUTABLE_LOADER,  /* the dynamic loader itself: it loads the program in its arguments */
    SHIM_EXECUTABLE_SCRIPT,  /* begins with #! */
    SHIM_EXECUTABLE_BROKEN,  /* ELF that does not hold what its header says */
    SHIM_EXECUTABLE_OTHER    /* anything else: the kernel does not run it */
};

enum { SHIM_EXECUTABLE_LINE = 256 }; /* the kernel reads so many octets of the first line */

struct shim_executable {
    enum shim_executable_kind kind;
    /* Of an ELF file: EI_CLASS (1: 32 bits, 2: 64), EI_DATA (1: little endian), e_machine. */
    uint8_t elf_class;
    uint8_t elf_data;
    uint16_t machine;
    bool go; /* made by Go's linker: its TLS makes system calls itself, without any library */
    /* The dynamic loader (PT_INTERP), or the script's interpreter; "" if there is none. */
    char interpreter[SHIM_EXECUTABLE_LINE];
    /* The rest of a script's first line, as one argument; may be "". */
    char argument[SHIM_EXECUTABLE_LINE];
};

/* Copies up to `length` octets from `offset` of the file to `out`; returns how many there were. */
typedef size_t shim_executable_read(void *context, uint64_t offset, void *out, size_t length);

/* Async-signal-safe if `read` is. */
void shim_executable_parse(struct shim_executable *image, shim_executable_read *read,
                           void *context);

/* Sets the three numbers to the architecture that this code was built for. */
void shim_executable_own(struct shim_executable *image);

#endif
