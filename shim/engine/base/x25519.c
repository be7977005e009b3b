/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/x25519.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "shim/common/hold.h"

static void *(*open_library)(const char *file, int mode);
static void *(*find_symbol)(void *handle, const char *name);
static atomic_uint calls;
static _Atomic(const struct ech_x25519 *) chosen;

/* ---- libsodium's functions ---- */

/* sodium_init would choose code for this processor and open the system's source of random octets.
 * These two work without it, and the first is faster so. They give 0, or -1 where the product would
 * be zero; then they may have written nothing. */
static int (*sodium_base)(unsigned char *product, const unsigned char *scalar);
static int (*sodium_multiply)(unsigned char *product, const unsigned char *scalar,
                              const unsigned char *point);

enum { PRODUCT_SIZE = 32 }; /* RFC 7748, 5 */

/* Zero is what every caller refuses. */
static void zero_unless(bool made, uint8_t *product)
{
    if (!made) {
        memset(product, 0, PRODUCT_SIZE);
    }
}

static void sodium_public_key(uint8_t *public_key, const uint8_t *private_key)
{
    zero_unless(sodium_base(public_key, private_key) == 0, public_key);
}

static void sodium_shared(uint8_t *shared, const uint8_t *private_key,
                          const uint8_t *peer_public_key)
{
    zero_unless(sodium_multiply(shared, private_key, peer_public_key) == 0, shared);
}

/* ---- the libraries, the fastest first ---- */

struct source {
    const char *file; /* with the number of an ABI that we know */
    const char *base; /* its functions */
    const char *multiply;
    bool sodium;
};

static const struct source sources[] = {
    {"lib25519.so.1", "lib25519_nG_montgomery25519", "lib25519_nP_montgomery25519", false},
    {"libsodium.so.26", "crypto_scalarmult_curve25519_base", "crypto_scalarmult_curve25519", true},
    {"libsodium.so.23", "crypto_scalarmult_curve25519_base", "crypto_scalarmult_curve25519", true},
};
enum { SOURCES = sizeof sources / sizeof *sources };

static struct ech_x25519 functions[SOURCES];

/* The library stays loaded, also if it is not used: what has run cannot be unloaded safely. */
static bool load(const struct source *source, struct ech_x25519 *out)
{
    void *handle = open_library(source->file, RTLD_NOW | RTLD_LOCAL);
    void *base = handle != NULL ? find_symbol(handle, source->base) : NULL;
    void *multiply = handle != NULL ? find_symbol(handle, source->multiply) : NULL;
    if (base == NULL || multiply == NULL) {
        return false;
    }
    if (source->sodium) {
        sodium_base = (__typeof__(sodium_base))base;
        sodium_multiply = (__typeof__(sodium_multiply))multiply;
        *out = (struct ech_x25519){sodium_public_key, sodium_shared};
    } else {
        out->public_key = (__typeof__(out->public_key))base;
        out->shared = (__typeof__(out->shared))multiply;
    }
    return ech_x25519_is_right(out);
}

/* NULL: none is here. */
static const struct ech_x25519 *find(void)
{
    for (size_t i = 0; i < SOURCES; i++) {
        if (load(&sources[i], &functions[i])) {
            return &functions[i];
        }
    }
    return NULL;
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
        atomic_store_explicit(&chosen, find(), memory_order_release);
        shim_hold_end(&hold);
        errno = saved;
    }
    return shim_x25519_chosen();
}
