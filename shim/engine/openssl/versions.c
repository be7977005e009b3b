/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The security callback that stands before the application's while a hello is made. libssl calls it
 * for each version that it may offer. We use that for two things:
 *
 * - To learn that the ClientHello is about to be built. No callback in which a program changes
 * server name, versions or transport comes later (Twisted sets the name in its info callback), and
 * it is early enough to make the hello as decided.
 *
 * - To choose the versions that the hello lists. An inner hello offers only TLS 1.3. The
 * application's own minimum and maximum stay as they are.
 */
#include <errno.h>

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
    if (operation == SSL_SECOP_VERSION &&
        (connection->versions == OPENSSL_VERSIONS_NONE ||
         (connection->versions == OPENSSL_VERSIONS_TLS13 && number < TLS1_3_VERSION))) {
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

/* Would the hello list a cipher suite of TLS 1.3, with the present settings? */
static bool offers_tls13(const struct openssl_connection *connection)
{
    enum { TLS13_SUITES = 0x13 };
    const struct openssl *openssl = connection->openssl;
    OPENSSL_STACK *suites = (OPENSSL_STACK *)openssl->SSL_get1_supported_ciphers(connection->ssl);
    bool offers = false;
    for (int i = 0; suites != NULL && i < openssl->OPENSSL_sk_num(suites) && !offers; i++) {
        const SSL_CIPHER *suite = openssl->OPENSSL_sk_value(suites, i);
        offers = openssl->SSL_CIPHER_get_protocol_id(suite) >> 8 == TLS13_SUITES;
    }
    openssl->OPENSSL_sk_free(suites);
    return offers;
}

bool openssl_versions_restrict(struct openssl_connection *connection)
{
    /* First try without a restriction: that would switch TLS 1.3 on where SSL_OP_NO_TLSv1_2 leaves
     * a gap below it. */
    bool offers = openssl_versions_watched(connection) && offers_tls13(connection);
    if (offers) {
        connection->versions = OPENSSL_VERSIONS_TLS13;
        offers = offers_tls13(connection);
    }
    if (!offers) {
        connection->versions = OPENSSL_VERSIONS_OWN;
    }
    return offers;
}
