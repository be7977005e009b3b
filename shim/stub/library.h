/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the hooks on functions of TLS libraries share. */
#ifndef SHIM_STUB_LIBRARY_H
#define SHIM_STUB_LIBRARY_H

#include "shim/stub/stub.h"

#define CALLER __builtin_return_address(0)

/* The real function, in the type that its header gives it. */
#define REAL(library, name) ((__typeof__(&name))(library)->fn[SHIM_HOOK_##name])

/* A library that we do not know: the function that the caller would have got without us. In strict
 * mode the guard stops the hello. */
#define PASS_ON(name, missing, ...)                                                                \
    __typeof__(&name) bound = (__typeof__(&name))stub_bound(SHIM_HOOK_##name, CALLER);             \
    if (bound != NULL) {                                                                           \
        return bound(__VA_ARGS__);                                                                 \
    }                                                                                              \
    return missing

#endif
