/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/pump.h"

#include <sys/epoll.h>

/* So many records of one direction before other connections have their turn. */
enum { TURN = 16 };

static ssize_t finish(struct relay_flow *flow, struct relay_end *to)
{
    ssize_t result = relay_end_finish(to, flow->state == RELAY_FLOW_ENDED);
    if (result == 0) {
        flow->state = RELAY_FLOW_DONE;
        return RELAY_WAIT; /* for the other direction */
    }
    return result;
}

/* One step: a write, a read or the end. 0: take another step. */
static ssize_t step(struct relay_flow *flow, struct relay_end *from, struct relay_end *to)
{
    int alert;
    if (flow->start < flow->end) {
        ssize_t count = relay_end_write(to, flow->data + flow->start, flow->end - flow->start);
        if (count < 0) {
            return count;
        }
        flow->start += (size_t)count;
        return 0;
    }
    if (flow->state == RELAY_FLOW_DONE) {
        return RELAY_WAIT;
    }
    if (flow->state != RELAY_FLOW_OPEN) {
        return finish(flow, to);
    }
    ssize_t count = relay_end_read(from, flow->data, RELAY_FLOW_SIZE, &alert);
    if (count > 0) {
        flow->start = 0;
        flow->end = (size_t)count;
    } else if (count == 0 || count == RELAY_CUT) {
        flow->state = count == 0 ? RELAY_FLOW_ENDED : RELAY_FLOW_CUT;
    } else {
        if (count == RELAY_RESET && alert >= 0 && to->session != NULL) {
            relay_end_alert(to, alert);
        }
        return count;
    }
    return 0;
}

static ssize_t move(struct relay_flow *flow, struct relay_end *from, struct relay_end *to)
{
    ssize_t result = 0;
    for (int i = 0; i < 2 * TURN && result == 0; i++) {
        result = step(flow, from, to);
    }
    if (result == 0) {
        to->wanted |= EPOLLOUT; /* it can be written to, so our turn comes again */
    }
    return result;
}

enum relay_pumped relay_pump(struct relay_flow *up, struct relay_flow *down,
                             struct relay_end *program, struct relay_end *server)
{
    if (move(up, program, server) == RELAY_RESET || move(down, server, program) == RELAY_RESET) {
        return RELAY_PUMPED_FAILED;
    }
    return up->state == RELAY_FLOW_DONE && down->state == RELAY_FLOW_DONE ? RELAY_PUMPED_DONE
                                                                          : RELAY_PUMPED_ON;
}
