/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct dns_channel, for the files that are the channel: channel.c (threads
 * that ask and wait), tickets.c (their questions), connection.c (one connection from connect to its
 * end), own_record.c (the resolver's own HTTPS record), and the transports that frame messages.
 * Nobody else includes this.
 */
#ifndef DNS_ENCRYPTED_CHANNEL_STATE_H
#define DNS_ENCRYPTED_CHANNEL_STATE_H

#include <pthread.h>

#include "dns/encrypted/channel.h"
#include "dns/encrypted/message.h"

enum {
    DNS_TRIES_MAX = 2,   /* of one question, each on a connection of its own */
    DNS_FLIGHT_MAX = 64, /* questions on one connection that have no answer yet */
    DNS_ADDRESS_MAX = 4,
};

enum dns_ticket_state {
    DNS_TICKET_QUEUED,
    DNS_TICKET_SENT,     /* or at least given to the connection */
    DNS_TICKET_RETURNED, /* the server did not take it: it is for the next connection */
    DNS_TICKET_DONE,
};

struct dns_ticket {
    struct dns_ticket *next; /* in the order of their coming */
    enum dns_ticket_state state;
    struct writer query; /* padded, with id 0 */
    uint16_t caller_id;
    uint64_t deadline_us;
    /* The channel's own question: told when it is done, for no caller waits. Else NULL. */
    void (*learn)(struct dns_channel *channel, const struct dns_ticket *ticket);
    unsigned tries;
    uint16_t wire_id; /* of DNS over TLS */
    uint64_t sent_us;
    enum dns_reason reason; /* once done */
    struct writer answer;   /* while it comes, and once done */
};

/* How messages are put on a connection. `free` for each made. */
struct dns_framing {
    struct dns_channel *channel;
    /* The server has said that it takes no more questions; what it took it will answer. */
    bool leaves;
    /* Whether one more question can be taken now. */
    bool (*has_room)(const struct dns_framing *framing);
    /* Takes the ticket's query. False: no memory. */
    bool (*submit)(struct dns_framing *framing, struct dns_ticket *ticket);
    /* A submitted ticket goes away. */
    void (*forget)(struct dns_framing *framing, struct dns_ticket *ticket);
    /* Takes in what came; tickets that have their answer are told by dns_ticket_done. Anything but
     * DNS_REASON_OK: the connection is of no more use. */
    enum dns_reason (*receive)(struct dns_framing *framing, struct bytes in);
    /* The other side closed in an orderly way. */
    void (*ended)(struct dns_framing *framing);
    /* Appends what is to be sent. */
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
    DNS_CONNECTION_HANDSHAKE,
    DNS_CONNECTION_OPEN,
};

struct dns_connection {
    enum dns_connection_state state;
    int fd; /* -1: none */
    struct dns_tls *tls;
    struct dns_framing *framing;
    struct writer out;    /* waits for the TLS layer */
    uint64_t give_up_us;  /* of connecting, where there is another address; 0: never */
    uint64_t received_us; /* when octets of the application came last */
    uint64_t leave_us;    /* until when a server that leaves is waited for; 0: it does not leave */
    bool proven;          /* an answer came over it */
};

/* The resolver's own HTTPS record. */
struct dns_own_record {
    struct dns_name qname;
    bool has_name;       /* it can be asked for */
    bool asked;          /* the question is on its way */
    uint64_t expires_us; /* of what is known; 0: nothing is */
    uint8_t *list;       /* ECHConfigList, or NULL: it has none */
    size_t list_length;
};

struct dns_channel {
    const struct dns_resolver *resolver;
    const struct dns_io *io;
    struct dns_channel_options options;
    pthread_mutex_t lock;     /* over all that follows */
    _Atomic uint32_t changed; /* grows with each ticket that is done, and each leader that ends */
    unsigned waiting;         /* for that */
    /* A thread waits at the socket for all, without the lock. It may never come back (a signal
     * handler jumps out): it is given up when it has not been heard of for too long. */
    uint64_t leader; /* 0: none; else a number of its own */
    uint64_t leaders;
    uint64_t heard_by_us; /* of the leader */
    struct dns_ticket *tickets;
    struct dns_connection connection;
    union dns_socket_address address[DNS_ADDRESS_MAX];
    socklen_t address_len[DNS_ADDRESS_MAX];
    size_t address_count;   /* 0: to be looked up first */
    size_t current;         /* which of them is used */
    size_t failures;        /* addresses in a row that could not be connected to */
    gnutls_datum_t session; /* for resumption */
    struct dns_own_record own;
};

/* ---- tickets.c ---- */

/*
 * The ticket is done. DNS_REASON_OK: `message` is the answer, and is looked at: with another
 * question, or cut, it is none, and the reason becomes DNS_REASON_MALFORMED_ANSWER.
 */
void dns_ticket_done(struct dns_channel *channel, struct dns_ticket *ticket, enum dns_reason reason,
                     struct bytes message);
/* All that are not done. */
void dns_tickets_fail(struct dns_channel *channel, enum dns_reason reason);
/*
 * The connection ends: those without an answer go back into the queue, or fail with this reason if
 * that was their last try. A try does not count where the connection has answered something and was
 * then ended by the server: as long as each connection answers one question, none loses its answer
 * (RFC 9113, 6.8). While the connection is there still.
 */
void dns_tickets_requeue(struct dns_channel *channel, enum dns_reason reason);
ECH_MUST_USE bool dns_tickets_any(const struct dns_channel *channel, enum dns_ticket_state state);
/* A new ticket at the end of the queue; NULL with *reason. */
ECH_MUST_USE struct dns_ticket *dns_ticket_add(struct dns_channel *channel, struct bytes query,
                                               uint64_t deadline_us, enum dns_reason *reason);

/* Takes it out of everything, and frees it. */
void dns_ticket_end(struct dns_channel *channel, struct dns_ticket *ticket);
/* Frees the channel's own question once it is done. Nobody may iterate over the tickets. */
void dns_tickets_free_own(struct dns_channel *channel);
/* Whoever waits for a ticket, or to lead, is to look again. */
void dns_tickets_tell(struct dns_channel *channel);

/* ---- connection.c ---- */

/* Does all that can be done without waiting. */
void dns_connection_step(struct dns_channel *channel);
/* What to wait for; and until when at most, beside wait_until_us. False: there is no socket. */
ECH_MUST_USE bool dns_connection_wants(const struct dns_channel *channel, struct pollfd *wanted,
                                       uint64_t *until_us);
/* The connection is of no more use: its tickets are asked again or fail with the reason. */
void dns_connection_drop(struct dns_channel *channel, enum dns_reason reason);
/* Forgets it, without a word on the wire. */
void dns_connection_clear(struct dns_channel *channel);
/* Looks for a socket that gives no sign of life. */
void dns_connection_check(struct dns_channel *channel);

/* ---- own_record.c ---- */

void dns_own_record_init(struct dns_channel *channel);
/* Asks, if what is known is too old. */
void dns_own_record_ask(struct dns_channel *channel);
/* A new hello exchange under what is known, or NULL. */
ECH_MUST_USE void *dns_own_record_exchange(struct dns_channel *channel);
/* What became of it. */
void dns_own_record_judge(struct dns_channel *channel, const void *exchange);
void dns_own_record_free(struct dns_channel *channel);

#endif
