/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for lib25519.so.1. With -DWRONG its products are wrong, with -DHALF it has one of the
 * two functions. Its destructor tells on standard error how often each function was called.
 */
#include <nettle/curve25519.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#ifdef WRONG
enum { DIFFERENCE = 1 };
#else
enum { DIFFERENCE = 0 };
#endif

static unsigned public_keys;
static unsigned shared_secrets;

EXPORT void lib25519_nG_montgomery25519(unsigned char *product, const unsigned char *scalar);
EXPORT void lib25519_nP_montgomery25519(unsigned char *product, const unsigned char *scalar,
                                        const unsigned char *point);

void lib25519_nG_montgomery25519(unsigned char *product, const unsigned char *scalar)
{
    __atomic_fetch_add(&public_keys, 1, __ATOMIC_RELAXED);
    curve25519_mul_g(product, scalar);
}

#ifndef HALF
void lib25519_nP_montgomery25519(unsigned char *product, const unsigned char *scalar,
                                 const unsigned char *point)
{
    __atomic_fetch_add(&shared_secrets, 1, __ATOMIC_RELAXED);
    curve25519_mul(product, scalar, point);
    product[0] ^= DIFFERENCE;
}
#endif

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, "lib25519: %u public keys, %u shared secrets\n", public_keys, shared_secrets);
}
