/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Refuses a handshake of OpenSSL. The program must get what any failed handshake gives it: an entry
 * in the error queue, with a text. Many programs show that text to their users.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "shim/common/compat_tls.h"
#include "shim/stub/guard.h"
#include "shim/stub/locked.h"

/* ---- each handshake is reported once ---- */

/* Programs call again after a failure, if only to end the connection. We do not see when an SSL of
 * such a library is freed. So without a descriptor, the same address counts as the same SSL only
 * for a moment. */
bool stub_first_told(const void *object, int fd, const char *name)
{
    enum { REMEMBERED = 64, SAME_SECONDS = 1 };
    static const uint64_t fnv_prime = 1099511628211;
    static struct {
        _Atomic uint64_t key;
        _Atomic long time;
    } told[REMEMBERED];
    static atomic_uint next;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t socket = fd >= 0 ? stub_socket_of(fd) : 0;
    uint64_t key = (uint64_t)(uintptr_t)object ^ socket << 1;
    for (const char *at = name; at != NULL && *at != '\0'; at++) {
        key = (key ^ (unsigned char)*at) * fnv_prime;
    }
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (atomic_load(&told[i].key) == key &&
            (socket != 0 || now.tv_sec - atomic_load(&told[i].time) <= SAME_SECONDS)) {
            return false;
        }
    }
    size_t at = atomic_fetch_add(&next, 1) % REMEMBERED;
    atomic_store(&told[at].time, now.tv_sec);
    atomic_store(&told[at].key, key);
    return true;
}

/* ---- without an engine ---- */

static bool may_be_client(const struct shim_library *library, SSL *ssl, bool connect)
{
    __typeof__(&SSL_is_server) is_server = STUB_FIND(library, SSL_is_server);
    __typeof__(&SSL_is_init_finished) is_finished = STUB_FIND(library, SSL_is_init_finished);
    bool serves = !connect && is_server != NULL && is_server(ssl) != 0;
    return !serves && (is_finished == NULL || is_finished(ssl) == 0);
}

static const char *name_of(const struct shim_library *library, SSL *ssl)
{
    __typeof__(&SSL_get_servername) servername = STUB_FIND(library, SSL_get_servername);
    return servername != NULL ? servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

bool stub_openssl_must_refuse(const struct shim_library *library, SSL *ssl, bool connect)
{
    if (!stub_engine_missing() || !stub_strict_somewhere()) {
        return false;
    }
    int saved = errno;
    const char *name = name_of(library, ssl);
    __typeof__(&SSL_get_fd) get_fd = STUB_FIND(library, SSL_get_fd);
    int fd = get_fd != NULL ? get_fd(ssl) : -1;
    bool refuses = may_be_client(library, ssl, connect) &&
                   (name != NULL ? stub_mode_of(name) : stub_mode()) == SHIM_MODE_STRICT &&
                   stub_guard_watches(fd) && !stub_own_ech(library, ssl);
    if (refuses && stub_first_told(ssl, fd, name)) {
        struct stub_attempt attempt = {.fd = fd, .mode = SHIM_MODE_STRICT};
        stub_tell(&attempt, true, STUB_SIGHT_NO_ENGINE);
    }
    errno = saved;
    return refuses;
}

/* ---- the error queue ---- */

enum {
    /* RFC 9849: the alert ech_required, as BoringSSL and OpenSSL 4.0 number it. */
    REASON_ECH_REQUIRED = SSL_AD_REASON_OFFSET + 121,
    OPENSSL_4_ECH_REQUIRED = 424,
    BORINGSSL_ERR_LIB_SSL = 16,
    BORINGSSL_UNSUPPORTED_PROTOCOL = 240,
};

/* OpenSSL 4.0 has a reason of its own for this. Earlier versions have a text for it only if the
 * engine has added one. */
static int openssl_reason(const struct shim_library *library)
{
    if (stub_real_dlsym(library->handle, "OSSL_ECHSTORE_new") != NULL) {
        return OPENSSL_4_ECH_REQUIRED;
    }
    __typeof__(&ERR_reason_error_string) text = STUB_FIND(library, ERR_reason_error_string);
    /* Packed as in OpenSSL 3.0 and later, and as in 1.1.1. */
    unsigned long code = (unsigned long)ERR_LIB_SSL << 23 | REASON_ECH_REQUIRED;
    unsigned long code_of_111 = (unsigned long)ERR_LIB_SSL << 24 | REASON_ECH_REQUIRED;
    bool has_text = text != NULL && (text(code) != NULL || text(code_of_111) != NULL);
    return has_text ? REASON_ECH_REQUIRED : SSL_R_NO_PROTOCOLS_AVAILABLE;
}

/* A BoringSSL without ECH (before 2021) has no text for it. */
static int boringssl_reason(const struct shim_library *library)
{
    __typeof__(&ERR_reason_error_string) text = STUB_FIND(library, ERR_reason_error_string);
    unsigned long code = (unsigned long)BORINGSSL_ERR_LIB_SSL << 24 | REASON_ECH_REQUIRED;
    bool has_text = text != NULL && text(code) != NULL;
    return has_text ? REASON_ECH_REQUIRED : BORINGSSL_UNSUPPORTED_PROTOCOL;
}

static void put_error(const struct shim_library *library)
{
    __typeof__(&ERR_new) error_new = STUB_FIND(library, ERR_new);
    __typeof__(&ERR_set_error) error_set = STUB_FIND(library, ERR_set_error);
    /* A macro in OpenSSL 3.0; a function in 1.1.1 and in BoringSSL. */
    void (*error_put)(int, int, int, const char *, int) =
        (void (*)(int, int, int, const char *, int))stub_real_dlsym(library->handle,
                                                                    "ERR_put_error");
    if (error_new != NULL && error_set != NULL) {
        error_new();
        error_set(ERR_LIB_SSL, openssl_reason(library), NULL);
    } else if (error_put != NULL) {
        bool boringssl = stub_real_dlsym(library->handle, "SSL_CTX_set_grease_enabled") != NULL;
        error_put(boringssl ? BORINGSSL_ERR_LIB_SSL : ERR_LIB_SSL, 0,
                  boringssl ? boringssl_reason(library) : openssl_reason(library), "libechshim", 0);
    }
}

/* The SSL that this thread was last refused a handshake on, until the next call on it. OpenSSL 4.0
 * does not look into the error queue: it keeps in the SSL how the last call ended, and it did not
 * see the refused one. */
static __thread const SSL *refused __attribute__((tls_model("initial-exec")));

void stub_openssl_let(const SSL *ssl)
{
    if (refused == ssl) {
        refused = NULL;
    }
}

/* Did put_error make the newest entry in the queue? */
static bool entry_is_ours(const struct shim_library *library)
{
    __typeof__(&ERR_peek_last_error) peek = STUB_FIND(library, ERR_peek_last_error);
    unsigned long code = peek != NULL ? peek() : 0;
    return code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL &&
           ERR_GET_REASON(code) == openssl_reason(library);
}

bool stub_openssl_refused_last(const struct shim_library *library, const SSL *ssl)
{
    if (ssl != refused) {
        return entry_is_ours(library);
    }
    /* Another SSL may have come to the same address since. A refusal of ours leaves an entry. */
    __typeof__(&ERR_peek_error) peek = STUB_FIND(library, ERR_peek_error);
    return peek != NULL && peek() != 0;
}

static void leave_entry(const struct shim_library *library)
{
    __typeof__(&ERR_add_error_data) add_data = STUB_FIND(library, ERR_add_error_data);
    put_error(library);
    if (add_data != NULL) {
        add_data(1, "refused by libechshim");
    }
    /* The application's dlerror must not tell of our look-ups. */
    (void)stub_real_dlerror();
}

void stub_openssl_refuse(const struct shim_library *library, const SSL *ssl)
{
    leave_entry(library);
    refused = ssl;
    errno = ECONNABORTED;
}

void stub_openssl_write_refused(const void *caller)
{
    int saved = errno;
    struct shim_library *library =
        stub_locked() ? NULL : stub_library(SHIM_HOOK_SSL_get_error, NULL, caller);
    /* Is it libcrypto that writes? No other caller has an error queue. */
    __typeof__(&ERR_peek_error) peek = NULL;
    if (library != NULL) {
        peek = STUB_FIND(library, ERR_peek_error);
    }
    if (peek != NULL && stub_object_at((const void *)(uintptr_t)peek) != NULL &&
        stub_object_at((const void *)(uintptr_t)peek) == stub_object_at(caller)) {
        leave_entry(library);
    }
    errno = saved;
}
