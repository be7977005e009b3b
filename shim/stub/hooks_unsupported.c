/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that the shim only recognizes. The wire guard sees their hellos and decides, as it does
 * for every library without hooks: in strict mode the library's write fails, and the program gets
 * the library's own error. These hooks tell the guard whose hello it is.
 */
#include "shim/stub/hooks_unsupported.h"

#include "shim/stub/handshaking.h"
#include "shim/stub/library.h"

/* Results of the libraries. */
enum {
    WOLFSSL_FAILURE = -1,      /* WOLFSSL_FATAL_ERROR */
    MBEDTLS_FAILURE = -0x7080, /* MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE */
    BEARSSL_FAILURE = 0,       /* no client engine can be made */
    S2N_FAILURE = -1,
};

/*
 * A call that may write a hello, which the library does at once or hands to the program to write.
 * So if the call has not ended well, what this thread writes next may be the hello.
 */
#define MAY_SHAKE_HANDS(name, failure, is_done, ...)                                               \
    const struct shim_library *library = stub_library(SHIM_HOOK_##name, NULL, CALLER);             \
    __typeof__(&name) real = library != NULL                                                       \
                                 ? REAL(library, name)                                             \
                                 : (__typeof__(&name))stub_bound(SHIM_HOOK_##name, CALLER);        \
    if (real == NULL) {                                                                            \
        return failure;                                                                            \
    }                                                                                              \
    stub_handshake_by(stub_hook_family(SHIM_HOOK_##name));                                         \
    int result = real(__VA_ARGS__);                                                                \
    if (is_done) {                                                                                 \
        stub_handshake_by(SHIM_FAMILY_LIBC);                                                       \
    }                                                                                              \
    return result

int wolfSSL_connect(void *ssl)
{
    MAY_SHAKE_HANDS(wolfSSL_connect, WOLFSSL_FAILURE, result == 1, ssl);
}

int wolfSSL_connect_TLSv13(void *ssl)
{
    MAY_SHAKE_HANDS(wolfSSL_connect_TLSv13, WOLFSSL_FAILURE, result == 1, ssl);
}

int wolfSSL_connect_cert(void *ssl)
{
    MAY_SHAKE_HANDS(wolfSSL_connect_cert, WOLFSSL_FAILURE, result == 1, ssl);
}

int wolfSSL_negotiate(void *ssl)
{
    MAY_SHAKE_HANDS(wolfSSL_negotiate, WOLFSSL_FAILURE, result == 1, ssl);
}

int wolfSSL_read(void *ssl, void *data, int size)
{
    MAY_SHAKE_HANDS(wolfSSL_read, WOLFSSL_FAILURE, result > 0, ssl, data, size);
}

int wolfSSL_write(void *ssl, const void *data, int size)
{
    MAY_SHAKE_HANDS(wolfSSL_write, WOLFSSL_FAILURE, result > 0, ssl, data, size);
}

int mbedtls_ssl_handshake(void *ssl)
{
    MAY_SHAKE_HANDS(mbedtls_ssl_handshake, MBEDTLS_FAILURE, result == 0, ssl);
}

int mbedtls_ssl_handshake_step(void *ssl)
{
    MAY_SHAKE_HANDS(mbedtls_ssl_handshake_step, MBEDTLS_FAILURE, false, ssl);
}

int mbedtls_ssl_read(void *ssl, unsigned char *data, size_t size)
{
    MAY_SHAKE_HANDS(mbedtls_ssl_read, MBEDTLS_FAILURE, result > 0, ssl, data, size);
}

int mbedtls_ssl_write(void *ssl, const unsigned char *data, size_t size)
{
    MAY_SHAKE_HANDS(mbedtls_ssl_write, MBEDTLS_FAILURE, result > 0, ssl, data, size);
}

/* Only makes the hello. The program moves the octets. */
int br_ssl_client_reset(void *context, const char *name, int resume)
{
    MAY_SHAKE_HANDS(br_ssl_client_reset, BEARSSL_FAILURE, result == 0, context, name, resume);
}

int s2n_negotiate(void *connection, int *blocked)
{
    MAY_SHAKE_HANDS(s2n_negotiate, S2N_FAILURE, result == 0, connection, blocked);
}
