/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GREASE ECH by the custom extension: the hello is libssl's own, with only this extension from us.
 * The length of the payload is a good guess: no call tells which other extensions there will be,
 * and each takes two octets in ech_outer_extensions. Without a PSK the minimum length covers that.
 */
#include "ech/grease.h"

#include "shim/engine/openssl/openssl.h"

enum { ALERT_DECODE_ERROR = 50 };

size_t openssl_resumed_psk(const struct openssl *openssl, const SSL *ssl)
{
    const SSL_SESSION *session = openssl->SSL_get_session(ssl);
    const unsigned char *ticket = NULL;
    size_t length = 0;
    if (session == NULL || openssl->SSL_SESSION_get_protocol_version(session) != TLS1_3_VERSION) {
        return 0;
    }
    const SSL_CIPHER *cipher = openssl->SSL_SESSION_get0_cipher(session);
    openssl->SSL_SESSION_get0_ticket(session, &ticket, &length);
    return cipher != NULL
               ? ech_grease_pre_shared_key(length, openssl->SSL_CIPHER_get_protocol_id(cipher))
               : 0;
}

int openssl_grease_add(struct openssl_connection *connection, const unsigned char **out,
                       size_t *length)
{
    const struct openssl *openssl = connection->openssl;
    if (!shim_session_may_grease(connection->session)) {
        return -1;
    }
    struct bytes grease =
        shim_session_grease(connection->session, openssl_resumed_psk(openssl, connection->ssl));
    *out = grease.data;
    *length = grease.len;
    return grease.len > 0;
}

int openssl_grease_parse(unsigned context, struct bytes extension_data, int *alert)
{
    enum ech_status status = (context & SSL_EXT_TLS1_3_HELLO_RETRY_REQUEST) != 0
                                 ? ech_grease_check_retry_request(extension_data)
                                 : ech_grease_check_encrypted_extensions(extension_data);
    if (status != ECH_OK) {
        *alert = ALERT_DECODE_ERROR;
    }
    return status == ECH_OK;
}
