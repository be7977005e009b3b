/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct dns_channel, for the files that are the channel: channel.c (threads that
 * ask), waiting.c (threads that wait), tickets.c (their questions), connection.c (one connection
 * from connect to its end), own_record.c (the resolver's own HTTPS record), and the transports that
 * frame messages. No other file includes this.
 */
#ifndef DNS_ENCRYPTED_CHANNEL_STATE_H
#define DNS_ENCRYPTED_CHANNEL_STATE_H

#include <pthread.h>

#include "dns/encrypted/channel.h"
#include "dns/encrypted/message.h"

enum {
    DNS_TRIES_MAX = 2,   /* of one question, each on a connection of its own */
    DNS_FLIGHT_MAX = 64, /* questions on one connection that have no answer yet */
};

enum dns_ticket_state {
    DNS_TICKET_QUEUED,
    DNS_TICKET_SENT,     /* or given to the connection, at least */
    DNS_TICKET_RETURNED, /* the server did not take it: the next connection asks again */
    DNS_TICKET_DONE,
};

struct dns_ticket {
    struct dns_ticket *next; /* in the order in which they were asked */
    enum dns_ticket_state state;
    struct writer query; /* padded, with id 0 */
    uint16_t caller_id;
    uint64_t deadline_us;
    /* Of the channel's own question, for which no caller waits: called when it is done. Else NULL.
     */
    void (*learn)(struct dns_channel *channel, const struct dns_ticket *ticket);
    unsigned tries;
    uint16_t wire_id; /* of DNS over TLS */
    uint64_t sent_us;
    enum dns_reason reason; /* once done */
    struct writer answer;   /* grows while it comes; whole once done */
};

/* How messages are put on a connection. Each object is freed by its `free`. */
struct dns_framing {
    struct dns_channel *channel;
    /* The server has said that it takes no more questions. It still answers those that it took. */
    bool leaves;
    /* Can it take one more question now? */
    bool (*has_room)(const struct dns_framing *framing);
    /* Takes the ticket's query. False: no memory. */
    bool (*submit)(struct dns_framing *framing, struct dns_ticket *ticket);
    /* Forgets a submitted ticket. */
    void (*forget)(struct dns_framing *framing, struct dns_ticket *ticket);
    /* Takes in what came, and calls dns_ticket_done for each answer. Anything but DNS_REASON_OK:
     * the connection can no longer be used. */
    enum dns_reason (*receive)(struct dns_framing *framing, struct bytes in);
    /* The other side closed in an orderly way. */
    void (*ended)(struct dns_framing *framing);
    /* Appends what must be sent. */
    enum dns_reason (*flush)(struct dns_framing *framing, struct writer *out);
    void (*free)(struct dns_framing *framing);
};

/* NULL: no memory. */
ECH_MUST_USE struct dns_framing *dns_framing_dot(struct dns_channel *channel);
ECH_MUST_USE struct dns_framing *dns_framing_http2(struct dns_channel *channel);
ECH_MUST_USE struct dns_framing *dns_framing_http1(struct dns_channel *channel);

enum dns_connection_state {
    DNS_CONNECTION_NONE,
    DNS_CONNECTION_CONNECTING,
    DNS_CONNECTION_PROXY, /* connected to the proxy, and not yet to the resolver */
    DNS_CONNECTION_HANDSHAKE,
    DNS_CONNECTION_OPEN,
};

struct dns_connection {
    enum dns_connection_state state;
    int fd; /* -1: none */
    struct dns_tls *tls;
    struct dns_framing *framing;
    enum dns_proxy_stage proxy_stage;
    struct writer proxy_in; /* what the proxy has said, and was not read yet */
    struct writer out;      /* waits for the TLS session to take it */
    uint64_t give_up_us;    /* when to give up connecting and try another address; 0: never */
    uint64_t received_us;   /* when octets of the application came last */
    uint64_t leave_us;      /* how long to wait for a server that leaves; 0: it does not leave */
    uint64_t alive_us;      /* when it began, or was connected, or open */
    bool proven;            /* an answer came over it */
};

/* The resolver's own HTTPS record. */
struct dns_own_record {
    struct dns_name qname;
    bool has_name;       /* it has a name to ask for */
    bool asked;          /* the question has been sent */
    uint64_t expires_us; /* when what is known expires; 0: nothing is known */
    uint8_t *list;       /* ECHConfigList, or NULL: it has none */
    size_t list_length;
};

struct dns_channel {
    const struct dns_secure_server *server;
    const struct dns_io *io;
    struct dns_channel_options options;
    pthread_mutex_t lock;     /* protects all fields below */
    _Atomic uint32_t changed; /* grows with each ticket that is done, and each leader that ends */
    unsigned waiting;         /* for that */
    /* A thread waits at the socket for all, without the lock. It may never come back (a signal
     * handler jumps out): after too long a silence it is given up. */
    uint64_t leader; /* 0: none; else a number of its own */
    uint64_t leaders;
    uint64_t heard_by_us; /* of the leader */
    struct dns_ticket *tickets;
    struct dns_connection connection;
    union dns_socket_address address[DNS_ADDRESS_MAX];
    socklen_t address_len[DNS_ADDRESS_MAX];
    size_t address_count;   /* 0: look it up first */
    size_t current;         /* the index of the one in use */
    size_t failures;        /* how many addresses in a row could not be connected to */
    uint64_t usual_us;      /* how long answers take, smoothed; 0: not known */
    unsigned silences;      /* questions in a row, one after the other, that nothing came to */
    uint64_t silent_us;     /* when the last of them was given up */
    gnutls_datum_t session; /* for resumption */
    struct dns_own_record own;
};

/* The name that the system has to look up, of the resolver or of its proxy; NULL: none. */
static inline const char *dns_channel_asked_name(const struct dns_channel *channel)
{
    const struct dns_proxy *proxy = channel->options.proxy;
    if (proxy != NULL) {
        return proxy->address_len == 0 ? proxy->name : NULL;
    }
    return channel->server->address_count == 0 ? channel->server->name : NULL;
}

/* ---- waiting.c ---- */

/* Does all that can be done without waiting. */
void dns_channel_pump(struct dns_channel *channel);
/* Waits until one of the tickets is done, or until the given time. False: the caller has given up
 * waiting. */
ECH_MUST_USE bool dns_channel_wait_for(struct dns_channel *channel,
                                       struct dns_ticket *const *tickets, size_t count,
                                       uint64_t wait_until_us);

/* ---- tickets.c ---- */

/*
 * Ends the question of a ticket. DNS_REASON_OK: `message` is the answer. It is checked: if it is
 * cut, or has another question, the reason becomes DNS_REASON_MALFORMED_ANSWER.
 */
void dns_ticket_done(struct dns_channel *channel, struct dns_ticket *ticket, enum dns_reason reason,
                     struct bytes message);
/* The same for all that are not done. */
void dns_tickets_fail(struct dns_channel *channel, enum dns_reason reason);
/*
 * Call this before the connection ends. Tickets without an answer go back into the queue, or fail
 * with this reason if that was their last try. A try does not count if the connection had answered
 * a question before the server ended it: so no question fails while each connection answers at
 * least one (RFC 9113, 6.8).
 */
void dns_tickets_requeue(struct dns_channel *channel, enum dns_reason reason);
ECH_MUST_USE bool dns_tickets_any(const struct dns_channel *channel, enum dns_ticket_state state);
/* A new ticket at the end of the queue; NULL with *reason. */
ECH_MUST_USE struct dns_ticket *dns_ticket_add(struct dns_channel *channel, struct bytes query,
                                               uint64_t deadline_us, enum dns_reason *reason);

/* Removes it from the queue and the connection, and frees it. */
void dns_ticket_end(struct dns_channel *channel, struct dns_ticket *ticket);
/* Frees the channel's own question once it is done. Do not call this in a loop over the tickets. */
void dns_tickets_free_own(struct dns_channel *channel);
/* Wakes the threads that wait for a ticket, or to lead. */
void dns_tickets_tell(struct dns_channel *channel);

/* ---- connection.c ---- */

/* Does all that can be done without waiting. */
void dns_connection_step(struct dns_channel *channel);
/* What to wait for. Lowers *until_us if the connection must act earlier. False: there is no socket.
 */
ECH_MUST_USE bool dns_connection_wants(const struct dns_channel *channel, struct pollfd *wanted,
                                       uint64_t *until_us);
/* Gives the connection up: its tickets are asked again or fail with the reason. */
void dns_connection_drop(struct dns_channel *channel, enum dns_reason reason);
/* Forgets the connection, and sends nothing. */
void dns_connection_clear(struct dns_channel *channel);
/* Gives the connection up if it shows no sign of life. */
void dns_connection_check(struct dns_channel *channel);

/* ---- carry.c ---- */

/* Reads answers and sends questions on an open connection, without waiting. DNS_REASON_OK: there is
 * no more for now. Otherwise the connection has ended for that reason. */
ECH_MUST_USE enum dns_reason dns_connection_carry(struct dns_channel *channel);

/* ---- own_record.c ---- */

void dns_own_record_init(struct dns_channel *channel);
/* Asks for it if what is known is too old. */
void dns_own_record_ask(struct dns_channel *channel);
/* A new hello exchange with the ECHConfigList that is known, or NULL. */
ECH_MUST_USE void *dns_own_record_exchange(struct dns_channel *channel);
/* Learns from the result of that exchange. */
void dns_own_record_judge(struct dns_channel *channel, const void *exchange);
void dns_own_record_free(struct dns_channel *channel);

#endif
