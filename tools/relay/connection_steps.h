/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of one connection, for connection.c alone, and for each other. `connection.h` says what
 * the phases are. Each step says in `wanted` of the two ends what it waits for.
 */
#ifndef TOOLS_RELAY_CONNECTION_STEPS_H
#define TOOLS_RELAY_CONNECTION_STEPS_H

#include "tools/relay/connection.h"

/* Alerts (RFC 8446, 6.2). */
enum {
    RELAY_ALERT_HANDSHAKE_FAILURE = 40,
    RELAY_ALERT_ACCESS_DENIED = 49,
    RELAY_ALERT_INTERNAL_ERROR = 80,
};

/* ---- connection_end.c: phases and ends ---- */

void relay_connection_enter(struct relay_connection *connection, enum relay_phase phase,
                            uint64_t now_ms);
void relay_connection_end(struct relay_connection *connection, bool reset);
/* Resets both ends, as soon as they have what was written: a reset overtakes octets. */
void relay_connection_reset(struct relay_connection *connection, uint64_t now_ms);
/* The program gets a TLS alert. */
void relay_connection_fail(struct relay_connection *connection, int alert);
/* A line in the report. */
void relay_connection_tell_refusal(const struct relay_connection *connection, const char *reason);
/* A line in the report, and the end. */
void relay_connection_refuse(struct relay_connection *connection, const char *reason);

/* ---- first_octets.c: what the program says first, and connecting to the real server ---- */

void relay_connection_go_on_listening(struct relay_connection *connection, uint64_t now_ms);
/* Begins to connect, unless that was done before. False: it cannot be reached. */
bool relay_connection_connect(struct relay_connection *connection);
void relay_connection_go_on_connecting(struct relay_connection *connection, uint64_t now_ms);

/* ---- handshakes.c: with the real server, then with the program, then octets ---- */

void relay_connection_begin_to_greet(struct relay_connection *connection, uint64_t now_ms);
/* Gives the next step with the real server to the pool. */
void relay_connection_give(struct relay_connection *connection);
/* The pool has made that step. */
void relay_connection_take_greeting(struct relay_connection *connection, uint64_t now_ms);
void relay_connection_go_on_answering(struct relay_connection *connection, uint64_t now_ms);
void relay_connection_begin_to_pump(struct relay_connection *connection, uint64_t now_ms);
void relay_connection_pump(struct relay_connection *connection, uint64_t now_ms);

#endif
