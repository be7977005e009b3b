/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the outer handshake (ech/outer_handshake.h) that both versions of TLS share, and
 * what each version does in its own way. Internal to the files outer_*.c, tls12_*.c and tls13_*.c.
 */
#ifndef ECH_OUTER_STATE_H
#define ECH_OUTER_STATE_H

#include "ech/config.h"
#include "ech/handshake_messages.h"
#include "ech/outer_handshake.h"

/* One version of TLS. Functions that return an alert return the one with which the handshake fails,
 * or ECH_ALERT_NONE. */
struct ech_outer_protocol {
    uint16_t version;
    /* Of its own struct, which begins with a struct ech_outer_handshake. */
    size_t size;
    /* Takes what it needs from the start. The common part is filled in already. */
    void (*begin)(struct ech_outer_handshake *outer, const struct ech_outer_start *start);
    enum ech_alert (*take_record)(struct ech_outer_handshake *outer,
                                  const struct ech_record *record);
    enum ech_alert (*take_message)(struct ech_outer_handshake *outer,
                                   const struct ech_received *received);
    /* Queues a handshake message, or a fatal alert, in a form that the server can read. */
    enum ech_status (*send)(struct ech_outer_handshake *outer, struct bytes message);
    enum ech_status (*send_alert)(struct ech_outer_handshake *outer, enum ech_alert alert);
    /* Wipes its secrets, and all that only the handshake needs. */
    void (*drop)(struct ech_outer_handshake *outer);
};

struct ech_outer_handshake {
    const struct ech_outer_protocol *protocol;
    struct ech_random random;
    struct ech_outer_verifier verifier;
    uint8_t public_name[ECH_PUBLIC_NAME_MAX];
    size_t public_name_length;
    struct writer client_hello;    /* the newest */
    struct ech_client_hello hello; /* borrowed from client_hello */

    struct ech_outer_facts facts; /* retry_configs is filled in by ech_outer_get_facts */

    struct ech_record_reader records;
    struct writer opened;    /* the current protected record */
    struct writer assembled; /* the current handshake message */

    struct writer transcript;
    struct writer leaf; /* DER */
    bool certificate_requested;
    struct writer retry_configs; /* as the server sent them */
    struct writer to_net;
};

/* Notes a failure of ours and returns its alert; ECH_ALERT_NONE for ECH_OK. */
ECH_MUST_USE enum ech_alert ech_outer_check(struct ech_outer_handshake *outer,
                                            enum ech_status status);
/* The handshake has failed. The first failure that is noted counts. */
void ech_outer_end(struct ech_outer_handshake *outer, enum ech_outer_failure failure);

/* Takes the handshake messages that a fragment completes. */
ECH_MUST_USE enum ech_alert ech_outer_take_fragment(struct ech_outer_handshake *outer,
                                                    struct bytes fragment);
/* The message goes into the transcript. */
void ech_outer_keep(struct ech_outer_handshake *outer, const struct ech_received *received);
/* The hash of the messages so far, with ech_hash_size octets. */
ECH_MUST_USE enum ech_status ech_outer_transcript(const struct ech_outer_handshake *outer,
                                                  enum ech_hash hash, uint8_t *out);
/* Verifies the chain for public_name (RFC 9849, 6.1.7), and keeps its leaf and the message. */
ECH_MUST_USE enum ech_alert ech_outer_take_chain(struct ech_outer_handshake *outer,
                                                 const struct ech_certificates *chain,
                                                 const struct ech_received *received);
/* Sends a handshake message and keeps it in the transcript. */
ECH_MUST_USE enum ech_status ech_outer_send(struct ech_outer_handshake *outer, uint8_t type,
                                            struct bytes body);

#endif
