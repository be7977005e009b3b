/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judges the server's ServerHello or HelloRetryRequest (RFC 9849, 6.1.4 and 6.1.5): a pure function
 * of the messages.
 */
#ifndef ECH_ANSWER_H
#define ECH_ANSWER_H

#include "ech/accept.h"
#include "ech/exchange.h"
#include "ech/records.h"

/* The messages so far. */
struct ech_answer_context {
    struct ech_accept_transcript transcript;
    uint16_t retry_cipher_suite; /* of the HelloRetryRequest, if the transcript has one */
};

enum ech_answer_kind {
    ECH_ANSWER_ACCEPTED,       /* a ServerHello that confirms */
    ECH_ANSWER_RETRY_ACCEPTED, /* a HelloRetryRequest that confirms */
    ECH_ANSWER_FAILED,
};
struct ech_answer {
    enum ech_answer_kind kind;
    struct ech_server_hello hello; /* valid if the message parsed */
    enum ech_failure failure;
    enum ech_alert alert; /* for the server; ECH_ALERT_NONE: none now */
};

/* `excess`: more handshake octets follow in the record in which the message ends. */
void ech_answer_judge(const struct ech_answer_context *context, struct bytes message, bool excess,
                      struct ech_answer *answer);

#endif
