/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exported functions of OpenSSL. Each finds the real function, asks the engine, and calls the
 * real function. They decide one thing only: without an engine, strict mode refuses.
 */
#include <openssl/ssl.h>

#include "shim/common/compat_tls.h"
#include "shim/stub/detours.h"
#include "shim/stub/guard.h"
#include "shim/stub/library.h"

/* ---- contexts ---- */

/* The application gets its context in every mode: it may be for a server, or for ports that are not
 * watched. A refusal comes only when a handshake begins. */
static SSL_CTX *hand_over_context(struct shim_library *library, SSL_CTX *context)
{
    const struct shim_engine *engine = stub_engine();
    if (engine != NULL && context != NULL) {
        (void)engine->openssl_context(library, context);
    }
    return context;
}

static struct shim_library *library_of_method(enum shim_hook hook, const SSL_METHOD *method,
                                              const void *caller)
{
    /* The look-up takes long in a program with many symbols. */
    struct shim_library *library =
        stub_detours_contain(method) ? NULL : stub_library_at(SHIM_FAMILY_OPENSSL, method);
    struct shim_library *by_caller = stub_library(hook, NULL, caller);
    return library != NULL && library->fn[hook] != NULL ? library : by_caller;
}

SHIM_EXPORT SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    struct shim_library *library = library_of_method(SHIM_HOOK_SSL_CTX_new, method, CALLER);
    if (library == NULL || REAL(library, SSL_CTX_new) == NULL) {
        PASS_ON(SSL_CTX_new, NULL, method);
    }
    return hand_over_context(library, REAL(library, SSL_CTX_new)(method));
}

SHIM_EXPORT SSL_CTX *SSL_CTX_new_ex(OSSL_LIB_CTX *libctx, const char *propq,
                                    const SSL_METHOD *method)
{
    struct shim_library *library = library_of_method(SHIM_HOOK_SSL_CTX_new_ex, method, CALLER);
    if (library == NULL || REAL(library, SSL_CTX_new_ex) == NULL) {
        PASS_ON(SSL_CTX_new_ex, NULL, libctx, propq, method);
    }
    return hand_over_context(library, REAL(library, SSL_CTX_new_ex)(libctx, propq, method));
}

/* ---- handshakes ---- */

/* The body of a function that may start a handshake. If the handshake is refused, the function
 * returns `failure`, an entry is in the error queue, and SSL_get_error says SSL_ERROR_SSL. */
#define STARTS_HANDSHAKE(name, by_connect, failure, ...)                                           \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, ssl, CALLER);                    \
    if (library == NULL || REAL(library, name) == NULL) {                                          \
        PASS_ON(name, failure, __VA_ARGS__);                                                       \
    }                                                                                              \
    const struct shim_engine *engine = stub_engine_if_loaded();                                    \
    if (engine != NULL ? !engine->openssl_before(library, ssl, by_connect)                         \
                       : stub_openssl_must_refuse(library, ssl, by_connect)) {                     \
        stub_openssl_refuse(library, ssl);                                                         \
        return failure;                                                                            \
    }                                                                                              \
    stub_openssl_let(ssl);                                                                         \
    int result = REAL(library, name)(__VA_ARGS__);                                                 \
    if (engine != NULL) {                                                                          \
        engine->openssl_after(library, ssl);                                                       \
    }                                                                                              \
    return result

SHIM_EXPORT int SSL_connect(SSL *ssl)
{
    STARTS_HANDSHAKE(SSL_connect, true, -1, ssl);
}

SHIM_EXPORT int SSL_do_handshake(SSL *ssl)
{
    STARTS_HANDSHAKE(SSL_do_handshake, false, -1, ssl);
}

SHIM_EXPORT int SSL_read(SSL *ssl, void *buffer, int octets)
{
    STARTS_HANDSHAKE(SSL_read, false, -1, ssl, buffer, octets);
}

SHIM_EXPORT int SSL_read_ex(SSL *ssl, void *buffer, size_t octets, size_t *read)
{
    STARTS_HANDSHAKE(SSL_read_ex, false, 0, ssl, buffer, octets, read);
}

SHIM_EXPORT int SSL_peek(SSL *ssl, void *buffer, int octets)
{
    STARTS_HANDSHAKE(SSL_peek, false, -1, ssl, buffer, octets);
}

SHIM_EXPORT int SSL_peek_ex(SSL *ssl, void *buffer, size_t octets, size_t *read)
{
    STARTS_HANDSHAKE(SSL_peek_ex, false, 0, ssl, buffer, octets, read);
}

SHIM_EXPORT int SSL_write(SSL *ssl, const void *buffer, int octets)
{
    stub_tunnel_inside_tls(ssl, buffer, octets > 0 ? (size_t)octets : 0);
    STARTS_HANDSHAKE(SSL_write, false, -1, ssl, buffer, octets);
}

SHIM_EXPORT int SSL_write_ex(SSL *ssl, const void *buffer, size_t octets, size_t *written)
{
    stub_tunnel_inside_tls(ssl, buffer, octets);
    STARTS_HANDSHAKE(SSL_write_ex, false, 0, ssl, buffer, octets, written);
}

SHIM_EXPORT int SSL_write_early_data(SSL *ssl, const void *buffer, size_t octets, size_t *written)
{
    STARTS_HANDSHAKE(SSL_write_early_data, false, 0, ssl, buffer, octets, written);
}

SHIM_EXPORT int SSL_get_error(const SSL *ssl, int result)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_get_error, ssl, CALLER);
    if (library == NULL || REAL(library, SSL_get_error) == NULL) {
        PASS_ON(SSL_get_error, SSL_ERROR_SSL, ssl, result);
    }
    int error = REAL(library, SSL_get_error)(ssl, result);
    bool ours =
        error == SSL_ERROR_SYSCALL && ssl != NULL && stub_openssl_refused_last(library, ssl);
    return ours ? SSL_ERROR_SSL : error;
}

/* ---- BIOs ---- */

/* A linker may have folded SSL_get_rbio with other functions of the program that have the same
 * code. What these return is no BIO, so only those of an SSL that we know are looked at. */
static BIO *visible(struct shim_library *library, const SSL *ssl, BIO *bio)
{
    const struct shim_engine *engine = stub_engine_if_loaded();
    bool known = engine != NULL && bio != NULL && engine->openssl_library_of(ssl) == library;
    return known ? engine->openssl_visible_bio(library, bio) : bio;
}

SHIM_EXPORT BIO *SSL_get_rbio(const SSL *ssl)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_get_rbio, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_get_rbio, NULL, ssl);
    }
    return visible(library, ssl, REAL(library, SSL_get_rbio)(ssl));
}

SHIM_EXPORT BIO *SSL_get_wbio(const SSL *ssl)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_get_wbio, ssl, CALLER);
    if (library == NULL) {
        PASS_ON(SSL_get_wbio, NULL, ssl);
    }
    return visible(library, ssl, REAL(library, SSL_get_wbio)(ssl));
}

#define REPLACES_BIO(name, ...)                                                                    \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, ssl, CALLER);                    \
    if (library == NULL) {                                                                         \
        PASS_ON(name, , __VA_ARGS__);                                                              \
    }                                                                                              \
    const struct shim_engine *engine = stub_engine_if_loaded();                                    \
    if (engine != NULL) {                                                                          \
        engine->openssl_bio_leaving(library, ssl);                                                 \
    }                                                                                              \
    REAL(library, name)(__VA_ARGS__);                                                              \
    if (engine != NULL) {                                                                          \
        engine->openssl_bio_replaced(library, ssl);                                                \
    }

typedef void *get_ctrl(const BIO_METHOD *method);

/*
 * Is it the BIO_f_ssl of the library that calls? Within a program any code may call from the same
 * mapping, so the place has to lie in the BIO's control function. No build of OpenSSL has one that
 * is longer. `origin` is the place that a detour was called from.
 */
static bool pushes(const struct shim_library *library, const void *caller, const void *origin)
{
    enum { CONTROL_SIZE = 1536 };
    if (stub_detours_library_of(caller) == NULL) {
        return stub_library_calls(library, caller);
    }
    __typeof__(&BIO_f_ssl) method = STUB_FIND(library, BIO_f_ssl);
    get_ctrl *control = (get_ctrl *)stub_real_dlsym(library->handle, "BIO_meth_get_ctrl");
    return method != NULL && control != NULL &&
           (uintptr_t)origin - (uintptr_t)control(method()) < CONTROL_SIZE;
}

/* A BIO_f_ssl that is pushed takes our filter for another BIO than the one below it. So it hands
 * over a second reference to the BIO that is there already. Releases that reference. False: the
 * call is no such case. */
static bool drop_pushed_again(SSL *ssl, BIO *rbio, const BIO *wbio, const void *caller,
                              const void *origin)
{
    struct shim_library *library = stub_library(SHIM_HOOK_SSL_set_bio, ssl, caller);
    if (library == NULL || !pushes(library, caller, origin) ||
        REAL(library, SSL_get_rbio) == NULL || REAL(library, SSL_get_wbio) == NULL) {
        return false;
    }
    BIO *actual = REAL(library, SSL_get_rbio)(ssl);
    if (rbio != wbio || rbio == actual || rbio != visible(library, ssl, actual) ||
        wbio != visible(library, ssl, REAL(library, SSL_get_wbio)(ssl))) {
        return false;
    }
    __typeof__(&BIO_free) release = STUB_FIND(library, BIO_free);
    if (release == NULL) {
        return false;
    }
    (void)release(rbio);
    return true;
}

SHIM_EXPORT void SSL_set_bio(SSL *ssl, BIO *rbio, BIO *wbio)
{
    const void *caller = CALLER;
    const void *origin = stub_detours_library_of(caller) != NULL
                             ? stub_detour_caller(__builtin_dwarf_cfa())
                             : caller;
    if (!drop_pushed_again(ssl, rbio, wbio, caller, origin)) {
        REPLACES_BIO(SSL_set_bio, ssl, rbio, wbio)
    }
}

SHIM_EXPORT void SSL_set0_rbio(SSL *ssl, BIO *rbio){REPLACES_BIO(SSL_set0_rbio, ssl, rbio)}

SHIM_EXPORT void SSL_set0_wbio(SSL *ssl, BIO *wbio){REPLACES_BIO(SSL_set0_wbio, ssl, wbio)}

/* These functions make a BIO within the library, where no hook sees it. The descriptor may stay the
 * same: wrk sets it anew before each SSL_connect of one handshake. */
#define REPLACES_DESCRIPTOR(name)                                                                  \
    SHIM_EXPORT int name(SSL *ssl, int fd)                                                         \
    {                                                                                              \
        struct shim_library *library = stub_library(SHIM_HOOK_##name, ssl, CALLER);                \
        const struct shim_engine *engine = stub_engine_if_loaded();                                \
        if (library == NULL) {                                                                     \
            PASS_ON(name, 0, ssl, fd);                                                             \
        }                                                                                          \
        if (engine != NULL) {                                                                      \
            engine->openssl_bio_leaving(library, ssl);                                             \
        }                                                                                          \
        int result = REAL(library, name)(ssl, fd);                                                 \
        if (engine != NULL) {                                                                      \
            engine->openssl_bio_replaced(library, ssl);                                            \
        }                                                                                          \
        return result;                                                                             \
    }

REPLACES_DESCRIPTOR(SSL_set_fd) REPLACES_DESCRIPTOR(SSL_set_rfd) REPLACES_DESCRIPTOR(SSL_set_wfd)

/* ---- QUIC ---- */

#define BECOMES_QUIC(name, ...)                                                                    \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, ssl, CALLER);                    \
    if (library == NULL || library->fn[SHIM_HOOK_##name] == NULL) {                                \
        PASS_ON(name, 0, __VA_ARGS__);                                                             \
    }                                                                                              \
    const struct shim_engine *engine = stub_engine_if_loaded();                                    \
    if (engine != NULL) {                                                                          \
        engine->openssl_quic(library, ssl);                                                        \
    }                                                                                              \
    return REAL(library, name)(__VA_ARGS__)

    SHIM_EXPORT
    int SSL_set_quic_tls_cbs(SSL *ssl, const struct ossl_dispatch_st *dispatch, void *argument)
{
    BECOMES_QUIC(SSL_set_quic_tls_cbs, ssl, dispatch, argument);
}

SHIM_EXPORT int SSL_set_quic_method(SSL *ssl, const struct ssl_quic_method_st *method)
{
    BECOMES_QUIC(SSL_set_quic_method, ssl, method);
}
