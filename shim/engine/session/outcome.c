/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The outcome of a session: acts on what the exchange says, tells it to the wire guard and the
 * report, and remembers a failure after which no weaker attempt may follow.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/config/prepared_senders.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/session/outer_name.h"
#include "shim/engine/session/session_state.h"
#include "shim/engine/session/story.h"
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
        return; /* nothing can be written any more, and even getpid may be forbidden */
    }
    const struct shim_settings *settings = &shim_state()->settings;
    shim_log(settings, SHIM_LOG_INFO, "%s: %s (%s)", session->report.library, outcome,
             reason != NULL ? reason : "-");
    shim_story_outcome(session);
    shim_report_append(settings, &session->report);
}

/* An attempt with ECH failed: no weaker one may follow. */
void shim_session_forbid_downgrade(const struct shim_session *session)
{
    const struct shim_engine_state *state = shim_state();
    shim_downgrade_note(state->downgrade, session->host, shim_session_peer(session),
                        session->found.ttl, state->io->now_us());
}

/* ---- the wire guard ---- */

void shim_session_made_inner(struct shim_session *session, const uint8_t random[32])
{
    const struct shim_stub *stub = shim_state()->stub;
    if (session->inner_made &&
        memcmp(session->inner_random, random, sizeof session->inner_random) != 0) {
        stub->withdraw(session->inner_random);
    }
    memcpy(session->inner_random, random, sizeof session->inner_random);
    session->inner_made = true;
    /* If the guard has no room for the random, it still recognizes the marker in the hello. */
    (void)stub->keep_in(random);
}

void shim_session_withdraw(struct shim_session *session)
{
    if (session->announced) {
        shim_state()->stub->withdraw(session->outer_random);
        session->announced = false;
    }
}

/* If the descriptor is hidden, the write of the hello reveals it. If the connection needs a
 * redirect, it happens at that write. */
static enum shim_watch watch_for(struct shim_session *session)
{
    if (!session->fd_hidden) {
        return SHIM_WATCH_NOT;
    }
    return session->redirect.pending ? SHIM_WATCH_LEAVES : SHIM_WATCH_SENT;
}

/* Drops the hello that waits. No octet of it has left yet. */
void shim_session_drop_hello(struct shim_session *session)
{
    shim_session_report(session, "failed", "internal");
    ech_exchange_net_took(session->exchange, ech_exchange_to_net(session->exchange).len);
    shim_session_handle(session, ech_exchange_net_closed(session->exchange));
}

/* Called before an octet of ClientHelloOuter can leave. A second hello has the same random. */
void shim_session_announce(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    shim_session_withdraw(session);
    ech_exchange_get_facts(session->exchange, &facts);
    memcpy(session->outer_random, facts.outer_random, sizeof session->outer_random);
    enum shim_watch watch = watch_for(session);
    bool awaited = watch != SHIM_WATCH_LEAVES ||
                   shim_redirect_await(&session->redirect, session->outer_random);
    session->announced = awaited && shim_state()->stub->announce(session->outer_random, watch);
    if (watch == SHIM_WATCH_LEAVES && !session->announced) {
        /* The guard has no room to watch for this write, so the hello could leave for the wrong
         * endpoint. */
        shim_session_drop_hello(session);
    }
}

/* ---- what the exchange says ---- */

void shim_session_note_facts(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    session->report.hello_retry_request = facts.hello_retry_request;
    session->report.hello_bytes_inner = facts.hello_bytes_inner;
    session->report.hello_bytes_outer = facts.hello_bytes_outer;
    session->report.retries = facts.retries;
    if (session->offered_us != 0) {
        session->report.hello_us = shim_state()->io->now_us() - session->offered_us;
    }
}

/* The reason of a failure, if the redirect caused it: the hello's write was refused, because its
 * connection could not be redirected; or the new connection, still being made then, failed. */
static const char *reason_to_fail(const struct shim_session *session, const char *otherwise)
{
    if (shim_redirect_failure(&session->redirect) != NULL) {
        return session->found.all_have_ech ? "svcb_reliant" : "other_endpoint";
    }
    return session->redirect.moved && session->sent == 0 ? "no_endpoint" : otherwise;
}

static void failed(struct shim_session *session)
{
    shim_session_end_sealing(session);
    shim_program_keys_drop(&session->program_keys);
    enum ech_failure failure = ech_exchange_failure(session->exchange);
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    shim_session_note_facts(session);
    if (session->offered_us != 0) {
        shim_session_forbid_downgrade(session);
    }
    shim_session_report(session, facts.state == ECH_STATE_REJECTED ? "rejected" : "failed",
                        reason_to_fail(session, ech_failure_name(failure)));
}

/* The config was looked up for one name: a hello for another must not be sealed with it (RFC 9460,
 * 9.4). */
static bool hello_is_for_host(const struct shim_session *session)
{
    struct bytes server_name = ech_exchange_server_name(session->exchange);
    return dns_host_equal_octets((const char *)server_name.data, server_name.len, session->host,
                                 strlen(session->host));
}

/* What is remembered of the last config. A thread that finds it in use goes on without it. */
static struct ech_hpke_memo memo;
static atomic_flag memo_in_use = ATOMIC_FLAG_INIT;

struct ech_config_choice shim_session_take_choice(const struct shim_session *session)
{
    struct ech_config_choice choice = session->found.choice;
    if (!atomic_flag_test_and_set_explicit(&memo_in_use, memory_order_acquire)) {
        choice.memo = &memo;
    }
    choice.prepared = shim_prepared_take(&choice);
    return choice;
}

bool shim_session_give_choice(const struct ech_config_choice *choice)
{
    bool prepared = shim_prepared_give(choice->prepared);
    if (choice->memo != NULL) {
        atomic_flag_clear_explicit(&memo_in_use, memory_order_release);
    }
    return prepared;
}

void shim_session_note_choice(struct shim_session *session)
{
    session->report.has_config = true;
    session->report.public_name = session->found.choice.config.public_name;
    session->report.outer_name = shim_session_outer_name(session);
    session->report.config_id = session->found.choice.config.config_id;
    session->report.suite = session->found.choice.suite;
    session->report.source = session->found.source;
}

/* The next connection of the program may lead to the same server. */
static void expect_the_next(const struct shim_session *session)
{
    struct shim_address address;
    struct shim_addresses addresses = {.count = 0};
    const struct sockaddr *peer = shim_session_peer(session);
    if (shim_prepared_is_of_use() && shim_address_of(peer, &address)) {
        shim_addresses_add(&addresses, &address);
        shim_prepared_expect(&session->found.choice, session->found.ttl, &addresses,
                             shim_address_port(peer));
    }
}

/* An opened hello is known to the guard before anything can be written. */
static void note_opened_inner(struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    shim_session_made_inner(session, facts.inner_random);
}

static void answer_need_config(struct shim_session *session)
{
    if (session->local_config) {
        note_opened_inner(session);
    }
    if (session->decision.action != SHIM_ACTION_OFFER || !hello_is_for_host(session)) {
        if (session->decision.action == SHIM_ACTION_OFFER) {
            shim_session_report(session, "failed", "name_changed");
        }
        (void)ech_exchange_refuse(session->exchange);
        shim_program_keys_drop(&session->program_keys);
        return;
    }
    shim_session_note_choice(session);
    session->offered_us = shim_state()->io->now_us();
    const struct ech_config_choice choice = shim_session_take_choice(session);
    enum ech_event event = ech_exchange_offer(session->exchange, &choice);
    bool prepared = shim_session_give_choice(&choice);
    if (event == ECH_EVENT_FAILED) {
        failed(session);
    } else {
        shim_program_keys_keep_believed(&session->program_keys);
        shim_story_offer(session, prepared);
        shim_session_announce(session);
        expect_the_next(session);
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
        shim_session_end_sealing(session);
        shim_program_keys_drop(&session->program_keys);
        shim_session_note_facts(session);
        shim_session_keep_list(session);
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

/* ---- the end of a session ---- */

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
    shim_session_end_sealing(session);
    shim_program_keys_drop(&session->program_keys);
    shim_session_withdraw(session);
    if (session->inner_made) {
        shim_state()->stub->withdraw(session->inner_random);
    }
    if (session->offered_us != 0 && !session->reported) {
        /* The application gave up: at its own time limit, or at an end of the connection that its
         * library does not see. */
        shim_session_note_facts(session);
        shim_session_forbid_downgrade(session); /* an attacker can cause that by dropping packets */
        shim_session_report(session, "failed", reason_to_fail(session, "abandoned"));
    }
    if (session->hello_begun && !session->inner_made &&
        session->decision.action == SHIM_ACTION_OFFER) {
        /* The library could not make this hello, though it can make others. */
        shim_session_report(session, "failed", "unsealed");
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
