/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/transport_plain.h"

#include <errno.h>
#include <string.h>

enum {
    LEAST_TRY_US = 500000,
    RESEND_US = 400000,
    /* For a question in a hurry: its caller waits about 250 ms, and an answer that takes 150 ms
     * must still be taken. */
    HURRIED_RESEND_US = 100000,
    HURRIED_TRY_US = 160000,
    LOST_MAX = 8,     /* sockets that may be closed under us before we give up */
    STRAYS_MAX = 256, /* how many wrong messages are read after the deadline: they may lie before
                         the answer in the socket's buffer */
};

/* The result of one step. */
enum step {
    STEP_WAIT, /* nothing can be done now */
    STEP_ON,   /* the stage has changed */
    STEP_LOST, /* the socket is not ours any more */
    STEP_ENDED /* the try is over, with a reason */
};

static bool is_transient(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == EINPROGRESS;
}

/* The number of the server of this try. */
static size_t place_of(const struct dns_plain *p)
{
    return (p->tries - 1) % p->servers->count;
}

static const struct dns_server *server_of(const struct dns_plain *p)
{
    return &p->servers->server[place_of(p)];
}

static enum dns_reason parse(const struct dns_plain *p, struct bytes message,
                             struct dns_exchange *x)
{
    switch (dns_answer_parse(message, p->question, &x->answer)) {
    case ECH_OK:
        return DNS_REASON_OK;
    case ECH_ERR_NOMEM:
        return DNS_REASON_NO_MEMORY;
    default:
        return DNS_REASON_MALFORMED_ANSWER;
    }
}

static enum step ended(enum dns_reason *reason, enum dns_reason with)
{
    *reason = with;
    return STEP_ENDED;
}

/* What an unsuccessful call means. */
static enum step unless_transient(enum dns_reason *reason)
{
    if (errno == EBADF) {
        return STEP_LOST;
    }
    return is_transient(errno) ? STEP_WAIT : ended(reason, DNS_REASON_NETWORK);
}

static enum step go_on(struct dns_plain *p, enum dns_plain_stage stage)
{
    p->stage = stage;
    p->done = 0;
    return STEP_ON;
}

/* The query with the id of this try. */
static bool query_make(struct dns_plain *p, enum dns_edns edns)
{
    struct writer w;
    wr_init(&w, sizeof p->query);
    struct wr_mark length = wr_open(&w, 2);
    enum ech_status status = dns_query_encode(p->question, p->id, edns, &w);
    wr_close(&w, length);
    bool made = status == ECH_OK && wr_finish(&w) == ECH_OK;
    if (made) {
        struct bytes query = wr_view(&w);
        memcpy(p->query, query.data, query.len);
        p->query_len = query.len;
    }
    wr_free(&w);
    return made;
}

/* ---- UDP ---- */

static enum step udp_send(struct dns_plain *p, enum dns_reason *reason)
{
    if (p->io->send(p->fd, p->query + 2, p->query_len - 2, MSG_NOSIGNAL) < 0) {
        return unless_transient(reason);
    }
    return go_on(p, DNS_PLAIN_UDP_RECEIVE);
}

/* Errors do not matter here: an answer comes, or does not. */
static void udp_send_again(struct dns_plain *p)
{
    p->resend_us = UINT64_MAX;
    p->resent = true;
    if (query_make(p, DNS_EDNS_NONE)) {
        (void)p->io->send(p->fd, p->query + 2, p->query_len - 2, MSG_NOSIGNAL);
    }
}

/* Reads until a message answers the query. The socket is connected, so the kernel checks the
 * sender. */
static enum step udp_receive(struct dns_plain *p, struct dns_exchange *x, enum dns_reason *reason)
{
    ssize_t got = p->io->recv(p->fd, x->message, sizeof x->message, 0);
    if (got < 0) {
        enum step next = unless_transient(reason);
        uint64_t now = p->io->now_us();
        if (next == STEP_WAIT && now >= p->resend_us && now < p->try_deadline_us) {
            udp_send_again(p);
        }
        return next;
    }
    struct bytes message = bytes_of(x->message, (size_t)got);
    if (!dns_answer_matches(message, p->question, p->id)) {
        return STEP_ON;
    }
    return ended(reason, parse(p, message, x));
}

/* ---- TCP (RFC 1035, 4.2.2): two octets of length, then the message ---- */

static enum step tcp_send(struct dns_plain *p, enum dns_reason *reason)
{
    while (p->done < p->query_len) {
        ssize_t sent = p->io->send(p->fd, p->query + p->done, p->query_len - p->done, MSG_NOSIGNAL);
        if (sent < 0) {
            return unless_transient(reason);
        }
        p->done += (size_t)sent;
    }
    return go_on(p, DNS_PLAIN_TCP_RECEIVE);
}

/* How many octets to read: the length and, once that is known, the message. */
static size_t tcp_wanted(const struct dns_plain *p, const struct dns_exchange *x)
{
    struct reader r = rd_of(bytes_of(x->message, p->done));
    uint16_t len;
    return rd_u16(&r, &len) ? 2U + len : 2U;
}

static enum step tcp_receive(struct dns_plain *p, struct dns_exchange *x, enum dns_reason *reason)
{
    size_t wanted;
    while (p->done < (wanted = tcp_wanted(p, x))) {
        ssize_t got = p->io->recv(p->fd, x->message + p->done, wanted - p->done, 0);
        if (got < 0) {
            return unless_transient(reason);
        }
        if (got == 0) {
            return ended(reason, DNS_REASON_NETWORK);
        }
        p->done += (size_t)got;
    }
    struct bytes message = bytes_of(x->message + 2, wanted - 2);
    if (!dns_answer_matches(message, p->question, p->id)) {
        return ended(reason, DNS_REASON_MALFORMED_ANSWER);
    }
    enum dns_reason parsed = parse(p, message, x);
    /* TCP has no limit to be cut at. */
    bool cut = parsed == DNS_REASON_OK && x->answer.truncated;
    return ended(reason, cut ? DNS_REASON_MALFORMED_ANSWER : parsed);
}

/* ---- tries: one socket and one message ID each ---- */

static bool id_renew(struct dns_plain *p)
{
    uint8_t id[2];
    struct reader r = rd_of(bytes_of(id, sizeof id));
    return p->io->random(id, sizeof id) && rd_u16(&r, &p->id);
}

static void close_socket(struct dns_plain *p)
{
    if (p->fd >= 0) {
        (void)p->io->close(p->fd);
        p->fd = -1;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool takes_edns(const struct dns_plain *p)
{
    return !p->without_edns[place_of(p)] &&
           (p->health == NULL || !dns_health_lacks_edns(p->health, server_of(p), p->io->now_us()));
}

/* Sends a query with a new id from a new socket to the server of this try. */
static enum dns_reason open_socket(struct dns_plain *p, bool tcp)
{
    const struct dns_server *server = server_of(p);
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
    close_socket(p);
    if (!id_renew(p)) {
        return DNS_REASON_NO_RANDOM;
    }
    p->edns = takes_edns(p);
    if (!query_make(p, p->edns ? DNS_EDNS_0 : DNS_EDNS_NONE)) {
        return DNS_REASON_NO_MEMORY;
    }
    p->resent = false;
    p->resend_us = p->io->now_us() + (p->hurried ? HURRIED_RESEND_US : RESEND_US);
    p->fd = p->io->socket(server->address.any.sa_family, type, 0);
    if (p->fd < 0) {
        return DNS_REASON_NETWORK;
    }
    /* If a TCP connection fails, the first send will tell. */
    if (p->io->connect(p->fd, &server->address.any, server->address_len) != 0 &&
        !(tcp && is_transient(errno))) {
        return DNS_REASON_NETWORK;
    }
    (void)go_on(p, tcp ? DNS_PLAIN_TCP_SEND : DNS_PLAIN_UDP_SEND);
    return DNS_REASON_OK;
}

static bool is_tcp(const struct dns_plain *p)
{
    return p->stage == DNS_PLAIN_TCP_SEND || p->stage == DNS_PLAIN_TCP_RECEIVE;
}

static size_t tries_of(const struct dns_plain *p)
{
    return p->servers->attempts * p->servers->count;
}

static uint64_t try_deadline(const struct dns_plain *p, uint64_t now)
{
    uint64_t left = p->deadline_us - now;
    uint64_t share = left / (tries_of(p) - p->tries);
    share = share < LEAST_TRY_US ? LEAST_TRY_US : share;
    share = share > p->servers->try_us ? p->servers->try_us : share;
    return now + (share > left ? left : share);
}

/* Notes a failed try. After silence the server may be asked again (a datagram may be lost); after
 * any other failure it would only fail again. */
static void failed(struct dns_plain *p, enum dns_reason reason)
{
    close_socket(p);
    p->settled[place_of(p)] = reason != DNS_REASON_TIMEOUT;
    p->failure = reason == DNS_REASON_TIMEOUT ? p->failure : reason;
    p->stage = DNS_PLAIN_IDLE;
}

/* Begins the next try, at a server that may still answer; false if there is none, or no time. */
static bool next_try(struct dns_plain *p)
{
    while (p->stage == DNS_PLAIN_IDLE) {
        uint64_t now = p->io->now_us();
        if (p->tries == tries_of(p) || now >= p->deadline_us) {
            return false;
        }
        uint64_t deadline_us = try_deadline(p, now);
        p->tries++;
        if (p->settled[place_of(p)]) {
            continue;
        }
        p->try_deadline_us = deadline_us;
        if (p->hurried && p->servers->count > 1) {
            p->try_deadline_us = earlier(deadline_us, now + HURRIED_TRY_US);
        }
        enum dns_reason reason = open_socket(p, server_of(p)->tcp_only);
        if (reason != DNS_REASON_OK) {
            failed(p, reason);
        }
    }
    return true;
}

static enum step step_of_stage(struct dns_plain *p, struct dns_exchange *x, enum dns_reason *reason)
{
    switch (p->stage) {
    case DNS_PLAIN_UDP_SEND:
        return udp_send(p, reason);
    case DNS_PLAIN_UDP_RECEIVE:
        return x == NULL ? STEP_WAIT : udp_receive(p, x, reason);
    case DNS_PLAIN_TCP_SEND:
        return tcp_send(p, reason);
    case DNS_PLAIN_TCP_RECEIVE:
        return x == NULL ? STEP_WAIT : tcp_receive(p, x, reason);
    case DNS_PLAIN_IDLE:
        break;
    }
    return STEP_WAIT;
}

static enum step take_step(struct dns_plain *p, struct dns_exchange *x, enum dns_reason *reason)
{
    enum step taken = step_of_stage(p, x, reason);
    if (taken != STEP_LOST) {
        return taken;
    }
    /* The program closed the socket, or a fork left it behind: repeats the same try. */
    *reason = p->lost++ < LOST_MAX ? open_socket(p, is_tcp(p)) : DNS_REASON_NETWORK;
    return *reason == DNS_REASON_OK ? STEP_ON : STEP_ENDED;
}

static bool is_over(const struct dns_plain *p)
{
    uint64_t now = p->io->now_us();
    return now >= p->try_deadline_us || now >= p->deadline_us;
}

/* Does all steps that need no waiting; if x is NULL, nothing is received. The number of steps is
 * bounded, so that a flood of wrong messages cannot keep us here. */
static enum step take_steps(struct dns_plain *p, struct dns_exchange *x, enum dns_reason *reason)
{
    enum step last = STEP_ON;
    for (unsigned turn = 0; last == STEP_ON; turn++) {
        last = turn > STRAYS_MAX && is_over(p) ? STEP_WAIT : take_step(p, x, reason);
    }
    return last;
}

enum dns_reason dns_reason_of_rcode(const struct dns_answer *answer)
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

/* RFC 6891, 6.2.2 and 7: does this error mean that the server does not know EDNS? A server that
 * knows it answers with an OPT record. */
static bool refuses_edns(const struct dns_plain *p, const struct dns_answer *answer)
{
    if (!p->edns) {
        return false;
    }
    return answer->rcode == DNS_RCODE_FORMERR || answer->rcode == DNS_RCODE_NOTIMP ||
           answer->rcode == DNS_RCODE_BADVERS ||
           (answer->rcode == DNS_RCODE_SERVFAIL && !answer->has_opt);
}

/* The server has answered a question without EDNS: did it fail at one with it? */
static void remember_edns(struct dns_plain *p, const struct dns_answer *answer)
{
    bool dropped = p->edns && p->resent && !answer->has_opt;
    if (p->health != NULL && (p->without_edns[place_of(p)] || dropped)) {
        dns_health_note_no_edns(p->health, server_of(p), p->io->now_us());
    }
}

/* Ends a try. True if the question is over, with an answer that counts. */
static bool conclude(struct dns_plain *p, const struct dns_exchange *x, enum dns_reason reason)
{
    if (reason == DNS_REASON_OK && !x->answer.truncated && refuses_edns(p, &x->answer)) {
        p->without_edns[place_of(p)] = true;
        if (open_socket(p, is_tcp(p)) == DNS_REASON_OK) {
            return false;
        }
    }
    /* The message was cut, by the server (TC) or on the way: use TCP. */
    bool cut =
        reason == DNS_REASON_MALFORMED_ANSWER || (reason == DNS_REASON_OK && x->answer.truncated);
    if (cut && !is_tcp(p)) {
        reason = open_socket(p, true);
        if (reason == DNS_REASON_OK) {
            return false;
        }
    } else if (reason == DNS_REASON_OK) {
        reason = dns_reason_of_rcode(&x->answer);
    }
    if (reason == DNS_REASON_OK) {
        remember_edns(p, &x->answer);
        return true;
    }
    failed(p, reason);
    return false;
}

/* ---- the interface ---- */

void dns_plain_begin(struct dns_plain *plain, const struct dns_io *io,
                     const struct dns_servers *servers, const struct dns_question *question,
                     struct dns_resolver_health *health, uint64_t deadline_us)
{
    *plain = (struct dns_plain){.io = io,
                                .servers = servers,
                                .question = question,
                                .health = health,
                                .deadline_us = deadline_us,
                                .fd = -1,
                                .failure = DNS_REASON_TIMEOUT};
    enum dns_reason reason = DNS_REASON_OK;
    while (next_try(plain) && take_steps(plain, NULL, &reason) == STEP_ENDED) {
        failed(plain, reason);
    }
}

void dns_plain_hurry(struct dns_plain *plain)
{
    uint64_t now = plain->io->now_us();
    if (plain->hurried) {
        return;
    }
    plain->hurried = true;
    if (!plain->resent) {
        plain->resend_us = earlier(plain->resend_us, now + HURRIED_RESEND_US);
    }
    if (plain->servers->count > 1) {
        plain->try_deadline_us = earlier(plain->try_deadline_us, now + HURRIED_TRY_US);
    }
}

enum dns_reason dns_plain_drive(struct dns_plain *plain, struct dns_exchange *x, bool *pending)
{
    enum dns_reason reason = DNS_REASON_OK;
    *pending = false;
    while (next_try(plain)) {
        if (take_steps(plain, x, &reason) == STEP_WAIT) {
            if (!is_over(plain)) {
                *pending = true;
                return DNS_REASON_OK;
            }
            reason = DNS_REASON_TIMEOUT;
        }
        if (conclude(plain, x, reason)) {
            return DNS_REASON_OK;
        }
    }
    return plain->failure;
}

struct pollfd dns_plain_awaits(const struct dns_plain *plain, uint64_t *until_us)
{
    bool sending = plain->stage == DNS_PLAIN_UDP_SEND || plain->stage == DNS_PLAIN_TCP_SEND;
    *until_us = earlier(plain->try_deadline_us, plain->deadline_us);
    if (plain->stage == DNS_PLAIN_UDP_RECEIVE) {
        *until_us = earlier(*until_us, plain->resend_us);
    }
    return (struct pollfd){.fd = plain->fd, .events = sending ? POLLOUT : POLLIN};
}

size_t dns_plain_place(const struct dns_plain *plain)
{
    return place_of(plain);
}

bool dns_plain_was_silent(const struct dns_plain *plain, size_t place)
{
    bool asked = place < plain->tries;
    return asked && place != place_of(plain) && !plain->settled[place];
}

void dns_plain_end(struct dns_plain *plain)
{
    close_socket(plain);
}
