/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The calls by which programs give ECHConfigs to their TLS library: of BoringSSL, and of OpenSSL
 * 4.0. Those of NSS are in hooks_nss_tls.c.
 */
#include "shim/stub/hooks_own_ech.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "shim/common/own_ech.h"

#define CALLER __builtin_return_address(0)

/* ---- OpenSSL 4.0, which has ECH of its own ---- */

/* A store takes lists in binary and in base64, from files and from memory. So we ask it what it
 * holds. */
typedef struct ossl_echstore_st *get1_store(const SSL *ssl);
typedef void free_store(struct ossl_echstore_st *store);
typedef int write_pem(struct ossl_echstore_st *store, int index, BIO *out);

#define FIND_AS(library, type, name) ((type *)stub_real_dlsym((library)->handle, name))

/* Notes what stands between the lines "BEGIN ECHCONFIG" and "END ECHCONFIG" (RFC 9934). False:
 * there is nothing but configs of ours. */
static bool note_pem(const struct shim_library *library, BIO *pem)
{
    __typeof__(&PEM_read_bio) read_pem = STUB_FIND(library, PEM_read_bio);
    __typeof__(&CRYPTO_free) release = STUB_FIND(library, CRYPTO_free);
    char *name;
    char *header;
    unsigned char *octets;
    long length;
    bool noted = false;
    if (read_pem == NULL || release == NULL) {
        return true;
    }
    while (read_pem(pem, &name, &header, &octets, &length) == 1) {
        if (strcmp(name, "ECHCONFIG") == 0) {
            noted = shim_own_ech_note(octets, (size_t)length) || noted;
        }
        release(name, __FILE__, __LINE__);
        release(header, __FILE__, __LINE__);
        release(octets, __FILE__, __LINE__);
    }
    return noted;
}

/* False: the store holds nothing but configs of ours. */
static bool note_store(const struct shim_library *library, struct ossl_echstore_st *store)
{
    enum { ALL_WITHOUT_KEYS = -2 }; /* OSSL_ECHSTORE_ALL */
    write_pem *write = FIND_AS(library, write_pem, "OSSL_ECHSTORE_write_pem");
    __typeof__(&BIO_new) new_bio = STUB_FIND(library, BIO_new);
    __typeof__(&BIO_s_mem) memory = STUB_FIND(library, BIO_s_mem);
    __typeof__(&BIO_free) free_bio = STUB_FIND(library, BIO_free);
    __typeof__(&ERR_set_mark) set_mark = STUB_FIND(library, ERR_set_mark);
    __typeof__(&ERR_pop_to_mark) pop_to_mark = STUB_FIND(library, ERR_pop_to_mark);
    if (write == NULL || new_bio == NULL || memory == NULL || free_bio == NULL ||
        set_mark == NULL || pop_to_mark == NULL) {
        return true; /* strict mode refuses the hello then */
    }
    bool own = true;
    set_mark();
    BIO *pem = new_bio(memory());
    if (pem != NULL && write(store, ALL_WITHOUT_KEYS, pem) == 1) {
        own = note_pem(library, pem);
    }
    free_bio(pem);
    pop_to_mark();
    return own;
}

/* Notes the store of an SSL, which may be its context's. False: it has none of the program's, or
 * its library has no stores. */
static bool note_ssl(const struct shim_library *library, const SSL *ssl)
{
    get1_store *get1 = FIND_AS(library, get1_store, "SSL_get1_echstore");
    free_store *release = FIND_AS(library, free_store, "OSSL_ECHSTORE_free");
    struct ossl_echstore_st *store = get1 != NULL && release != NULL ? get1(ssl) : NULL;
    if (store == NULL) {
        return false;
    }
    bool own = note_store(library, store);
    release(store);
    return own;
}

/* Asked at each hello, so the loader is not: a look-up that fails is dear. */
static bool knows_stores(const struct shim_library *library)
{
    return library->fn[SHIM_HOOK_SSL_set1_echstore] != NULL;
}

bool stub_own_ech(const struct shim_library *library, const SSL *ssl)
{
    int saved = errno;
    bool own = knows_stores(library) ? note_ssl(library, ssl) : shim_own_ech_any();
    errno = saved;
    return own;
}

/* `note` runs once the library has accepted what the program gave it. */
#define SETS_CONFIGS(name, note, ...)                                                              \
    struct shim_library *library = stub_library(SHIM_HOOK_##name, SSL_OF_##name, CALLER);          \
    __typeof__(&name) real = library != NULL                                                       \
                                 ? (__typeof__(&name))library->fn[SHIM_HOOK_##name]                \
                                 : (__typeof__(&name))stub_bound(SHIM_HOOK_##name, CALLER);        \
    int result = real != NULL ? real(__VA_ARGS__) : 0;                                             \
    int saved = errno;                                                                             \
    if (result == 1 && library != NULL) {                                                          \
        note;                                                                                      \
    }                                                                                              \
    errno = saved;                                                                                 \
    return result

#define SSL_OF_SSL_set1_ech_config_list ssl
#define SSL_OF_SSL_set1_echstore ssl
#define SSL_OF_SSL_CTX_set1_echstore NULL

static void note_list(const struct shim_library *library, const SSL *ssl, const uint8_t *list,
                      size_t length)
{
    if (knows_stores(library)) {
        (void)note_ssl(library, ssl);
    } else {
        (void)shim_own_ech_note(list, length);
    }
}

SHIM_EXPORT int SSL_set1_ech_config_list(SSL *ssl, const uint8_t *list, size_t length)
{
    SETS_CONFIGS(SSL_set1_ech_config_list, note_list(library, ssl, list, length), ssl, list,
                 length);
}

SHIM_EXPORT int SSL_set1_echstore(SSL *ssl, struct ossl_echstore_st *store)
{
    SETS_CONFIGS(SSL_set1_echstore, (void)note_store(library, store), ssl, store);
}

SHIM_EXPORT int SSL_CTX_set1_echstore(SSL_CTX *ctx, struct ossl_echstore_st *store)
{
    SETS_CONFIGS(SSL_CTX_set1_echstore, (void)note_store(library, store), ctx, store);
}
