/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/transport_plain.h"

#include <errno.h>

enum { LEAST_TRY_US = 500000 };

/* What one try needs; the query is on the stack of the caller. */
struct attempt {
    const struct dns_io *io;
    const struct dns_server *server;
    const struct dns_name *qname;
    uint64_t deadline_us;
    uint16_t id;
    struct bytes query; /* with the two octets of length that TCP wants before it */
    struct dns_exchange *x;
};

/*
 * Waits for an event. False: the deadline has come, or waiting does not work. An interrupted wait
 * counts as an event; the caller just tries again.
 */
static bool wait_for(const struct attempt *a, int fd, short events)
{
    uint64_t now = a->io->now_us();
    if (now >= a->deadline_us) {
        return false;
    }
    uint64_t left_ms = (a->deadline_us - now + 999) / 1000;
    struct pollfd pollfd = {.fd = fd, .events = events};
    int ready = a->io->poll(&pollfd, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    return ready >= 0 || errno == EINTR;
}

static bool is_transient(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum dns_reason reason_of_status(enum ech_status status)
{
    switch (status) {
    case ECH_OK:
        return DNS_REASON_OK;
    case ECH_ERR_NOMEM:
        return DNS_REASON_NO_MEMORY;
    default:
        return DNS_REASON_MALFORMED_ANSWER;
    }
}

static enum dns_reason parse(const struct attempt *a, struct bytes message)
{
    return reason_of_status(dns_answer_parse(message, a->qname, &a->x->answer));
}

/* ---- UDP ---- */

/* Waits for a message that answers the query; the socket is connected, so the kernel checks where
 * it comes from. */
static enum dns_reason udp_receive(const struct attempt *a, int fd)
{
    for (;;) {
        if (!wait_for(a, fd, POLLIN)) {
            return DNS_REASON_TIMEOUT;
        }
        ssize_t got = a->io->recv(fd, a->x->message, sizeof a->x->message, 0);
        if (got < 0 && !is_transient(errno)) {
            return DNS_REASON_NETWORK;
        }
        struct bytes message = bytes_of(a->x->message, got < 0 ? 0 : (size_t)got);
        if (dns_answer_matches(message, a->qname, a->id)) {
            return parse(a, message);
        }
    }
}

static enum dns_reason udp_exchange(const struct attempt *a, int fd)
{
    const struct dns_server *server = a->server;
    struct bytes query = bytes_of(a->query.data + 2, a->query.len - 2);
    if (a->io->connect(fd, &server->address.any, server->address_len) != 0) {
        return DNS_REASON_NETWORK;
    }
    while (a->io->send(fd, query.data, query.len, MSG_NOSIGNAL) < 0) {
        if (!is_transient(errno)) {
            return DNS_REASON_NETWORK;
        }
        if (!wait_for(a, fd, POLLOUT)) {
            return DNS_REASON_TIMEOUT;
        }
    }
    return udp_receive(a, fd);
}

/* ---- TCP (RFC 1035, 4.2.2): two octets of length, then the message ---- */

static enum dns_reason tcp_send(const struct attempt *a, int fd)
{
    struct reader left = rd_of(a->query);
    while (!rd_done(&left)) {
        struct bytes sent;
        if (!wait_for(a, fd, POLLOUT)) {
            return DNS_REASON_TIMEOUT;
        }
        ssize_t n = a->io->send(fd, left.data, left.len, MSG_NOSIGNAL);
        if (n < 0 && !is_transient(errno)) {
            return DNS_REASON_NETWORK;
        }
        if (n > 0 && !rd_bytes(&left, (size_t)n, &sent)) {
            return DNS_REASON_NETWORK;
        }
    }
    return DNS_REASON_OK;
}

/* Fills `len` octets at `at` of the exchange's message, however they are split. */
static enum dns_reason tcp_fill(const struct attempt *a, int fd, size_t at, size_t len)
{
    while (len > 0) {
        if (!wait_for(a, fd, POLLIN)) {
            return DNS_REASON_TIMEOUT;
        }
        ssize_t n = a->io->recv(fd, a->x->message + at, len, 0);
        if (n == 0 || (n < 0 && !is_transient(errno))) {
            return DNS_REASON_NETWORK;
        }
        if (n > 0) {
            at += (size_t)n;
            len -= (size_t)n;
        }
    }
    return DNS_REASON_OK;
}

static enum dns_reason tcp_receive(const struct attempt *a, int fd)
{
    enum dns_reason reason = tcp_fill(a, fd, 0, 2);
    if (reason != DNS_REASON_OK) {
        return reason;
    }
    struct reader r = rd_of(bytes_of(a->x->message, 2));
    uint16_t len;
    if (!rd_u16(&r, &len)) {
        return DNS_REASON_MALFORMED_ANSWER;
    }
    reason = tcp_fill(a, fd, 2, len);
    if (reason != DNS_REASON_OK) {
        return reason;
    }
    struct bytes message = bytes_of(a->x->message + 2, len);
    if (!dns_answer_matches(message, a->qname, a->id)) {
        return DNS_REASON_MALFORMED_ANSWER;
    }
    reason = parse(a, message);
    /* There is no larger transport to go to. */
    return reason == DNS_REASON_OK && a->x->answer.truncated ? DNS_REASON_MALFORMED_ANSWER : reason;
}

static enum dns_reason tcp_exchange(const struct attempt *a, int fd)
{
    const struct dns_server *server = a->server;
    /* Whether the connection came about, the first send will tell. */
    if (a->io->connect(fd, &server->address.any, server->address_len) != 0 &&
        errno != EINPROGRESS && errno != EINTR) {
        return DNS_REASON_NETWORK;
    }
    enum dns_reason reason = tcp_send(a, fd);
    return reason == DNS_REASON_OK ? tcp_receive(a, fd) : reason;
}

/* ---- tries ---- */

/* One query in a socket of its own, with an id of its own. */
static enum dns_reason exchange(struct attempt *a, bool tcp)
{
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (!a->io->random(&a->id, sizeof a->id)) {
        return DNS_REASON_NO_RANDOM;
    }
    struct writer w;
    wr_init(&w, 2 + DNS_UDP_SIZE);
    struct wr_mark length = wr_open(&w, 2);
    enum ech_status status = dns_query_encode(a->qname, a->id, &w);
    wr_close(&w, length);
    if (status != ECH_OK || wr_finish(&w) != ECH_OK) {
        wr_free(&w);
        return DNS_REASON_NO_MEMORY;
    }
    a->query = wr_view(&w);
    enum dns_reason reason = DNS_REASON_NETWORK;
    int fd = a->io->socket(a->server->address.any.sa_family, type, 0);
    if (fd >= 0) {
        reason = tcp ? tcp_exchange(a, fd) : udp_exchange(a, fd);
        (void)a->io->close(fd);
    }
    wr_free(&w);
    return reason;
}

static enum dns_reason reason_of_rcode(const struct dns_answer *answer)
{
    switch (answer->rcode) {
    case DNS_RCODE_NOERROR:
    case DNS_RCODE_NXDOMAIN:
        return DNS_REASON_OK;
    case DNS_RCODE_FORMERR:
        return DNS_REASON_FORMERR;
    case DNS_RCODE_SERVFAIL:
        return DNS_REASON_SERVFAIL;
    case DNS_RCODE_REFUSED:
        return DNS_REASON_REFUSED;
    default:
        return DNS_REASON_RCODE;
    }
}

/* One server, once: over UDP, and over TCP if the answer was cut, by the server (TC) or by
 * something on the way. */
static enum dns_reason ask(struct attempt *a)
{
    bool tcp = a->server->tcp_only;
    enum dns_reason reason = exchange(a, tcp);
    bool cut = reason == DNS_REASON_MALFORMED_ANSWER ||
               (reason == DNS_REASON_OK && a->x->answer.truncated);
    if (!tcp && cut) {
        reason = exchange(a, true);
    }
    return reason == DNS_REASON_OK ? reason_of_rcode(&a->x->answer) : reason;
}

static uint64_t try_deadline(const struct dns_servers *servers, uint64_t now, uint64_t deadline_us,
                             size_t tries_left)
{
    uint64_t left = deadline_us - now;
    uint64_t share = left / tries_left;
    share = share < LEAST_TRY_US ? LEAST_TRY_US : share;
    share = share > servers->try_us ? servers->try_us : share;
    return now + (share > left ? left : share);
}

enum dns_reason dns_plain_query(const struct dns_io *io, const struct dns_servers *servers,
                                const struct dns_name *qname, uint64_t deadline_us,
                                struct dns_exchange *x)
{
    enum dns_reason failure = DNS_REASON_TIMEOUT;
    bool settled[DNS_SERVER_MAX] = {false};
    size_t tries = servers->attempts * servers->count;
    for (size_t i = 0; i < tries; i++) {
        size_t at = i % servers->count;
        uint64_t now = io->now_us();
        if (now >= deadline_us) {
            break;
        }
        if (settled[at]) {
            continue;
        }
        struct attempt a = {.io = io, .server = &servers->server[at], .qname = qname, .x = x};
        a.deadline_us = try_deadline(servers, now, deadline_us, tries - i);
        enum dns_reason reason = ask(&a);
        if (reason == DNS_REASON_OK) {
            return reason;
        }
        /* Silence may be a lost datagram. Whatever else a server said or did, it would say again.
         */
        settled[at] = reason != DNS_REASON_TIMEOUT;
        failure = reason == DNS_REASON_TIMEOUT ? failure : reason;
    }
    return failure;
}
