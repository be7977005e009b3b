/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Did the server accept ECH? The two confirmations (RFC 9849, 7.2 and 7.2.1) as the client computes
 * them.
 */
#ifndef ECH_ACCEPT_H
#define ECH_ACCEPT_H

#include "ech/client_hello.h"
#include "ech/server_hello.h"

/* The transcript of the inner handshake before the ServerHello. All messages have their handshake
 * headers. */
struct ech_accept_transcript {
    const struct ech_client_hello *client_hello_inner; /* the first one */
    struct bytes hello_retry_request;                  /* as received; empty if there was none */
    struct bytes second_client_hello_inner;            /* empty if there was no HelloRetryRequest */
};

/* accept_confirmation for a ServerHello. ECH_ERR_CRYPTO, ECH_ERR_UNSUPPORTED (cipher suite). */
ECH_MUST_USE enum ech_status ech_accept_confirmation(const struct ech_accept_transcript *transcript,
                                                     const struct ech_server_hello *server_hello,
                                                     uint8_t out[ECH_CONFIRMATION_SIZE]);
/* hrr_accept_confirmation for a HelloRetryRequest that has an encrypted_client_hello of 8 octets.
 */
ECH_MUST_USE enum ech_status
ech_hrr_accept_confirmation(const struct ech_client_hello *client_hello_inner,
                            const struct ech_server_hello *hello_retry_request,
                            uint8_t out[ECH_CONFIRMATION_SIZE]);

/* *accepted: does the message, a ServerHello or the first HelloRetryRequest, have the right
 * confirmation (RFC 9849, 6.1.4)? */
ECH_MUST_USE enum ech_status ech_accept_check(const struct ech_accept_transcript *transcript,
                                              const struct ech_server_hello *message,
                                              bool *accepted);

#endif
