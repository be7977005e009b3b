/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides about a hello, and has the extension that makes it a ClientHelloInner.
 *
 * The decision needs the settings that the hello will have. After the call of gnutls_handshake,
 * only the functions of extensions that the application registered can change them. Those run
 * before ours, which is registered last, and before GnuTLS's own such as server_name. So if there
 * are such functions, ours makes the decision.
 */
#include <errno.h>

#include "shim/common/hold.h"
#include "shim/engine/gnutls/keys.h"
#include "shim/engine/state/state.h"

enum { NO_EXTENSION = 0, CLIENT_RANDOM_SIZE = 32 };

/* ---- the extension ---- */

static int send_inner_marker(const struct gnutls_connection *connection, gnutls_buffer_t buffer)
{
    static const unsigned char inner_marker[] = {1}; /* RFC 9849, 5 */
    gnutls_datum_t client = {0};
    gnutls_datum_t server = {0};
    connection->gnutls->gnutls_session_get_random(connection->handle, &client, &server);
    if (connection->session != NULL && client.size == CLIENT_RANDOM_SIZE) {
        shim_session_made_inner(connection->session, client.data);
    }
    if (connection->session != NULL && !shim_session_awaits_second_hello(connection->session)) {
        gnutls_keys_watch(connection); /* GnuTLS's own extensions, key_share too, come later */
    }
    return connection->gnutls->gnutls_buffer_append_data(buffer, inner_marker,
                                                         sizeof inner_marker) == GNUTLS_E_SUCCESS
               ? (int)sizeof inner_marker
               : GNUTLS_E_INTERNAL_ERROR;
}

static int send_extension(gnutls_session_t session, gnutls_buffer_t buffer)
{
    struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection == NULL) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    if (connection->phase == GNUTLS_OPEN) {
        connection->narrow_late = true;
        int result = gnutls_decide(connection);
        if (result != GNUTLS_E_SUCCESS) {
            return result;
        }
    } else if (connection->phase == GNUTLS_STARTED && connection->narrow_late) {
        (void)gnutls_narrow(connection);
    }
    switch (connection->phase) {
    case GNUTLS_STARTED:
        return send_inner_marker(connection, buffer);
    case GNUTLS_GREASE:
        return gnutls_grease_send(connection, buffer);
    default:
        /* Also after the first handshake: a renegotiation of TLS 1.2 has no GREASE. */
        return NO_EXTENSION;
    }
}

static int judge_answer(gnutls_session_t session, const unsigned char *data, size_t length)
{
    const struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection == NULL) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    if (connection->phase == GNUTLS_GREASE) {
        return gnutls_grease_judge(connection, bytes_of(data, length));
    }
    /* The exchange has checked the confirmation in HelloRetryRequest. In EncryptedExtensions the
     * server must not answer an inner hello (RFC 9849, 5). */
    return connection->gnutls->gnutls_ext_get_current_msg(session) == GNUTLS_EXT_FLAG_EE
               ? GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION
               : GNUTLS_E_SUCCESS;
}

bool gnutls_extension_add(struct gnutls_connection *connection)
{
    enum {
        MESSAGES = GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_HRR |
                   GNUTLS_EXT_FLAG_EE
    };
    if (!connection->extension_ours) {
        connection->extension_ours =
            connection->gnutls->gnutls_session_ext_register(
                connection->handle, "encrypted_client_hello", ENCRYPTED_CLIENT_HELLO,
                GNUTLS_EXT_TLS, judge_answer, send_extension, NULL, NULL, NULL,
                MESSAGES) == GNUTLS_E_SUCCESS;
    }
    return connection->extension_ours;
}

/* ---- the decision ---- */

/* Makes the session's hello a ClientHelloInner. */
static bool arm(struct gnutls_connection *connection)
{
    return gnutls_narrow(connection) && gnutls_extension_add(connection);
}

/* Lets the application's own handshake pass, with the session data that were held back. */
static void pass(struct gnutls_connection *connection, enum gnutls_phase phase)
{
    connection->phase = phase;
    if (connection->session_data_held) {
        connection->session_data_held = false;
        /* This worked when the application set them. */
        (void)connection->gnutls->gnutls_session_set_data(
            connection->handle, connection->session_data.data, connection->session_data.size);
    }
}

static void grease(struct gnutls_connection *connection, bool tls13)
{
    gnutls_priority_t tls13_only = tls13 ? gnutls_tls13_only(connection) : NULL;
    if (tls13_only != NULL && gnutls_extension_add(connection)) {
        gnutls_grease_arm(connection, tls13_only);
        pass(connection, GNUTLS_GREASE);
    } else {
        pass(connection, GNUTLS_PASS);
    }
}

/* Stands between: the application's hello goes to the exchange, and only the exchange's octets go
 * to the network. */
static int stand_between(struct gnutls_connection *connection, enum shim_action action)
{
    if (connection->session == NULL || connection->quic ||
        (action == SHIM_ACTION_OFFER && !arm(connection))) {
        shim_session_free(connection->session);
        connection->session = NULL;
        return GNUTLS_E_INTERNAL_ERROR;
    }
    gnutls_transport_wrap(connection);
    connection->phase = GNUTLS_STARTED;
    return GNUTLS_E_SUCCESS;
}

/* GnuTLS offers TLS 1.3 only with credentials of one of these kinds. */
static bool has_credentials(const struct gnutls_connection *connection)
{
    const struct gnutls *gnutls = connection->gnutls;
    gnutls_session_t session = connection->handle;
    return gnutls->gnutls_credentials_get(session, GNUTLS_CRD_CERTIFICATE, NULL) == 0 ||
           gnutls->gnutls_credentials_get(session, GNUTLS_CRD_PSK, NULL) == 0;
}

static bool offers_tls13(struct gnutls_connection *connection)
{
    return !connection->quic && has_credentials(connection) &&
           gnutls_tls13_only(connection) != NULL;
}

/* Octets that pre_shared_key may have with a PSK of the application's own, after the ticket of the
 * session data. Only the application's function knows which PSK that will be. */
static size_t own_psk(struct gnutls_connection *connection)
{
    gnutls_priority_t tls13_only = gnutls_tls13_only(connection);
    if (!gnutls_may_offer_psk(connection)) {
        return 0;
    }
    return ECH_OWN_PSK_GUESS + (connection->session_data.data != NULL
                                    ? gnutls_session_data_psk(connection, tls13_only)
                                    : 0);
}

int gnutls_decide(struct gnutls_connection *connection)
{
    struct shim_hold hold;
    int saved = errno;
    shim_hold_begin(&hold); /* one hold for all, which shim_section_run asks for */
    /* On this stack: the program may jump out of the look-up. */
    uint8_t room[GNUTLS_SUITES_SIZE];
    struct writer octets;
    wr_init_on(&octets, sizeof room, room, sizeof room);
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_GNUTLS,
        .server_name = connection->server_name,
        .fd = gnutls_transport_fd(connection),
        .quic = connection->quic,
        .library_supported = !connection->priorities_unknown,
        .tls13 = offers_tls13(connection),
    };
    if (facts.tls13) {
        facts.ordinary = gnutls_ordinary_hello(connection, &octets);
        facts.inner_suites = gnutls_inner_suites(connection, &facts.ordinary);
        facts.pre_shared_key = own_psk(connection);
        facts.alpn = connection->alpn;
    }
    int result = GNUTLS_E_SUCCESS;
    enum shim_action action = shim_session_begin(&connection->session, &facts);
    switch (action) {
    case SHIM_ACTION_OFFER:
    case SHIM_ACTION_REFUSE:
        result = stand_between(connection, action);
        break;
    case SHIM_ACTION_GREASE:
        grease(connection, facts.tls13);
        break;
    default:
        pass(connection, GNUTLS_PASS);
        break;
    }
    shim_hold_end(&hold);
    errno = saved; /* the push function that follows finds errno as it would without us */
    return result;
}

/* A second hello has to list the same cipher suites as the first (RFC 8446, 4.1.2), so it begins
 * with the same priorities. */
static void hello_built(struct gnutls_connection *connection)
{
    gnutls_priority_t own = connection->narrow_late ? gnutls_own_in_order(connection) : NULL;
    if (own != NULL) {
        (void)connection->gnutls->gnutls_priority_set(connection->handle, own);
    }
}

bool gnutls_narrow(struct gnutls_connection *connection)
{
    gnutls_priority_t tls13_only = gnutls_tls13_only(connection);
    connection->priorities_ours = true;
    return tls13_only != NULL && connection->gnutls->gnutls_priority_set(
                                     connection->handle, tls13_only) == GNUTLS_E_SUCCESS;
}

const struct gnutls_hello_events gnutls_hello_events = {.decide = gnutls_decide,
                                                        .built = hello_built};
