/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions by which TLS libraries make the private keys of their key shares. Every library of
 * the process that makes keys passes here. While no hello of ours is made in the thread, that costs
 * one load and the way to the real function.
 */
#include "shim/stub/hooks_keys.h"

#include "shim/stub/crypto_functions.h"
#include "shim/stub/library.h"

/* Results of EVP_PKEY_keygen. */
enum { MADE = 1, NOT_SUPPORTED = -2 };

/* The watch of this thread. It may be over: a program may jump out of the call that set it. */
static __thread uint64_t watched __attribute__((tls_model("initial-exec")));

uint64_t stub_watch_keys(uint64_t watch)
{
    uint64_t before = watched;
    watched = watch;
    return before;
}

uint64_t stub_watched(void)
{
    return watched;
}

static void tell(const struct shim_made_key *made)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL && !engine->key_made(watched, made)) {
        watched = 0;
    }
}

SHIM_EXPORT int EVP_PKEY_keygen(EVP_PKEY_CTX *ctx, EVP_PKEY **ppkey)
{
    __typeof__(&EVP_PKEY_keygen) real =
        (__typeof__(&EVP_PKEY_keygen))stub_crypto_function(SHIM_HOOK_EVP_PKEY_keygen, CALLER);
    if (real == NULL) {
        return NOT_SUPPORTED;
    }
    int result = real(ctx, ppkey);
    if (watched != 0 && result == MADE && ppkey != NULL && *ppkey != NULL) {
        tell(&(struct shim_made_key){.hook = SHIM_HOOK_EVP_PKEY_keygen,
                                     .function = (const void *)real,
                                     .public_key = ctx,
                                     .private_key = *ppkey});
    }
    return result;
}

/* The body of a function that writes a public key. */
#define MAKES_KEY(name, public, private, ...)                                                      \
    __typeof__(&name) real = (__typeof__(&name))stub_crypto_function(SHIM_HOOK_##name, CALLER);    \
    if (real == NULL) {                                                                            \
        return;                                                                                    \
    }                                                                                              \
    real(__VA_ARGS__);                                                                             \
    if (watched != 0) {                                                                            \
        tell(&(struct shim_made_key){.hook = SHIM_HOOK_##name,                                     \
                                     .function = (const void *)real,                               \
                                     .public_key = (public),                                       \
                                     .private_key = (private)});                                   \
    }

void nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n)
{
    MAKES_KEY(nettle_curve25519_mul_g, q, n, q, n)
}

void nettle_curve448_mul_g(uint8_t *q, const uint8_t *n)
{
    MAKES_KEY(nettle_curve448_mul_g, q, n, q, n)
}

void nettle_ecdsa_generate_keypair(void *pub, void *key, void *random_ctx,
                                   void (*random)(void *ctx, size_t length, uint8_t *out))
{
    MAKES_KEY(nettle_ecdsa_generate_keypair, pub, key, pub, key, random_ctx, random)
}

void X25519_keypair(uint8_t *out_public_value, uint8_t *out_private_key)
{
    MAKES_KEY(X25519_keypair, out_public_value, out_private_key, out_public_value, out_private_key)
}
