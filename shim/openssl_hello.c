/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making libssl's hello a ClientHelloInner: TLS 1.3 only and the marker, both by its public
 * interface.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine.h"
#include "shim/openssl.h"

/* RFC 9849, 5: ECHClientHello of type inner. */
static const unsigned char inner_marker[] = {1};

enum { ALERT_INTERNAL_ERROR = 80, ALERT_UNSUPPORTED_EXTENSION = 110 };

/* ---- the version ---- */

bool openssl_minimum_raise(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    if (connection->minimum_raised) {
        return true;
    }
    connection->minimum = openssl->SSL_ctrl(ssl, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, NULL);
    /* A context of one fixed version says yes and changes nothing. */
    if (openssl->SSL_ctrl(ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, NULL) != 1 ||
        openssl->SSL_ctrl(ssl, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, NULL) != TLS1_3_VERSION) {
        return false;
    }
    connection->minimum_raised = true;
    return true;
}

void openssl_minimum_restore(struct openssl_connection *connection)
{
    if (connection->minimum_raised && connection->ssl != NULL) {
        connection->minimum_raised = false;
        (void)connection->openssl->SSL_ctrl(connection->ssl, SSL_CTRL_SET_MIN_PROTO_VERSION,
                                            connection->minimum, NULL);
    }
}

/* Raises the minimum if TLS 1.3 is possible here: looks at the maximum first, for a minimum above
 * it ends in an error. */
static bool try_tls13(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    long maximum = openssl->SSL_ctrl(ssl, SSL_CTRL_GET_MAX_PROTO_VERSION, 0, NULL);
    if ((maximum != 0 && maximum < TLS1_3_VERSION) ||
        (openssl->SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3) != 0 ||
        !openssl_minimum_raise(connection)) {
        return false;
    }
    /* The application may have left no suite of TLS 1.3. */
    STACK_OF(SSL_CIPHER) *suites = openssl->SSL_get1_supported_ciphers(ssl);
    OPENSSL_STACK *stack = (OPENSSL_STACK *)suites;
    bool some = stack != NULL && openssl->OPENSSL_sk_num(stack) > 0;
    openssl->OPENSSL_sk_free(stack);
    if (!some) {
        openssl_minimum_restore(connection);
    }
    return some;
}

/* ---- the padding extension ---- */

/*
 * SSL_OP_TLSEXT_PADDING makes 512 octets of a hello of 256 to 511 (RFC 7685): in ClientHelloInner
 * it would be sealed, 200 octets of zeros, and around GREASE it would show that there is no
 * ClientHelloInner. With encrypted_client_hello a hello has no length that it was made for.
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

/* A connect BIO connects when the hello is written: its port is known before its peer is. */
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
    openssl_filter_remove(connection);
    openssl_minimum_restore(connection);
    padding_restore(connection);
    shim_session_free(connection->session);
    connection->session = NULL;
    connection->phase = OPENSSL_IDLE;
    connection->hello_made = false;
    connection->late = false;
    connection->taken = 0;
}

bool openssl_decide(struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    SSL *ssl = connection->ssl;
    const SSL_CTX *context = openssl->SSL_get_SSL_CTX(ssl);
    openssl->ERR_set_mark();
    struct shim_session_facts facts = {
        .library = "openssl",
        .server_name = openssl->SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name),
        .fd = openssl->SSL_get_fd(ssl),
        .port = port_to_connect(openssl, ssl),
        .quic = connection->quic || openssl->SSL_is_dtls(ssl) != 0 ||
                (openssl->SSL_is_quic != NULL && openssl->SSL_is_quic(ssl) != 0),
        .library_supported = openssl->SSL_CTX_get_ex_data(context, openssl->context_index) != NULL,
        .floor = ECH_FLOOR_OPENSSL,
    };
    facts.tls13 = !facts.quic && try_tls13(connection);
    enum shim_action action = shim_session_begin(&connection->session, &facts);
    bool goes_on = true;
    switch (action) {
    case SHIM_ACTION_OFFER:
    case SHIM_ACTION_REFUSE:
        connection->phase = OPENSSL_ARMED;
        padding_stop(connection);
        /* Without the filter's help the call itself has to fail. */
        goes_on = connection->session != NULL && facts.library_supported && !facts.quic;
        if (!goes_on) {
            openssl_reset(connection);
        }
        break;
    case SHIM_ACTION_GREASE:
        openssl_minimum_restore(connection);
        connection->phase = OPENSSL_GREASE;
        padding_stop(connection);
        break;
    default:
        openssl_minimum_restore(connection);
        connection->phase = OPENSSL_PASS;
        break;
    }
    openssl->ERR_pop_to_mark();
    return goes_on;
}

/* ---- the extension ---- */

static int add_marker(const unsigned char **out, size_t *length)
{
    *out = inner_marker;
    *length = sizeof inner_marker;
    return 1;
}

/* The first hello of a handshake. */
static int add_to_first(struct openssl_connection *connection, const unsigned char **out,
                        size_t *length, int *alert)
{
    if (!openssl_filter_install(connection)) {
        *alert = ALERT_INTERNAL_ERROR;
        return -1;
    }
    connection->phase = OPENSSL_STARTED;
    return add_marker(out, length);
}

/* The one after HelloRetryRequest. */
static int add_to_second(struct openssl_connection *connection, const unsigned char **out,
                         size_t *length, int *alert)
{
    if (connection->late && !openssl_minimum_raise(connection)) {
        *alert = ALERT_INTERNAL_ERROR;
        return -1;
    }
    return add_marker(out, length);
}

static int add_as_decided(struct openssl_connection *connection, const unsigned char **out,
                          size_t *length, int *alert)
{
    switch (connection->phase) {
    case OPENSSL_ARMED:
        return add_to_first(connection, out, length, alert);
    case OPENSSL_GREASE:
        return openssl_grease_add(connection, out, length);
    default:
        return 0;
    }
}

/* Is this the hello after a HelloRetryRequest to one without ECH? The random stays then (RFC 8446,
 * 4.1.2), and is new in every other. */
static bool repeats(struct openssl_connection *connection)
{
    unsigned char random[SSL3_RANDOM_SIZE] = {0};
    (void)connection->openssl->SSL_get_client_random(connection->ssl, random, sizeof random);
    bool same = connection->hello_made && memcmp(connection->random, random, sizeof random) == 0;
    memcpy(connection->random, random, sizeof random);
    return same && (connection->phase == OPENSSL_PASS || connection->phase == OPENSSL_GREASE);
}

static int add_to_client_hello(struct openssl_connection *connection, const unsigned char **out,
                               size_t *length, int *alert)
{
    if (connection->phase == OPENSSL_STARTED &&
        shim_session_awaits_second_hello(connection->session)) {
        /* It must go through the same exchange. */
        if (!openssl_filter_installed(connection)) {
            *alert = ALERT_INTERNAL_ERROR;
            return -1;
        }
        return add_to_second(connection, out, length, alert);
    }
    if (connection->phase == OPENSSL_CLEAR ||
        (connection->phase == OPENSSL_STARTED && shim_session_disabled(connection->session))) {
        return add_to_second(connection, out, length, alert);
    }
    bool seen = !connection->hello_made &&
                (connection->phase == OPENSSL_ARMED || connection->phase == OPENSSL_PASS ||
                 connection->phase == OPENSSL_GREASE);
    if (!repeats(connection) && !seen) {
        openssl_reset(connection);
        connection->late = true;
        if (!openssl_decide(connection)) {
            *alert = ALERT_INTERNAL_ERROR;
            return -1;
        }
    }
    connection->hello_made = true;
    return add_as_decided(connection, out, length, alert);
}

int openssl_extension_add(SSL *ssl, unsigned int type, unsigned int context,
                          const unsigned char **out, size_t *outlen, X509 *x, size_t chain_index,
                          int *alert, void *argument)
{
    (void)type, (void)x, (void)chain_index;
    const struct openssl *openssl = argument;
    /* A server sends nothing of ours; a renegotiation (TLS 1.2) belongs to a handshake that passed.
     */
    if ((context & SSL_EXT_CLIENT_HELLO) == 0 || openssl->SSL_is_server(ssl) != 0 ||
        openssl->SSL_renegotiate_pending(ssl) != 0) {
        return 0;
    }
    struct openssl_connection *connection = openssl_connection_need(openssl, ssl);
    if (connection == NULL) {
        *alert = ALERT_INTERNAL_ERROR;
        return -1;
    }
    int saved = errno;
    int result = add_to_client_hello(connection, out, outlen, alert);
    errno = saved;
    return result;
}

int openssl_extension_parse(SSL *ssl, unsigned int type, unsigned int context,
                            const unsigned char *in, size_t inlen, X509 *x, size_t chain_index,
                            int *alert, void *argument)
{
    (void)type, (void)x, (void)chain_index;
    const struct openssl *openssl = argument;
    struct openssl_connection *connection = openssl_connection_get(openssl, ssl);
    if (connection == NULL || openssl->SSL_is_server(ssl) != 0) {
        return 1;
    }
    if (connection->phase == OPENSSL_GREASE) {
        return openssl_grease_parse(context, bytes_of(in, inlen), alert);
    }
    if ((context & SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST) != 0 && connection->late) {
        /*
         * RFC 8446, 4.1.2: both hellos list the same. The first one was half made when the minimum
         * was raised, so the second has to start like it.
         */
        openssl_minimum_restore(connection);
    }
    if ((context & SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS) != 0) {
        /* RFC 9849, 5: an answer to the inner variant is unsolicited. */
        *alert = ALERT_UNSUPPORTED_EXTENSION;
        return 0;
    }
    return 1;
}
