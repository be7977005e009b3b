/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds out which libssl this is, and makes the table of its functions.
 */
#include <stdlib.h>

#include "shim/engine/base/lock.h"
#include "shim/engine/openssl/keys.h"
#include "shim/engine/state/state.h"

enum {
    ENCRYPTED_CLIENT_HELLO = 0xfe0d,
    HELLO_STATE = 12, /* TLS_ST_CW_CLNT_HELLO of 1.1.1 and 3.0 */
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;

void openssl_before_fork(void)
{
    pthread_mutex_lock(&tables_lock);
}

void openssl_after_fork(void)
{
    pthread_mutex_unlock(&tables_lock);
}

/*
 * What a library exports tells what it can do; the version that it claims may be anything. OpenSSL
 * before 1.1.1 and LibreSSL have not all of these functions.
 */
/* The last library with an ECH client, for an SSL that is in no table of ours. A process rarely has
 * two. */
static _Atomic(const struct openssl *) newest;

/* By what it exports, for a library may be built without that client. */
static bool find_ech_client(struct openssl *openssl)
{
    const struct shim_stub *stub = shim_state()->stub;
#define F(name)                                                                                    \
    openssl->native.name = (openssl_##name *)stub->dlsym(openssl->library->handle, #name);         \
    if (openssl->native.name == NULL) {                                                            \
        return false;                                                                              \
    }
    SHIM_OPENSSL_NATIVE_FUNCTIONS(F)
#undef F
    openssl->has_ech = true;
    atomic_store(&newest, openssl);
    return true;
}

static bool resolve(struct openssl *openssl)
{
    const struct shim_stub *stub = shim_state()->stub;
    void *handle = openssl->library->handle;
    /* BoringSSL has many of these names with other meanings. Only BoringSSL has this one. */
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
    /* The version that has them by default brought this function, too. */
    openssl->post_quantum = openssl->library->fn[SHIM_HOOK_SSL_set_quic_tls_cbs] != NULL;
    openssl->SSL_is_quic = (int (*)(const SSL *))stub->dlsym(handle, "SSL_is_quic");
    /* OpenSSL 3.2, the first with this function, has one more state before this one
     * (TLS_ST_CR_COMP_CERT). */
    openssl->hello_state = openssl->SSL_is_quic == NULL ? HELLO_STATE : HELLO_STATE + 1;
    /* A library with an ECH client of its own takes no custom extension of that number. One that is
     * built without that client goes the way of earlier versions. */
    return find_ech_client(openssl) ||
           openssl->SSL_extension_supported(ENCRYPTED_CLIENT_HELLO) == 0;
}

/*
 * A failed handshake ends in the alert ech_required. OpenSSL has no text for it before 4.0, and
 * some programs (m2crypto, davix) rely on a text. These are the words of OpenSSL 4.0.
 */
static void add_reason_text(struct openssl *openssl)
{
    enum { ALERT_ECH_REQUIRED = SSL_AD_REASON_OFFSET + 121 };
    /* The library's number has had another place in error codes since 3.0, which has ERR_new. */
    unsigned shift =
        shim_state()->stub->dlsym(openssl->library->handle, "ERR_new") == NULL ? 24 : 23;
    unsigned long code = (unsigned long)ERR_LIB_SSL << shift | ALERT_ECH_REQUIRED;
    if (openssl->ERR_reason_error_string(code) == NULL) {
        /* OpenSSL keeps the pointer. Neither library is ever unloaded, so the table stays valid. */
        openssl->reason_text[0].error = ALERT_ECH_REQUIRED;
        openssl->reason_text[0].string = "tlsv13 alert ech required";
        (void)openssl->ERR_load_strings(ERR_LIB_SSL, openssl->reason_text);
    }
}

struct openssl *openssl_of(struct shim_library *library)
{
    struct shim_hold hold;
    struct openssl *openssl = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    if (openssl != NULL) {
        return openssl;
    }
    shim_lock(&tables_lock, &hold);
    openssl = library->engine_data;
    if (openssl == NULL) {
        openssl = calloc(1, sizeof *openssl);
        if (openssl != NULL) {
            openssl->library = library;
            openssl->supported =
                resolve(openssl) && openssl_objects_notice(openssl) && openssl_filter_init(openssl);
            if (openssl->supported) {
                openssl_keys_init(openssl);
                add_reason_text(openssl);
            }
            openssl->boringssl = openssl->supported ? NULL : boringssl_new(library);
            library->foreign = !openssl->supported;
            __atomic_store_n(&library->engine_data, openssl, __ATOMIC_RELEASE);
        }
    }
    shim_unlock(&tables_lock, &hold);
    return openssl;
}

const struct openssl *openssl_supported(const struct shim_library *library)
{
    const struct openssl *openssl = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    return openssl != NULL && openssl->supported ? openssl : NULL;
}

const struct openssl *openssl_native_of(const SSL *ssl)
{
    const struct shim_library *library = openssl_library_of(ssl);
    const struct openssl *openssl =
        library != NULL ? openssl_supported(library) : atomic_load(&newest);
    return openssl != NULL && openssl->has_ech ? openssl : NULL;
}

const struct boringssl *openssl_boringssl(const struct shim_library *library)
{
    const struct openssl *openssl = __atomic_load_n(&library->engine_data, __ATOMIC_ACQUIRE);
    return openssl != NULL ? openssl->boringssl : NULL;
}
