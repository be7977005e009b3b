/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moves octets between two ends. Nothing is read before what was read is written: a slow reader
 * slows the writer at the other end. Each direction ends by itself: close_notify passes as
 * close_notify, FIN as FIN, and what cannot be written any more does not end the other direction,
 * in which the answer may be.
 */
#ifndef TOOLS_RELAY_PUMP_H
#define TOOLS_RELAY_PUMP_H

#include "tools/relay/end.h"

/* A record of TLS has so many at most. */
enum { RELAY_FLOW_SIZE = 16384 };

/* One direction. */
struct relay_flow {
    uint8_t *data; /* of the connection: RELAY_FLOW_SIZE, or more at the start */
    size_t start;  /* what is to be written */
    size_t end;
    enum {
        RELAY_FLOW_OPEN,
        RELAY_FLOW_NOTIFIES, /* close_notify was read, and is to be written */
        RELAY_FLOW_NOTIFIED, /* and was written: FIN follows when it comes */
        RELAY_FLOW_ENDS,     /* FIN was read, and is to be written */
        RELAY_FLOW_DONE,
        RELAY_FLOW_BROKEN, /* the end to which it leads takes no more */
    } state;
};

enum relay_pumped {
    RELAY_PUMPED_ON,     /* go on when what the ends want has come */
    RELAY_PUMPED_DONE,   /* both directions have ended */
    RELAY_PUMPED_FAILED, /* one end has reset the connection */
};

/* Adds to what both ends want. */
enum relay_pumped relay_pump(struct relay_flow *up, struct relay_flow *down,
                             struct relay_end *program, struct relay_end *server);
/* Whether one direction is broken, while the other may still go on. */
bool relay_is_broken(const struct relay_flow *up, const struct relay_flow *down);

#endif
