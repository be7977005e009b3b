/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Libraries that use the names of OpenSSL but are not supported (BoringSSL, OpenSSL 4). We do not
 * touch their handshakes, but strict mode refuses those that it would have to protect. The few
 * functions called here have the same types in all of them.
 */
#include <errno.h>

#include "shim/common/hold.h"
#include "shim/engine/openssl/openssl.h"
#include "shim/engine/settings/settings.h"
#include "shim/engine/state/state.h"

struct foreign {
    __typeof__(&SSL_get_fd) SSL_get_fd;
    __typeof__(&SSL_get_servername) SSL_get_servername;
    __typeof__(&SSL_is_init_finished) SSL_is_init_finished;
    __typeof__(&SSL_is_server) SSL_is_server;
};

static bool resolve(const struct shim_library *library, struct foreign *foreign)
{
#define RESOLVE(name)                                                                              \
    foreign->name = (__typeof__(&name))shim_state()->stub->dlsym(library->handle, #name)
    RESOLVE(SSL_get_fd);
    RESOLVE(SSL_get_servername);
    RESOLVE(SSL_is_init_finished);
    RESOLVE(SSL_is_server);
#undef RESOLVE
    return foreign->SSL_get_fd != NULL && foreign->SSL_get_servername != NULL &&
           foreign->SSL_is_init_finished != NULL && foreign->SSL_is_server != NULL;
}

static bool strict_allows(const struct foreign *foreign, SSL *ssl, const char *name)
{
    struct shim_session *session = NULL;
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_OPENSSL,
        .server_name = name,
        .fd = foreign->SSL_get_fd(ssl),
    };
    facts.reported = !shim_state()->stub->first_refusal(ssl, facts.fd, name);
    struct shim_hold hold;
    shim_hold_begin(&hold);
    enum shim_action action = shim_session_begin(&session, &facts);
    shim_session_free(session);
    shim_hold_end(&hold);
    return action != SHIM_ACTION_REFUSE;
}

bool openssl_foreign_allows(struct shim_library *library, SSL *ssl, bool connect)
{
    struct foreign foreign;
    struct shim_host_settings host_settings;
    int saved = errno;
    if (!resolve(library, &foreign) || foreign.SSL_is_init_finished(ssl) != 0 ||
        (!connect && foreign.SSL_is_server(ssl) != 0)) {
        return true; /* if that is unknown, the wire guard decides */
    }
    const char *name = foreign.SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    shim_settings_of_host(&shim_state()->settings, name != NULL ? name : "", &host_settings);
    bool allowed = host_settings.mode != SHIM_MODE_STRICT ||
                   shim_state()->stub->own_ech(library, ssl) || strict_allows(&foreign, ssl, name);
    errno = saved;
    return allowed;
}
