/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/own_nettle.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): --wrap prescribes the names */
void __wrap_nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n);
void __wrap_nettle_curve448_mul_g(uint8_t *q, const uint8_t *n);
/* NOLINTEND(bugprone-reserved-identifier) */

/* Not hooked: a base point in place of a table makes them slower, and nothing else. */
void nettle_curve25519_mul(uint8_t *q, const uint8_t *n, const uint8_t *p);
void nettle_curve448_mul(uint8_t *q, const uint8_t *n, const uint8_t *p);

typedef void multiply_base(uint8_t *q, const uint8_t *n);
static multiply_base *curve25519_mul_g;
static multiply_base *curve448_mul_g;

void shim_own_nettle_start(void *(*find)(void *handle, const char *name))
{
    Dl_info info;
    struct link_map *engine = NULL;
    /* In glibc a handle is the link map. The look-up goes through the engine and what it needs. */
    if (dladdr1((const void *)shim_own_nettle_start, &info, (void **)&engine, RTLD_DL_LINKMAP) !=
            0 &&
        engine != NULL) {
        curve25519_mul_g = (multiply_base *)find(engine, "nettle_curve25519_mul_g");
        curve448_mul_g = (multiply_base *)find(engine, "nettle_curve448_mul_g");
    }
}

void __wrap_nettle_curve25519_mul_g(uint8_t *q, const uint8_t *n)
{
    static const uint8_t base[32] = {9}; /* RFC 7748, 4.1 */
    if (curve25519_mul_g != NULL) {
        curve25519_mul_g(q, n);
    } else {
        nettle_curve25519_mul(q, n, base);
    }
}

void __wrap_nettle_curve448_mul_g(uint8_t *q, const uint8_t *n)
{
    static const uint8_t base[56] = {5}; /* RFC 7748, 4.2 */
    if (curve448_mul_g != NULL) {
        curve448_mul_g(q, n);
    } else {
        nettle_curve448_mul(q, n, base);
    }
}
