/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What follows when a server rejected ECH (RFC 9849, 6.1.6): learn what the server has to say, ask
 * the policy, make a new connection.
 */
#include <errno.h>
#include <stdlib.h>

#include "shim/common/hold.h"
#include "shim/common/socket_identity.h"
#include "shim/engine/config/rejection_share.h"
#include "shim/engine/session/rejection_probe.h"
#include "shim/engine/session/session_state.h"
#include "shim/engine/session/story.h"
#include "shim/engine/sockets/reconnect.h"

bool shim_session_wants_connection(struct shim_session *session)
{
    shim_session_settle(session);
    return session->wants_connection;
}

/* All that is known of a rejection. */
struct lesson {
    bool known;  /* false: the server could not be authenticated */
    bool probed; /* it was asked on another connection */
    bool disabled;
    bool tls12;       /* by a server that has no TLS 1.3 */
    bool same_config; /* another server of the fleet accepts the config that this one rejected */
    struct writer retry_configs;
};

/* Asks by a probe what the outer handshake could not find out. */
static void ask_by_probe(const struct shim_session *session, const struct shim_old_connection *old,
                         struct lesson *lesson)
{
    struct writer hello;
    wr_init(&hello, 0);
    struct shim_rejection_probe request = {
        .old = old,
        .choice = &session->found.choice,
        .options = ech_exchange_get_options(session->exchange),
        .timeout_ms = shim_state()->settings.timeout_ms,
    };
    if (ech_exchange_probe_hello(session->exchange, &hello) == ECH_OK) {
        request.hello = wr_view(&hello);
        enum shim_rejection_probe_result result =
            shim_rejection_probe_run(&request, &lesson->retry_configs);
        lesson->known = result != SHIM_PROBE_FAILED;
        lesson->disabled = result == SHIM_PROBE_DISABLED;
        lesson->same_config = result == SHIM_PROBE_ACCEPTED;
    }
    wr_wipe(&hello);
}

/* `ours`: no other descriptor shares the old connection. */
static void learn(const struct shim_session *session, const struct shim_old_connection *old,
                  bool ours, struct lesson *lesson)
{
    struct ech_rejection rejection;
    *lesson = (struct lesson){.known = true};
    wr_init(&lesson->retry_configs, 0);
    ech_exchange_rejection(session->exchange, &rejection);
    if (rejection.probe) {
        lesson->known = false;
        if (session->host_settings.retry) {
            /* This handshake cannot go on. */
            if (ours) {
                shim_reconnect_end(old);
            }
            lesson->probed = true;
            ask_by_probe(session, old, lesson);
        }
        return;
    }
    lesson->disabled = rejection.disabled;
    lesson->tls12 = rejection.tls12;
    wr_bytes(&lesson->retry_configs, rejection.retry_configs);
    lesson->known = wr_finish(&lesson->retry_configs) == ECH_OK;
}

/* For the program's next attempt (RFC 9849, 6.1.8). `shared`: another process may make it. */
static void remember(const struct shim_session *session, const struct lesson *lesson, bool shared)
{
    char endpoint[SHIM_ENDPOINT_SIZE];
    struct shim_rejection_source source;
    uint32_t seconds = shim_session_source(session, endpoint, &source);
    shim_rejection_cache_put(&source, wr_view(&lesson->retry_configs), shim_state()->io->now_us(),
                             (uint64_t)seconds * 1000000);
    if (shared) {
        shim_rejection_share_put(shim_engine_lookup(&session->host_settings), &source, seconds);
    }
}

static void give_up(struct shim_session *session, const char *reason, const struct lesson *lesson)
{
    shim_session_note_facts(session);
    if (!lesson->known || !lesson->disabled) {
        shim_session_forbid_downgrade(session);
    }
    shim_session_report(session, "rejected", reason);
    (void)ech_exchange_give_up(session->exchange);
}

/* Goes on with the exchange, on the new connection. */
static void go_on(struct shim_session *session, int fd, enum shim_answer answer)
{
    session->sent = 0;
    session->socket = shim_socket_identity(fd);
    session->judged_fd = -1;
    if (answer == SHIM_ANSWER_DISABLE) {
        shim_session_withdraw(session);
        if (session->inner_made) {
            (void)shim_state()->stub->permit_hello(session->inner_random);
        }
        bool done = ech_exchange_disable(session->exchange) != ECH_EVENT_FAILED;
        shim_session_note_facts(session);
        shim_session_report(session, done ? "disabled" : "failed",
                            done ? NULL : ech_failure_name(ECH_FAILURE_INTERNAL));
        return;
    }
    shim_session_note_choice(session);
    session->offered_us = shim_state()->io->now_us();
    const struct ech_config_choice choice = shim_session_take_choice(session);
    enum ech_event event = ech_exchange_retry(session->exchange, &choice);
    bool prepared = shim_session_give_choice(&choice);
    if (event != ECH_EVENT_FAILED) {
        shim_story_offer(session, prepared);
        shim_session_announce(session);
    }
    shim_session_handle(session, event);
}

/* Replaces what was found by the retry_configs. True if one of them can be used. */
static bool adopt(struct shim_session *session, struct lesson *lesson)
{
    /* public_name in the report points into the list that is replaced; go_on notes the new one. */
    session->report.has_config = false;
    bool usable =
        shim_found_replace(&session->found, wr_view(&lesson->retry_configs)) == SHIM_SEARCH_USABLE;
    session->found.source = "retry_configs";
    return usable;
}

/*
 * Sends what the outer handshake still has to say, if the socket takes it at once. Not by the
 * application's transport: its buffer would carry the octets to the new connection.
 */
static void send_last_words(struct shim_session *session, int fd)
{
    struct bytes out = ech_exchange_to_net(session->exchange);
    if (out.len > 0) {
        ssize_t sent = shim_state()->stub->send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            ech_exchange_net_took(session->exchange, (size_t)sent);
        }
    }
}

static struct shim_rejection_decision decide_rejected(struct shim_session *session,
                                                      struct shim_old_connection *old,
                                                      struct lesson *lesson)
{
    enum shim_reconnect_result way = shim_reconnect_check(old, session->sent);
    if (way == SHIM_RECONNECT_DONE) {
        send_last_words(session, old->fd);
    }
    learn(session, old, way == SHIM_RECONNECT_DONE, lesson);
    shim_session_note_facts(session);
    struct shim_policy_rejection facts = {
        .mode = session->host_settings.mode,
        .retry = session->host_settings.retry,
        .retries = session->report.retries,
        .authenticated = lesson->known,
        .disabled = lesson->disabled,
        .tls12 = lesson->tls12,
        .library_ech = session->local_config,
        .no_connection = way == SHIM_RECONNECT_DONE ? NULL : shim_reconnect_name(way),
    };
    struct shim_found fresh = {0};
    facts.usable_config =
        lesson->same_config ||
        shim_found_replace(&fresh, wr_view(&lesson->retry_configs)) == SHIM_SEARCH_USABLE;
    shim_found_free(&fresh);
    struct shim_rejection_decision decision = shim_policy_rejected(&facts);
    if (decision.remember) {
        /* If this attempt goes on, every process finds out by itself, without an error. */
        bool fails = decision.answer == SHIM_ANSWER_GIVE_UP;
        remember(session, lesson, fails && lesson->disabled);
    }
    const struct shim_story_rejection story = {
        .probed = lesson->probed,
        .known = lesson->known,
        .disabled = lesson->disabled,
        .same_config = lesson->same_config,
        .retry_configs = wr_view(&lesson->retry_configs),
        .decision = decision,
    };
    shim_story_rejected(session, &story);
    return decision;
}

/*
 * A transport that hid its descriptor at the start may show one by now (a connect BIO). It counts
 * only if the guard saw the hello leave there.
 */
static void find_descriptor(struct shim_session *session, int *fd)
{
    int seen = -1;
    if (!session->fd_hidden) {
        return;
    }
    if (session->announced && shim_state()->stub->descriptor_of(session->outer_random, &seen) &&
        (*fd < 0 || *fd == seen)) {
        *fd = seen;
        session->socket = shim_socket_identity(seen);
    } else {
        *fd = -1;
    }
}

static void reconnect(struct shim_session *session, int fd)
{
    struct lesson lesson = {.known = false};
    if (shim_state()->stub->locked()) {
        give_up(session, "locked_in", &lesson); /* no connection can be made any more */
        return;
    }
    shim_redirect_end(&session->redirect);
    find_descriptor(session, &fd);
    struct shim_old_connection old = {.fd = fd, .socket = session->socket};
    struct shim_rejection_decision decision = decide_rejected(session, &old, &lesson);
    if (decision.answer != SHIM_ANSWER_GIVE_UP) {
        enum shim_reconnect_result way = shim_reconnect(&old, shim_state()->settings.timeout_ms);
        if (way != SHIM_RECONNECT_DONE) {
            /* The old connection has ended: nothing may go to whatever is there now. */
            ech_exchange_net_took(session->exchange, ech_exchange_to_net(session->exchange).len);
            decision = (struct shim_rejection_decision){.answer = SHIM_ANSWER_GIVE_UP,
                                                        .reason = shim_reconnect_name(way)};
        }
    }
    if (shim_section_is_left()) {
        decision =
            (struct shim_rejection_decision){.answer = SHIM_ANSWER_GIVE_UP, .reason = "abandoned"};
    }
    if (decision.answer == SHIM_ANSWER_RETRY && !lesson.same_config && !adopt(session, &lesson)) {
        decision =
            (struct shim_rejection_decision){.answer = SHIM_ANSWER_GIVE_UP, .reason = "internal"};
    }
    if (decision.answer == SHIM_ANSWER_GIVE_UP) {
        give_up(session, decision.reason, &lesson);
    } else {
        shim_stale_begin(&session->stale);
        shim_story_reconnected(session, decision.answer);
        go_on(session, fd, decision.answer);
    }
    wr_free(&lesson.retry_configs);
}

/* ---- run as a section, because the program may leave it ---- */

struct reconnecting {
    struct shim_work work;
    struct shim_session *session;
    int fd;
};

static void run(struct shim_work *work)
{
    struct reconnecting *reconnecting = (struct reconnecting *)work;
    reconnect(reconnecting->session, reconnecting->fd);
    atomic_store(&reconnecting->session->rejected, NULL);
}

/* The application may have freed the session by now. */
static void drop(struct shim_work *work)
{
    struct reconnecting *reconnecting = (struct reconnecting *)work;
    atomic_store(&reconnecting->session->rejected, NULL);
    shim_session_free(reconnecting->session);
    free(reconnecting);
}

void shim_session_reconnect(struct shim_session *session, int fd)
{
    int saved = errno;
    struct shim_hold hold;
    shim_hold_begin(&hold);
    struct reconnecting *reconnecting = malloc(sizeof *reconnecting);
    session->wants_connection = false;
    if (reconnecting == NULL) {
        (void)ech_exchange_give_up(session->exchange);
        shim_hold_end(&hold);
        return;
    }
    *reconnecting =
        (struct reconnecting){.work = {.run = run, .drop = drop}, .session = session, .fd = fd};
    atomic_fetch_add(&session->references, 1);
    atomic_store(&session->rejected, &reconnecting->work);
    if (shim_section_run(&reconnecting->work)) {
        drop(&reconnecting->work);
    } else {
        (void)ech_exchange_give_up(session->exchange);
    }
    shim_hold_end(&hold);
    errno = saved;
}
