/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that use the names of OpenSSL but are not supported: too old, another library, or a
 * copy without some function that we need. We do not touch their handshakes, but report them, and
 * strict mode refuses those that it would have to protect. The few functions called here have the
 * same types in all of them, and each may be missing.
 */
#include <errno.h>

#include "shim/engine/openssl/openssl.h"
#include "shim/engine/state/state.h"

struct foreign {
    __typeof__(&SSL_get_fd) SSL_get_fd;
    __typeof__(&SSL_get_servername) SSL_get_servername;
    __typeof__(&SSL_is_init_finished) SSL_is_init_finished;
    __typeof__(&SSL_is_server) SSL_is_server;
};

static void resolve(const struct shim_library *library, struct foreign *foreign)
{
#define RESOLVE(name)                                                                              \
    foreign->name = (__typeof__(&name))shim_state()->stub->dlsym(library->handle, #name)
    RESOLVE(SSL_get_fd);
    RESOLVE(SSL_get_servername);
    RESOLVE(SSL_is_init_finished);
    RESOLVE(SSL_is_server);
#undef RESOLVE
}

/* Does the call begin or continue a client's handshake? Only SSL_connect tells by itself. If no
 * function tells, the wire guard looks at what the call writes. */
static bool shakes_hands(const struct foreign *foreign, SSL *ssl, bool connect)
{
    if (foreign->SSL_is_init_finished != NULL && foreign->SSL_is_init_finished(ssl) != 0) {
        return false;
    }
    return connect || (foreign->SSL_is_init_finished != NULL && foreign->SSL_is_server != NULL &&
                       foreign->SSL_is_server(ssl) == 0);
}

bool openssl_foreign_allows(struct shim_library *library, SSL *ssl, bool connect)
{
    struct foreign foreign;
    int saved = errno;
    resolve(library, &foreign);
    if (!shakes_hands(&foreign, ssl, connect) || shim_state()->stub->own_ech(library, ssl)) {
        return true;
    }
    struct shim_session_facts facts = {.library = SHIM_FAMILY_OPENSSL, .fd = -1};
    if (foreign.SSL_get_servername != NULL) {
        facts.server_name = foreign.SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    }
    if (foreign.SSL_get_fd != NULL) {
        facts.fd = foreign.SSL_get_fd(ssl);
    }
    facts.reported = !shim_state()->stub->first_told(ssl, facts.fd, facts.server_name);
    bool allowed = shim_session_allows_unsupported(&facts);
    errno = saved;
    return allowed;
}
