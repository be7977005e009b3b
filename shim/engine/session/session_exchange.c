/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session while its hello exchange runs. Octets of the program's library and of the network go to
 * the exchange; outcome.c acts on what it says.
 */
#include "shim/common/hold.h"
#include "shim/common/socket_identity.h"
#include "shim/engine/base/section.h"
#include "shim/engine/session/session_state.h"

/* ---- the exchange ---- */

void shim_session_net_took(struct shim_session *session, size_t octets)
{
    session->sent += octets;
    session->judged_fd = -1; /* what follows is written after a wait */
    ech_exchange_net_took(session->exchange, octets);
}

/*
 * Octets for the exchange. It runs on a stack of its own: our cryptography, or a chain of RSA
 * certificates after a rejection, may need more than a thread of the program has. This work never
 * waits, so this struct may lie on the program's stack.
 */
struct feeding {
    struct shim_work work;
    struct shim_session *session;
    enum ech_event (*feed)(struct ech_exchange *exchange,
                           struct bytes in); /* NULL: the exchange has these octets already */
    struct bytes in;
    enum ech_event event;
};

static void run_feeding(struct shim_work *work)
{
    struct feeding *feeding = (struct feeding *)work;
    if (feeding->feed != NULL) {
        feeding->event = feeding->feed(feeding->session->exchange, feeding->in);
    }
    shim_session_handle(feeding->session, feeding->event);
}

static void drop_feeding(struct shim_work *work)
{
    (void)work;
}

static void feed(struct feeding feeding)
{
    struct shim_session *session = feeding.session;
    struct shim_hold hold;
    feeding.work = (struct shim_work){.run = run_feeding, .drop = drop_feeding};
    shim_hold_begin(&hold);
    shim_session_settle(session);
    if (!shim_section_run(&feeding.work)) {
        shim_session_drop_hello(session); /* for want of memory */
    }
    shim_hold_end(&hold);
}

void shim_session_from_app(struct shim_session *session, struct bytes in)
{
    shim_program_keys_close(&session->program_keys);
    shim_library_sealing_tell(session->sealing, session->exchange);
    feed((struct feeding){.session = session, .feed = ech_exchange_from_app, .in = in});
    shim_session_may_seal(session); /* these octets may be change_cipher_spec alone */
}

static void take_from_net(struct shim_session *session, struct bytes in)
{
    struct feeding feeding = {.session = session, .feed = ech_exchange_from_net, .in = in};
    shim_session_settle(session);
    if (ech_exchange_net_gathers(session->exchange, in.len)) {
        /* Only a part of a record's header: not worth a switch of stacks. */
        feeding.event = ech_exchange_from_net(session->exchange, in);
        if (feeding.event == ECH_EVENT_NONE) {
            return;
        }
        feeding.feed = NULL;
    }
    feed(feeding);
}

void shim_session_from_net(struct shim_session *session, struct bytes in)
{
    if (session->stale.skipping) {
        if (!shim_stale_skip(&session->stale, &in)) {
            return;
        }
        take_from_net(session, (struct bytes){session->stale.head, session->stale.length});
        if (in.len == 0) {
            return;
        }
    }
    take_from_net(session, in);
}

void shim_session_net_closed(struct shim_session *session)
{
    struct shim_hold hold;
    shim_hold_begin(&hold);
    shim_session_settle(session);
    shim_session_handle(session, ech_exchange_net_closed(session->exchange));
    shim_hold_end(&hold);
}

/* ---- what the wire guard need not ask ---- */

void shim_session_carry(const struct shim_session *session, struct bytes out, uintptr_t frame)
{
    struct shim_carried carried = {.octets = out.data, .length = out.len, .frame = frame, .fd = -1};
    if (session != NULL && session->judged_fd >= 0 && session->socket != SHIM_SOCKET_UNKNOWN) {
        carried.fd = session->judged_fd;
        carried.socket = session->socket;
    }
    shim_state()->stub->carry(&carried);
}

void shim_session_carried(void)
{
    shim_state()->stub->carry(NULL);
}

/* ---- private keys ---- */

void shim_session_keys_watch(struct shim_session *session,
                             const struct shim_key_functions *functions, const void *library)
{
    shim_library_sealing_close(session->sealing);
    shim_program_keys_watch(&session->program_keys, functions, library);
    shim_library_sealing_open(session->sealing, session->program_keys.watch);
}

void shim_session_may_seal(struct shim_session *session)
{
    if (shim_library_sealing_goes_on(session->sealing) && session->program_keys.watch == 0 &&
        shim_session_awaits_second_hello(session)) {
        shim_program_keys_watch_again(&session->program_keys);
        shim_library_sealing_open(session->sealing, session->program_keys.watch);
    }
}

void shim_session_call_over(struct shim_session *session)
{
    shim_library_sealing_close(session->sealing);
    shim_program_keys_close(&session->program_keys);
    session->judged_fd = -1;
}

/* ---- what the adapters ask ---- */

struct bytes shim_session_to_net(struct shim_session *session)
{
    shim_session_settle(session);
    return ech_exchange_to_net(session->exchange);
}

struct bytes shim_session_to_app(struct shim_session *session)
{
    shim_session_settle(session);
    return ech_exchange_to_app(session->exchange);
}

void shim_session_app_took(struct shim_session *session, size_t octets)
{
    ech_exchange_app_took(session->exchange, octets);
    shim_session_may_seal(session); /* it may have read a HelloRetryRequest */
}

bool shim_session_has_last_words(struct shim_session *session)
{
    shim_session_settle(session);
    return ech_exchange_failure(session->exchange) != ECH_FAILURE_NONE &&
           ech_exchange_to_net(session->exchange).len > 0;
}

size_t shim_session_net_wanted(struct shim_session *session)
{
    shim_session_settle(session);
    return ech_exchange_net_wanted(session->exchange);
}

bool shim_session_drained(struct shim_session *session)
{
    shim_session_settle(session);
    return ech_exchange_drained(session->exchange);
}

bool shim_session_awaits_second_hello(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    return facts.hello_retry_request && !ech_exchange_done(session->exchange);
}

bool shim_session_disabled(const struct shim_session *session)
{
    struct ech_exchange_facts facts;
    ech_exchange_get_facts(session->exchange, &facts);
    return facts.state == ECH_STATE_NONE && ech_exchange_done(session->exchange) &&
           ech_exchange_failure(session->exchange) == ECH_FAILURE_NONE;
}
