/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Functions of OpenSSL by which a program sets what the engine needs too, or has to know, where the
 * library has an ECH client of its own. For every other library they change nothing.
 */
#include <openssl/ssl.h>

#include "shim/stub/guard.h"
#include "shim/stub/library.h"

/* ---- info callbacks ---- */

SHIM_EXPORT void SSL_CTX_set_info_callback(SSL_CTX *ctx,
                                           void (*callback)(const SSL *ssl, int type, int value))
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_CTX_set_info_callback, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_set_info_callback, , ctx, callback);
    }
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine == NULL || !engine->openssl_set_info_callback(library, ctx, NULL, callback)) {
        REAL(library, SSL_CTX_set_info_callback)(ctx, callback);
    }
}

SHIM_EXPORT void SSL_set_info_callback(SSL *ssl,
                                       void (*callback)(const SSL *ssl, int type, int value))
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_set_info_callback, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_set_info_callback, , ssl, callback);
    }
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine == NULL || !engine->openssl_set_info_callback(library, NULL, ssl, callback)) {
        REAL(library, SSL_set_info_callback)(ssl, callback);
    }
}

SHIM_EXPORT void (*SSL_CTX_get_info_callback(SSL_CTX *ctx))(const SSL *ssl, int type, int value)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_CTX_get_info_callback, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_get_info_callback, NULL, ctx);
    }
    shim_info_callback *callback;
    const struct shim_engine *engine = stub_engine_if_loaded();
    bool kept = engine != NULL && engine->openssl_get_info_callback(library, ctx, NULL, &callback);
    return kept ? callback : REAL(library, SSL_CTX_get_info_callback)(ctx);
}

SHIM_EXPORT void (*SSL_get_info_callback(const SSL *ssl))(const SSL *ssl, int type, int value)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_get_info_callback, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_get_info_callback, NULL, ssl);
    }
    shim_info_callback *callback;
    const struct shim_engine *engine = stub_engine_if_loaded();
    bool kept = engine != NULL && engine->openssl_get_info_callback(library, NULL, ssl, &callback);
    return kept ? callback : REAL(library, SSL_get_info_callback)(ssl);
}

SHIM_EXPORT SSL *SSL_dup(SSL *ssl)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_dup, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_dup, NULL, ssl);
    }
    SSL *copy = REAL(library, SSL_dup)(ssl);
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL && copy != NULL) {
        engine->openssl_copied(library, ssl, copy);
    }
    return copy;
}

/* ---- extensions of the program ---- */

static void note_extension(struct shim_library *library, const SSL_CTX *ctx)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    if (engine != NULL) {
        engine->openssl_own_extension(library, ctx);
    }
}

SHIM_EXPORT int SSL_CTX_add_custom_ext(SSL_CTX *ctx, unsigned int type, unsigned int context,
                                       SSL_custom_ext_add_cb_ex add, SSL_custom_ext_free_cb_ex free,
                                       void *add_argument, SSL_custom_ext_parse_cb_ex parse,
                                       void *parse_argument)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_CTX_add_custom_ext, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_add_custom_ext, 0, ctx, type, context, add, free, add_argument, parse,
                parse_argument);
    }
    int result = REAL(library, SSL_CTX_add_custom_ext)(ctx, type, context, add, free, add_argument,
                                                       parse, parse_argument);
    if (result == 1 && (context & SSL_EXT_CLIENT_HELLO) != 0) {
        note_extension(library, ctx);
    }
    return result;
}

SHIM_EXPORT int SSL_CTX_add_client_custom_ext(SSL_CTX *ctx, unsigned int type,
                                              custom_ext_add_cb add, custom_ext_free_cb free,
                                              void *add_argument, custom_ext_parse_cb parse,
                                              void *parse_argument)
{
    struct shim_library *library =
        stub_library(SHIM_HOOK_SSL_CTX_add_client_custom_ext, NULL, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_CTX_add_client_custom_ext, 0, ctx, type, add, free, add_argument, parse,
                parse_argument);
    }
    int result = REAL(library, SSL_CTX_add_client_custom_ext)(ctx, type, add, free, add_argument,
                                                              parse, parse_argument);
    if (result == 1) {
        note_extension(library, ctx);
    }
    return result;
}
