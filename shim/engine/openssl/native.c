/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/openssl/native.h"

#include <strings.h>

#include "shim/engine/openssl/keys.h"
#include "shim/engine/state/state.h"

/* SSL_OP_ECH_GREASE of OpenSSL 4.0; the headers of earlier releases have no name for it. */
#define ECH_GREASE ((uint64_t)1 << 37)

/* ---- contexts ---- */

bool openssl_native_context(const struct openssl *openssl, SSL_CTX *context)
{
    shim_info_callback *callback = openssl->native.SSL_CTX_get_info_callback(context);
    if (openssl->on_info == NULL) {
        return false;
    }
    if (callback != openssl->on_info) {
        if (!openssl_info_callback_keep(openssl, context, callback)) {
            return false;
        }
        openssl->native.SSL_CTX_set_info_callback(context, openssl->on_info);
    }
    return openssl_context_note(openssl, context);
}

static const struct openssl *with_ech(const struct shim_library *library)
{
    const struct openssl *openssl = openssl_supported(library);
    return openssl != NULL && openssl->has_ech ? openssl : NULL;
}

/* The library, if our own callback sees what happens to this object; else NULL. */
static const struct openssl *seen_in(struct shim_library *library, const SSL_CTX *context,
                                     const SSL *ssl)
{
    const struct openssl *openssl = with_ech(library);
    if (openssl == NULL) {
        return NULL;
    }
    bool seen = context != NULL ? openssl_context_armed(context)
                                : openssl_library_of(ssl) == library &&
                                      openssl_context_armed(openssl->SSL_get_SSL_CTX(ssl));
    return seen ? openssl : NULL;
}

bool openssl_set_info_callback(struct shim_library *library, SSL_CTX *context, SSL *ssl,
                               shim_info_callback *callback)
{
    const void *object = context != NULL ? (const void *)context : (const void *)ssl;
    const struct openssl *openssl = seen_in(library, context, ssl);
    return openssl != NULL && openssl_info_callback_keep(openssl, object, callback);
}

bool openssl_get_info_callback(struct shim_library *library, const SSL_CTX *context, const SSL *ssl,
                               shim_info_callback **callback)
{
    if (seen_in(library, context, ssl) == NULL) {
        return false;
    }
    *callback =
        openssl_info_callback_of(context != NULL ? (const void *)context : (const void *)ssl);
    return true;
}

void openssl_copied(struct shim_library *library, const SSL *ssl, const SSL *copy)
{
    const struct openssl *openssl = seen_in(library, NULL, ssl);
    const struct openssl *supported = openssl_supported(library);
    if (copy != ssl && openssl != NULL) {
        (void)openssl_info_callback_keep(openssl, copy, openssl_info_callback_of(ssl));
    }
    if (copy != ssl && supported != NULL) {
        openssl_note_copy(supported, ssl, copy);
    }
}

void openssl_own_extension(struct shim_library *library, const SSL_CTX *context)
{
    const struct openssl *openssl = with_ech(library);
    if (openssl != NULL) {
        /* Without memory: the library fails such a hello, or the one after a HelloRetryRequest. */
        (void)openssl_context_note_extension(openssl, context);
    }
}

/* ---- what only this library can tell ---- */

/* Has the program given ECHConfigs of its own? `stub` notes them for the wire guard. A list of ours
 * in an SSL that we gave none to is a copy, made by SSL_dup. */
static void note_store(struct openssl_connection *connection, struct shim_session_facts *facts)
{
    const struct openssl *openssl = connection->openssl;
    struct ossl_echstore_st *store = openssl->native.SSL_get1_echstore(connection->ssl);
    if (store != NULL) {
        openssl->native.OSSL_ECHSTORE_free(store);
        facts->own_ech = shim_state()->stub->own_ech(openssl->library, connection->ssl);
        facts->spent = !facts->own_ech;
    }
}

/* Does the context have a group of this name? Also yes if the library does not tell. */
static bool has_group(const struct openssl_native *native, SSL_CTX *context, const char *group)
{
    enum { GET0_IMPLEMENTED_GROUPS = 139, ALL = 1 }; /* the headers of earlier releases lack it */
    OPENSSL_STACK *names = native->OPENSSL_sk_new_null();
    bool has =
        names == NULL || native->SSL_CTX_ctrl(context, GET0_IMPLEMENTED_GROUPS, ALL, names) != 1;
    for (int i = 0; !has && i < native->OPENSSL_sk_num(names); i++) {
        has = strcasecmp(native->OPENSSL_sk_value(names, i), group) == 0;
    }
    native->OPENSSL_sk_free(names);
    return has;
}

/*
 * Can the library's ECH client make a hello at all? The providers of FIPS 140 have no HPKE, and a
 * program may have no others (OPENSSL_CONF). No call tells the library context of an SSL_CTX: its
 * groups do for one that the program made itself.
 */
static bool can_seal(const struct openssl *openssl, SSL_CTX *context)
{
    struct evp_kem_st *kem = openssl->native.EVP_KEM_fetch(NULL, "X25519", NULL);
    bool can = kem != NULL && has_group(&openssl->native, context, "x25519");
    openssl->native.EVP_KEM_free(kem);
    return can;
}

void openssl_native_facts(struct openssl_connection *connection, struct shim_session_facts *facts)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    SSL_CTX *context = openssl->SSL_get_SSL_CTX(ssl);
    bool armed = openssl_context_armed(context) || openssl_native_context(openssl, context);
    connection->cannot_seal = armed && !can_seal(openssl, context);
    facts->library_supported = armed && !connection->cannot_seal;
    facts->own_extension = openssl_context_extended(context);
    facts->own_grease = (openssl->SSL_get_options(ssl) & ECH_GREASE) != 0;
    facts->spent = connection->spent;
    if (!facts->spent) {
        note_store(connection, facts);
    }
}

/* ---- as decided ---- */

/* What is set here cannot be taken back: the SSL can make this one handshake, and no other. */
static bool set_list(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    struct bytes list;
    connection->spent = true;
    return shim_session_local_config(connection->session, &list) &&
           openssl->native.SSL_set1_ech_config_list(connection->ssl, list.data, list.len) == 1;
}

bool openssl_native_offer(struct openssl_connection *connection)
{
    /* Some refusals rest on what keeps the library from sealing; then the filter alone has to
     * hold the hello back. */
    bool seals = connection->seals && !connection->spent;
    if (!shim_bio_filter_install(&connection->filter) || (seals && !set_list(connection))) {
        return false;
    }
    if (seals) {
        shim_session_hello_begins(connection->session);
        openssl_keys_watch(connection);
    }
    connection->phase = OPENSSL_STARTED;
    connection->hello_made = true;
    return true;
}

bool openssl_native_grease(struct openssl_connection *connection)
{
    if (!shim_session_may_grease(connection->session)) {
        return false;
    }
    (void)connection->openssl->SSL_set_options(connection->ssl, ECH_GREASE);
    connection->grease_set = true;
    connection->hello_made = true;
    shim_session_library_grease(connection->session);
    return true;
}

void openssl_native_reset(struct openssl_connection *connection)
{
    if (connection->grease_set && connection->ssl != NULL) {
        (void)connection->openssl->SSL_clear_options(connection->ssl, ECH_GREASE);
        connection->grease_set = false;
    }
}
