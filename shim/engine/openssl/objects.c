/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we know of each SSL and SSL_CTX, in our own tables by address.
 *
 * We ask OpenSSL for an ex_data index only for its callbacks: they tell when any object is made or
 * freed. Its slot is never read or written: programs that use more indexes than they asked for (Qt)
 * keep their own data there.
 */
#include <errno.h>
#include <stdlib.h>

#include "shim/engine/base/object_table.h"
#include "shim/engine/openssl/openssl.h"
#include "shim/engine/state/state.h"

/* Values: for an SSL its connection, or NULL before there is one; for an armed SSL_CTX itself. */
static struct shim_object_table ssls;
static struct shim_object_table contexts;
/* Contexts to whose ClientHello the program adds an extension. */
static struct shim_object_table extended;
/* The program's info callback of an SSL or SSL_CTX, where ours stands in its place. */
static struct shim_object_table info_callbacks;
static atomic_bool any_info_callback;
/* What the program set in an SSL or SSL_CTX that makes the hello longer; see `lengths` below. */
static struct shim_object_table lengths;
static atomic_bool any_lengths;

/* ---- info callbacks ---- */

shim_info_callback *openssl_info_callback_of(const void *object)
{
    struct shim_object_entry entry;
    return atomic_load_explicit(&any_info_callback, memory_order_relaxed) &&
                   shim_object_get(&info_callbacks, object, &entry)
               ? (shim_info_callback *)entry.value
               : NULL;
}

bool openssl_info_callback_keep(const struct openssl *openssl, const void *object,
                                shim_info_callback *callback)
{
    const struct shim_object_entry entry = {.owner = openssl->library, .value = (void *)callback};
    if (callback == NULL) {
        (void)shim_object_remove(&info_callbacks, object, NULL);
        return true;
    }
    atomic_store(&any_info_callback, true);
    return shim_object_put(&info_callbacks, object, &entry);
}

static void drop_settings(const void *object)
{
    if (atomic_load_explicit(&any_info_callback, memory_order_relaxed)) {
        (void)shim_object_remove(&info_callbacks, object, NULL);
    }
    if (atomic_load_explicit(&any_lengths, memory_order_relaxed)) {
        (void)shim_object_remove(&lengths, object, NULL);
    }
}

/* ---- what makes a hello longer ---- */

/* All of it is one number, which the table keeps in place of a pointer. An SSL has at first what
 * its context has: so each part says whether it was set here. */
enum {
    PSK_CLIENT_HERE = 1,
    PSK_CLIENT = 2,
    PSK_SESSION_HERE = 4,
    PSK_SESSION = 8,
    ALPN_HERE = 16,
    ALPN_SHIFT = 5
};

static uintptr_t lengths_in(const void *object)
{
    struct shim_object_entry entry;
    return shim_object_get(&lengths, object, &entry) ? (uintptr_t)entry.value : 0;
}

static void set_lengths(const struct openssl *openssl, const void *object, uintptr_t kept,
                        uintptr_t added)
{
    uintptr_t now = (lengths_in(object) & kept) | added;
    const struct shim_object_entry entry = {.owner = openssl->library, .value = (void *)now};
    atomic_store(&any_lengths, true);
    (void)!shim_object_put(&lengths, object,
                           &entry); /* without memory: a guess that is too short */
}

void openssl_note_alpn(const struct openssl *openssl, const void *object, size_t octets)
{
    enum { KEPT = (1 << ALPN_SHIFT) - 1 };
    set_lengths(openssl, object, KEPT & ~(uintptr_t)ALPN_HERE,
                ALPN_HERE | (uintptr_t)octets << ALPN_SHIFT);
}

void openssl_note_psk(const struct openssl *openssl, const void *object, enum shim_psk_kind kind,
                      bool set)
{
    uintptr_t here = kind == SHIM_PSK_CLIENT ? PSK_CLIENT_HERE : PSK_SESSION_HERE;
    uintptr_t value = kind == SHIM_PSK_CLIENT ? PSK_CLIENT : PSK_SESSION;
    set_lengths(openssl, object, ~(here | value), here | (set ? value : 0));
}

void openssl_note_copy(const struct openssl *openssl, const SSL *ssl, const SSL *copy)
{
    uintptr_t all = atomic_load_explicit(&any_lengths, memory_order_relaxed) ? lengths_in(ssl) : 0;
    if (all != 0) {
        set_lengths(openssl, copy, 0, all);
    }
}

struct openssl_lengths openssl_lengths_of(const struct openssl *openssl, const SSL *ssl)
{
    if (!atomic_load_explicit(&any_lengths, memory_order_relaxed)) {
        return (struct openssl_lengths){.psk = false};
    }
    uintptr_t own = lengths_in(ssl);
    uintptr_t context = lengths_in(openssl->SSL_get_SSL_CTX(ssl));
    uintptr_t client = (own & PSK_CLIENT_HERE) != 0 ? own : context;
    uintptr_t session = (own & PSK_SESSION_HERE) != 0 ? own : context;
    uintptr_t alpn = (own & ALPN_HERE) != 0 ? own : context;
    return (struct openssl_lengths){
        .psk = (client & PSK_CLIENT) != 0 || (session & PSK_SESSION) != 0,
        .alpn = alpn >> ALPN_SHIFT,
    };
}

/* ---- OpenSSL tells us when objects are freed ---- */

static void drop_connection(const void *ssl)
{
    int saved = errno;
    struct shim_object_entry entry;
    if (shim_object_remove(&ssls, ssl, &entry) && entry.value != NULL) {
        struct openssl_connection *connection = entry.value;
        connection->ssl = NULL;
        openssl_connection_release(connection);
    }
    errno = saved;
}

static void ssl_made(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                     void *argument)
{
    (void)ptr, (void)data, (void)index, (void)number;
    const struct openssl *openssl = argument;
    const struct shim_object_entry entry = {.owner = openssl->library};
    drop_connection(parent); /* of an SSL whose end we missed */
    drop_settings(parent);
    /* Without memory it is added when its handshake begins. */
    (void)!shim_object_put(&ssls, parent, &entry);
}

static void ssl_freed(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                      void *argument)
{
    (void)ptr, (void)data, (void)index, (void)number, (void)argument;
    drop_connection(parent);
    drop_settings(parent);
}

/* A new context takes the address of an older one, or a context ends. */
static void context_ended(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                          void *argument)
{
    (void)ptr, (void)data, (void)index, (void)number, (void)argument;
    (void)shim_object_remove(&contexts, parent, NULL);
    (void)shim_object_remove(&extended, parent, NULL);
    drop_settings(parent);
}

bool openssl_objects_notice(struct openssl *openssl)
{
    /* If a new context is in the table, the entry is of an older one at the same address. */
    return openssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, openssl, context_ended,
                                            NULL, context_ended) >= 0 &&
           openssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, openssl, ssl_made, NULL,
                                            ssl_freed) >= 0;
}

/* ---- contexts ---- */

bool openssl_context_armed(const SSL_CTX *context)
{
    struct shim_object_entry entry;
    return shim_object_get(&contexts, context, &entry);
}

bool openssl_context_note(const struct openssl *openssl, const SSL_CTX *context)
{
    const struct shim_object_entry entry = {.owner = openssl->library};
    return shim_object_put(&contexts, context, &entry);
}

bool openssl_context_extended(const SSL_CTX *context)
{
    struct shim_object_entry entry;
    return shim_object_get(&extended, context, &entry);
}

bool openssl_context_note_extension(const struct openssl *openssl, const SSL_CTX *context)
{
    const struct shim_object_entry entry = {.owner = openssl->library};
    return shim_object_put(&extended, context, &entry);
}

/* ---- SSLs ---- */

struct shim_library *openssl_library_of(const SSL *ssl)
{
    struct shim_object_entry entry;
    return shim_object_get(&ssls, ssl, &entry) ? entry.owner : NULL;
}

struct openssl_connection *openssl_connection_get(const SSL *ssl)
{
    struct shim_object_entry entry;
    return shim_object_get(&ssls, ssl, &entry) ? entry.value : NULL;
}

/* An SSL whose making we missed: this thread has its own default OSSL_LIB_CTX, and ex_data indexes
 * belong to one of those. */
static void notice_here_too(const struct openssl *openssl)
{
    enum { MORE_MAX = 64 };
    static atomic_int more;
    if (atomic_fetch_add(&more, 1) < MORE_MAX) {
        (void)openssl_objects_notice(openssl->library->engine_data);
    }
}

struct openssl_connection *openssl_connection_need(const struct openssl *openssl, SSL *ssl)
{
    struct shim_object_entry entry = {.owner = openssl->library};
    if (!shim_object_get(&ssls, ssl, &entry)) {
        notice_here_too(openssl);
    } else if (entry.value != NULL) {
        return entry.value;
    }
    struct openssl_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    atomic_init(&connection->references, 1);
    connection->openssl = openssl;
    connection->ssl = ssl;
    connection->filter = (struct shim_bio_filter){
        .bios = &openssl->bios, .ssl = &connection->ssl, .session = &connection->session};
    entry.value = connection;
    if (!shim_object_put(&ssls, ssl, &entry)) {
        free(connection);
        return NULL;
    }
    return connection;
}

void openssl_connection_release(struct openssl_connection *connection)
{
    if (atomic_fetch_sub(&connection->references, 1) == 1) {
        shim_session_free(connection->session);
        free(connection);
    }
}
