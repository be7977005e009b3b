/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we know of each TLS library, as data (shim/common/tls_libraries.def).
 */
#ifndef SHIM_COMMON_TLS_LIBRARIES_H
#define SHIM_COMMON_TLS_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>

#include "ech/hello_sizes.h"

/* The library that a hooked function belongs to. */
enum shim_family {
    SHIM_FAMILY_LIBC,
#define TLS_LIBRARY(family, ...) SHIM_FAMILY_##family,
#define TLS_UNSUPPORTED(family, ...) SHIM_FAMILY_##family,
#define TLS_SONAME(...)
#include "shim/common/tls_libraries.def"
#undef TLS_LIBRARY
#undef TLS_UNSUPPORTED
#undef TLS_SONAME
    SHIM_FAMILY_COUNT,
    SHIM_FAMILY_CRYPTO /* in hooks.def: no TLS library, but what these call */
};

enum { SHIM_TLS_FUNCTIONS = 4 };

struct shim_tls_library {
    const char *name; /* in the report */
    struct ech_hello_sizes sizes;
    struct ech_hello_size post_quantum_size;   /* sizes.ordinary, where its default groups are so */
    const char *functions[SHIM_TLS_FUNCTIONS]; /* that every version of it defines */
};

/* Indexed by family; the entry of LIBC is empty. */
extern const struct shim_tls_library shim_tls_libraries[SHIM_FAMILY_COUNT];

struct shim_tls_soname {
    const char *start; /* of the file's name */
    const char *what;  /* for people */
    enum shim_family family;
    bool hooked; /* the shim makes ECH with it */
};

/* Finds a library by the name of its file, without the folder; NULL: none of these. Static storage.
 * Async-signal-safe, and calls no function of libc: other preloads may be starting. */
const struct shim_tls_soname *shim_tls_soname_of(const char *file);

#endif
