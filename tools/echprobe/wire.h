/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an observer of one handshake would read, message by message, as JSON events: the hellos in
 * both directions and alerts in clear. Pure: octets in, events out.
 */
#ifndef TOOLS_ECHPROBE_WIRE_H
#define TOOLS_ECHPROBE_WIRE_H

#include <jansson.h>
#include <stdbool.h>

#include "ech/records.h"

/* One direction of a connection. */
struct probe_stream {
    struct ech_record_reader records;
    struct writer message; /* the handshake message in hand */
    bool done;             /* what follows is encrypted, or nothing that this code reads */
};

struct probe_wire {
    struct probe_stream sent;
    struct probe_stream received;
    bool second_hello; /* a HelloRetryRequest was seen */
    json_t *events;    /* borrowed */
};

/* Events are appended to the array. probe_wire_free ends it. */
void probe_wire_init(struct probe_wire *wire, json_t *events);
void probe_wire_free(struct probe_wire *wire);
/* A new connection took the place of the old one. */
void probe_wire_restart(struct probe_wire *wire);

/* Octets as they went; time is in microseconds, for the events. */
void probe_wire_sent(struct probe_wire *wire, struct bytes octets, uint64_t time_us);
void probe_wire_received(struct probe_wire *wire, struct bytes octets, uint64_t time_us);

#endif
