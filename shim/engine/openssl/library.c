/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which libssl is this: the table of its functions.
 */
#include <stdlib.h>

#include "shim/engine/base/lock.h"
#include "shim/engine/openssl/openssl.h"
#include "shim/engine/state/state.h"

enum {
    OPENSSL_1_1_1 = 0x10101000L,
    OPENSSL_3_0 = 0x30000000L,
    LIBRESSL = 0x20000000L,
    ENCRYPTED_CLIENT_HELLO = 0xfe0d
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

static bool resolve(struct openssl *openssl)
{
    const struct shim_stub *stub = shim_state()->stub;
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

/*
 * A failed handshake ends in an alert ech_required, for which OpenSSL has no text before 4.0.
 * Programs (m2crypto, davix) take it for granted that there is one. The words are OpenSSL 4.0's.
 */
static void add_reason_text(struct openssl *openssl)
{
    enum { ALERT_ECH_REQUIRED = SSL_AD_REASON_OFFSET + 121 };
    /* The place of the library's number in an error code changed with 3.0. */
    unsigned shift = openssl->OpenSSL_version_num() < OPENSSL_3_0 ? 24 : 23;
    unsigned long code = (unsigned long)ERR_LIB_SSL << shift | ALERT_ECH_REQUIRED;
    if (openssl->ERR_reason_error_string(code) == NULL) {
        /* OpenSSL keeps the pointer. Nothing unloads either library, so the table outlives it. */
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
                add_reason_text(openssl);
            }
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
