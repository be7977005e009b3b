/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/random.h"

#include <gnutls/crypto.h>

#include "shim/engine/base/x25519.h"

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    return gnutls_rnd(GNUTLS_RND_KEY, out, len) == GNUTLS_E_SUCCESS ? ECH_OK : ECH_ERR_CRYPTO;
}

struct ech_random shim_random(void)
{
    return (struct ech_random){.fill = fill, .x25519 = shim_x25519()};
}

struct ech_random shim_random_octets(void)
{
    return (struct ech_random){.fill = fill};
}

uint32_t shim_random_number(void)
{
    uint32_t number = 0;
    (void)gnutls_rnd(GNUTLS_RND_NONCE, &number, sizeof number); /* a poor number does no harm */
    return number;
}
