/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions by which a program makes its hello longer, and which OpenSSL has no getters for. GREASE
 * has to be as long as ECH would be, before there is a hello that could be measured.
 */
#include <openssl/ssl.h>

#include "shim/stub/library.h"

static void note_alpn(struct shim_library *library, const void *object, size_t octets)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL) {
        engine->openssl_alpn(library, object, octets);
    }
}

static void note_psk(struct shim_library *library, const void *object, enum shim_psk_kind kind,
                     bool set)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL) {
        engine->openssl_psk(library, object, kind, set);
    }
}

SHIM_EXPORT int SSL_set_alpn_protos(SSL *ssl, const unsigned char *protocols, unsigned int length)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_set_alpn_protos, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_set_alpn_protos, 1, ssl, protocols, length);
    }
    int failed = REAL(library, SSL_set_alpn_protos)(ssl, protocols, length);
    if (failed == 0) {
        note_alpn(library, ssl, protocols != NULL ? length : 0);
    }
    return failed;
}

SHIM_EXPORT int SSL_CTX_set_alpn_protos(SSL_CTX *ctx, const unsigned char *protocols,
                                        unsigned int length)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_CTX_set_alpn_protos, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_set_alpn_protos, 1, ctx, protocols, length);
    }
    int failed = REAL(library, SSL_CTX_set_alpn_protos)(ctx, protocols, length);
    if (failed == 0) {
        note_alpn(library, ctx, protocols != NULL ? length : 0);
    }
    return failed;
}

SHIM_EXPORT void SSL_set_psk_client_callback(SSL *ssl, SSL_psk_client_cb_func callback)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_set_psk_client_callback, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_set_psk_client_callback, , ssl, callback);
    }
    REAL(library, SSL_set_psk_client_callback)(ssl, callback);
    note_psk(library, ssl, SHIM_PSK_CLIENT, callback != NULL);
}

SHIM_EXPORT void SSL_CTX_set_psk_client_callback(SSL_CTX *ctx, SSL_psk_client_cb_func callback)
{
    struct shim_library *library =
        stub_library(SHIM_HOOK_SSL_CTX_set_psk_client_callback, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_set_psk_client_callback, , ctx, callback);
    }
    REAL(library, SSL_CTX_set_psk_client_callback)(ctx, callback);
    note_psk(library, ctx, SHIM_PSK_CLIENT, callback != NULL);
}

SHIM_EXPORT void SSL_set_psk_use_session_callback(SSL *ssl, SSL_psk_use_session_cb_func callback)
{
    struct shim_library *library =
        stub_library(SHIM_HOOK_SSL_set_psk_use_session_callback, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_set_psk_use_session_callback, , ssl, callback);
    }
    REAL(library, SSL_set_psk_use_session_callback)(ssl, callback);
    note_psk(library, ssl, SHIM_PSK_SESSION, callback != NULL);
}

SHIM_EXPORT void SSL_CTX_set_psk_use_session_callback(SSL_CTX *ctx,
                                                      SSL_psk_use_session_cb_func callback)
{
    struct shim_library *library =
        stub_library(SHIM_HOOK_SSL_CTX_set_psk_use_session_callback, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_set_psk_use_session_callback, , ctx, callback);
    }
    REAL(library, SSL_CTX_set_psk_use_session_callback)(ctx, callback);
    note_psk(library, ctx, SHIM_PSK_SESSION, callback != NULL);
}
