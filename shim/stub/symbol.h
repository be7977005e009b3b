/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Symbols of loaded objects, read from their own tables: no lock, no memory, no message for
 * dlerror. So a hook may ask inside an allocator, a signal handler or another preload's dlsym. An
 * object must stay loaded while it is asked.
 */
#ifndef SHIM_STUB_SYMBOL_H
#define SHIM_STUB_SYMBOL_H

#include <link.h>

/* The function that an object defines under this name, in the version that dlsym would take; NULL:
 * it defines none, or one that is chosen at load time (IFUNC). */
void *stub_symbol_of(const struct link_map *object, const char *name);

#endif
