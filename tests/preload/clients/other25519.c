/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for lib25519.so.1, or with -DSODIUM for libsodium.so.23. With -DWRONG its products are
 * wrong, with -DHALF it has one of the two functions. With -DFAILED (libsodium) it says that there
 * is no product, and writes none. Its destructor tells on standard error how often each function
 * was called.
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

#ifdef SODIUM
#define NAME "libsodium"
typedef int outcome;
#define lib25519_nG_montgomery25519 crypto_scalarmult_curve25519_base
#define lib25519_nP_montgomery25519 crypto_scalarmult_curve25519
#define DONE return 0
#else
#define NAME "lib25519"
typedef void outcome;
#define DONE return
#endif

EXPORT outcome lib25519_nG_montgomery25519(unsigned char *product, const unsigned char *scalar);
EXPORT outcome lib25519_nP_montgomery25519(unsigned char *product, const unsigned char *scalar,
                                           const unsigned char *point);

outcome lib25519_nG_montgomery25519(unsigned char *product, const unsigned char *scalar)
{
    __atomic_fetch_add(&public_keys, 1, __ATOMIC_RELAXED);
    curve25519_mul_g(product, scalar);
    DONE;
}

#ifndef HALF
outcome lib25519_nP_montgomery25519(unsigned char *product, const unsigned char *scalar,
                                    const unsigned char *point)
{
    __atomic_fetch_add(&shared_secrets, 1, __ATOMIC_RELAXED);
#ifdef FAILED
    (void)product, (void)scalar, (void)point;
    return -1;
#else
    curve25519_mul(product, scalar, point);
    product[0] ^= DIFFERENCE;
    DONE;
#endif
}
#endif

__attribute__((destructor)) static void tell(void)
{
    fprintf(stderr, NAME ": %u public keys, %u shared secrets\n", public_keys, shared_secrets);
}
