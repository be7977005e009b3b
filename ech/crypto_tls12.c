/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/crypto_tls12.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

/* ---- HMAC ---- */

size_t ech_mac_size(enum ech_mac mac)
{
    switch (mac) {
    case ECH_MAC_SHA1:
        return 20;
    case ECH_MAC_SHA256:
        return 32;
    case ECH_MAC_SHA384:
        return 48;
    }
    return 0;
}

static gnutls_mac_algorithm_t algorithm_of(enum ech_mac mac)
{
    switch (mac) {
    case ECH_MAC_SHA1:
        return GNUTLS_MAC_SHA1;
    case ECH_MAC_SHA256:
        return GNUTLS_MAC_SHA256;
    case ECH_MAC_SHA384:
        return GNUTLS_MAC_SHA384;
    }
    return GNUTLS_MAC_UNKNOWN;
}

enum ech_status ech_mac_parts(enum ech_mac mac, struct bytes key, const struct bytes *parts,
                              size_t count, uint8_t *out)
{
    gnutls_hmac_hd_t handle;
    uint8_t digest[ECH_MAC_MAX];
    enum ech_status status = ECH_OK;
    if (gnutls_hmac_init(&handle, algorithm_of(mac), key.data, key.len) != 0) {
        return ECH_ERR_CRYPTO;
    }
    for (size_t i = 0; i < count && status == ECH_OK; i++) {
        if (parts[i].len > 0 && gnutls_hmac(handle, parts[i].data, parts[i].len) != 0) {
            status = ECH_ERR_CRYPTO;
        }
    }
    gnutls_hmac_deinit(handle, digest);
    if (status == ECH_OK) {
        memcpy(out, digest, ech_mac_size(mac));
    }
    ech_wipe(digest, sizeof digest);
    return status;
}

/* ---- AES-CBC ---- */

static enum ech_status cbc_start(gnutls_cipher_hd_t *handle, struct bytes key, const uint8_t *iv,
                                 size_t len)
{
    gnutls_cipher_algorithm_t cipher = key.len == 16   ? GNUTLS_CIPHER_AES_128_CBC
                                       : key.len == 32 ? GNUTLS_CIPHER_AES_256_CBC
                                                       : GNUTLS_CIPHER_UNKNOWN;
    /* gnutls_datum_t has no const, but GnuTLS only reads these. */
    gnutls_datum_t key_datum = {.data = (unsigned char *)(uintptr_t)key.data,
                                .size = (unsigned)key.len};
    gnutls_datum_t iv_datum = {.data = (unsigned char *)(uintptr_t)iv, .size = ECH_CBC_BLOCK};
    return cipher != GNUTLS_CIPHER_UNKNOWN && len % ECH_CBC_BLOCK == 0 &&
                   gnutls_cipher_init(handle, cipher, &key_datum, &iv_datum) == 0
               ? ECH_OK
               : ECH_ERR_CRYPTO;
}

enum ech_status ech_cbc_encrypt(struct bytes key, const uint8_t *iv, uint8_t *data, size_t len)
{
    gnutls_cipher_hd_t handle;
    enum ech_status status = cbc_start(&handle, key, iv, len);
    if (status == ECH_OK) {
        status = gnutls_cipher_encrypt(handle, data, len) == 0 ? ECH_OK : ECH_ERR_CRYPTO;
        gnutls_cipher_deinit(handle);
    }
    return status;
}

enum ech_status ech_cbc_decrypt(struct bytes key, const uint8_t *iv, uint8_t *data, size_t len)
{
    gnutls_cipher_hd_t handle;
    enum ech_status status = cbc_start(&handle, key, iv, len);
    if (status == ECH_OK) {
        status = gnutls_cipher_decrypt(handle, data, len) == 0 ? ECH_OK : ECH_ERR_CRYPTO;
        gnutls_cipher_deinit(handle);
    }
    return status;
}
