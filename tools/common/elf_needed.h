/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The libraries that an ELF file itself names (DT_NEEDED), and the functions that it exports. Pure:
 * octets in, answers out; the octets are not trusted.
 */
#ifndef TOOLS_COMMON_ELF_NEEDED_H
#define TOOLS_COMMON_ELF_NEEDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes one name, which lives as long as the octets; returns false to stop. */
typedef bool elf_needed_take(void *context, const char *name);

/* False: not an ELF file, or a broken one. A file without a dynamic section has no names; that is
 * not an error. */
bool elf_needed(const uint8_t *octets, size_t length, elf_needed_take *take, void *context);

/* Does the file define and export a symbol of this name? False also for a broken file. */
bool elf_exports(const uint8_t *octets, size_t length, const char *name);

#endif
