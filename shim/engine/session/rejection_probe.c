/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/rejection_probe.h"

#include <errno.h>

#include "ech/records.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/state.h"

enum { CHUNK = 4096, RECORD_VERSION = 0x0301 };

/* Waits until the socket is ready for `events`; false when the time is over. */
static bool wait_for(int fd, short events, uint64_t deadline_us)
{
    for (;;) {
        uint64_t now = shim_state()->io->now_us();
        if (now >= deadline_us) {
            return false;
        }
        struct pollfd wait = {.fd = fd, .events = events};
        int ready = shim_own_poll(&wait, 1, (int)((deadline_us - now + 999) / 1000));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

static bool send_all(int fd, struct ech_exchange *exchange, uint64_t deadline_us)
{
    for (struct bytes out = ech_exchange_to_net(exchange); out.len > 0;
         out = ech_exchange_to_net(exchange)) {
        ssize_t sent = shim_own_send(fd, out.data, out.len, MSG_NOSIGNAL);
        if (sent > 0) {
            ech_exchange_net_took(exchange, (size_t)sent);
        } else if ((errno != EAGAIN && errno != EINTR) || !wait_for(fd, POLLOUT, deadline_us)) {
            return false;
        }
    }
    return true;
}

static enum ech_event receive_some(int fd, struct ech_exchange *exchange, uint64_t deadline_us)
{
    uint8_t chunk[CHUNK];
    if (!wait_for(fd, POLLIN, deadline_us)) {
        return ech_exchange_net_closed(exchange);
    }
    ssize_t got = shim_own_recv(fd, chunk, sizeof chunk, 0);
    if (got > 0) {
        return ech_exchange_from_net(exchange, bytes_of(chunk, (size_t)got));
    }
    bool later = got < 0 && (errno == EAGAIN || errno == EINTR);
    return later ? ECH_EVENT_NONE : ech_exchange_net_closed(exchange);
}

/* Runs the exchange to its end. */
static enum ech_event run(const struct shim_rejection_probe *probe, int fd,
                          struct ech_exchange *exchange, uint64_t deadline_us)
{
    struct writer records;
    wr_init(&records, 0);
    ech_records_write(&records, RECORD_VERSION, probe->hello);
    enum ech_event event = wr_finish(&records) == ECH_OK
                               ? ech_exchange_from_app(exchange, wr_view(&records))
                               : ECH_EVENT_FAILED;
    wr_wipe(&records);
    if (event == ECH_EVENT_NEED_CONFIG) {
        event = ech_exchange_offer(exchange, probe->choice);
    }
    while (event == ECH_EVENT_NONE) {
        event = send_all(fd, exchange, deadline_us) ? receive_some(fd, exchange, deadline_us)
                                                    : ech_exchange_net_closed(exchange);
        if (event == ECH_EVENT_NONE && ech_exchange_to_app(exchange).len > 0) {
            /* A HelloRetryRequest that accepts ECH. The probe does not answer it. */
            return ECH_EVENT_ACCEPTED;
        }
    }
    (void)send_all(fd, exchange,
                   deadline_us); /* sends the alert that may end the outer handshake */
    return event;
}

static enum shim_rejection_probe_result
result_of(const struct ech_exchange *exchange, enum ech_event event, struct writer *retry_configs)
{
    struct ech_rejection rejection;
    if (event == ECH_EVENT_ACCEPTED) {
        return SHIM_PROBE_ACCEPTED;
    }
    if (event != ECH_EVENT_REJECTED) {
        return SHIM_PROBE_FAILED;
    }
    ech_exchange_rejection(exchange, &rejection);
    wr_bytes(retry_configs, rejection.retry_configs);
    if (wr_finish(retry_configs) != ECH_OK) {
        return SHIM_PROBE_FAILED;
    }
    return rejection.disabled ? SHIM_PROBE_DISABLED : SHIM_PROBE_RETRY_CONFIGS;
}

enum shim_rejection_probe_result shim_rejection_probe_over(const struct shim_rejection_probe *probe,
                                                           int fd, struct writer *retry_configs)
{
    struct ech_exchange *exchange = NULL;
    struct ech_exchange_options options = probe->options;
    enum shim_rejection_probe_result result = SHIM_PROBE_FAILED;
    options.key_share_rule = ECH_KEY_SHARE_OWN;
    uint64_t deadline_us = shim_state()->io->now_us() + (uint64_t)probe->timeout_ms * 1000;
    if (ech_exchange_new(&exchange, &options) == ECH_OK) {
        result = result_of(exchange, run(probe, fd, exchange, deadline_us), retry_configs);
    }
    ech_exchange_free(exchange);
    return result;
}

enum shim_rejection_probe_result shim_rejection_probe_run(const struct shim_rejection_probe *probe,
                                                          struct writer *retry_configs)
{
    enum shim_rejection_probe_result result = SHIM_PROBE_FAILED;
    int saved = errno;
    wr_init(retry_configs, 0);
    uint64_t start_us = shim_state()->io->now_us();
    int fd = shim_connect_like(probe->old, probe->timeout_ms);
    uint64_t spent_ms = (shim_state()->io->now_us() - start_us) / 1000;
    if (fd >= 0) {
        struct shim_rejection_probe rest = *probe;
        rest.timeout_ms = spent_ms < probe->timeout_ms ? probe->timeout_ms - (unsigned)spent_ms : 0;
        result = shim_rejection_probe_over(&rest, fd, retry_configs);
        (void)shim_own_close(fd);
    }
    errno = saved;
    return result;
}
