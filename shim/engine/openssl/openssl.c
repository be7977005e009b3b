/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The OpenSSL adapter's entry points for the stub.
 */
#include "shim/engine/openssl/native.h"
#include "shim/engine/tls_adapter.h"

#include <errno.h>

#include "shim/common/hold.h"
#include "shim/engine/state/state.h"

enum {
    /* In the ServerHello of TLS 1.2 only to refuse it: libssl itself would send another alert. */
    EXTENSION_CONTEXTS = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO |
                         SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
    ENCRYPTED_CLIENT_HELLO = 0xfe0d
};

static bool arm_context(struct openssl *openssl, SSL_CTX *ctx)
{
    if (openssl->has_ech) {
        openssl->on_info = openssl_on_info;
        return openssl_native_context(openssl, ctx);
    }
    /* In some versions SSL_CTX_new calls SSL_CTX_new_ex: the second time, the extension is there
     * already and the context is in the table. */
    return openssl->SSL_CTX_add_custom_ext(ctx, ENCRYPTED_CLIENT_HELLO, EXTENSION_CONTEXTS,
                                           openssl_extension_add, NULL, openssl,
                                           openssl_extension_parse, openssl) == 1
               ? openssl_context_note(openssl, ctx)
               : openssl_context_armed(ctx);
}

static bool context(struct shim_library *library, SSL_CTX *ctx)
{
    int saved = errno;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct openssl *openssl = openssl_of(library);
    bool armed = false;
    if (openssl != NULL && openssl->supported) {
        openssl->ERR_set_mark();
        if (openssl->default_security == NULL) {
            openssl->default_security = openssl->SSL_CTX_get_security_callback(ctx);
        }
        armed = arm_context(openssl, ctx);
        openssl->ERR_pop_to_mark();
    }
    shim_hold_end(&hold);
    errno = saved;
    return armed;
}

static struct openssl_connection *exchanging(const struct shim_library *library, const SSL *ssl)
{
    struct openssl_connection *connection =
        openssl_supported(library) != NULL ? openssl_connection_get(ssl) : NULL;
    bool covered = connection != NULL &&
                   (connection->phase == OPENSSL_STARTED ||
                    (connection->phase == OPENSSL_ARMED && connection->filter.count > 0));
    return covered ? connection : NULL;
}

/* Puts the filter over a BIO that libssl set where no hook saw it. No octet has passed the filter,
 * for the calls that move octets come here first. False for want of memory. */
static bool cover(const struct shim_library *library, const SSL *ssl)
{
    struct openssl_connection *connection = exchanging(library, ssl);
    bool covered = connection == NULL || shim_bio_filter_installed(&connection->filter);
    if (connection != NULL && connection->session != NULL) {
        shim_session_may_seal(connection->session);
    }
    if (!covered) {
        int saved = errno;
        struct shim_hold hold;
        shim_hold_begin(&hold);
        shim_bio_filter_remove(&connection->filter);
        covered = shim_bio_filter_install(&connection->filter);
        shim_hold_end(&hold);
        errno = saved;
    }
    return covered;
}

static bool before(struct shim_library *library, SSL *ssl, bool connect)
{
    const struct openssl *openssl = openssl_supported(library);
    if (openssl == NULL) {
        const struct boringssl *boringssl = openssl_boringssl(library);
        return boringssl != NULL ? boringssl_before(boringssl, ssl, connect)
                                 : openssl_foreign_allows(library, ssl, connect);
    }
    if (openssl->SSL_in_before(ssl) != 0 && (connect || openssl->SSL_is_server(ssl) == 0)) {
        openssl_watch(openssl, ssl);
        return true;
    }
    return cover(library, ssl);
}

/* Steps out of the data path. A hello that went out in the clear keeps its versions until the
 * handshake is over. */
static void step_out(struct openssl_connection *connection)
{
    int saved = errno;
    if (connection->phase == OPENSSL_STARTED && shim_session_disabled(connection->session)) {
        shim_bio_filter_remove(&connection->filter);
        connection->phase = OPENSSL_CLEAR;
    } else {
        openssl_reset(connection);
        connection->phase = OPENSSL_DONE;
    }
    errno = saved;
}

/* Is nothing of ours needed any more? */
static bool is_over(const struct openssl_connection *connection)
{
    switch (connection->phase) {
    case OPENSSL_GREASE:
    case OPENSSL_CLEAR:
        return connection->openssl->SSL_is_init_finished(connection->ssl) != 0;
    case OPENSSL_STARTED:
        return !connection->replacing && connection->filter.taken == 0 &&
               shim_session_drained(connection->session);
    default:
        return false;
    }
}

/* The call ended without a hello: no side or transport was set, or no hello may be made. */
static bool came_to_nothing(const struct openssl_connection *connection)
{
    return connection->phase == OPENSSL_FAILED ||
           (!connection->hello_made && connection->security != NULL);
}

static void after(struct shim_library *library, SSL *ssl)
{
    if (openssl_supported(library) == NULL) {
        if (openssl_boringssl(library) != NULL) {
            boringssl_after(openssl_boringssl(library), ssl);
        }
        return;
    }
    struct openssl_connection *connection = openssl_connection_get(ssl);
    if (connection != NULL) {
        openssl_native_reset(connection); /* the hello is made, or it never will be */
        if (connection->session != NULL) {
            shim_session_call_over(connection->session);
        }
    }
    if (connection != NULL && came_to_nothing(connection)) {
        int saved = errno;
        openssl_reset(connection);
        errno = saved;
    } else if (connection != NULL && is_over(connection)) {
        step_out(connection);
    }
}

static BIO *visible_bio(struct shim_library *library, BIO *bio)
{
    const struct openssl *openssl = openssl_supported(library);
    const struct boringssl *boringssl = openssl_boringssl(library);
    if (boringssl != NULL) {
        return shim_bio_below(&boringssl->bios, bio);
    }
    return openssl != NULL ? shim_bio_below(&openssl->bios, bio) : bio;
}

/* Called around each call that sets a BIO, from the application or libssl itself: SSL_set_bio calls
 * SSL_set0_rbio, and pushing or popping a BIO_f_ssl calls SSL_set_bio. Between the two calls code
 * of the application may run and free its BIOs. */
static void bio_leaving(struct shim_library *library, SSL *ssl)
{
    if (openssl_boringssl(library) != NULL) {
        boringssl_bio_leaving(openssl_boringssl(library), ssl);
    }
    struct openssl_connection *connection = exchanging(library, ssl);
    if (connection != NULL) {
        connection->replacing = true;
        shim_bio_filter_remove(&connection->filter);
    }
}

static void bio_replaced(struct shim_library *library, SSL *ssl)
{
    if (openssl_boringssl(library) != NULL) {
        boringssl_bio_replaced(openssl_boringssl(library), ssl);
    }
    struct openssl_connection *connection = exchanging(library, ssl);
    if (connection != NULL) {
        connection->replacing = false;
        if (!shim_bio_filter_installed(&connection->filter)) {
            /* Without memory: cover tries again before the handshake goes on. */
            (void)shim_bio_filter_install(&connection->filter);
        }
    }
}

static void quic(struct shim_library *library, SSL *ssl)
{
    struct openssl *openssl = openssl_of(library);
    if (openssl != NULL && openssl->boringssl != NULL) {
        boringssl_quic(openssl->boringssl, ssl);
    } else if (openssl != NULL && openssl->supported) {
        struct openssl_connection *connection = openssl_connection_need(openssl, ssl);
        if (connection != NULL) {
            connection->quic = true;
        }
    }
}

static void alpn(struct shim_library *library, const void *object, size_t octets)
{
    const struct openssl *openssl = openssl_supported(library);
    if (openssl != NULL) {
        openssl_note_alpn(openssl, object, octets);
    }
}

static void psk(struct shim_library *library, const void *object, enum shim_psk_kind kind, bool set)
{
    const struct openssl *openssl = openssl_supported(library);
    if (openssl != NULL) {
        openssl_note_psk(openssl, object, kind, set);
    }
}

static struct shim_library *library_of(const SSL *ssl)
{
    struct shim_library *library = openssl_library_of(ssl);
    return library != NULL ? library : boringssl_library_of(ssl);
}

static void fill(struct shim_engine *engine)
{
    engine->openssl_context = context;
    engine->openssl_library_of = library_of;
    engine->openssl_before = before;
    engine->openssl_after = after;
    engine->openssl_visible_bio = visible_bio;
    engine->openssl_bio_leaving = bio_leaving;
    engine->openssl_bio_replaced = bio_replaced;
    engine->openssl_quic = quic;
    engine->openssl_set_info_callback = openssl_set_info_callback;
    engine->openssl_get_info_callback = openssl_get_info_callback;
    engine->openssl_own_extension = openssl_own_extension;
    engine->openssl_copied = openssl_copied;
    engine->openssl_alpn = alpn;
    engine->openssl_psk = psk;
}

const struct shim_tls_adapter shim_openssl_adapter = {
    .fill = fill,
    .before_fork = openssl_before_fork,
    .after_fork = openssl_after_fork,
};
