/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange between an application and a strict server; octets pass in pieces of any size. */
#ifndef TESTS_UNIT_EXCHANGE_RIG_H
#define TESTS_UNIT_EXCHANGE_RIG_H

#include "ech/exchange.h"
#include "ech/records.h"
#include "tests/unit/hello_tools.h"

struct rig {
    struct ech_exchange *exchange;
    struct test_server server;
    struct test_source source;
    size_t step;         /* octets given at a time; 0: all */
    bool wanted_only;    /* take no more from the network than ech_exchange_net_wanted */
    enum ech_event last; /* the last event other than ECH_EVENT_NONE */
    struct writer net;   /* everything sent to the network so far */
    struct writer app;   /* everything sent to the application */
    size_t net_seen;     /* octets of net that rig_outer has returned */
    struct octets first_inner;
    struct octets retry_request;
    struct octets second_inner;
};

/* By default: OpenSSL's floor, key_share by AUTO. */
struct rig *rig_new(size_t step);
struct rig *rig_new_with(size_t step, const struct ech_exchange_options *options,
                         uint8_t maximum_name_length);
void rig_free(struct rig *rig);

/* Feeds octets, in the rig's pieces; takes the output. */
void rig_from_app(struct rig *rig, struct bytes in);
void rig_from_net(struct rig *rig, struct bytes in);
void rig_drain(struct rig *rig);
/* Feeds a record, or a hello as records of this version. */
void rig_app_record(struct rig *rig, uint8_t type, struct bytes fragment);
void rig_app_hello(struct rig *rig, struct bytes hello, uint16_t version);
void rig_net_record(struct rig *rig, uint8_t type, struct bytes fragment);
/* Offers the server's config after ECH_EVENT_NEED_CONFIG. */
void rig_offer(struct rig *rig);
/* A whole first step: hello, offer, and the server opens and checks it. */
void rig_begin(struct rig *rig, struct bytes hello);
/* The handshake message in the next records sent to the network. */
struct octets rig_outer(struct rig *rig);
/* The server opens the next outer hello, which must hold `inner`. */
void rig_open(struct rig *rig, struct bytes inner);

/* An answer that TLS 1.3 allows, with confirmation. */
struct test_answer rig_answer(const struct rig *rig);
/* Makes the server's message, and keeps a HelloRetryRequest for the transcript. Does not feed it to
 * the exchange. */
struct octets rig_message(struct rig *rig, const struct test_answer *answer);
/* The same, fed to the exchange in one record. */
void rig_send(struct rig *rig, const struct test_answer *answer);

/* Checks that the exchange failed with this status: the application gets only our alert, and the
 * server gets this alert (NONE: nothing). */
void rig_failed(struct rig *rig, enum ech_failure failure, enum ech_alert alert);

#endif
