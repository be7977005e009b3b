/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions of BoringSSL, and of OpenSSL 3.2 and later: the stub has the headers of neither. */
#ifndef SHIM_STUB_HOOKS_HPKE_H
#define SHIM_STUB_HOOKS_HPKE_H

#include <stddef.h>
#include <stdint.h>

#include "shim/stub/stub.h"

SHIM_EXPORT int EVP_HPKE_CTX_setup_sender(void *ctx, uint8_t *out_enc, size_t *out_enc_len,
                                          size_t max_enc, const void *kem, const void *kdf,
                                          const void *aead, const uint8_t *peer_public_key,
                                          size_t peer_public_key_len, const uint8_t *info,
                                          size_t info_len);
SHIM_EXPORT int EVP_HPKE_CTX_seal(void *ctx, uint8_t *out, size_t *out_len, size_t max_out_len,
                                  const uint8_t *in, size_t in_len, const uint8_t *ad,
                                  size_t ad_len);
/* As newer headers of OpenSSL declare them, in case they are included. */
struct ossl_hpke_ctx_st;
SHIM_EXPORT int OSSL_HPKE_encap(struct ossl_hpke_ctx_st *ctx, unsigned char *enc, size_t *enclen,
                                const unsigned char *pub, size_t publen, const unsigned char *info,
                                size_t infolen);
SHIM_EXPORT int OSSL_HPKE_seal(struct ossl_hpke_ctx_st *ctx, unsigned char *ct, size_t *ctlen,
                               const unsigned char *aad, size_t aadlen, const unsigned char *pt,
                               size_t ptlen);

#endif
