/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions of libraries whose headers the stub does not use. */
#ifndef SHIM_STUB_HOOKS_KEYS_H
#define SHIM_STUB_HOOKS_KEYS_H

#include <openssl/evp.h>
#include <stdint.h>

#include "shim/stub/stub.h"

SHIM_EXPORT void nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n);
SHIM_EXPORT void nettle_curve448_mul_g(uint8_t *q, const uint8_t *n);
SHIM_EXPORT void nettle_ecdsa_generate_keypair(void *pub, void *key, void *random_ctx,
                                               void (*random)(void *ctx, size_t length,
                                                              uint8_t *out));
/* Of BoringSSL. */
SHIM_EXPORT void X25519_keypair(uint8_t *out_public_value, uint8_t *out_private_key);

/* See struct shim_stub. */
uint64_t stub_watch_keys(uint64_t watch);
/* The watch of this thread, which may be over; 0: none. */
uint64_t stub_watched(void);

#endif
