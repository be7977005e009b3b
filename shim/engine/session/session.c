/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/session_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/common/socket_identity.h"
#include "shim/engine/base/decompress.h"
#include "shim/engine/base/random.h"
#include "shim/engine/base/section.h"
#include "shim/engine/endpoint/peer.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/session/outer_name.h"
#include "shim/engine/session/story.h"

/* ---- the decision ---- */

/* The origin and the peer of the connection. Through a proxy, only the port that the proxy was
 * asked for is known. A connection that was used before counts as one through a proxy. An unknown
 * port counts as HTTPS's own. */
static struct shim_destination destination_of(struct shim_session *session,
                                              const struct shim_peer *peer,
                                              struct shim_address *address)
{
    struct shim_destination destination = {
        .host = session->host,
        .port = peer->port,
        .locked_in = shim_state()->stub->locked(),
        /* In strict mode only what this process itself was told counts. */
        .asks_others = session->host_settings.mode != SHIM_MODE_STRICT,
    };
    if (peer->way.tunnel) {
        destination.tunnel = true;
        destination.port = peer->way.port != 0 ? peer->way.port : DNS_HTTPS_PORT;
    } else if (peer->used) {
        destination.tunnel = true;
        destination.port = DNS_HTTPS_PORT;
    } else if (!peer->doubtful && shim_address_of(shim_session_peer(session), address)) {
        destination.peer = address;
    }
    session->origin_port = destination.port;
    return destination;
}

/* Redirects the connection to one of the endpoints, and takes that endpoint's config. */
static void redirect_connection(struct shim_session *session,
                                const struct shim_session_facts *given,
                                const struct shim_peer *peer,
                                const struct shim_destination *destination,
                                const struct shim_route *route)
{
    const struct shim_engine_state *state = shim_state();
    struct shim_found *found = &session->found;
    size_t endpoint;
    if (!route->usable && (session->fd_hidden || session->host_settings.mode == SHIM_MODE_STRICT)) {
        /* A redirect for a hello without ECH needs the descriptor now: such a hello is not
         * announced. In strict mode there is no such hello. */
        found->search = SHIM_SEARCH_UNREDIRECTABLE;
        return;
    }
    switch (shim_redirect_begin(&session->redirect, route, given->fd, peer->fd,
                                state->settings.timeout_ms, &endpoint)) {
    case SHIM_REDIRECT_ARRIVED:
        shim_config_search_arrived(found, shim_engine_lookup(&session->host_settings), destination,
                                   endpoint);
        break;
    case SHIM_REDIRECT_IMPOSSIBLE:
        found->search = SHIM_SEARCH_UNREDIRECTABLE;
        break;
    case SHIM_REDIRECT_UNREACHABLE:
        found->search = SHIM_SEARCH_UNREACHABLE;
        break;
    }
    if (session->redirect.moved) {
        session->socket = shim_socket_identity(given->fd);
        (void)shim_address_write(&session->redirect.peer, 0, &session->peer);
    }
}

static void search(struct shim_session *session, const struct shim_session_facts *given,
                   const struct shim_peer *peer, bool ech_failed, struct shim_route *route)
{
    struct shim_found *found = &session->found;
    struct shim_address address;
    if (shim_state()->stub->locked()) {
        /* The config was set by hand, so no network is needed. */
        const struct shim_destination anywhere = {.host = session->host, .port = peer->port};
        shim_config_search(&session->host_settings, shim_engine_lookup(&session->host_settings),
                           &anywhere, found, route);
        session->report.source = found->source;
        return;
    }
    struct shim_destination destination = destination_of(session, peer, &address);
    destination.ech_failed = ech_failed;
    if (destination.tunnel) {
        session->peer.ss_family = AF_UNSPEC; /* this would be the proxy, which many names share */
    }
    shim_config_search(&session->host_settings, shim_engine_lookup(&session->host_settings),
                       &destination, found, route);
    if (route->kind == SHIM_ROUTE_REDIRECT) {
        redirect_connection(session, given, peer, &destination, route);
    } else if (found->search == SHIM_SEARCH_USABLE && session->fd_hidden &&
               route->kind == SHIM_ROUTE_IN_PLACE &&
               !shim_redirect_confirm(&session->redirect, route, route->hops[0].endpoint)) {
        found->search = SHIM_SEARCH_UNREDIRECTABLE;
    }
    session->report.source = found->source;
    session->report.resolver = found->resolver;
    session->report.lookup_us = found->lookup_us;
}

static bool ech_failed(const struct shim_session *session)
{
    const struct shim_engine_state *state = shim_state();
    return shim_downgrade_forbids(state->downgrade, session->host, shim_session_peer(session),
                                  state->io->now_us());
}

/* A list that was set by hand for every name also serves a hello without server_name. */
static bool serves_without_name(const struct shim_session *session,
                                const struct shim_session_facts *given)
{
    const struct shim_host_settings *settings = &session->host_settings;
    return session->host[0] == '\0' && !given->name_needed && settings->config_list_given &&
           settings->config_list_usable &&
           (settings->config_list.len > 0 || settings->config_file != NULL);
}

static struct shim_decision decide(struct shim_session *session,
                                   const struct shim_session_facts *given, struct shim_route *route)
{
    const struct shim_engine_state *state = shim_state();
    struct shim_peer peer;
    shim_peer_find(given->fd, given->port, session->host, &peer);
    session->report.port = peer.way.port != 0 ? peer.way.port : peer.port;
    session->peer = peer.address;
    session->fd_hidden = given->fd < 0;
    bool locked = state->stub->locked();
    session->socket = SHIM_SOCKET_UNKNOWN;
    session->judged_fd = locked ? -1 : given->fd;
    if (!locked) {
        bool asked = given->fd >= 0 && peer.way.fd == given->fd && peer.way.socket != 0;
        session->socket = asked ? peer.way.socket : shim_socket_identity(given->fd);
    }

    shim_story_begin(session, &peer);
    struct shim_policy_facts facts = {
        .mode = session->host_settings.mode,
        .port_watched = peer.way.watched || shim_settings_watches(&state->settings, peer.port),
        .quic = given->quic,
        .library_supported = given->library_supported,
        .tls13 = given->tls13,
        .spent = given->spent,
        .own_ech = given->own_ech,
        .own_grease = given->own_grease,
        .own_extension = given->own_extension,
        .ech_failed = ech_failed(session),
        .grease = session->host_settings.grease,
        .name = dns_name_kind_of(session->host) != DNS_NAME_NONE,
        .every_name = serves_without_name(session, given),
        .locked_in = locked && !session->host_settings.config_list_given,
    };
    struct shim_decision decision = shim_policy_begin(&facts);
    if (decision.action != SHIM_ACTION_SEARCH) {
        return decision;
    }
    search(session, given, &peer, facts.ech_failed, route);
    shim_story_search(session);
    /* The search takes time, and another thread's attempt may have failed meanwhile. */
    facts.ech_failed = ech_failed(session);
    facts.all_have_ech = session->found.all_have_ech;
    facts.dns_protected = session->found.dns_protected;
    facts.dns_reason = session->found.dns_reason;
    decision = shim_policy_decide(&facts, session->found.search);
    if (decision.action == SHIM_ACTION_REFUSE &&
        (session->found.search == SHIM_SEARCH_UNREACHABLE ||
         session->found.search == SHIM_SEARCH_UNREDIRECTABLE)) {
        /* No hello was sent at all, but a weaker one would still serve an attacker. */
        shim_session_forbid_downgrade(session);
    }
    return decision;
}

/* Reads the trust anchors only now, after a rejection: that takes long, and few handshakes need
 * them. */
static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    struct shim_session *session = context;
    if (session->verifier == NULL && shim_state()->stub->locked()) {
        return ECH_ALERT_UNKNOWN_CA; /* they are in files, which cannot be opened any more */
    }
    if (session->verifier == NULL &&
        shim_verifier_new(&session->verifier, shim_state()->settings.ca_file) != ECH_OK) {
        return ECH_ALERT_UNKNOWN_CA;
    }
    struct ech_outer_verifier verifier = shim_verifier_callbacks(session->verifier);
    struct bytes outer_name = shim_session_outer_name(session);
    enum ech_alert alert =
        verifier.verify_chain(verifier.context, certificates, count, public_name);
    return alert == ECH_ALERT_NONE && outer_name.len > 0
               ? verifier.verify_chain(verifier.context, certificates, count, outer_name)
               : alert;
}

static enum ech_alert verify_signature(void *context, uint16_t version, uint16_t scheme,
                                       struct bytes certificate, struct bytes content,
                                       struct bytes signature)
{
    struct shim_session *session = context;
    if (session->verifier == NULL) {
        return ECH_ALERT_INTERNAL_ERROR;
    }
    struct ech_outer_verifier verifier = shim_verifier_callbacks(session->verifier);
    return verifier.verify_signature(verifier.context, version, scheme, certificate, content,
                                     signature);
}

static bool make_exchange(struct shim_session *session, const struct shim_session_facts *facts)
{
    const struct ech_exchange_options options = {
        .random = shim_random(),
        .sizes = session->sizes,
        .least_pre_shared_key = session->parts.pre_shared_key,
        .alpn = session->parts.alpn,
        .key_share_rule = ECH_KEY_SHARE_AUTO,
        .outer_name = shim_session_outer_name(session),
        .program_keys = shim_program_keys_for_exchange(&session->program_keys),
        .verifier = {.verify_chain = verify_chain,
                     .verify_signature = verify_signature,
                     .context = session},
        .decompressor = shim_decompressor,
    };
    if (ech_exchange_new(&session->exchange, &options) != ECH_OK) {
        return false;
    }
    if (options.outer_name.len > 0) {
        shim_session_warn_of_outer_name();
    }
    ech_exchange_use_ordinary(session->exchange, &facts->ordinary);
    return true;
}

/* The work of one decision. It may wait for records, and the program may leave that wait
 * (shim/engine/base/section.h). */
struct beginning {
    struct shim_work work;
    struct shim_session_facts facts;
    char server_name[DNS_HOST_SIZE]; /* "" for a name too long for the DNS, which counts as none */
    struct shim_route route;
    struct shim_session *session;
    enum shim_action action;
};

static struct shim_session *session_new(const struct shim_session_facts *facts)
{
    enum { ONE_VERSION = 2 };
    struct shim_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    atomic_init(&session->references, 1);
    memcpy(session->host, facts->server_name, strlen(facts->server_name) + 1);
    shim_settings_of_host(&shim_state()->settings, session->host, &session->host_settings);
    session->report = (struct shim_report){
        .library = facts->library_name != NULL ? facts->library_name
                                               : shim_tls_libraries[facts->library].name,
        .host = session->host[0] != '\0' ? session->host : NULL,
        .mode = session->host_settings.mode,
        .source = "none",
    };
    session->sizes = shim_tls_libraries[facts->library].sizes;
    if (facts->own_lengths) {
        session->sizes.ordinary = (struct ech_hello_size){.floor = ECH_LIBRARY_GREASE_MAX};
    } else if (facts->post_quantum) {
        session->sizes.ordinary = shim_tls_libraries[facts->library].post_quantum_size;
    }
    session->sizes.library_name_length = facts->library_name_length;
    session->sizes.padded = facts->padded;
    session->parts = (struct ech_hello_parts){.host_name = strlen(session->host),
                                              .pre_shared_key = facts->pre_shared_key,
                                              .cipher_suites = facts->inner_suites,
                                              .alpn = facts->alpn};
    session->older_versions = facts->ordinary.supported_versions.len > ONE_VERSION;
    session->reported = facts->reported;
    session->redirect = SHIM_REDIRECT_NONE;
    wr_init(&session->grease, 0);
    return session;
}

/* True: the session goes on. */
static bool act(struct shim_session *session, const struct shim_session_facts *facts,
                enum shim_action *action)
{
    const struct shim_stub *stub = shim_state()->stub;
    bool goes_on = false;
    switch (*action) {
    case SHIM_ACTION_PLAIN:
        shim_session_report(session, "plain", session->decision.reason);
        stub->permit(facts->fd);
        break;
    case SHIM_ACTION_GREASE:
        stub->permit(facts->fd);
        goes_on = true;
        break;
    case SHIM_ACTION_REFUSE:
        shim_session_report(session, "refused", session->decision.reason);
        goes_on = make_exchange(session, facts);
        break;
    case SHIM_ACTION_OFFER:
        goes_on = make_exchange(session, facts);
        *action = goes_on ? SHIM_ACTION_OFFER : SHIM_ACTION_REFUSE;
        break;
    default:
        break;
    }
    return goes_on;
}

static void run_beginning(struct shim_work *work)
{
    struct beginning *beginning = (struct beginning *)work;
    struct shim_session *session = session_new(&beginning->facts);
    if (session == NULL) {
        return;
    }
    session->decision = decide(session, &beginning->facts, &beginning->route);
    shim_story_decision(session);
    if (shim_section_is_left()) {
        /* The handshake will not go on. The caller's octets may be gone, so nothing below may run:
         * it reads the lists of the ordinary hello. */
        shim_session_free(session);
        return;
    }
    beginning->action = session->decision.action;
    if (act(session, &beginning->facts, &beginning->action)) {
        beginning->session = session;
    } else {
        shim_session_free(session);
    }
}

/*
 * One block that no handshake uses now: each needs one for a moment. Taken and given by one atomic
 * exchange, so no lock is needed, and a thread that a signal or a fork interrupts loses nothing but
 * the block.
 */
static _Atomic(struct beginning *) spare;

static struct beginning *take_block(void)
{
    struct beginning *block = atomic_exchange(&spare, NULL);
    return block != NULL ? block : malloc(sizeof *block);
}

/* Wipes it, since it holds a name. */
static void give_block(struct beginning *block)
{
    ech_wipe(block, sizeof *block);
    free(atomic_exchange(&spare, block));
}

static void drop_beginning(struct shim_work *work)
{
    struct beginning *beginning = (struct beginning *)work;
    shim_session_free(beginning->session);
    give_block(beginning);
}

static struct beginning *beginning_new(const struct shim_session_facts *facts)
{
    struct beginning *beginning = take_block();
    if (beginning == NULL) {
        return NULL;
    }
    *beginning = (struct beginning){.work = {.run = run_beginning, .drop = drop_beginning}};
    beginning->action = SHIM_ACTION_REFUSE;
    beginning->facts = *facts;
    (void)dns_host_normal(facts->server_name != NULL ? facts->server_name : "",
                          beginning->server_name);
    beginning->facts.server_name = beginning->server_name;
    return beginning;
}

enum shim_action shim_session_begin(struct shim_session **out,
                                    const struct shim_session_facts *facts)
{
    int saved = errno;
    enum shim_action action = SHIM_ACTION_REFUSE; /* if nothing can be decided */
    struct beginning *beginning = beginning_new(facts);
    *out = NULL;
    if (beginning != NULL && shim_section_run(&beginning->work)) {
        *out = beginning->session;
        action = beginning->action;
        give_block(beginning);
    }
    errno = saved;
    return action;
}

bool shim_session_allows_unsupported(const struct shim_session_facts *facts)
{
    struct shim_session *session = NULL;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    enum shim_action action = shim_session_begin(&session, facts);
    shim_session_free(session);
    shim_hold_end(&hold);
    return action != SHIM_ACTION_REFUSE;
}

bool shim_session_is_for(const struct shim_session *session, const char *server_name)
{
    return dns_host_equal(session->host, server_name != NULL ? server_name : "");
}

/* ---- GREASE ---- */

bool shim_session_may_grease(struct shim_session *session)
{
    if (session->hello_made || !ech_failed(session)) {
        return true;
    }
    shim_session_report(session, "refused", "downgrade");
    return false;
}

void shim_session_library_grease(struct shim_session *session)
{
    if (!session->hello_made) {
        session->hello_made = true;
        shim_session_report(session, "grease", session->decision.reason);
    }
}

struct bytes shim_session_grease(struct shim_session *session, size_t pre_shared_key)
{
    if (!session->hello_made) {
        session->hello_made = true;
        struct ech_grease_shape shape = {
            .sizes = session->sizes, .ordinary = session->older_versions, .parts = session->parts};
        const struct ech_random random = shim_random();
        struct shim_hold hold;
        if (shape.parts.pre_shared_key < pre_shared_key) {
            shape.parts.pre_shared_key = pre_shared_key;
        }
        shim_hold_begin(&hold);
        if (ech_grease_make(&shape, &random, &session->grease) == ECH_OK) {
            shim_session_report(session, "grease", session->decision.reason);
        } else {
            wr_free(&session->grease);
            shim_session_report(session, "plain", "internal");
        }
        shim_hold_end(&hold);
    }
    return wr_view(&session->grease);
}
