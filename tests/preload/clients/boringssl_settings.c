/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BoringSSL as a shared library: one mode for what a program sets. */
#include "boringssl_client.h"

#include <openssl/pool.h>

/* Takes certificates by zlib, as far as tests/peers/ech_server.c makes them: one stored block. */
static int on_decompress(SSL *ssl, CRYPTO_BUFFER **out, size_t length, const uint8_t *in,
                         size_t in_length)
{
    enum { BEFORE = 7, AFTER = 4 };
    (void)ssl;
    if (in_length != BEFORE + length + AFTER) {
        return 0;
    }
    *out = CRYPTO_BUFFER_new(in + BEFORE, length, NULL);
    return *out != NULL;
}

void run_compressed(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    if (!SSL_CTX_add_cert_compression_alg(ctx, TLSEXT_cert_compression_zlib, NULL, on_decompress)) {
        fail_ssl("SSL_CTX_add_cert_compression_alg");
    }
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}

void run_tls12(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}

void run_tls13_only(const struct target *target)
{
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}

/* What browsers set: GREASE of RFC 8701, ALPN, and more. */
static SSL_CTX *make_browser_ctx(const struct target *target)
{
    static const uint8_t alpn[] = "\x02h2\x08http/1.1";
    SSL_CTX *ctx = make_ctx(target);
    SSL_CTX_set_grease_enabled(ctx, 1);
    SSL_CTX_enable_ocsp_stapling(ctx);
    SSL_CTX_enable_signed_cert_timestamps(ctx);
    if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof alpn - 1) != 0 ||
        !SSL_CTX_add_cert_compression_alg(ctx, TLSEXT_cert_compression_zlib, NULL, on_decompress)) {
        fail_ssl("SSL_CTX_set_alpn_protos");
    }
    return ctx;
}

void run_browser(const struct target *target)
{
    SSL_CTX *ctx = make_browser_ctx(target);
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}

void run_browser_permuted(const struct target *target)
{
    SSL_CTX *ctx = make_browser_ctx(target);
/* Debian 11's has neither this nor ECH. */
#if BORINGSSL_API_VERSION >= 17
    SSL_CTX_set_permute_extensions(ctx, 1);
#endif
    fetch_with(ctx, target);
    SSL_CTX_free(ctx);
}
