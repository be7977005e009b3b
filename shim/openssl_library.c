/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which libssl is this, and whose SSL is that.
 */
#include <pthread.h>
#include <stdlib.h>

#include "shim/engine.h"
#include "shim/openssl.h"

enum { OPENSSL_1_1_1 = 0x10101000L, LIBRESSL = 0x20000000L, ENCRYPTED_CLIENT_HELLO = 0xfe0d };

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- SSLs by library: only asked where a process has two, but then for SSLs from before the
 * second came ---- */

struct ssl_entry {
    const SSL *ssl;
    struct shim_library *library;
    struct ssl_entry *next;
};

enum { SSL_BUCKETS = 256 };
static pthread_mutex_t ssls_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ssl_entry *ssls[SSL_BUCKETS];

static struct ssl_entry **bucket_of(const SSL *ssl)
{
    return &ssls[((uintptr_t)ssl >> 5) % SSL_BUCKETS];
}

static void ssl_remember(const SSL *ssl, struct shim_library *library)
{
    struct ssl_entry *entry = malloc(sizeof *entry);
    if (entry == NULL) {
        return; /* the caller's binding is asked instead */
    }
    pthread_mutex_lock(&ssls_lock);
    struct ssl_entry **bucket = bucket_of(ssl);
    *entry = (struct ssl_entry){.ssl = ssl, .library = library, .next = *bucket};
    *bucket = entry;
    pthread_mutex_unlock(&ssls_lock);
}

static void ssl_forget(const SSL *ssl, const struct shim_library *library)
{
    pthread_mutex_lock(&ssls_lock);
    for (struct ssl_entry **at = bucket_of(ssl); *at != NULL; at = &(*at)->next) {
        struct ssl_entry *entry = *at;
        if (entry->ssl == ssl && entry->library == library) {
            *at = entry->next;
            free(entry);
            break;
        }
    }
    pthread_mutex_unlock(&ssls_lock);
}

struct shim_library *openssl_library_of(const SSL *ssl)
{
    struct shim_library *library = NULL;
    pthread_mutex_lock(&ssls_lock);
    for (const struct ssl_entry *entry = *bucket_of(ssl); entry != NULL; entry = entry->next) {
        if (entry->ssl == ssl) {
            library = entry->library;
            break;
        }
    }
    pthread_mutex_unlock(&ssls_lock);
    return library;
}

void shim_openssl_before_fork(void)
{
    pthread_mutex_lock(&tables_lock);
    pthread_mutex_lock(&ssls_lock);
}

void shim_openssl_after_fork(void)
{
    pthread_mutex_unlock(&ssls_lock);
    pthread_mutex_unlock(&tables_lock);
}

/* ---- ex_data: OpenSSL tells when an SSL comes and goes, whoever makes it ---- */

static void ssl_made(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                     void *argument)
{
    (void)ptr, (void)data, (void)index, (void)number;
    ssl_remember(parent, ((struct openssl *)argument)->library);
}

static void ssl_freed(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long number,
                      void *argument)
{
    (void)data, (void)index, (void)number;
    struct openssl_connection *connection = ptr;
    ssl_forget(parent, ((struct openssl *)argument)->library);
    if (connection != NULL) {
        connection->ssl = NULL;
        openssl_connection_release(connection);
    }
}

/* A duplicate starts with nothing decided. */
static int ssl_duplicated(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_data,
                          int index, long number, void *argument)
{
    (void)to, (void)from, (void)index, (void)number, (void)argument;
    *from_data = NULL;
    return 1;
}

struct openssl_connection *openssl_connection_get(const struct openssl *openssl, const SSL *ssl)
{
    return openssl->SSL_get_ex_data(ssl, openssl->ssl_index);
}

struct openssl_connection *openssl_connection_need(const struct openssl *openssl, SSL *ssl)
{
    struct openssl_connection *connection = openssl_connection_get(openssl, ssl);
    if (connection != NULL) {
        return connection;
    }
    connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    atomic_init(&connection->references, 1);
    connection->openssl = openssl;
    connection->ssl = ssl;
    if (openssl->SSL_set_ex_data(ssl, openssl->ssl_index, connection) != 1) {
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

/* ---- the table ---- */

static bool resolve(struct openssl *openssl)
{
    const struct shim_stub *stub = shim_engine_state()->stub;
    void *handle = openssl->library->handle;
    /* BoringSSL has many of the names with other meanings; this one is only its own. */
    if (stub->dlsym(handle, "SSL_CTX_set_grease_enabled") != NULL) {
        return false;
    }
#define F(name)                                                                                    \
    openssl->name = (__typeof__(&name))stub->dlsym(handle, #name);                                 \
    if (openssl->name == NULL) {                                                                   \
        return false;                                                                              \
    }
    SHIM_OPENSSL_FUNCTIONS(F)
#undef F
    openssl->SSL_is_quic = (int (*)(const SSL *))stub->dlsym(handle, "SSL_is_quic");
    unsigned long version = openssl->OpenSSL_version_num();
    if (version < OPENSSL_1_1_1 || version == LIBRESSL) {
        return false;
    }
    /* A library that does ECH by itself takes no custom extension of that number. */
    return openssl->SSL_extension_supported(ENCRYPTED_CLIENT_HELLO) == 0;
}

static bool take_indexes(struct openssl *openssl)
{
    openssl->context_index =
        openssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, NULL, NULL, NULL);
    openssl->ssl_index = openssl->CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, openssl, ssl_made,
                                                          ssl_duplicated, ssl_freed);
    return openssl->context_index >= 0 && openssl->ssl_index >= 0;
}

struct openssl *openssl_of(struct shim_library *library)
{
    pthread_mutex_lock(&tables_lock);
    struct openssl *openssl = library->engine_data;
    if (openssl == NULL) {
        openssl = calloc(1, sizeof *openssl);
        if (openssl != NULL) {
            openssl->library = library;
            openssl->supported =
                resolve(openssl) && take_indexes(openssl) && openssl_filter_init(openssl);
            library->foreign = !openssl->supported;
            library->engine_data = openssl;
        }
    }
    pthread_mutex_unlock(&tables_lock);
    return openssl;
}
