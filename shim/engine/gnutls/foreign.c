/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of GnuTLS that lack some function that we need, and versions that are too old. We do not
 * touch their sessions, but report their handshakes, and strict mode refuses those that it would
 * have to protect.
 */
#include <errno.h>
#include <string.h>

#include "shim/engine/gnutls/gnutls.h"
#include "shim/engine/state/state.h"

/* -1: the transport is hidden, or the library does not tell. */
static int descriptor_of(const struct shim_library *library, gnutls_session_t session)
{
    __typeof__(&gnutls_transport_get_int) get =
        (__typeof__(&gnutls_transport_get_int))shim_state()->stub->dlsym(
            library->handle, "gnutls_transport_get_int");
    return get != NULL ? get(session) : -1;
}

void gnutls_foreign_name(gnutls_session_t session, const void *name, size_t length)
{
    struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection != NULL && length < sizeof connection->server_name) {
        memcpy(connection->server_name, name, length);
        connection->server_name[length] = '\0';
    }
}

bool gnutls_foreign_allows(const struct shim_library *library, gnutls_session_t session)
{
    const struct gnutls_connection *connection = gnutls_connection_find(session);
    if (connection == NULL) {
        return true; /* a server's */
    }
    int saved = errno;
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_GNUTLS,
        .server_name = connection->server_name,
        .fd = connection->default_transport ? descriptor_of(library, session) : -1,
        .quic = connection->quic,
    };
    facts.reported = !shim_state()->stub->first_told(session, facts.fd, connection->server_name);
    bool allowed = shim_session_allows_unsupported(&facts);
    errno = saved;
    return allowed;
}
