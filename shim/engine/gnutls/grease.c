/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GREASE ECH by an extension of the session. The hello is GnuTLS's own. We only add this extension,
 * and keep the others in order, as with real ECH.
 */
#include "ech/grease.h"

#include "shim/engine/gnutls/gnutls.h"

enum { NO_EXTENSION = 0 };

int gnutls_grease_send(const struct gnutls_connection *connection, gnutls_buffer_t buffer)
{
    if (!shim_session_may_grease(connection->session)) {
        return GNUTLS_E_INTERNAL_ERROR;
    }
    struct bytes grease = shim_session_grease(connection->session, connection->resumed_psk);
    if (grease.len == 0) {
        return NO_EXTENSION;
    }
    return connection->gnutls->gnutls_buffer_append_data(buffer, grease.data, grease.len) ==
                   GNUTLS_E_SUCCESS
               ? (int)grease.len
               : GNUTLS_E_INTERNAL_ERROR;
}

int gnutls_grease_judge(const struct gnutls_connection *connection, struct bytes answer)
{
    /* The extension's flags allow only two messages. */
    bool encrypted =
        connection->gnutls->gnutls_ext_get_current_msg(connection->handle) == GNUTLS_EXT_FLAG_EE;
    enum ech_status status = encrypted ? ech_grease_check_encrypted_extensions(answer)
                                       : ech_grease_check_retry_request(answer);
    /* GnuTLS sends the alert decode_error for this error. */
    return status == ECH_OK ? GNUTLS_E_SUCCESS : GNUTLS_E_UNEXPECTED_EXTENSIONS_LENGTH;
}

/* If this fails, the hello is still one that the application could have sent. */
static void keep_order(struct gnutls_connection *connection)
{
    gnutls_priority_t in_order = gnutls_own_in_order(connection);
    if (in_order != NULL) {
        connection->priorities_ours = true;
        (void)connection->gnutls->gnutls_priority_set(connection->handle, in_order);
    }
}

void gnutls_grease_arm(struct gnutls_connection *connection, gnutls_priority_t tls13_only)
{
    keep_order(connection);
    connection->resumed_psk =
        connection->session_data.data != NULL ? gnutls_session_data_psk(connection, tls13_only) : 0;
}
