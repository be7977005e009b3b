/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides about a client's handshake, right before NSS makes the hello.
 *
 * NSS asks for the address of the peer when a client's handshake begins, in whichever way the
 * program began it: by reading, by writing, or by SSL_ForceHandshake. So our layer's getpeername is
 * the moment of the decision. A program can ask for the peer too, and PR_Poll does. Then the
 * decision is early, and it is made anew if the name changes until the hello.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/mozilla_nss/mozilla_nss.h"

/* NSS pads its GREASE as for a config with this maximum_name_length. Firefox has the same number.
 */
enum { GREASE_SIZE = 100 };

static bool may_be_client(const struct nss_connection *connection, struct nspr_file *layer)
{
    const struct nss *nss = connection->nss;
    int secure = 1;
    int server = 0;
    if (!connection->imported || connection->as_server) {
        return false;
    }
    (void)nss->SSL_OptionGet(layer, NSS_OPTION_SECURITY, &secure);
    (void)nss->SSL_OptionGet(layer, NSS_OPTION_HANDSHAKE_AS_SERVER, &server);
    return secure != 0 && server == 0;
}

/* A name too long for the DNS counts as none. */
static void read_name(const struct nss *nss, struct nspr_file *layer, char name[DNS_HOST_SIZE])
{
    char *url = nss->SSL_RevealURL(layer);
    name[0] = '\0';
    if (url != NULL && strlen(url) < DNS_HOST_SIZE) {
        (void)snprintf(name, DNS_HOST_SIZE, "%s", url);
    }
    if (url != NULL) {
        nss->PR_Free(url);
    }
}

static bool offers_tls13(const struct nss *nss, struct nspr_file *layer)
{
    static const int32_t suites[] = {0x1301, 0x1302, 0x1303};
    struct nss_version_range range = {0};
    int enabled = 0;
    if (nss->SSL_VersionRangeGet(layer, &range) != NSPR_SUCCESS || range.max < NSS_TLS13) {
        return false;
    }
    for (size_t i = 0; i < sizeof suites / sizeof *suites && enabled == 0; i++) {
        (void)nss->SSL_CipherPrefGet(layer, suites[i], &enabled);
    }
    return enabled != 0;
}

/* The descriptor of the connection; -1: hidden, because it carries another TLS connection, which
 * carries this one. */
static int descriptor_of(const struct nss *nss, struct nspr_file *layer)
{
    return nss->PR_GetIdentitiesLayer(layer->lower, nss->identity) == NULL
               ? nss->PR_FileDesc2NativeHandle(layer)
               : -1;
}

/* Gives NSS the local config. If that fails, NSS makes a hello that the session cannot open: then
 * nothing of it leaves, and the session reports that. */
static void arm(struct nss_connection *connection, struct nspr_file *layer)
{
    struct bytes list;
    if (shim_session_local_config(connection->session, &list) && list.len <= UINT32_MAX) {
        connection->local_config = true;
        (void)connection->nss->SSL_SetClientEchConfigs(layer, list.data, (unsigned)list.len);
    }
}

/* Takes away what we set for an earlier handshake, or for the model of this socket. */
static bool disarm(struct nss_connection *connection, struct nspr_file *layer)
{
    const struct nss *nss = connection->nss;
    bool done = true;
    if (connection->local_config) {
        done = nss->SSL_RemoveEchConfigs(layer) == NSPR_SUCCESS;
        connection->local_config = !done;
    }
    if (connection->our_grease) {
        connection->our_grease = false;
        if (!connection->own_grease) {
            (void)nss->SSL_EnableTls13GreaseEch(layer, 0);
        }
    }
    return done;
}

static void grease(struct nss_connection *connection, struct nspr_file *layer)
{
    const struct nss *nss = connection->nss;
    if (!connection->own_grease && nss->SSL_EnableTls13GreaseEch != NULL &&
        nss->SSL_SetTls13GreaseEchSize != NULL) {
        (void)nss->SSL_SetTls13GreaseEchSize(layer, GREASE_SIZE);
        connection->our_grease = nss->SSL_EnableTls13GreaseEch(layer, 1) == NSPR_SUCCESS;
    }
}

void nss_hello_reset(struct nss_connection *connection)
{
    struct shim_session *session = connection->session;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    connection->session = NULL;
    atomic_store(&connection->phase, NSS_OPEN);
    shim_session_free(session);
    shim_hold_end(&hold);
    connection->hello_made = false;
    connection->taken = 0;
    atomic_store(&connection->readable, false);
    atomic_store(&connection->writes, false);
}

void nss_hello_fail(const struct nss_connection *connection)
{
    connection->nss->PR_SetError(NSS_ECH_REQUIRED_ALERT, ECONNABORTED);
}

static enum nss_phase phase_for(struct nss_connection *connection, struct nspr_file *layer,
                                enum shim_action action)
{
    switch (action) {
    case SHIM_ACTION_OFFER:
        arm(connection, layer);
        return NSS_ARMED;
    case SHIM_ACTION_REFUSE:
        return NSS_REFUSED;
    case SHIM_ACTION_GREASE:
        grease(connection, layer);
        return NSS_GREASE;
    default:
        return NSS_PASS;
    }
}

/* Without `in_time` NSS has made the hello already, and no config can be set any more. */
static void decide(struct nss_connection *connection, struct nspr_file *layer, bool in_time)
{
    const struct nss *nss = connection->nss;
    struct nss_error kept = nss_error_keep(nss);
    bool nameless = connection->server_name[0] == '\0';
    struct shim_session_facts facts = {
        .library = SHIM_FAMILY_NSS,
        .server_name = connection->server_name,
        .fd = descriptor_of(nss, layer),
        .quic = connection->own_records,
        .library_supported = in_time ? nss_knows_ech(nss, layer) : nameless,
        .name_needed = true,
        .library_name_length = GREASE_SIZE,
        .padded = ECH_PADDED_BOTH,
        .tls13 = in_time && offers_tls13(nss, layer),
    };
    struct shim_hold hold;
    shim_hold_begin(&hold); /* waits in the first call still let signals through */
    enum shim_action action = shim_session_begin(&connection->session, &facts);
    enum nss_phase phase = NSS_REFUSED;
    if (in_time ? disarm(connection, layer) : action != SHIM_ACTION_OFFER) {
        phase = phase_for(connection, layer, action);
    }
    atomic_store(&connection->phase, phase);
    shim_hold_end(&hold);
    nss_error_restore(nss, kept);
}

/* ---- the two moments ---- */

/* Another thread may ask for the peer at the same time. A claim of this thread is left from a call
 * that it never returned to. */
static bool claim(struct nss_connection *connection)
{
    uintptr_t self = (uintptr_t)pthread_self();
    uintptr_t other = 0;
    return atomic_compare_exchange_strong(&connection->decider, &other, self) || other == self;
}

static bool is_decided(const struct nss_connection *connection, const char *name)
{
    switch (atomic_load(&connection->phase)) {
    case NSS_OPEN:
        return false;
    case NSS_STARTED:
    case NSS_OVER:
        return true;
    default:
        return connection->hello_made || strcmp(name, connection->server_name) == 0;
    }
}

static void decide_in_time(struct nss_connection *connection, struct nspr_file *layer)
{
    char name[DNS_HOST_SIZE];
    if (connection->hello_made || connection->own_ech || !may_be_client(connection, layer)) {
        return;
    }
    read_name(connection->nss, layer, name);
    /* If the name is still to come, the decision would be for nothing. A hello without a name is
     * decided about when it leaves. */
    if (name[0] != '\0' && !is_decided(connection, name)) {
        nss_hello_reset(connection);
        memcpy(connection->server_name, name, sizeof name);
        decide(connection, layer, true);
    }
}

bool nss_hello_begins(struct nss_connection *connection, struct nspr_file *layer)
{
    int saved = errno;
    if (!claim(connection)) {
        /* Only sockets that do not block are used by two threads before the handshake. */
        connection->nss->PR_SetError(NSPR_WOULD_BLOCK_ERROR, 0);
        return false;
    }
    decide_in_time(connection, layer);
    atomic_store(&connection->decider, 0);
    errno = saved;
    bool goes_on = atomic_load(&connection->phase) != NSS_REFUSED;
    if (!goes_on) {
        nss_hello_fail(connection);
    }
    return goes_on;
}

/* Reports the GREASE that is in the hello already. */
static bool may_leave_with_grease(struct nss_connection *connection)
{
    if (!shim_session_may_grease(connection->session)) {
        atomic_store(&connection->phase, NSS_REFUSED);
        return false;
    }
    shim_session_library_grease(connection->session);
    return true;
}

static bool may_leave(struct nss_connection *connection, struct nspr_file *layer)
{
    if (atomic_load(&connection->phase) == NSS_OPEN && !connection->own_ech &&
        may_be_client(connection, layer)) {
        read_name(connection->nss, layer, connection->server_name);
        decide(connection, layer, false);
    }
    switch (atomic_load(&connection->phase)) {
    case NSS_REFUSED:
        return false;
    case NSS_GREASE:
        return connection->hello_made || may_leave_with_grease(connection);
    default:
        return true;
    }
}

bool nss_hello_leaves(struct nss_connection *connection, struct nspr_file *layer)
{
    if (connection->hello_made && atomic_load(&connection->phase) != NSS_REFUSED) {
        return true;
    }
    int saved = errno;
    bool leaves = may_leave(connection, layer);
    errno = saved;
    if (!leaves) {
        nss_hello_fail(connection);
    }
    connection->hello_made = atomic_load(&connection->phase) != NSS_OPEN;
    return leaves;
}
