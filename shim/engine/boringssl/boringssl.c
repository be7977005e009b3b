/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/boringssl/boringssl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/base/object_table.h"
#include "shim/engine/state/state.h"

enum { TLS13 = 0x304 };

/* The SSLs that have a connection, so that the stub can ask for their library. */
static struct shim_object_table ssls;

struct shim_library *boringssl_library_of(const SSL *ssl)
{
    struct shim_object_entry entry;
    return shim_object_get(&ssls, ssl, &entry) ? entry.owner : NULL;
}

/* ---- the library ---- */

static void ssl_freed(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                      void *argument)
{
    (void)data, (void)index, (void)number, (void)argument;
    struct boringssl_connection *connection = pointer;
    if (connection != NULL) {
        int saved = errno;
        (void)shim_object_remove(&ssls, parent, NULL);
        connection->ssl = NULL;
        boringssl_release(connection);
        errno = saved;
    }
}

static bool resolve(struct boringssl *boringssl)
{
    const struct shim_stub *stub = shim_state()->stub;
    void *handle = boringssl->library->handle;
    /* Only BoringSSL with ECH has this one. */
    if (stub->dlsym(handle, "SSL_ECH_KEYS_new") == NULL) {
        return false;
    }
#define FIND(name)                                                                                 \
    boringssl->name = (__typeof__(boringssl->name))stub->dlsym(handle, #name);                     \
    if (boringssl->name == NULL) {                                                                 \
        return false;                                                                              \
    }
#define F(name) FIND(name)
    SHIM_BORINGSSL_SAME(F)
#undef F
#define F(result, name, parameters) FIND(name)
    SHIM_BORINGSSL_OWN(F)
#undef F
    boringssl->X25519_keypair = stub->dlsym(handle, "X25519_keypair");
    boringssl->index = (boringssl->SSL_get_ex_new_index)(0, NULL, NULL, NULL, ssl_freed);
    return boringssl->index >= 0 && boringssl_filter_init(boringssl);
}

struct boringssl *boringssl_new(struct shim_library *library)
{
    struct boringssl *boringssl = calloc(1, sizeof *boringssl);
    if (boringssl != NULL) {
        boringssl->library = library;
        if (!resolve(boringssl)) {
            free(boringssl);
            boringssl = NULL;
        }
    }
    return boringssl;
}

/* ---- connections ---- */

static struct boringssl_connection *connection_get(const struct boringssl *boringssl,
                                                   const SSL *ssl)
{
    return boringssl->SSL_get_ex_data(ssl, boringssl->index);
}

/* NULL for want of memory. */
static struct boringssl_connection *connection_need(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (connection != NULL) {
        return connection;
    }
    connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    atomic_init(&connection->references, 1);
    connection->boringssl = boringssl;
    connection->ssl = ssl;
    connection->filter = (struct shim_bio_filter){
        .bios = &boringssl->bios, .ssl = &connection->ssl, .session = &connection->session};
    const struct shim_object_entry entry = {.owner = boringssl->library};
    if (!shim_object_put(&ssls, ssl, &entry)) {
        free(connection);
        return NULL;
    }
    if (boringssl->SSL_set_ex_data(ssl, boringssl->index, connection) != 1) {
        (void)shim_object_remove(&ssls, ssl, NULL);
        free(connection);
        return NULL;
    }
    return connection;
}

/* Ends our part in a handshake. */
static void end(struct boringssl_connection *connection, enum boringssl_phase phase)
{
    struct shim_session *session = connection->session;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    shim_bio_filter_remove(&connection->filter);
    if (connection->phase == BORINGSSL_GREASE) {
        connection->boringssl->SSL_set_enable_ech_grease(connection->ssl, 0);
    }
    connection->session = NULL;
    connection->phase = phase;
    shim_bio_filter_reset(&connection->filter);
    shim_session_free(session);
    shim_hold_end(&hold);
}

/* ---- the decision ---- */

/* Has no hello been made since SSL_new or SSL_clear? BoringSSL makes the random with the hello. */
static bool is_before_hello(const struct boringssl *boringssl, const SSL *ssl)
{
    static const uint8_t none[SSL3_RANDOM_SIZE];
    uint8_t random[SSL3_RANDOM_SIZE] = {0};
    (void)boringssl->SSL_get_client_random(ssl, random, sizeof random);
    return boringssl->SSL_in_init(ssl) != 0 && memcmp(random, none, sizeof random) == 0;
}

static const char *server_name_of(const struct boringssl *boringssl, const SSL *ssl)
{
    const char *name = boringssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return name != NULL && strlen(name) < DNS_HOST_SIZE ? name : "";
}

/* Gives the SSL the local config. If that fails, the hello is one that the session cannot open:
 * then nothing of it leaves, and the session reports that. False for want of memory. */
static bool arm(struct boringssl_connection *connection)
{
    struct bytes list;
    if (shim_session_local_config(connection->session, &list)) {
        (void)connection->boringssl->SSL_set1_ech_config_list(connection->ssl, list.data, list.len);
    }
    return shim_bio_filter_install(&connection->filter);
}

static enum boringssl_phase phase_for(struct boringssl_connection *connection,
                                      enum shim_action action)
{
    switch (action) {
    case SHIM_ACTION_OFFER:
        return arm(connection) ? BORINGSSL_ARMED : BORINGSSL_REFUSED;
    case SHIM_ACTION_REFUSE:
        return BORINGSSL_REFUSED;
    case SHIM_ACTION_GREASE:
        if (!shim_session_may_grease(connection->session)) {
            return BORINGSSL_REFUSED;
        }
        connection->boringssl->SSL_set_enable_ech_grease(connection->ssl, 1);
        shim_session_library_grease(connection->session);
        return BORINGSSL_GREASE;
    default:
        return BORINGSSL_PASS;
    }
}

/* AWS-LC gives 0 if the program has set no maximum, and BoringSSL the version itself. */
static bool offers_tls13(const struct boringssl *boringssl, const SSL *ssl)
{
    /* The brackets keep the macros of OpenSSL out. */
    uint16_t most = (boringssl->SSL_get_max_proto_version)(ssl);
    return most == 0 || most >= TLS13;
}

static void decide(struct boringssl_connection *connection)
{
    const struct boringssl *boringssl = connection->boringssl;
    SSL *ssl = connection->ssl;
    (void)snprintf(connection->server_name, sizeof connection->server_name, "%s",
                   server_name_of(boringssl, ssl));
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_OPENSSL,
        .library_name = "boringssl",
        .server_name = connection->server_name,
        .fd = boringssl->SSL_get_fd(ssl),
        .quic = connection->quic || boringssl->SSL_is_dtls(ssl) != 0,
        .library_supported = true,
        .tls13 = offers_tls13(boringssl, ssl),
        .padded = ECH_PADDED_FIRST,
    };
    struct shim_hold hold;
    shim_hold_begin(&hold); /* waits in the next call still let signals through */
    enum shim_action action = shim_session_begin(&connection->session, &facts);
    connection->phase = phase_for(connection, action);
    shim_hold_end(&hold);
}

static bool is_decided(const struct boringssl_connection *connection)
{
    return connection->phase != BORINGSSL_IDLE && connection->phase != BORINGSSL_OVER &&
           !connection->hello_made &&
           strcmp(connection->server_name,
                  server_name_of(connection->boringssl, connection->ssl)) == 0;
}

static bool decide_now(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_need(boringssl, ssl);
    if (connection == NULL) {
        return false;
    }
    if (!is_decided(connection)) {
        end(connection, BORINGSSL_IDLE);
        connection->hello_made = false;
        decide(connection);
    }
    return connection->phase != BORINGSSL_REFUSED;
}

/* A hello is sealed in this call, unless the library has no BIO yet. */
static bool begin_hello(const struct boringssl *boringssl, SSL *ssl)
{
    if (!decide_now(boringssl, ssl)) {
        return false;
    }
    const struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (connection->phase == BORINGSSL_ARMED) {
        boringssl_keys_watch(connection);
    }
    return true;
}

/* ---- the entry points ---- */

static bool takes_part(const struct boringssl_connection *connection)
{
    return connection != NULL &&
           (connection->phase == BORINGSSL_ARMED || connection->phase == BORINGSSL_STARTED);
}

bool boringssl_before(const struct boringssl *boringssl, SSL *ssl, bool connect)
{
    int saved = errno;
    bool goes_on = true;
    if ((!connect && boringssl->SSL_is_server(ssl) != 0) || boringssl->SSL_in_init(ssl) == 0) {
        return true;
    }
    boringssl->ERR_set_mark();
    struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (is_before_hello(boringssl, ssl)) {
        /* A program with ECHConfigs of its own is left to the wire guard. */
        goes_on =
            shim_state()->stub->own_ech(boringssl->library, ssl) || begin_hello(boringssl, ssl);
    } else if (takes_part(connection) && !connection->replacing) {
        shim_session_may_seal(connection->session);
        /* The library may have set a BIO where no hook saw it. */
        goes_on = shim_bio_filter_install(&connection->filter);
    }
    boringssl->ERR_pop_to_mark();
    errno = saved;
    return goes_on;
}

void boringssl_after(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (connection == NULL || connection->phase == BORINGSSL_OVER) {
        return;
    }
    int saved = errno;
    if (connection->session != NULL) {
        shim_session_call_over(connection->session);
    }
    if (!connection->hello_made) {
        connection->hello_made = !is_before_hello(boringssl, ssl);
    }
    bool over = connection->phase == BORINGSSL_STARTED
                    ? !connection->replacing && connection->filter.taken == 0 &&
                          shim_session_drained(connection->session)
                    : connection->phase == BORINGSSL_GREASE && boringssl->SSL_in_init(ssl) == 0;
    if (over) {
        end(connection, BORINGSSL_OVER);
    }
    errno = saved;
}

void boringssl_bio_leaving(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (takes_part(connection)) {
        connection->replacing = true;
        shim_bio_filter_remove(&connection->filter);
    }
}

void boringssl_bio_replaced(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_get(boringssl, ssl);
    if (takes_part(connection)) {
        connection->replacing = false;
        (void)shim_bio_filter_install(
            &connection->filter); /* tried again before the handshake goes on */
    }
}

void boringssl_quic(const struct boringssl *boringssl, SSL *ssl)
{
    struct boringssl_connection *connection = connection_need(boringssl, ssl);
    if (connection != NULL) {
        connection->quic = true;
    }
}
