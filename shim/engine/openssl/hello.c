/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes libssl's hello a ClientHelloInner by libssl's public interface: TLS 1.3 only, and the
 * marker.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ech/crypto.h"
#include "shim/common/hold.h"
#include "shim/engine/openssl/keys.h"
#include "shim/engine/openssl/native.h"
#include "shim/engine/state/state.h"

/* RFC 9849, 5: ECHClientHello of type inner. */
static const unsigned char inner_marker[] = {1};

enum { ALERT_INTERNAL_ERROR = 80, ALERT_UNSUPPORTED_EXTENSION = 110 };

/* ---- the padding extension ---- */

/*
 * SSL_OP_TLSEXT_PADDING pads a hello of 256 to 511 octets to 512 (RFC 7685). ClientHelloInner would
 * be sealed with 200 octets of zeros, and a padded hello around GREASE would show that it has no
 * ClientHelloInner. With encrypted_client_hello this padding has no purpose.
 */
static void padding_stop(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    if ((openssl->SSL_get_options(connection->ssl) & SSL_OP_TLSEXT_PADDING) != 0) {
        (void)openssl->SSL_clear_options(connection->ssl, SSL_OP_TLSEXT_PADDING);
        connection->padding_off = true;
    }
}

static void padding_restore(struct openssl_connection *connection)
{
    if (connection->padding_off && connection->ssl != NULL) {
        (void)connection->openssl->SSL_set_options(connection->ssl, SSL_OP_TLSEXT_PADDING);
        connection->padding_off = false;
    }
}

/* ---- the decision ---- */

/* A connect BIO connects when the hello is written, so its port is known before its peer. */
static uint16_t port_to_connect(const struct openssl *openssl, const SSL *ssl)
{
    BIO *wbio = openssl->SSL_get_wbio(ssl);
    BIO *connects = wbio != NULL ? openssl->BIO_find_type(wbio, BIO_TYPE_CONNECT) : NULL;
    const char *port =
        connects != NULL ? openssl->BIO_ptr_ctrl(connects, BIO_C_GET_CONNECT, 1) : NULL;
    unsigned long number = port != NULL ? strtoul(port, NULL, 10) : 0;
    return number <= UINT16_MAX ? (uint16_t)number : 0;
}

void openssl_reset(struct openssl_connection *connection)
{
    struct shim_session *session = connection->session;
    struct shim_hold hold;
    openssl_versions_unwatch(connection);
    openssl_native_reset(connection);
    padding_restore(connection);
    if (session != NULL) {
        shim_hold_begin(&hold); /* one hold for both */
        shim_bio_filter_remove(&connection->filter);
        connection->session = NULL;
        shim_session_free(session);
        shim_hold_end(&hold);
    } else {
        shim_bio_filter_remove(&connection->filter);
    }
    connection->phase = OPENSSL_IDLE;
    connection->hello_made = false;
    connection->late = false;
    shim_bio_filter_reset(&connection->filter);
}

void openssl_watch(const struct openssl *openssl, SSL *ssl)
{
    int saved = errno;
    struct openssl_connection *connection = openssl_connection_need(openssl, ssl);
    if (connection == NULL) {
        /* The extension has no memory either, and fails the handshake. Where there is none, this
         * has to. */
        if (openssl->has_ech) {
            openssl_versions_forbid(openssl, ssl);
        }
    } else {
        if (connection->phase != OPENSSL_IDLE || connection->hello_made) {
            openssl_reset(connection); /* left from an earlier handshake */
        }
        /* The decision comes when the hello is made, so that everything the application sets until
         * then counts. */
        (void)openssl_versions_watch(connection, openssl_decide);
    }
    errno = saved;
}

static const char *server_name_of(const struct openssl_connection *connection)
{
    const char *name =
        connection->openssl->SSL_get_servername(connection->ssl, TLSEXT_NAMETYPE_host_name);
    /* A name too long for the DNS counts as none. */
    return name != NULL && strlen(name) < DNS_HOST_SIZE ? name : "";
}

/* False: it cannot be made. */
static bool digest_of(const char *name, unsigned char digest[OPENSSL_NAME_DIGEST])
{
    const struct bytes octets = bytes_of(name, strlen(name));
    return ech_hash_parts(ECH_HASH_SHA256, &octets, 1, digest) == ECH_OK;
}

/* Does the hello still ask for the name that the decision was made for? */
static bool is_same_name(const struct openssl_connection *connection)
{
    unsigned char digest[OPENSSL_NAME_DIGEST];
    if (connection->session != NULL) {
        return shim_session_is_for(connection->session, server_name_of(connection));
    }
    return connection->named && digest_of(server_name_of(connection), digest) &&
           memcmp(digest, connection->server_name, sizeof digest) == 0;
}

/* The session keeps no pointer to the facts. */
static struct shim_session_facts facts_of(struct openssl_connection *connection,
                                          struct openssl_ordinary *ordinary)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_OPENSSL,
        .server_name = server_name_of(connection),
        .fd = openssl->SSL_get_fd(ssl),
        .port = port_to_connect(openssl, ssl),
        .quic = connection->quic || openssl->SSL_is_dtls(ssl) != 0 ||
                (openssl->SSL_is_quic != NULL && openssl->SSL_is_quic(ssl) != 0),
        .library_supported = openssl_context_armed(openssl->SSL_get_SSL_CTX(ssl)),
        .post_quantum = openssl->post_quantum,
        .own_lengths = openssl->has_ech,
    };
    if (openssl->has_ech) {
        openssl_native_facts(connection, &facts);
    }
    facts.tls13 = !facts.quic && openssl_versions_restrict(connection, ordinary);
    if (facts.tls13) {
        facts.ordinary = (struct ech_ordinary_hello){
            .cipher_suites = bytes_of(ordinary->cipher_suites, ordinary->cipher_suites_length),
            .supported_versions = bytes_of(ordinary->versions, ordinary->versions_length),
            .point_formats = openssl->has_ech && ordinary->elliptic,
        };
        /* A late decision leaves all suites in ClientHelloInner (versions.c). */
        facts.inner_suites = connection->late ? ordinary->cipher_suites_length : 0;
        const struct openssl_lengths lengths = openssl_lengths_of(openssl, ssl);
        bool may_offer_psk = ordinary->psk || lengths.psk;
        facts.pre_shared_key =
            may_offer_psk ? ECH_OWN_PSK_GUESS + openssl_resumed_psk(openssl, ssl) : 0;
        facts.alpn = lengths.alpn;
    }
    return facts;
}

/* The application's own hello. Only an ECH client of the library's own makes no call to us when it
 * builds that, so the application's security callback comes back now. */
static void pass(struct openssl_connection *connection, enum openssl_phase phase)
{
    connection->versions = OPENSSL_VERSIONS_OWN;
    connection->phase = phase;
    if (connection->openssl->has_ech) {
        openssl_versions_unwatch(connection);
        connection->hello_made = true;
    }
}

/* ClientHelloInner, or a hello that the exchange refuses. */
static bool take(struct openssl_connection *connection, const struct shim_session_facts *facts)
{
    padding_stop(connection);
    connection->phase = OPENSSL_ARMED;
    /* Where the filter cannot make the handshake fail, the call itself has to. */
    bool filtered = facts->library_supported || connection->cannot_seal;
    if (connection->session == NULL || !filtered || facts->quic) {
        return false;
    }
    if (connection->openssl->has_ech) {
        connection->seals =
            facts->tls13 && !facts->own_extension && !facts->own_grease && !connection->cannot_seal;
        return openssl_native_offer(connection);
    }
    (void)shim_bio_filter_install(&connection->filter); /* tried again when the hello is made */
    return true;
}

static bool act(struct openssl_connection *connection, enum shim_action action,
                const struct shim_session_facts *facts)
{
    bool goes_on = true;
    switch (action) {
    case SHIM_ACTION_OFFER:
    case SHIM_ACTION_REFUSE:
        goes_on = take(connection, facts);
        break;
    case SHIM_ACTION_GREASE:
        goes_on = !connection->openssl->has_ech || openssl_native_grease(connection);
        pass(connection, OPENSSL_GREASE);
        padding_stop(connection);
        break;
    default:
        pass(connection, OPENSSL_PASS);
        break;
    }
    if (!goes_on) {
        connection->phase = OPENSSL_FAILED;
    }
    return goes_on;
}

bool openssl_decide(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    openssl->ERR_set_mark();
    struct openssl_ordinary ordinary;
    struct shim_session_facts facts = facts_of(connection, &ordinary);
    struct shim_hold hold;
    shim_hold_begin(&hold); /* one hold for both; waits in the first still let signals through */
    bool goes_on = act(connection, shim_session_begin(&connection->session, &facts), &facts);
    shim_hold_end(&hold);
    connection->named = connection->session == NULL &&
                        digest_of(server_name_of(connection), connection->server_name);
    openssl->ERR_pop_to_mark();
    return goes_on;
}

/* ---- the extension ---- */

static int add_marker(struct openssl_connection *connection, const unsigned char **out,
                      size_t *length)
{
    unsigned char random[SSL3_RANDOM_SIZE] = {0};
    (void)connection->openssl->SSL_get_client_random(connection->ssl, random, sizeof random);
    if (connection->session != NULL) {
        shim_session_made_inner(connection->session, random);
    }
    *out = inner_marker;
    *length = sizeof inner_marker;
    return 1;
}

/* The first hello of a handshake. */
static int add_to_first(struct openssl_connection *connection, const unsigned char **out,
                        size_t *length)
{
    if (!shim_bio_filter_installed(&connection->filter)) {
        shim_bio_filter_remove(&connection->filter); /* the program has set other BIOs meanwhile */
        if (!shim_bio_filter_install(&connection->filter)) {
            return -1;
        }
    }
    connection->phase = OPENSSL_STARTED;
    /* libssl writes the program's extensions before its own, and makes a key share only with its
     * extension. */
    openssl_keys_watch(connection);
    return add_marker(connection, out, length);
}

/* The hello after a HelloRetryRequest. */
static int add_to_second(struct openssl_connection *connection, const unsigned char **out,
                         size_t *length)
{
    return openssl_versions_watched(connection) ? add_marker(connection, out, length) : -1;
}

/* The application's own hello, so its own security callback comes back at once. */
static int add_nothing(struct openssl_connection *connection)
{
    openssl_versions_unwatch(connection);
    return 0;
}

static int add_as_decided(struct openssl_connection *connection, const unsigned char **out,
                          size_t *length)
{
    switch (connection->phase) {
    case OPENSSL_ARMED:
        return add_to_first(connection, out, length);
    case OPENSSL_GREASE:
        openssl_versions_unwatch(connection);
        return openssl_grease_add(connection, out, length);
    case OPENSSL_FAILED:
        return -1;
    default:
        return add_nothing(connection);
    }
}

/* Is this the second hello of a handshake without ECH? It repeats the random of the first (RFC
 * 8446, 4.1.2). Any other hello has a new one. */
static bool repeats(struct openssl_connection *connection)
{
    unsigned char random[SSL3_RANDOM_SIZE] = {0};
    (void)connection->openssl->SSL_get_client_random(connection->ssl, random, sizeof random);
    bool same = connection->hello_made && memcmp(connection->random, random, sizeof random) == 0;
    memcpy(connection->random, random, sizeof random);
    return same && (connection->phase == OPENSSL_PASS || connection->phase == OPENSSL_GREASE);
}

/* Was the decision made for this hello, with the settings it has now? */
static bool is_decided(const struct openssl_connection *connection)
{
    switch (connection->phase) {
    case OPENSSL_ARMED:
    case OPENSSL_GREASE:
    case OPENSSL_PASS:
        return !connection->hello_made && openssl_versions_watched(connection) &&
               is_same_name(connection);
    case OPENSSL_FAILED:
        return true;
    default:
        return false;
    }
}

/* Decides while the hello is built: no hook saw the handshake start, or settings changed since. */
static void decide_late(struct openssl_connection *connection)
{
    openssl_reset(connection);
    connection->late = true;
    connection->deciding = true;
    if (!openssl_versions_watch(connection, openssl_decide) || !openssl_decide(connection)) {
        connection->phase = OPENSSL_FAILED;
    }
    connection->deciding = false;
}

/* Is this the second hello of an exchange that offers ECH? */
static bool continues_exchange(const struct openssl_connection *connection)
{
    return connection->phase == OPENSSL_STARTED &&
           shim_session_awaits_second_hello(connection->session);
}

/* Is this the second hello of a handshake in which the session no longer takes part? */
static bool continues_without_exchange(const struct openssl_connection *connection)
{
    return connection->phase == OPENSSL_CLEAR ||
           (connection->phase == OPENSSL_STARTED && shim_session_disabled(connection->session));
}

/* Any other hello: decides about it, unless that was done before. */
static int add_to_undecided(struct openssl_connection *connection, const unsigned char **out,
                            size_t *length)
{
    if (!repeats(connection) && !is_decided(connection)) {
        decide_late(connection);
    }
    connection->hello_made = true;
    return add_as_decided(connection, out, length);
}

static int add_to_client_hello(struct openssl_connection *connection, const unsigned char **out,
                               size_t *length)
{
    if (continues_exchange(connection)) {
        /* It must pass through the same filter as the first one. */
        return shim_bio_filter_installed(&connection->filter)
                   ? add_to_second(connection, out, length)
                   : -1;
    }
    if (continues_without_exchange(connection)) {
        return add_to_second(connection, out, length);
    }
    return add_to_undecided(connection, out, length);
}

int openssl_extension_add(SSL *ssl, unsigned int type, unsigned int context,
                          const unsigned char **out, size_t *outlen, X509 *x, size_t chain_index,
                          int *alert, void *argument)
{
    (void)type, (void)x, (void)chain_index;
    const struct openssl *openssl = argument;
    /* A server sends nothing of ours, and a renegotiation (TLS 1.2) follows a handshake without
     * ECH. */
    if ((context & SSL_EXT_CLIENT_HELLO) == 0 || openssl->SSL_is_server(ssl) != 0 ||
        openssl->SSL_renegotiate_pending(ssl) != 0) {
        return 0;
    }
    int saved = errno;
    struct openssl_connection *connection = openssl_connection_need(openssl, ssl);
    int result = connection != NULL ? add_to_client_hello(connection, out, outlen) : -1;
    if (result < 0) {
        *alert = ALERT_INTERNAL_ERROR;
    }
    errno = saved;
    return result;
}

int openssl_extension_parse(SSL *ssl, unsigned int type, unsigned int context,
                            const unsigned char *in, size_t inlen, X509 *x, size_t chain_index,
                            int *alert, void *argument)
{
    (void)type, (void)x, (void)chain_index;
    const struct openssl *openssl = argument;
    struct openssl_connection *connection = openssl_connection_get(ssl);
    if (connection == NULL || openssl->SSL_is_server(ssl) != 0) {
        return 1;
    }
    if ((context & SSL_EXT_TLS1_2_SERVER_HELLO) != 0) {
        /* TLS 1.2 knows no answer to it. */
        *alert = ALERT_UNSUPPORTED_EXTENSION;
        return 0;
    }
    if (connection->phase == OPENSSL_GREASE) {
        return openssl_grease_parse(context, bytes_of(in, inlen), alert);
    }
    if ((context & SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS) != 0) {
        /* RFC 9849, 5: the server must not answer the inner variant here. */
        *alert = ALERT_UNSUPPORTED_EXTENSION;
        return 0;
    }
    return 1;
}
