/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/gnutls/keys.h"

#include "shim/engine/session/raw_key.h"
#include "shim/engine/state/state.h"

void gnutls_keys_init(struct gnutls *gnutls)
{
    const struct shim_stub *stub = shim_state()->stub;
    void *handle = gnutls->library->handle;
    struct gnutls_keys *keys = &gnutls->keys;
#define F(name) keys->name = (gnutls_##name *)stub->dlsym(handle, #name);
    SHIM_GNUTLS_KEY_FUNCTIONS(F)
#undef F
    keys->has_nist = keys->nettle_ecdsa_generate_keypair != NULL &&
                     keys->nettle_ecc_point_get != NULL && keys->nettle_ecc_scalar_get != NULL &&
                     keys->nettle_ecc_bit_size != NULL && keys->__gmpz_init != NULL &&
                     keys->__gmpz_clear != NULL && keys->__gmpz_export != NULL &&
                     keys->__gmpz_sizeinbase != NULL;
}

/* ---- the NIST curves, whose numbers are GMP's ---- */

static uint16_t group_of_size(unsigned bits)
{
    switch (bits) {
    case 256:
        return ECH_GROUP_P256;
    case 384:
        return ECH_GROUP_P384;
    case 521:
        return ECH_GROUP_P521;
    default:
        return 0;
    }
}

/* Writes the number with `size` octets, the highest first. False: it is longer. */
static bool export_number(const struct gnutls_keys *keys, const struct gnutls_number *number,
                          uint8_t *out, size_t size)
{
    size_t octets = (keys->__gmpz_sizeinbase(number, 2) + 7) / 8;
    size_t count;
    if (octets > size) {
        return false;
    }
    (void)keys->__gmpz_export(out + size - octets, &count, 1, 1, 1, 0, number);
    return true;
}

static void wipe_number(const struct gnutls_keys *keys, struct gnutls_number *number)
{
    ech_wipe(number->limbs, (size_t)number->allocated * sizeof(unsigned long));
    keys->__gmpz_clear(number);
}

static bool take_nist(const struct gnutls_keys *keys, struct shim_raw_key *seen,
                      const struct shim_made_key *made)
{
    enum { UNCOMPRESSED = 4 }; /* SEC 1, 2.3.3 */
    /* Its first member is the curve (nettle/ecc.h). */
    const void *curve = *(const void *const *)made->public_key;
    struct gnutls_number x;
    struct gnutls_number y;
    struct gnutls_number scalar;
    seen->group = group_of_size(keys->nettle_ecc_bit_size(curve));
    size_t size = ech_dh_private_size(seen->group);
    if (size == 0) {
        return false;
    }
    keys->__gmpz_init(&x);
    keys->__gmpz_init(&y);
    keys->__gmpz_init(&scalar);
    keys->nettle_ecc_point_get(made->public_key, &x, &y);
    keys->nettle_ecc_scalar_get(made->private_key, &scalar);
    seen->public_key[0] = UNCOMPRESSED;
    bool fits = export_number(keys, &x, seen->public_key + 1, size) &&
                export_number(keys, &y, seen->public_key + 1 + size, size) &&
                export_number(keys, &scalar, seen->private_key, size);
    keys->__gmpz_clear(&x);
    keys->__gmpz_clear(&y);
    wipe_number(keys, &scalar);
    return fits;
}

/* ---- what the session asks ---- */

static bool take_montgomery(struct shim_raw_key *seen, uint16_t group,
                            const struct shim_made_key *made)
{
    shim_raw_key_set(seen, group, made);
    return true;
}

static bool take_into(const struct gnutls_keys *keys, struct shim_raw_key *seen,
                      const struct shim_made_key *made)
{
    switch (made->hook) {
    case SHIM_HOOK_nettle_curve25519_mul_g:
        return made->function == (const void *)keys->nettle_curve25519_mul_g &&
               take_montgomery(seen, ECH_GROUP_X25519, made);
    case SHIM_HOOK_nettle_curve448_mul_g:
        return made->function == (const void *)keys->nettle_curve448_mul_g &&
               take_montgomery(seen, ECH_GROUP_X448, made);
    case SHIM_HOOK_nettle_ecdsa_generate_keypair:
        return keys->has_nist &&
               made->function == (const void *)keys->nettle_ecdsa_generate_keypair &&
               take_nist(keys, seen, made);
    default:
        return false;
    }
}

static struct shim_seen_key *take(const void *library, const struct shim_made_key *made)
{
    const struct gnutls *gnutls = library;
    struct shim_raw_key *seen = shim_raw_key_new();
    if (seen != NULL && !take_into(&gnutls->keys, seen, made)) {
        shim_raw_key_drop(&seen->base);
        seen = NULL;
    }
    return seen != NULL ? &seen->base : NULL;
}

void gnutls_keys_watch(const struct gnutls_connection *connection)
{
    static const struct shim_key_functions functions = {.take = take,
                                                        .is = shim_raw_key_is,
                                                        .agree = shim_raw_key_agree,
                                                        .drop = shim_raw_key_drop};
    shim_session_keys_watch(connection->session, &functions, connection->gnutls);
}
