/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/x25519.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

#include "shim/common/hold.h"

/* The name of the library's first ABI. */
#define LIBRARY "lib25519.so.1"

static void *(*open_library)(const char *file, int mode);
static void *(*find_symbol)(void *handle, const char *name);
static struct ech_x25519 functions;
static atomic_uint calls;
static _Atomic(const struct ech_x25519 *) chosen;

/* The library stays loaded, also if it is not used: what has run cannot be unloaded safely. */
static bool load(void)
{
    void *handle = open_library(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return false;
    }
    functions.public_key =
        (__typeof__(functions.public_key))find_symbol(handle, "lib25519_nG_montgomery25519");
    functions.shared =
        (__typeof__(functions.shared))find_symbol(handle, "lib25519_nP_montgomery25519");
    return functions.public_key != NULL && functions.shared != NULL &&
           ech_x25519_is_right(&functions);
}

void shim_x25519_start(void *(*open)(const char *file, int mode),
                       void *(*symbol)(void *handle, const char *name))
{
    open_library = open;
    find_symbol = symbol;
}

const struct ech_x25519 *shim_x25519_chosen(void)
{
    return atomic_load_explicit(&chosen, memory_order_acquire);
}

const struct ech_x25519 *shim_x25519(void)
{
    /* One call alone finds this number; the others go on with nettle meanwhile. */
    if (open_library != NULL &&
        atomic_load_explicit(&calls, memory_order_relaxed) < SHIM_X25519_FROM &&
        atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1 == SHIM_X25519_FROM &&
        !shim_hold_locked()) {
        struct shim_hold hold;
        int saved = errno;
        shim_hold_begin(&hold);
        if (load()) {
            atomic_store_explicit(&chosen, &functions, memory_order_release);
        }
        shim_hold_end(&hold);
        errno = saved;
    }
    return shim_x25519_chosen();
}
