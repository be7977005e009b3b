/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/relay/claims.h"
#include "tools/relay/connection_steps.h"

enum {
    SILENT_MS = 500,      /* then the server is connected, in case that it speaks first */
    FIRST_MS = 10000,     /* for the program's first octets, where nothing may pass as it is */
    HANDSHAKE_MS = 30000, /* for each other phase before octets are pumped */
    DRAIN_MS = 30000,     /* for what is left when one end has reset the connection */
};

/* ---- events ---- */

struct relay_connection *relay_connection_new(const struct relay_shared *shared, int fd,
                                              const struct sockaddr_storage *source,
                                              uint64_t now_ms)
{
    const int on = 1;
    struct relay_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        (void)close(fd);
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->shared = shared;
    connection->source = *source;
    connection->program =
        (struct relay_end){.source = RELAY_SOURCE_END, .connection = connection, .fd = fd};
    connection->server =
        (struct relay_end){.source = RELAY_SOURCE_END, .connection = connection, .fd = -1};
    relay_connection_enter(connection, RELAY_UNCLAIMED, now_ms);
    return connection;
}

static void watch(struct relay_connection *connection)
{
    if (connection->phase != RELAY_OVER && !connection->working &&
        (!relay_end_watch(&connection->program, connection->shared->loop) ||
         !relay_end_watch(&connection->server, connection->shared->loop))) {
        relay_connection_end(connection, true);
    }
}

void relay_connection_claim(struct relay_connection *connection, const struct relay_claim *claim,
                            int server, uint64_t now_ms)
{
    connection->claim = *claim;
    connection->server.fd = server;
    relay_connection_enter(connection, RELAY_LISTENS, now_ms);
    connection->program.wanted = EPOLLIN;
    watch(connection);
}

void relay_connection_go_on(struct relay_connection *connection, uint64_t now_ms)
{
    if (connection->working) {
        return;
    }
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    switch (connection->phase) {
    case RELAY_LISTENS:
        relay_connection_go_on_listening(connection, now_ms);
        break;
    case RELAY_CONNECTS:
        relay_connection_go_on_connecting(connection, now_ms);
        break;
    case RELAY_GREETS:
        relay_connection_give(connection);
        break;
    case RELAY_ANSWERS:
        relay_connection_go_on_answering(connection, now_ms);
        break;
    case RELAY_PUMPS:
        relay_connection_pump(connection, now_ms);
        break;
    case RELAY_UNCLAIMED:
    case RELAY_DRAINS:
    case RELAY_OVER:
        break;
    }
    watch(connection);
}

void relay_connection_greeted(struct relay_connection *connection, uint64_t now_ms)
{
    connection->working = false;
    connection->program.wanted = 0;
    connection->server.wanted = 0;
    relay_connection_take_greeting(connection, now_ms);
    watch(connection);
}

void relay_connection_tick(struct relay_connection *connection, uint64_t now_ms)
{
    uint64_t lasted = now_ms - connection->since_ms;
    if (connection->working) {
        return;
    }
    switch (connection->phase) {
    case RELAY_UNCLAIMED:
        if (lasted > RELAY_CLAIM_MS) {
            relay_connection_end(connection, true);
        }
        break;
    case RELAY_LISTENS:
        if (connection->shared->strict || connection->first_length > 0) {
            if (lasted > FIRST_MS) {
                relay_connection_refuse(connection, "relay_no_tls");
            }
        } else if (!connection->early && lasted > SILENT_MS) {
            connection->early = true;
            if (!relay_connection_connect(connection)) {
                relay_connection_end(connection, true);
            } else {
                connection->server.wanted |= EPOLLOUT;
            }
            watch(connection);
        }
        break;
    case RELAY_CONNECTS:
    case RELAY_GREETS:
    case RELAY_ANSWERS:
        if (lasted > HANDSHAKE_MS) {
            relay_connection_end(connection, true);
        }
        break;
    case RELAY_PUMPS:
        if (relay_is_broken(&connection->up, &connection->down) && lasted > DRAIN_MS) {
            relay_connection_end(connection, true);
        }
        break;
    case RELAY_DRAINS:
        if (lasted > DRAIN_MS) {
            relay_connection_end(connection, true);
        } else {
            relay_connection_reset(connection, connection->since_ms);
        }
        break;
    case RELAY_OVER:
        break;
    }
}
