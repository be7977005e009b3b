/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tools/relay/ahead.h"
#include "tools/relay/connection_steps.h"

enum { FIRST_SIZE = 4096, FIRST_MAX = 96 * 1024 };

/* ---- the real server ---- */

static void connected(struct relay_connection *connection, uint64_t now_ms)
{
    if (connection->plain) {
        relay_connection_begin_to_pump(connection, now_ms);
    } else {
        relay_connection_begin_to_greet(connection, now_ms);
    }
}

bool relay_connection_connect(struct relay_connection *connection)
{
    if (connection->server.fd < 0) {
        connection->server.fd = relay_dial(&connection->claim.destination);
    }
    return connection->server.fd >= 0;
}

void relay_connection_go_on_connecting(struct relay_connection *connection, uint64_t now_ms)
{
    int state = relay_dial_state(connection->server.fd);
    if (state > 0) {
        connected(connection, now_ms);
    } else if (state == 0) {
        connection->server.wanted |= EPOLLOUT;
    } else {
        relay_connection_end(connection, true); /* too late for the program's connect */
    }
}

static void to_server(struct relay_connection *connection, uint64_t now_ms)
{
    relay_connection_enter(connection, RELAY_CONNECTS, now_ms);
    if (relay_connection_connect(connection)) {
        relay_connection_go_on_connecting(connection, now_ms);
    } else {
        relay_connection_end(connection, true);
    }
}

/* ---- the program's first octets ---- */

static bool is_served(const struct relay_connection *connection)
{
    const char *const *hosts = connection->shared->hosts;
    for (; hosts != NULL && *hosts != NULL; hosts++) {
        if (strcasecmp(*hosts, connection->hello.name) == 0) {
            return true;
        }
    }
    return hosts == NULL;
}

/* What the relay does not answer passes as it is, or not at all. */
static void pass_by(struct relay_connection *connection, const char *reason, uint64_t now_ms)
{
    if (connection->shared->strict) {
        relay_connection_refuse(connection, reason);
        return;
    }
    connection->plain = true;
    to_server(connection, now_ms);
}

static void judge_first(struct relay_connection *connection, uint64_t now_ms)
{
    switch (relay_hello_read(bytes_of(connection->first, connection->first_length),
                             &connection->hello)) {
    case RELAY_SPEECH_MORE:
        connection->program.wanted |= EPOLLIN;
        break;
    case RELAY_SPEECH_OTHER:
        pass_by(connection, "relay_no_tls", now_ms);
        break;
    case RELAY_SPEECH_HELLO:
        if (connection->hello.name[0] == '\0') {
            pass_by(connection, "relay_no_server_name", now_ms);
        } else if (!is_served(connection)) {
            pass_by(connection, "relay_other_host", now_ms);
        } else {
            to_server(connection, now_ms);
        }
    }
}

static bool make_room(struct relay_connection *connection)
{
    size_t size = connection->first_size == 0 ? FIRST_SIZE : 2 * connection->first_size;
    if (connection->first_length < connection->first_size) {
        return true;
    }
    uint8_t *grown = size <= FIRST_MAX ? realloc(connection->first, size) : NULL;
    if (grown == NULL) {
        return false;
    }
    connection->first = grown;
    connection->first_size = size;
    return true;
}

/* The program is silent: perhaps the server speaks first. */
static void listen_to_server(struct relay_connection *connection, uint64_t now_ms)
{
    uint8_t octet;
    int state = relay_dial_state(connection->server.fd);
    if (state < 0) {
        relay_connection_end(connection, true);
    } else if (state == 0) {
        connection->server.wanted |= EPOLLOUT;
    } else if (recv(connection->server.fd, &octet, 1, MSG_PEEK) >= 0) {
        connection->plain = true;
        relay_connection_begin_to_pump(connection, now_ms);
    } else {
        connection->server.wanted |= EPOLLIN;
    }
}

void relay_connection_go_on_listening(struct relay_connection *connection, uint64_t now_ms)
{
    if (!make_room(connection)) {
        relay_connection_end(connection, true);
        return;
    }
    ssize_t count = recv(connection->program.fd, connection->first + connection->first_length,
                         connection->first_size - connection->first_length, 0);
    if (count > 0) {
        connection->first_length += (size_t)count;
        judge_first(connection, now_ms);
    } else if (count == 0 && connection->first_length > 0 && !connection->shared->strict) {
        connection->plain = true; /* the pump finds the end again */
        to_server(connection, now_ms);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        relay_connection_end(connection, count != 0);
    } else {
        connection->program.wanted |= EPOLLIN;
        if (connection->early && connection->first_length == 0) {
            listen_to_server(connection, now_ms);
        }
    }
}
