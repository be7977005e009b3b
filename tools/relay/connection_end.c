/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "tools/relay/connection_steps.h"

void relay_connection_enter(struct relay_connection *connection, enum relay_phase phase,
                            uint64_t now_ms)
{
    connection->phase = phase;
    connection->since_ms = now_ms;
}

void relay_connection_end(struct relay_connection *connection, bool reset)
{
    relay_end_close(&connection->program, reset);
    relay_end_close(&connection->server, reset);
    connection->phase = RELAY_OVER;
}

void relay_connection_reset(struct relay_connection *connection, uint64_t now_ms)
{
    if (relay_end_is_drained(&connection->program) && relay_end_is_drained(&connection->server)) {
        relay_connection_end(connection, true);
        return;
    }
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    relay_connection_enter(connection, RELAY_DRAINS, now_ms);
}

/* For the program: a TLS alert. */
void relay_connection_fail(struct relay_connection *connection, int alert)
{
    relay_end_alert(&connection->program, alert);
    relay_end_close(&connection->server, true);
    /* A reset could overtake the alert. */
    relay_connection_end(connection, false);
}

void relay_connection_tell_refusal(const struct relay_connection *connection, const char *reason)
{
    const struct relay_shared *shared = connection->shared;
    if (shared->tell != NULL) {
        shared->tell(shared->tell_context, &connection->claim, connection->hello.name, reason);
    }
}

void relay_connection_refuse(struct relay_connection *connection, const char *reason)
{
    relay_connection_tell_refusal(connection, reason);
    if (connection->first_length > 0 && connection->first[0] == 22) {
        relay_connection_fail(connection, RELAY_ALERT_ACCESS_DENIED);
    } else {
        relay_connection_end(connection, true);
    }
}

void relay_connection_free(struct relay_connection *connection)
{
    relay_connection_end(connection, true);
    gnutls_free(connection->upstream.real_names.data);
    if (connection->upstream.session != NULL) {
        gnutls_deinit(connection->upstream.session);
    }
    relay_leaf_release(connection->leaf);
    free(connection->up.data);
    free(connection->down.data);
    free(connection->first);
    free(connection);
}
