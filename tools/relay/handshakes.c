/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <sys/epoll.h>

#include "tools/relay/ahead.h"
#include "tools/relay/connection_steps.h"

/* ---- to the pump ---- */

static bool make_flow(struct relay_flow *flow)
{
    flow->data = malloc(RELAY_FLOW_SIZE);
    return flow->data != NULL;
}

void relay_connection_pump(struct relay_connection *connection, uint64_t now_ms)
{
    struct relay_flow *up = &connection->up;
    struct relay_flow *down = &connection->down;
    bool was_broken = relay_is_broken(up, down);
    switch (relay_pump(up, down, &connection->program, &connection->server)) {
    case RELAY_PUMPED_ON:
        if (!was_broken && relay_is_broken(up, down)) {
            relay_connection_enter(connection, RELAY_PUMPS, now_ms); /* not for ever */
        }
        break;
    case RELAY_PUMPED_DONE:
        relay_connection_end(connection, false);
        break;
    case RELAY_PUMPED_FAILED:
        relay_connection_reset(connection, now_ms);
        break;
    }
}

void relay_connection_begin_to_pump(struct relay_connection *connection, uint64_t now_ms)
{
    if (!make_flow(&connection->down) || (!connection->plain && !make_flow(&connection->up))) {
        relay_connection_fail(connection, RELAY_ALERT_INTERNAL_ERROR);
        return;
    }
    if (connection->plain) {
        /* What was read is the first that is written. */
        if (connection->first_size < RELAY_FLOW_SIZE) {
            uint8_t *grown = realloc(connection->first, RELAY_FLOW_SIZE);
            if (grown == NULL) {
                relay_connection_end(connection, true);
                return;
            }
            connection->first = grown;
        }
        connection->up.data = connection->first;
        connection->up.end = connection->first_length;
        connection->first = NULL;
        connection->first_length = 0;
    }
    relay_connection_enter(connection, RELAY_PUMPS, now_ms);
    relay_connection_pump(connection, now_ms);
}

/* ---- the program's handshake ---- */

/* The program does not trust the authority: it has a certificate that is good, and says that it is
 * not. */
static void note_distrust(const struct relay_connection *connection, int result)
{
    if (result != GNUTLS_E_FATAL_ALERT_RECEIVED || connection->upstream.faults != 0) {
        return;
    }
    switch (gnutls_alert_get(connection->program.session)) {
    case GNUTLS_A_BAD_CERTIFICATE:
    case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
    case GNUTLS_A_CERTIFICATE_REVOKED:
    case GNUTLS_A_CERTIFICATE_EXPIRED:
    case GNUTLS_A_CERTIFICATE_UNKNOWN:
    case GNUTLS_A_UNKNOWN_CA:
        relay_connection_tell_refusal(connection, "relay_not_trusted");
        break;
    default:
        break;
    }
}

void relay_connection_go_on_answering(struct relay_connection *connection, uint64_t now_ms)
{
    int result = relay_answer_step(&connection->answer);
    if (result == GNUTLS_E_AGAIN) {
        return;
    }
    note_distrust(connection, result);
    if (result != GNUTLS_E_SUCCESS) {
        if (result != GNUTLS_E_FATAL_ALERT_RECEIVED && gnutls_error_is_fatal(result) != 0) {
            (void)gnutls_alert_send_appropriate(connection->program.session, result);
        }
        relay_end_close(&connection->server, true);
        relay_connection_end(connection, false);
    } else if (connection->upstream.faults != 0) {
        /* The program does not mind a wrong certificate. We do. */
        relay_connection_refuse(connection, "relay_certificate");
    } else if (relay_answer_has_certificate(&connection->answer)) {
        relay_connection_refuse(connection, "relay_client_certificate");
    } else {
        relay_connection_begin_to_pump(connection, now_ms);
    }
}

static void answer(struct relay_connection *connection, uint64_t now_ms)
{
    struct relay_upstream *upstream = &connection->upstream;
    gnutls_datum_t protocol = {.data = NULL};
    const struct relay_shared *shared = connection->shared;
    if (upstream->faults == 0) {
        (void)gnutls_alpn_get_selected_protocol(connection->server.session, &protocol);
    }
    connection->leaf = relay_authority_leaf(shared->authority, upstream->name, upstream->faults,
                                            &upstream->real_names);
    connection->answer = (struct relay_answer){
        .program = &connection->program,
        .replay = bytes_of(connection->first, connection->first_length),
    };
    if (connection->leaf == NULL || !relay_answer_begin(&connection->answer, connection->leaf,
                                                        &protocol, upstream->wants_certificate)) {
        relay_connection_fail(connection, RELAY_ALERT_INTERNAL_ERROR);
        return;
    }
    relay_connection_enter(connection, RELAY_ANSWERS, now_ms);
    relay_connection_go_on_answering(connection, now_ms);
}

/* ---- the real server's handshake ---- */

/* In a thread of the pool. */
static void greet(struct relay_job *job)
{
    struct relay_connection *connection = (struct relay_connection *)job;
    connection->step = relay_upstream_step(&connection->upstream);
}

void relay_connection_give(struct relay_connection *connection)
{
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    (void)relay_end_watch(&connection->program, connection->shared->loop);
    (void)relay_end_watch(&connection->server, connection->shared->loop);
    connection->working = true;
    connection->job.run = greet;
    relay_pool_give(connection->shared->pool, &connection->job);
}

void relay_connection_take_greeting(struct relay_connection *connection, uint64_t now_ms)
{
    gnutls_session_t session = connection->upstream.session;
    int result = connection->step;
    if (result == GNUTLS_E_AGAIN) {
        connection->server.wanted |= gnutls_record_get_direction(session) != 0 ? EPOLLOUT : EPOLLIN;
        return;
    }
    if (result == GNUTLS_E_SUCCESS && connection->upstream.verified) {
        relay_end_take(&connection->server, session);
        connection->upstream.session = NULL;
        answer(connection, now_ms);
    } else if (connection->upstream.faults != 0) {
        (void)gnutls_alert_send_appropriate(session, result);
        relay_end_close(&connection->server, false);
        answer(connection, now_ms);
    } else if (result == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        relay_connection_fail(connection, (int)gnutls_alert_get(session));
    } else if (result == GNUTLS_E_PREMATURE_TERMINATION) {
        relay_connection_end(connection, false);
    } else if (relay_dial_state(connection->server.fd) <= 0) {
        relay_connection_end(connection, true); /* the server has reset it */
    } else {
        /* Strict mode refuses by an error of the transport. */
        relay_connection_fail(connection, RELAY_ALERT_HANDSHAKE_FAILURE);
    }
}

void relay_connection_begin_to_greet(struct relay_connection *connection, uint64_t now_ms)
{
    if (!relay_upstream_begin(&connection->upstream, connection->shared->trust, &connection->hello,
                              connection->server.fd)) {
        relay_connection_fail(connection, RELAY_ALERT_INTERNAL_ERROR);
        return;
    }
    relay_connection_enter(connection, RELAY_GREETS, now_ms);
    relay_connection_give(connection);
}
