/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads symbols of loaded objects from their own tables: no lock, no memory, no message for
 * dlerror. So a hook may call this inside an allocator, a signal handler or another preload's
 * dlsym. The object must stay loaded meanwhile.
 */
#ifndef SHIM_STUB_SYMBOL_H
#define SHIM_STUB_SYMBOL_H

#include <link.h>
#include <stdbool.h>

#include "shim/stub/program_image.h"

/* The function of this name that an object defines, in the version that dlsym would take. NULL: it
 * defines none, or the function is chosen at load time (IFUNC). */
void *stub_symbol_of(const struct link_map *object, const char *name);

/* Does an object need a function of this name from another? */
bool stub_symbol_needed(const struct link_map *object, const char *name);

/* Do most of the functions that an object defines have this text in their names? */
bool stub_symbols_mostly_have(const struct link_map *object, const char *text);

/* The entry of a defined symbol of any type. Reads nothing outside of the image; without one (NULL)
 * it trusts the object's tables. NULL: there is none. */
const ElfW(Sym) * stub_symbol_find(const struct link_map *object, const struct stub_image *image,
                                   const char *name);

#endif
