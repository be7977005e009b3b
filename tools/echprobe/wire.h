/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an observer of one handshake can read, message by message, as JSON events: the hellos in
 * both directions and alerts in the clear. Pure: octets in, events out.
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
    bool done;             /* the rest is encrypted, or not for this code to read */
};

struct probe_wire {
    struct probe_stream sent;
    struct probe_stream received;
    bool second_hello; /* a HelloRetryRequest was seen */
    json_t *events;    /* borrowed */
};

/* Appends events to the array. Free it by probe_wire_free. */
void probe_wire_init(struct probe_wire *wire, json_t *events);
void probe_wire_free(struct probe_wire *wire);
/* Notes that a new connection replaced the old one. */
void probe_wire_restart(struct probe_wire *wire);

/* Takes the octets that passed; time_us is the time of the events. */
void probe_wire_sent(struct probe_wire *wire, struct bytes octets, uint64_t time_us);
void probe_wire_received(struct probe_wire *wire, struct bytes octets, uint64_t time_us);

#endif
