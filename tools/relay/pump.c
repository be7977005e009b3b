/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/pump.h"

#include <sys/epoll.h>

/* So many records of one direction before other connections have their turn. */
enum { TURN = 16 };

/* The result of a step. `to` takes no more: the other direction goes on. */
static ssize_t broken(struct relay_flow *flow)
{
    flow->state = RELAY_FLOW_BROKEN;
    flow->start = flow->end;
    return RELAY_WAIT;
}

static ssize_t write_some(struct relay_flow *flow, struct relay_end *to)
{
    ssize_t count = relay_end_write(to, flow->data + flow->start, flow->end - flow->start);
    if (count < 0) {
        return count == RELAY_RESET ? broken(flow) : count;
    }
    flow->start += (size_t)count;
    return 0;
}

static ssize_t read_some(struct relay_flow *flow, struct relay_end *from, struct relay_end *to)
{
    int alert;
    ssize_t count = relay_end_read(from, flow->data, RELAY_FLOW_SIZE, &alert);
    if (count > 0) {
        flow->start = 0;
        flow->end = (size_t)count;
        return 0;
    }
    if (count == RELAY_FIN || count == RELAY_NOTIFY) {
        flow->state = count == RELAY_FIN ? RELAY_FLOW_ENDS : RELAY_FLOW_NOTIFIES;
        return 0;
    }
    if (count == RELAY_RESET && alert >= 0 && to->session != NULL) {
        relay_end_alert(to, alert);
    }
    return count;
}

static ssize_t end_with_notify(struct relay_flow *flow, struct relay_end *to)
{
    ssize_t result = relay_end_notify(to);
    if (result == 0) {
        flow->state = RELAY_FLOW_NOTIFIED;
    }
    return result == RELAY_RESET ? broken(flow) : result;
}

static ssize_t await_fin(struct relay_flow *flow, struct relay_end *from)
{
    ssize_t result = relay_end_await_fin(from, flow->data, RELAY_FLOW_SIZE);
    if (result == RELAY_FIN) {
        flow->state = RELAY_FLOW_ENDS;
        return 0;
    }
    return result;
}

/* One step: a write, a read or an end. 0: take another step. */
static ssize_t step(struct relay_flow *flow, struct relay_end *from, struct relay_end *to)
{
    if (flow->start < flow->end) {
        return write_some(flow, to);
    }
    switch (flow->state) {
    case RELAY_FLOW_OPEN:
        return read_some(flow, from, to);
    case RELAY_FLOW_NOTIFIES:
        return end_with_notify(flow, to);
    case RELAY_FLOW_NOTIFIED:
        return await_fin(flow, from);
    case RELAY_FLOW_ENDS:
        flow->state = relay_end_finish(to) == 0 ? RELAY_FLOW_DONE : RELAY_FLOW_BROKEN;
        return 0;
    case RELAY_FLOW_DONE:
    case RELAY_FLOW_BROKEN:
        break;
    }
    return RELAY_WAIT;
}

/* `back`: the other direction. If that is broken, `from` has reset the connection: what the kernel
 * still has of it is read, and its end is no FIN. */
static ssize_t move(struct relay_flow *flow, const struct relay_flow *back, struct relay_end *from,
                    struct relay_end *to)
{
    ssize_t result = 0;
    for (int i = 0; i < 2 * TURN && result == 0; i++) {
        if (flow->state == RELAY_FLOW_ENDS && back->state == RELAY_FLOW_BROKEN) {
            return RELAY_RESET;
        }
        result = step(flow, from, to);
    }
    if (result == 0) {
        to->wanted |= EPOLLOUT; /* it can be written to, so our turn comes again */
    }
    return result;
}

static bool is_over(const struct relay_flow *flow)
{
    return flow->state == RELAY_FLOW_DONE || flow->state == RELAY_FLOW_BROKEN;
}

enum relay_pumped relay_pump(struct relay_flow *up, struct relay_flow *down,
                             struct relay_end *program, struct relay_end *server)
{
    if (move(up, down, program, server) == RELAY_RESET ||
        move(down, up, server, program) == RELAY_RESET) {
        return RELAY_PUMPED_FAILED;
    }
    if (!is_over(up) || !is_over(down)) {
        return RELAY_PUMPED_ON;
    }
    bool whole = up->state == RELAY_FLOW_DONE && down->state == RELAY_FLOW_DONE;
    return whole ? RELAY_PUMPED_DONE : RELAY_PUMPED_FAILED;
}

bool relay_is_broken(const struct relay_flow *up, const struct relay_flow *down)
{
    return up->state == RELAY_FLOW_BROKEN || down->state == RELAY_FLOW_BROKEN;
}
