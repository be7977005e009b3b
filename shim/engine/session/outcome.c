/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a session: what the exchange says is acted on, told to the wire guard and the
 * report, and remembered where nothing weaker may follow.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/session/session_state.h"
#include "shim/engine/state/log.h"

void shim_session_report(struct shim_session *session, const char *outcome, const char *reason)
{
    if (session->reported) {
        return;
    }
    session->reported = true;
    session->report.outcome = outcome;
    session->report.reason = reason;
    if (shim_state()->stub->locked()) {
        return; /* nothing is written any more; not even the process's number is asked for */
    }
    const struct shim_settings *settings = &shim_state()->settings;
    shim_log(settings, SHIM_LOG_INFO, "%s: %s (%s)", session->report.library, outcome,
             reason != NULL ? reason : "-");
    shim_report_append(settings, &session->report);
}

/* An attempt with ECH did not end well: nothing weaker may follow it. */
void shim_session_forbid_downgrade(const struct shim_session *session)
{
    const struct shim_engine_state *state = shim_state();
    shim_downgrade_note(state->downgrade, session->host, shim_session_peer(session),
                        session->found.ttl, state->io->now_us());
}

/* ---- the wire guard ---- */

void shim_session_withdraw(struct shim_session *session)
{
    if (session->announced) {
        shim_state()->stub->withdraw(session->outer_random);
        session->announced = false;
    }
}

/* Where the descriptor is hidden, the write of the hello tells it; and a connection that has to
 * lead somewhere else is led there then. */
static enum shim_watch watch_for(struct shim_session *session)
{
    if (!session->fd_hidden) {
        return SHIM_WATCH_NOT;
    }
    return session->redirect.pending ? SHIM_WATCH_LEAVES : SHIM_WATCH_SENT;
}

/* Nothing has left yet: what waits to is dropped. */
void shim_session_drop_hello(struct shim_session *session)
{
    shim_session_report(session, "failed", "internal");
    ech_exchange_net_took(session->exchange, ech_exchange_to_net(session->exchange).len);
    shim_session_handle(session, ech_exchange_net_closed(session->exchange));
}

/* Before an octet of ClientHelloOuter can leave. A second hello has the same random. */
void shim_session_announce(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    shim_session_withdraw(session);
    ech_exchange_facts(session->exchange, &facts);
    memcpy(session->outer_random, facts.outer_random, sizeof session->outer_random);
    enum shim_watch watch = watch_for(session);
    bool awaited = watch != SHIM_WATCH_LEAVES ||
                   shim_redirect_await(&session->redirect, session->outer_random);
    session->announced = awaited && shim_state()->stub->announce(session->outer_random, watch);
    if (watch == SHIM_WATCH_LEAVES && !session->announced) {
        /* Too many are pending for the write to be seen: it could leave for the wrong endpoint. */
        shim_session_drop_hello(session);
    }
}

/* ---- what the exchange says ---- */

void shim_session_note_facts(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    session->report.hello_retry_request = facts.hello_retry_request;
    session->report.hello_bytes_inner = facts.hello_bytes_inner;
    session->report.hello_bytes_outer = facts.hello_bytes_outer;
    session->report.retries = facts.retries;
    if (session->offered_us != 0) {
        session->report.hello_us = shim_state()->io->now_us() - session->offered_us;
    }
}

/* What went wrong on the way to the endpoint, if it was that: the write of a hello that could not
 * be led there was refused, or a connection that was not waited for came to nothing. */
static const char *reason_to_fail(const struct shim_session *session, const char *otherwise)
{
    if (shim_redirect_failure(&session->redirect) != NULL) {
        return session->found.all_have_ech ? "svcb_reliant" : "other_endpoint";
    }
    return session->redirect.moved && session->sent == 0 ? "no_endpoint" : otherwise;
}

static void failed(struct shim_session *session)
{
    enum ech_failure failure = ech_exchange_failure(session->exchange);
    struct ech_exchange_facts facts;
    ech_exchange_facts(session->exchange, &facts);
    shim_session_note_facts(session);
    if (session->offered_us != 0) {
        shim_session_forbid_downgrade(session);
    }
    shim_session_report(session, facts.state == ECH_STATE_REJECTED ? "rejected" : "failed",
                        reason_to_fail(session, ech_failure_name(failure)));
}

/* The config was looked up for one name; a hello for another must not be sealed under it (RFC
 * 9460, 9.4). */
static bool hello_is_for_host(const struct shim_session *session)
{
    struct bytes server_name = ech_exchange_server_name(session->exchange);
    return dns_host_equal_octets((const char *)server_name.data, server_name.len, session->host,
                                 strlen(session->host));
}

void shim_session_note_choice(struct shim_session *session)
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
            shim_session_report(session, "failed", "name_changed");
        }
        (void)ech_exchange_refuse(session->exchange);
        return;
    }
    shim_session_note_choice(session);
    session->offered_us = shim_state()->io->now_us();
    if (ech_exchange_offer(session->exchange, &session->found.choice) == ECH_EVENT_FAILED) {
        failed(session);
    } else {
        shim_session_announce(session);
    }
}

void shim_session_handle(struct shim_session *session, enum ech_event event)
{
    switch (event) {
    case ECH_EVENT_NONE:
        break;
    case ECH_EVENT_NEED_CONFIG:
        answer_need_config(session);
        break;
    case ECH_EVENT_ACCEPTED:
        shim_session_note_facts(session);
        shim_session_report(session, "accepted", NULL);
        break;
    case ECH_EVENT_REJECTED:
        session->wants_connection = true;
        break;
    case ECH_EVENT_FAILED:
        failed(session);
        break;
    }
}

/* ---- the end ---- */

void shim_session_settle(struct shim_session *session)
{
    struct shim_work *work = atomic_load(&session->rejected);
    if (work != NULL) {
        shim_section_settle(work);
    }
}

static void end(struct shim_session *session)
{
    struct shim_hold hold;
    shim_hold_begin(&hold);
    shim_session_withdraw(session);
    if (session->inner_made) {
        shim_state()->stub->withdraw(session->inner_random);
    }
    if (session->offered_us != 0 && !session->reported) {
        /* The application gave up, at its own time limit or at the end of a connection that its
         * library does not see. */
        shim_session_note_facts(session);
        shim_session_forbid_downgrade(session); /* whoever drops packets can bring that about */
        shim_session_report(session, "failed", reason_to_fail(session, "abandoned"));
    }
    shim_redirect_end(&session->redirect);
    ech_exchange_free(session->exchange);
    shim_verifier_free(session->verifier);
    shim_found_free(&session->found);
    wr_free(&session->grease);
    free(session);
    shim_hold_end(&hold);
}

void shim_session_free(struct shim_session *session)
{
    if (session == NULL) {
        return;
    }
    shim_session_settle(session);
    if (atomic_fetch_sub(&session->references, 1) == 1) {
        end(session);
    }
}
