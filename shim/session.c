/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/session.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/engine.h"
#include "shim/log.h"
#include "shim/peer.h"
#include "shim/report.h"
#include "shim/search.h"

struct shim_session {
    struct shim_found found;
    char host[DNS_HOST_SIZE];
    enum shim_action action;
    struct ech_exchange *exchange;
    struct shim_report report; /* its strings are host's, found's or static */
    uint64_t offered_us;       /* when ClientHelloOuter was made, monotonic */
    bool reported;
    bool fd_hidden;
    bool announced; /* to the wire guard, with this random */
    uint8_t outer_random[32];
    struct sockaddr_storage peer; /* AF_UNSPEC: not known */
};

static enum ech_status fill_random(void *context, uint8_t *out, size_t len)
{
    (void)context;
    return gnutls_rnd(GNUTLS_RND_KEY, out, len) == GNUTLS_E_SUCCESS ? ECH_OK : ECH_ERR_CRYPTO;
}

static void report_outcome(struct shim_session *session, const char *outcome, const char *reason)
{
    if (session->reported) {
        return;
    }
    session->reported = true;
    session->report.outcome = outcome;
    session->report.reason = reason;
    const struct shim_settings *settings = &shim_engine_state()->settings;
    shim_log(settings, SHIM_LOG_INFO, "%s: %s (%s)", session->report.library, outcome,
             reason != NULL ? reason : "-");
    shim_report_append(settings, &session->report);
}

/* ---- the decision ---- */

static const struct sockaddr *peer_of(const struct shim_session *session)
{
    return session->peer.ss_family != AF_UNSPEC ? (const struct sockaddr *)&session->peer : NULL;
}

/* An attempt with ECH did not end well: nothing weaker may follow it. */
static void forbid_downgrade(const struct shim_session *session)
{
    const struct shim_engine_state *state = shim_engine_state();
    shim_downgrade_note(state->downgrade, session->host, peer_of(session), session->found.ttl,
                        state->lookup.io->now_us());
}

static struct shim_decision decide(struct shim_session *session,
                                   const struct shim_session_facts *given)
{
    const struct shim_engine_state *state = shim_engine_state();
    struct shim_peer peer;
    shim_peer_find(given->fd, given->port, &peer);
    session->report.port = peer.port;
    session->peer = peer.address;
    session->fd_hidden = given->fd < 0;

    struct dns_name qname;
    struct shim_policy_facts facts = {
        .mode = state->settings.mode,
        .port_watched = shim_settings_watches(&state->settings, peer.port),
        .quic = given->quic,
        .library_supported = given->library_supported,
        .tls13 = given->tls13,
        .ech_failed = shim_downgrade_forbids(state->downgrade, session->host, peer_of(session),
                                             state->lookup.io->now_us()),
        .name = session->host[0] != '\0' &&
                dns_name_of_origin(session->host, peer.port, &qname) == ECH_OK,
    };
    struct shim_decision decision = shim_policy_begin(&facts);
    if (decision.action != SHIM_ACTION_SEARCH) {
        return decision;
    }
    struct shim_destination destination = {
        .host = session->host,
        .port = peer.port,
        .peer = peer_of(session),
    };
    state->stub->enter();
    shim_search(&state->settings, &state->lookup, &destination, &session->found);
    state->stub->leave();
    session->report.source = session->found.source;
    session->report.resolver = session->found.resolver[0] != '\0' ? session->found.resolver : NULL;
    session->report.lookup_us = session->found.lookup_us;
    decision = shim_policy_decide(&facts, session->found.search);
    if (session->found.detail != NULL) {
        /* The resolver's own word says more than ours. */
        decision.reason = session->found.detail;
    }
    return decision;
}

static bool make_exchange(struct shim_session *session, enum ech_padding_floor floor)
{
    struct ech_exchange_options options = {
        .random = {.fill = fill_random},
        .floor = floor,
        .key_share_rule = ECH_KEY_SHARE_AUTO,
    };
    return ech_exchange_new(&session->exchange, &options) == ECH_OK;
}

enum shim_action shim_session_begin(struct shim_session **out,
                                    const struct shim_session_facts *facts)
{
    *out = NULL;
    int saved = errno;
    const struct shim_engine_state *state = shim_engine_state();
    struct shim_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return SHIM_ACTION_REFUSE;
    }
    /* A name too long for the DNS stays empty, which is no name. */
    if (facts->server_name != NULL && strlen(facts->server_name) < sizeof session->host) {
        memcpy(session->host, facts->server_name, strlen(facts->server_name) + 1);
    }
    session->report = (struct shim_report){
        .library = facts->library,
        .host = session->host[0] != '\0' ? session->host : NULL,
        .mode = state->settings.mode,
        .source = "none",
    };
    struct shim_decision decision = decide(session, facts);
    session->action = decision.action;
    switch (decision.action) {
    case SHIM_ACTION_PLAIN:
        report_outcome(session, "plain", decision.reason);
        state->stub->permit(facts->fd);
        break;
    case SHIM_ACTION_REFUSE:
        report_outcome(session, "refused", decision.reason);
        break;
    default:
        break;
    }
    enum shim_action action = decision.action;
    if (action == SHIM_ACTION_OFFER || action == SHIM_ACTION_REFUSE) {
        if (make_exchange(session, facts->floor)) {
            *out = session;
            errno = saved;
            return action;
        }
        action = SHIM_ACTION_REFUSE;
    }
    shim_session_free(session);
    errno = saved;
    return action;
}

/* ---- the wire guard ---- */

static void withdraw(struct shim_session *session)
{
    if (session->announced) {
        shim_engine_state()->stub->withdraw(session->outer_random);
        session->announced = false;
    }
}

/* Before an octet of ClientHelloOuter can leave. A second hello has the same random. */
static void announce(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    withdraw(session);
    ech_exchange_facts(session->exchange, &facts);
    memcpy(session->outer_random, facts.outer_random, sizeof session->outer_random);
    session->announced =
        shim_engine_state()->stub->announce(session->outer_random, session->fd_hidden);
}

void shim_session_free(struct shim_session *session)
{
    if (session != NULL) {
        withdraw(session);
        if (session->offered_us != 0 && !session->reported) {
            forbid_downgrade(session); /* given up unanswered: whoever drops packets can do that */
        }
        ech_exchange_free(session->exchange);
        shim_found_free(&session->found);
        free(session);
    }
}

bool shim_session_is_for(const struct shim_session *session, const char *server_name)
{
    return strcasecmp(session->host, server_name != NULL ? server_name : "") == 0;
}

/* ---- the exchange ---- */

static void note_facts(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    session->report.hello_retry_request = facts.hello_retry_request;
    session->report.hello_bytes_inner = facts.hello_bytes_inner;
    session->report.hello_bytes_outer = facts.hello_bytes_outer;
    if (session->offered_us != 0) {
        session->report.hello_us = shim_engine_state()->lookup.io->now_us() - session->offered_us;
    }
}

static void failed(struct shim_session *session)
{
    enum ech_failure failure = ech_exchange_failure(session->exchange);
    bool rejected = failure == ECH_FAILURE_REJECTED || failure == ECH_FAILURE_TLS12;
    note_facts(session);
    if (session->offered_us != 0) {
        forbid_downgrade(session);
    }
    report_outcome(session, rejected ? "rejected" : "failed", ech_failure_name(failure));
}

/* The config was looked up for one name; a hello for another must not be sealed under it (RFC
 * 9460, 9.4). */
static bool hello_is_for_host(const struct shim_session *session)
{
    struct bytes server_name = ech_exchange_server_name(session->exchange);
    return server_name.len == strlen(session->host) &&
           strncasecmp((const char *)server_name.data, session->host, server_name.len) == 0;
}

static void answer_need_config(struct shim_session *session)
{
    if (session->action != SHIM_ACTION_OFFER || !hello_is_for_host(session)) {
        if (session->action == SHIM_ACTION_OFFER) {
            report_outcome(session, "failed", "name_changed");
        }
        (void)ech_exchange_refuse(session->exchange);
        return;
    }
    session->report.has_config = true;
    session->report.public_name = session->found.choice.config.public_name;
    session->report.config_id = session->found.choice.config.config_id;
    session->report.suite = session->found.choice.suite;
    session->offered_us = shim_engine_state()->lookup.io->now_us();
    if (ech_exchange_offer(session->exchange, &session->found.choice) == ECH_EVENT_FAILED) {
        failed(session);
    } else {
        announce(session);
    }
}

static void handle(struct shim_session *session, enum ech_event event)
{
    switch (event) {
    case ECH_EVENT_NONE:
        break;
    case ECH_EVENT_NEED_CONFIG:
        answer_need_config(session);
        break;
    case ECH_EVENT_ACCEPTED:
        note_facts(session);
        report_outcome(session, "accepted", NULL);
        break;
    case ECH_EVENT_FAILED:
        failed(session);
        break;
    }
}

void shim_session_from_app(struct shim_session *session, struct bytes in)
{
    handle(session, ech_exchange_from_app(session->exchange, in));
}

void shim_session_from_net(struct shim_session *session, struct bytes in)
{
    handle(session, ech_exchange_from_net(session->exchange, in));
}

void shim_session_net_closed(struct shim_session *session)
{
    handle(session, ech_exchange_net_closed(session->exchange));
}

struct ech_exchange *shim_session_exchange(struct shim_session *session)
{
    return session->exchange;
}

bool shim_session_awaits_second_hello(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    return facts.hello_retry_request && !ech_exchange_done(session->exchange);
}

bool shim_session_accepted(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    return facts.state == ECH_STATE_ACCEPTED;
}
