/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * HPKE, by which TLS libraries with an ECH client of their own seal ClientHelloInner. Such a
 * library has a config of the engine's (ech/local_config.h), but its sender can be set up for the
 * server at once (shim/engine/session/library_sealing.h). Other callers get what they ask for: only
 * the engine knows the info of its own config.
 */
#include "shim/stub/hooks_hpke.h"

#include "shim/stub/crypto_functions.h"
#include "shim/stub/hooks_keys.h"
#include "shim/stub/library.h"

enum { FAILED = 0, DONE = 1 };

/* Is the sender for another recipient? */
static bool begins(const void *context, const uint8_t *info, size_t info_length,
                   struct shim_hpke_recipient *recipient)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    const struct shim_hpke_setup setup = {
        .context = context, .info = info, .info_length = info_length};
    return engine != NULL && engine->hpke_begins(stub_watched(), &setup, recipient);
}

static void sealed(struct shim_hpke_sealing sealing)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL) {
        engine->hpke_sealed(stub_watched(), &sealing);
    }
}

/* ---- BoringSSL ---- */

int EVP_HPKE_CTX_setup_sender(void *ctx, uint8_t *out_enc, size_t *out_enc_len, size_t max_enc,
                              const void *kem, const void *kdf, const void *aead,
                              const uint8_t *peer_public_key, size_t peer_public_key_len,
                              const uint8_t *info, size_t info_len)
{
    __typeof__(&EVP_HPKE_CTX_setup_sender) real =
        (__typeof__(&EVP_HPKE_CTX_setup_sender))stub_crypto_function(
            SHIM_HOOK_EVP_HPKE_CTX_setup_sender, CALLER);
    struct shim_hpke_recipient recipient;
    if (real == NULL) {
        return FAILED;
    }
    if (stub_watched() != 0 && begins(ctx, info, info_len, &recipient)) {
        return real(ctx, out_enc, out_enc_len, max_enc, kem, kdf, aead, recipient.public_key,
                    sizeof recipient.public_key, recipient.info, recipient.info_length);
    }
    return real(ctx, out_enc, out_enc_len, max_enc, kem, kdf, aead, peer_public_key,
                peer_public_key_len, info, info_len);
}

int EVP_HPKE_CTX_seal(void *ctx, uint8_t *out, size_t *out_len, size_t max_out_len,
                      const uint8_t *in, size_t in_len, const uint8_t *ad, size_t ad_len)
{
    __typeof__(&EVP_HPKE_CTX_seal) real =
        (__typeof__(&EVP_HPKE_CTX_seal))stub_crypto_function(SHIM_HOOK_EVP_HPKE_CTX_seal, CALLER);
    if (real == NULL) {
        return FAILED;
    }
    int result = real(ctx, out, out_len, max_out_len, in, in_len, ad, ad_len);
    if (stub_watched() != 0 && result == DONE) {
        sealed((struct shim_hpke_sealing){.context = ctx,
                                          .plaintext = in,
                                          .plaintext_length = in_len,
                                          .ciphertext = out,
                                          .ciphertext_length = *out_len});
    }
    return result;
}

/* ---- OpenSSL ---- */

int OSSL_HPKE_encap(struct ossl_hpke_ctx_st *ctx, unsigned char *enc, size_t *enclen,
                    const unsigned char *pub, size_t publen, const unsigned char *info,
                    size_t infolen)
{
    __typeof__(&OSSL_HPKE_encap) real =
        (__typeof__(&OSSL_HPKE_encap))stub_crypto_function(SHIM_HOOK_OSSL_HPKE_encap, CALLER);
    struct shim_hpke_recipient recipient;
    if (real == NULL) {
        return FAILED;
    }
    if (stub_watched() != 0 && begins(ctx, info, infolen, &recipient)) {
        return real(ctx, enc, enclen, recipient.public_key, sizeof recipient.public_key,
                    recipient.info, recipient.info_length);
    }
    return real(ctx, enc, enclen, pub, publen, info, infolen);
}

int OSSL_HPKE_seal(struct ossl_hpke_ctx_st *ctx, unsigned char *ct, size_t *ctlen,
                   const unsigned char *aad, size_t aadlen, const unsigned char *pt, size_t ptlen)
{
    __typeof__(&OSSL_HPKE_seal) real =
        (__typeof__(&OSSL_HPKE_seal))stub_crypto_function(SHIM_HOOK_OSSL_HPKE_seal, CALLER);
    if (real == NULL) {
        return FAILED;
    }
    int result = real(ctx, ct, ctlen, aad, aadlen, pt, ptlen);
    if (stub_watched() != 0 && result == DONE) {
        sealed((struct shim_hpke_sealing){.context = ctx,
                                          .plaintext = pt,
                                          .plaintext_length = ptlen,
                                          .ciphertext = ct,
                                          .ciphertext_length = *ctlen});
    }
    return result;
}
