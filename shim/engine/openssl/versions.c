/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The security callback that stands before the application's while a hello is made. libssl calls it
 * for each version, cipher suite and signature scheme that it may offer. We use that for two
 * things:
 *
 * - To learn that the ClientHello is about to be built. No callback in which a program changes
 * server name, versions or transport comes later (Twisted sets the name in its info callback), and
 * it is early enough to make the hello as decided.
 *
 * - To choose what the hello lists. An inner hello offers TLS 1.3 alone: its versions and its
 * cipher suites. All else is as in the application's ordinary hello. A higher minimum would not do
 * that: libssl leaves out signature schemes and extensions that only TLS 1.2 uses. So older
 * versions are refused except from where libssl lists cipher suites (it asks for
 * SSL_SECOP_SIGALG_MASK first) to where it lists signature schemes (SSL_SECOP_SIGALG_SUPPORTED). In
 * between it writes the extensions of TLS 1.2. Before, it looks for a session to resume, which must
 * not be of TLS 1.2; afterwards it writes supported_versions and key_share. If the order were
 * different in some version, the exchange would find older versions in the inner hello, and refuse
 * it.
 */
#include <errno.h>
#include <string.h>

#include "shim/engine/openssl/openssl.h"

static bool hello_begins(const struct openssl_connection *connection)
{
    const struct openssl *openssl = connection->openssl;
    return !connection->deciding && connection->phase == OPENSSL_IDLE &&
           (int)openssl->SSL_get_state(connection->ssl) == openssl->hello_state &&
           openssl->SSL_is_server(connection->ssl) == 0;
}

static void ask_to_decide(struct openssl_connection *connection)
{
    int saved = errno;
    connection->deciding = true;
    if (!connection->decide(connection)) {
        connection->versions = OPENSSL_VERSIONS_NONE;
    }
    connection->deciding = false;
    errno = saved;
}

void openssl_versions_decide(struct openssl_connection *connection,
                             bool (*decide)(struct openssl_connection *connection))
{
    if (openssl_versions_watch(connection, decide)) {
        ask_to_decide(connection);
    } else {
        openssl_versions_forbid(connection->openssl, connection->ssl);
    }
}

static int forbid(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int number,
                  void *other, void *argument)
{
    (void)ssl, (void)context, (void)bits, (void)number, (void)other, (void)argument;
    return operation != SSL_SECOP_VERSION;
}

void openssl_versions_forbid(const struct openssl *openssl, SSL *ssl)
{
    openssl->SSL_set_security_callback(ssl, forbid);
}

/* If an SSL has our callback but no state of ours, SSL_dup copied it from one that has. */
static openssl_security *callback_of_copy(const SSL *ssl)
{
    const struct shim_library *library = openssl_library_of(ssl);
    const struct openssl *openssl = library != NULL ? openssl_supported(library) : NULL;
    return openssl != NULL ? openssl->default_security : NULL;
}

static bool is_tls13(const struct openssl *openssl, const SSL_CIPHER *suite)
{
    return strcmp(openssl->SSL_CIPHER_get_version(suite), "TLSv1.3") == 0;
}

/* The hello that libssl makes, or has made last: the first or the second one. */
static unsigned char hellos_due(const struct openssl_connection *connection)
{
    bool second =
        connection->session != NULL && shim_session_awaits_second_hello(connection->session);
    return second ? 2 : 1;
}

/* libssl asks for old versions before it lists the suites, too: may it have 00ff? A late decision
 * comes after that, so the second hello has to be asked for in the same way. */
static void begin_second_hello(struct openssl_connection *connection)
{
    if (connection->late && !connection->second_began && hellos_due(connection) == 2) {
        connection->second_began = true;
        connection->older_pass = true;
    }
}

/*
 * OpenSSL 4.0 makes two hellos for each that it sends: the inner one first, and then its own outer
 * one, which we replace. It copies signature_algorithms into that without a question, so the pass
 * would stay open. While the library reads the answer, and when it begins the second hello, TLS 1.3
 * must be the only version. So the pass is for the inner hello alone.
 */
static bool makes_inner(const struct openssl_connection *connection)
{
    return !connection->openssl->has_ech || connection->inner_hellos < hellos_due(connection);
}

/* May an inner hello have what libssl asks for? */
static bool inner_may(struct openssl_connection *connection, int operation, int number,
                      const void *other)
{
    switch (operation) {
    case SSL_SECOP_SIGALG_MASK:
        connection->older_pass = makes_inner(connection);
        return true;
    case SSL_SECOP_SIGALG_SUPPORTED:
        connection->older_pass = false;
        connection->inner_hellos = hellos_due(connection);
        return true;
    case SSL_SECOP_VERSION:
        begin_second_hello(connection);
        return number >= TLS1_3_VERSION || connection->older_pass;
    case SSL_SECOP_CIPHER_SUPPORTED:
        /* A late decision comes after the cipher suites were written. The second hello has to list
         * the same (RFC 8446, 4.1.2). */
        return connection->late || is_tls13(connection->openssl, other);
    default:
        return true;
    }
}

static void note_allowed(struct openssl_connection *connection, int number)
{
    if (number >= SSL3_VERSION && number <= TLS1_3_VERSION) {
        connection->allowed |= (unsigned char)(1U << (number - SSL3_VERSION));
    }
}

static int security(const SSL *ssl, const SSL_CTX *context, int operation, int bits, int number,
                    void *other, void *argument)
{
    struct openssl_connection *connection = openssl_connection_get(ssl);
    if (connection == NULL || connection->security == NULL) {
        openssl_security *copied = callback_of_copy(ssl);
        return copied != NULL ? copied(ssl, context, operation, bits, number, other, argument) : 0;
    }
    openssl_security *own = connection->security; /* the decision may put it back */
    if (operation == SSL_SECOP_VERSION && hello_begins(connection)) {
        ask_to_decide(connection);
    }
    int result = own(ssl, context, operation, bits, number, other, argument);
    if (operation == SSL_SECOP_VERSION && result != 0) {
        note_allowed(connection, number);
    }
    if ((connection->versions == OPENSSL_VERSIONS_NONE && operation == SSL_SECOP_VERSION) ||
        (connection->versions == OPENSSL_VERSIONS_INNER &&
         !inner_may(connection, operation, number, other))) {
        result = 0;
    }
    return result;
}

bool openssl_versions_watched(const struct openssl_connection *connection)
{
    return connection->security != NULL && connection->ssl != NULL &&
           connection->openssl->SSL_get_security_callback(connection->ssl) == security;
}

bool openssl_versions_watch(struct openssl_connection *connection,
                            bool (*decide)(struct openssl_connection *connection))
{
    const struct openssl *openssl = connection->openssl;
    connection->decide = decide;
    if (openssl_versions_watched(connection)) {
        return true;
    }
    openssl_security *own = openssl->SSL_get_security_callback(connection->ssl);
    connection->security = own != security ? own : openssl->default_security;
    connection->versions = OPENSSL_VERSIONS_OWN;
    if (connection->security == NULL) {
        return false;
    }
    openssl->SSL_set_security_callback(connection->ssl, security);
    return true;
}

void openssl_versions_unwatch(struct openssl_connection *connection)
{
    if (openssl_versions_watched(connection)) {
        connection->openssl->SSL_set_security_callback(connection->ssl, connection->security);
    }
    connection->security = NULL;
    connection->versions = OPENSSL_VERSIONS_OWN;
}

/* TLS 1.3 and down, until libssl would find one that it may not offer. */
static void note_versions(const struct openssl_connection *connection,
                          struct openssl_ordinary *ordinary)
{
    static const uint64_t forbidden[] = {SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1,
                                         SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3};
    uint64_t options = connection->openssl->SSL_get_options(connection->ssl);
    size_t i = sizeof forbidden / sizeof *forbidden;
    while (i > 0 && (connection->allowed >> (i - 1) & 1) != 0 &&
           (options & forbidden[i - 1]) == 0) {
        i--;
        ordinary->versions[ordinary->versions_length++] = TLS1_VERSION_MAJOR;
        ordinary->versions[ordinary->versions_length++] = (uint8_t)i; /* SSL 3.0 is 0x0300 */
    }
}

/* The suites with ECDHE: 0xc001 to 0xc0b0 except for CCM with other key exchanges (RFC 8422, 5289,
 * 6655, 7251), and 0xcca8 to 0xccac except for 0xccaa (RFC 7905). */
static bool is_elliptic(uint16_t suite)
{
    bool ccm_of_others = suite >= 0xc09c && suite <= 0xc0ab;
    return (suite >= 0xc001 && suite <= 0xc0b0 && !ccm_of_others) ||
           (suite >= 0xcca8 && suite <= 0xccac && suite != 0xccaa);
}

/* False if the hello would have no cipher suite of TLS 1.3. libssl asks our callback for the
 * versions, too. */
static bool note_suites(struct openssl_connection *connection, struct openssl_ordinary *ordinary)
{
    const struct openssl *openssl = connection->openssl;
    bool tls13 = false;
    connection->allowed = 0;
    OPENSSL_STACK *suites = (OPENSSL_STACK *)openssl->SSL_get1_supported_ciphers(connection->ssl);
    int count = suites != NULL ? openssl->OPENSSL_sk_num(suites) : 0;
    for (int i = 0; i < count; i++) {
        const SSL_CIPHER *suite = openssl->OPENSSL_sk_value(suites, i);
        uint16_t id = openssl->SSL_CIPHER_get_protocol_id(suite);
        tls13 = tls13 || is_tls13(openssl, suite);
        ordinary->psk = ordinary->psk || openssl->SSL_CIPHER_get_auth_nid(suite) == NID_auth_psk;
        ordinary->elliptic = ordinary->elliptic || is_elliptic(id);
        if (ordinary->cipher_suites_length + 2 <= sizeof ordinary->cipher_suites) {
            ordinary->cipher_suites[ordinary->cipher_suites_length++] = (uint8_t)(id >> 8);
            ordinary->cipher_suites[ordinary->cipher_suites_length++] = (uint8_t)id;
        }
    }
    openssl->OPENSSL_sk_free(suites);
    return tls13;
}

/*
 * OpenSSL has TLS_EMPTY_RENEGOTIATION_INFO_SCSV where it would offer TLS 1.0; before 3.4, always.
 * It asks for TLS 1.0 before it lists the suites, so the inner hello does not have it.
 */
static void note_renegotiation_signal(const struct openssl_connection *connection,
                                      struct openssl_ordinary *ordinary)
{
    enum { SIGNAL = 0xff, TLS1 = 1U << (TLS1_VERSION - SSL3_VERSION) };
    const struct openssl *openssl = connection->openssl;
    if ((connection->allowed & TLS1) != 0 &&
        openssl->SSL_ctrl(connection->ssl, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, NULL) <=
            TLS1_VERSION &&
        ordinary->cipher_suites_length + 2 <= sizeof ordinary->cipher_suites) {
        ordinary->cipher_suites[ordinary->cipher_suites_length++] = 0;
        ordinary->cipher_suites[ordinary->cipher_suites_length++] = SIGNAL;
    }
}

bool openssl_versions_restrict(struct openssl_connection *connection,
                               struct openssl_ordinary *ordinary)
{
    ordinary->cipher_suites_length = 0;
    ordinary->versions_length = 0;
    ordinary->psk = false;
    ordinary->elliptic = false;
    connection->versions = OPENSSL_VERSIONS_OWN;
    /* Look at the ordinary hello first: a restriction would switch TLS 1.3 on where
     * SSL_OP_NO_TLSv1_2 leaves a gap below it. */
    if (!openssl_versions_watched(connection) || !note_suites(connection, ordinary)) {
        return false;
    }
    note_versions(connection, ordinary);
    note_renegotiation_signal(connection, ordinary);
    connection->versions = OPENSSL_VERSIONS_INNER;
    connection->older_pass = connection->late;
    connection->second_began = false;
    connection->inner_hellos = 0;
    return true;
}
