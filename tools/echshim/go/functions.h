/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of functions that every Go program carries (pclntab, in the layout that Go has had
 * since 1.20; source: runtime/symtab.go, type pcHeader and _func), and what the runtime itself
 * knows of its module (type moduledata). Pure.
 */
#ifndef TOOLS_ECHSHIM_GO_FUNCTIONS_H
#define TOOLS_ECHSHIM_GO_FUNCTIONS_H

#include "tools/echshim/go/image.h"

struct go_functions {
    const struct go_image *image;
    const uint8_t *table; /* pcHeader */
    size_t length;        /* from there to the end of its segment */
    uint64_t count;
    uint64_t names;     /* offsets in the table */
    uint64_t names_end; /* where the next part begins */
    uint64_t entries;
    uint64_t text;  /* where the entries of functions count from */
    uint64_t types; /* where the offsets of types and their names count from */
};

enum go_functions_found {
    GO_FUNCTIONS_NONE, /* not a Go program, as far as can be seen */
    GO_FUNCTIONS_OLD,  /* a table of Go before 1.20 */
    GO_FUNCTIONS_UNKNOWN,
    GO_FUNCTIONS_FOUND,
};

enum go_functions_found go_functions_find(struct go_functions *functions,
                                          const struct go_image *image);

/* The only function of this name, written in Go or (`assembler`) in assembler. False: there is
 * none, or more than one. */
bool go_functions_entry(const struct go_functions *functions, const char *name, bool assembler,
                        uint64_t *address);

/*
 * The next name that has `part` in it: of a function, or of one that was made part of others.
 * `after` is a name that was found before; NULL begins. NULL: there is no more. Every name ends
 * with NUL.
 */
const char *go_functions_name(const struct go_functions *functions, const char *part,
                              const char *after);

#endif
