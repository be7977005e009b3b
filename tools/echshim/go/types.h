/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Type descriptors, which the runtime, the collector and reflection read (source: internal/abi,
 * type.go). Pure: addresses in, answers out; each read may fail.
 */
#ifndef TOOLS_ECHSHIM_GO_TYPES_H
#define TOOLS_ECHSHIM_GO_TYPES_H

#include "tools/echshim/go/functions.h"

/* Kinds of types, as in reflect. */
enum go_kind {
    GO_KIND_BOOL = 1,
    GO_KIND_INT = 2,
    GO_KIND_UINT8 = 8,
    GO_KIND_UINT16 = 9,
    GO_KIND_INTERFACE = 20,
    GO_KIND_POINTER = 22,
    GO_KIND_SLICE = 23,
    GO_KIND_STRING = 24,
    GO_KIND_STRUCT = 25,
};

/* Its kind; 0: there is no descriptor there. */
unsigned go_type_kind(const struct go_image *image, uint64_t type);
/* Octets that a value of it takes; 0 also where there is no descriptor. */
uint64_t go_type_size(const struct go_image *image, uint64_t type);
/* What a pointer or a slice leads to. */
bool go_type_element(const struct go_image *image, uint64_t type, uint64_t *element);

/* The type of pointers to a type. False: the program has no descriptor of it. */
bool go_type_pointer(const struct go_functions *functions, uint64_t type, uint64_t *pointer);

/* The struct type of this name ("tls.Conn") that a package ("crypto/tls") declares. False: the
 * program has none, or several. */
bool go_type_find(const struct go_functions *functions, const char *name, const char *package,
                  uint64_t *type);

struct go_field {
    uint64_t type;
    uint64_t offset;
};

/* A field of a struct type. False: it has none of that name that lies within it. */
bool go_type_field(const struct go_image *image, uint64_t type, const char *name,
                   struct go_field *field);

#endif
