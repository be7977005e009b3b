/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/session.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/engine.h"
#include "shim/kept.h"
#include "shim/log.h"
#include "shim/peer.h"
#include "shim/probe.h"
#include "shim/reconnect.h"
#include "shim/report.h"
#include "shim/search.h"
#include "shim/verify.h"

/* Keys are changed about every hour: what is kept of a rejection lives no longer. */
enum { KEPT_SECONDS_MAX = 3600 };

struct shim_session {
    struct shim_found found;
    char host[DNS_HOST_SIZE];
    struct shim_decision decision;
    enum ech_padding_floor floor;
    struct writer grease; /* extension data; empty until the hello is made */
    struct ech_exchange_options options;
    struct ech_exchange *exchange;
    struct shim_verifier *verifier; /* once a rejection was to be authenticated */
    struct shim_report report;      /* its strings are host's, found's or static */
    uint64_t sent;                  /* octets of the exchange that went to the transport in hand */
    bool wants_connection;          /* after a rejection that is to be answered */
    uint64_t offered_us;            /* when ClientHelloOuter was made, monotonic */
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
        .grease = state->settings.grease,
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

/* Trust anchors take long to read, and few handshakes need them: only after a rejection. */
static enum ech_alert verify_chain(void *context, const struct bytes *certificates, size_t count,
                                   struct bytes public_name)
{
    struct shim_session *session = context;
    if (session->verifier == NULL &&
        shim_verifier_new(&session->verifier, shim_engine_state()->settings.ca_file) != ECH_OK) {
        return ECH_ALERT_UNKNOWN_CA;
    }
    struct ech_tls13_verifier verifier = shim_verifier_callbacks(session->verifier);
    return verifier.verify_chain(verifier.context, certificates, count, public_name);
}

static enum ech_alert verify_signature(void *context, uint16_t scheme, struct bytes certificate,
                                       struct bytes content, struct bytes signature)
{
    struct shim_session *session = context;
    if (session->verifier == NULL) {
        return ECH_ALERT_INTERNAL_ERROR;
    }
    struct ech_tls13_verifier verifier = shim_verifier_callbacks(session->verifier);
    return verifier.verify_signature(verifier.context, scheme, certificate, content, signature);
}

static bool make_exchange(struct shim_session *session)
{
    session->options = (struct ech_exchange_options){
        .random = {.fill = fill_random},
        .floor = session->floor,
        .key_share_rule = ECH_KEY_SHARE_AUTO,
        .verifier = {.verify_chain = verify_chain,
                     .verify_signature = verify_signature,
                     .context = session},
    };
    return ech_exchange_new(&session->exchange, &session->options) == ECH_OK;
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
    session->floor = facts->floor;
    wr_init(&session->grease, 0);
    session->decision = decide(session, facts);
    enum shim_action action = session->decision.action;
    bool kept = false;
    switch (action) {
    case SHIM_ACTION_PLAIN:
        report_outcome(session, "plain", session->decision.reason);
        state->stub->permit(facts->fd);
        break;
    case SHIM_ACTION_GREASE:
        state->stub->permit(facts->fd);
        kept = true;
        break;
    case SHIM_ACTION_REFUSE:
        report_outcome(session, "refused", session->decision.reason);
        kept = make_exchange(session);
        break;
    case SHIM_ACTION_OFFER:
        kept = make_exchange(session);
        action = kept ? action : SHIM_ACTION_REFUSE;
        break;
    default:
        break;
    }
    if (kept) {
        *out = session;
    } else {
        shim_session_free(session);
    }
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

bool shim_session_is_for(const struct shim_session *session, const char *server_name)
{
    return strcasecmp(session->host, server_name != NULL ? server_name : "") == 0;
}

/* ---- GREASE ---- */

struct bytes shim_session_grease(struct shim_session *session, const struct ech_grease_shape *shape)
{
    if (!session->reported) {
        const struct ech_random random = {.fill = fill_random};
        struct ech_grease_shape whole = *shape;
        whole.floor = session->floor;
        whole.name_length = strlen(session->host);
        if (ech_grease_make(&whole, &random, &session->grease) == ECH_OK) {
            report_outcome(session, "grease", session->decision.reason);
        } else {
            wr_free(&session->grease);
            report_outcome(session, "plain", "internal");
        }
    }
    return wr_view(&session->grease);
}

/* ---- the exchange ---- */

static void note_facts(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    session->report.hello_retry_request = facts.hello_retry_request;
    session->report.hello_bytes_inner = facts.hello_bytes_inner;
    session->report.hello_bytes_outer = facts.hello_bytes_outer;
    session->report.retries = facts.retries;
    if (session->offered_us != 0) {
        session->report.hello_us = shim_engine_state()->lookup.io->now_us() - session->offered_us;
    }
}

static void failed(struct shim_session *session)
{
    enum ech_failure failure = ech_exchange_failure(session->exchange);
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    note_facts(session);
    if (session->offered_us != 0) {
        forbid_downgrade(session);
    }
    report_outcome(session, facts.state == ECH_STATE_REJECTED ? "rejected" : "failed",
                   ech_failure_name(failure));
}

void shim_session_free(struct shim_session *session)
{
    if (session != NULL) {
        withdraw(session);
        if (session->offered_us != 0 && !session->reported) {
            /* The application gave up, at its own time limit or at the end of a connection that its
             * library does not see. */
            note_facts(session);
            forbid_downgrade(session); /* whoever drops packets can bring that about */
            report_outcome(session, "failed", "abandoned");
        }
        ech_exchange_free(session->exchange);
        shim_verifier_free(session->verifier);
        shim_found_free(&session->found);
        wr_free(&session->grease);
        free(session);
    }
}

/* The config was looked up for one name; a hello for another must not be sealed under it (RFC
 * 9460, 9.4). */
static bool hello_is_for_host(const struct shim_session *session)
{
    struct bytes server_name = ech_exchange_server_name(session->exchange);
    return server_name.len == strlen(session->host) &&
           strncasecmp((const char *)server_name.data, session->host, server_name.len) == 0;
}

static void note_choice(struct shim_session *session)
{
    session->report.has_config = true;
    session->report.public_name = session->found.choice.config.public_name;
    session->report.config_id = session->found.choice.config.config_id;
    session->report.suite = session->found.choice.suite;
    session->report.source = session->found.source;
}

static void answer_need_config(struct shim_session *session)
{
    if (session->decision.action != SHIM_ACTION_OFFER || !hello_is_for_host(session)) {
        if (session->decision.action == SHIM_ACTION_OFFER) {
            report_outcome(session, "failed", "name_changed");
        }
        (void)ech_exchange_refuse(session->exchange);
        return;
    }
    note_choice(session);
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
    case ECH_EVENT_REJECTED:
        session->wants_connection = true;
        break;
    case ECH_EVENT_FAILED:
        failed(session);
        break;
    }
}

void shim_session_net_took(struct shim_session *session, size_t octets)
{
    session->sent += octets;
    ech_exchange_net_took(session->exchange, octets);
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

bool shim_session_disabled(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    return facts.state == ECH_STATE_NONE && ech_exchange_done(session->exchange) &&
           ech_exchange_failure(session->exchange) == ECH_FAILURE_NONE;
}

bool shim_session_accepted(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    return facts.state == ECH_STATE_ACCEPTED;
}

/* ---- after a rejection ---- */

bool shim_session_wants_connection(const struct shim_session *session)
{
    return session->wants_connection;
}

/* What is known of a rejection, in the end. */
struct lesson {
    bool known; /* else nobody could be authenticated */
    bool disabled;
    bool same_config; /* another server of the fleet takes the config that this one rejected */
    struct writer retry_configs;
};

/* Asks the server, by a probe, what the outer handshake could not tell. */
static void probe(const struct shim_session *session, int fd, struct lesson *lesson)
{
    struct writer hello;
    wr_init(&hello, 0);
    struct shim_probe request = {
        .fd = fd,
        .choice = &session->found.choice,
        .options = session->options,
        .timeout_ms = shim_engine_state()->settings.timeout_ms,
    };
    if (ech_exchange_probe_hello(session->exchange, &hello) == ECH_OK) {
        request.hello = wr_view(&hello);
        enum shim_probe_result result = shim_probe(&request, &lesson->retry_configs);
        lesson->known = result != SHIM_PROBE_FAILED;
        lesson->disabled = result == SHIM_PROBE_DISABLED;
        lesson->same_config = result == SHIM_PROBE_ACCEPTED;
    }
    wr_wipe(&hello);
}

static void learn(const struct shim_session *session, int fd, struct lesson *lesson)
{
    struct ech_rejection rejection;
    *lesson = (struct lesson){.known = true};
    wr_init(&lesson->retry_configs, 0);
    ech_exchange_rejection(session->exchange, &rejection);
    if (rejection.probe) {
        probe(session, fd, lesson);
        return;
    }
    lesson->disabled = rejection.disabled;
    wr_bytes(&lesson->retry_configs, rejection.retry_configs);
    lesson->known = wr_finish(&lesson->retry_configs) == ECH_OK;
}

/* For the program's next attempt (RFC 9849, 6.1.8). */
static void keep(const struct shim_session *session, const struct lesson *lesson)
{
    struct shim_kept_source source = {
        .host = session->host,
        .port = (uint16_t)session->report.port,
        .ech_config_list =
            bytes_of(session->found.ech_config_list, session->found.ech_config_list_length),
    };
    uint32_t seconds =
        session->found.ttl < KEPT_SECONDS_MAX ? session->found.ttl : KEPT_SECONDS_MAX;
    shim_kept_put(&source, wr_view(&lesson->retry_configs),
                  shim_engine_state()->lookup.io->now_us(), (uint64_t)seconds * 1000000);
}

static void give_up(struct shim_session *session, const char *reason, const struct lesson *lesson)
{
    note_facts(session);
    if (!lesson->known || !lesson->disabled) {
        forbid_downgrade(session);
    }
    report_outcome(session, "rejected", reason);
    (void)ech_exchange_give_up(session->exchange);
}

/* On the new connection. */
static void go_on(struct shim_session *session, int fd, enum shim_answer answer)
{
    session->sent = 0;
    if (answer == SHIM_ANSWER_DISABLE) {
        withdraw(session);
        shim_engine_state()->stub->permit(fd);
        (void)ech_exchange_disable(session->exchange);
        note_facts(session);
        report_outcome(session, "disabled", NULL);
        return;
    }
    note_choice(session);
    session->offered_us = shim_engine_state()->lookup.io->now_us();
    enum ech_event event = ech_exchange_retry(session->exchange, &session->found.choice);
    if (event != ECH_EVENT_FAILED) {
        announce(session);
    }
    handle(session, event);
}

/* Puts the retry_configs in the place of what was found. True if one of them can be used. */
static bool adopt(struct shim_session *session, struct lesson *lesson)
{
    bool usable =
        shim_found_replace(&session->found, wr_view(&lesson->retry_configs)) == SHIM_SEARCH_USABLE;
    session->found.source = "retry_configs";
    return usable;
}

/*
 * What the outer handshake had to say in the end: best effort, past the application's transport,
 * whose queue would carry it to the new connection.
 */
static void send_last_words(struct shim_session *session, int fd)
{
    struct bytes out = ech_exchange_to_net(session->exchange);
    if (out.len > 0) {
        ssize_t sent =
            shim_engine_state()->stub->send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            ech_exchange_net_took(session->exchange, (size_t)sent);
        }
    }
}

static struct shim_rejection_decision decide_rejected(struct shim_session *session, int fd,
                                                      struct lesson *lesson)
{
    const struct shim_settings *settings = &shim_engine_state()->settings;
    enum shim_reconnect way = shim_reconnect_check(fd, session->sent);
    if (way == SHIM_RECONNECT_DONE) {
        send_last_words(session, fd);
    }
    learn(session, fd, lesson);
    note_facts(session);
    struct shim_policy_rejection facts = {
        .mode = settings->mode,
        .retry = settings->retry,
        .retries = session->report.retries,
        .authenticated = lesson->known,
        .disabled = lesson->disabled,
        .no_connection = way == SHIM_RECONNECT_DONE ? NULL : shim_reconnect_name(way),
    };
    struct shim_found fresh = {0};
    facts.usable_config =
        lesson->same_config ||
        shim_found_replace(&fresh, wr_view(&lesson->retry_configs)) == SHIM_SEARCH_USABLE;
    shim_found_free(&fresh);
    struct shim_rejection_decision decision = shim_policy_rejected(&facts);
    if (decision.keep) {
        keep(session, lesson);
    }
    return decision;
}

void shim_session_reconnect(struct shim_session *session, int fd)
{
    int saved = errno;
    struct lesson lesson;
    session->wants_connection = false;
    if (fd < 0 && session->announced) {
        (void)shim_engine_state()->stub->descriptor_of(session->outer_random, &fd);
    }
    struct shim_rejection_decision decision = decide_rejected(session, fd, &lesson);
    if (decision.answer != SHIM_ANSWER_GIVE_UP) {
        enum shim_reconnect way = shim_reconnect(fd, shim_engine_state()->settings.timeout_ms);
        if (way != SHIM_RECONNECT_DONE) {
            decision = (struct shim_rejection_decision){.answer = SHIM_ANSWER_GIVE_UP,
                                                        .reason = shim_reconnect_name(way)};
        }
    }
    if (decision.answer == SHIM_ANSWER_RETRY && !lesson.same_config && !adopt(session, &lesson)) {
        decision =
            (struct shim_rejection_decision){.answer = SHIM_ANSWER_GIVE_UP, .reason = "internal"};
    }
    if (decision.answer == SHIM_ANSWER_GIVE_UP) {
        give_up(session, decision.reason, &lesson);
    } else {
        go_on(session, fd, decision.answer);
    }
    wr_free(&lesson.retry_configs);
    errno = saved;
}
