/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct ech_exchange, for the files that are the machine: exchange.c (life and
 * outlets), exchange_app.c and exchange_net.c (its two inlets), exchange_outer.c (after a
 * rejection). No other file includes this.
 */
#ifndef ECH_EXCHANGE_STATE_H
#define ECH_EXCHANGE_STATE_H

#include "ech/answer.h"
#include "ech/client_facing.h"
#include "ech/exchange.h"
#include "ech/offer.h"
#include "ech/records.h"

enum ech_phase {
    ECH_PHASE_FIRST_HELLO,  /* ClientHelloInner comes in */
    ECH_PHASE_CONFIG,       /* it is whole; the caller must answer ECH_EVENT_NEED_CONFIG */
    ECH_PHASE_FIRST_ANSWER, /* ClientHelloOuter is out; ServerHello or HelloRetryRequest comes in */
    ECH_PHASE_SECOND_HELLO, /* HelloRetryRequest accepted; the second ClientHelloInner comes in */
    ECH_PHASE_SECOND_ANSWER, /* the second ClientHelloOuter is out; ServerHello comes in */
    ECH_PHASE_OUTER,    /* ECH was rejected; the outer handshake goes on without the application */
    ECH_PHASE_REJECTED, /* it has ended well; the caller must answer ECH_EVENT_REJECTED */
    ECH_PHASE_PASSING,  /* accepted, or securely disabled: octets pass */
    ECH_PHASE_FAILED,
};

/* Our bound on what waits for either side, or for the caller's answer. Adapters take octets away at
 * once. */
enum { ECH_QUEUE_MAX = 1 << 24 };
enum { ECH_HOST_NAME_MAX = 255 };

struct ech_exchange {
    struct ech_exchange_options options;
    enum ech_phase phase;
    enum ech_failure failure;
    struct ech_exchange_facts facts;
    size_t server_name_at; /* in first_inner */
    size_t server_name_length;
    struct ech_offer offer;
    struct writer ordinary;    /* the octets of options.ordinary, if they were copied */
    uint8_t ordinary_room[96]; /* where they begin: 31 suites and 4 versions need 71 */

    /* opens the application's hellos, if its TLS library seals them to a local config */
    bool has_local_config;
    struct ech_client_facing *client_facing; /* NULL: there is no local config, or no memory */
    struct ech_library_hello first_made;     /* the first hello; empty if no library sealed it */

    /* from the application */
    struct ech_record_reader app_records;
    struct writer app_message; /* the hello that is being read */
    struct writer app_early;   /* what it wrote before the answer to ECH_EVENT_NEED_CONFIG */
    struct writer app_since;   /* records that it wrote after its first hello: a retry sends them
                                  again */
    uint16_t app_version;      /* of the record in which the current hello began */
    unsigned app_change_cipher_specs;

    /* from the network */
    struct ech_record_reader net_records;
    struct writer net_message;
    struct writer
        net_held; /* the records of the current message, for the application if it may have them */
    bool net_warned; /* net_held begins with the alert unrecognized_name, a warning */
    unsigned net_change_cipher_specs;

    /* the outer handshake */
    struct writer outer_hello;         /* the first ClientHelloOuter */
    struct ech_outer_handshake *outer; /* after a rejection */

    /* the inner handshake so far */
    struct writer first_inner;
    struct writer retry_request;
    uint16_t retry_cipher_suite;
    struct writer second_inner;

    struct writer to_net;
    struct writer to_app;
};

/*
 * Ends the exchange: the application gets a fatal alert, and the server the one that the RFCs ask
 * for if it has had a hello. Wipes what was withheld. Returns ECH_EVENT_FAILED.
 */
enum ech_event ech_exchange_fail(struct ech_exchange *x, enum ech_failure failure,
                                 enum ech_alert alert);
/* The same, without our alert for the application. */
enum ech_event ech_exchange_end(struct ech_exchange *x, enum ech_failure failure,
                                enum ech_alert alert);
/* Fails by a status: ECH_FAILURE_INTERNAL if it is our fault, else `otherwise` and `alert`. */
enum ech_event ech_exchange_fail_by(struct ech_exchange *x, enum ech_status status,
                                    enum ech_failure otherwise, enum ech_alert alert);
/* Returns the event, or a failure if a queue has lost octets. */
enum ech_event ech_exchange_check_queues(struct ech_exchange *x, enum ech_event event);
/*
 * Reads first_inner once more, and returns `room`: without extensions if there is no hello. A
 * parsed hello is ten times as large as its octets, and thousands of exchanges may wait for their
 * answers. Borrowed from first_inner.
 */
const struct ech_client_hello *ech_exchange_inner(const struct ech_exchange *x,
                                                  struct ech_client_hello *room);
/* Wipes all that is held, except the outlets and the offer. What was borrowed from it is gone too.
 */
void ech_exchange_drop_handshake(struct ech_exchange *x);

/* exchange_app.c: makes an offer of the first inner hello, queues it, and expects the answer. */
enum ech_event ech_exchange_send_offer(struct ech_exchange *x,
                                       const struct ech_config_choice *choice);
/* exchange_outer.c: the server rejected ECH with the message `answer`, whose records are in
 * net_held. */
enum ech_event ech_exchange_begin_outer(struct ech_exchange *x,
                                        const struct ech_server_hello *answer);
/* The same: octets from the network in ECH_PHASE_OUTER, and the end of the transport. */
enum ech_event ech_exchange_feed_outer(struct ech_exchange *x, struct bytes in);
enum ech_event ech_exchange_close_outer(struct ech_exchange *x);

#endif
