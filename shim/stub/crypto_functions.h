/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real functions behind the hooks of family CRYPTO. Any library may call them, and a process
 * may have two libcryptos of different versions, so the caller decides: it gets what the loader
 * would have bound it to without us. A return address lies about a tail call, which comes from
 * elsewhere. So an object counts as the caller only if it defines the function, or needs it from
 * another.
 */
#ifndef SHIM_STUB_CRYPTO_FUNCTIONS_H
#define SHIM_STUB_CRYPTO_FUNCTIONS_H

#include "shim/stub/stub.h"

/* `caller` is the hook's return address. NULL: no object of the process has the function. The
 * object that has it is never unloaded afterwards. */
void *stub_crypto_function(enum shim_hook hook, const void *caller);
/* The place of a function that stub_crypto_function gave, below STUB_CRYPTO_MAX: one number for
 * each library that a hook's function was found in. STUB_CRYPTO_MAX: there was no room, and the
 * object may be unloaded. */
enum { STUB_CRYPTO_MAX = 8 };
unsigned stub_crypto_place(enum shim_hook hook, const void *function);

#endif
