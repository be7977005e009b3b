/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One handshake of the application, from the decision to the report line. The adapters (openssl,
 * gnutls) know their library and call this; protocol is in ech/exchange, decisions are in
 * shim/policy.
 */
#ifndef SHIM_SESSION_H
#define SHIM_SESSION_H

#include "ech/exchange.h"
#include "shim/policy.h"

struct shim_session;

/* What an adapter can tell before the ClientHello is made. */
struct shim_session_facts {
    const char *library;     /* "openssl" or "gnutls": for the report */
    const char *server_name; /* NULL or "": none is set. Copied. */
    int fd;                  /* of the transport; -1: hidden */
    uint16_t port;           /* that a transport not connected yet will connect to; 0: not known */
    bool quic;
    bool library_supported;
    bool tls13;
    enum ech_padding_floor floor;
};

/*
 * Decides what becomes of the handshake; looks the ECHConfig up if need be and may block as long as
 * the settings allow. A connection that passes without ECH, or is refused, is reported here. On
 * SHIM_ACTION_OFFER and SHIM_ACTION_REFUSE *session is the caller's (shim_session_free) and has an
 * exchange; for REFUSE one that fails as soon as the application wrote its hello. If memory fails
 * the action is SHIM_ACTION_REFUSE and *session is NULL. errno is kept.
 */
enum shim_action shim_session_begin(struct shim_session **session,
                                    const struct shim_session_facts *facts);
void shim_session_free(struct shim_session *session);

/* The server name that the decision was made for: a handshake under another one needs a new
 * decision. */
bool shim_session_is_for(const struct shim_session *session, const char *server_name);

/* Octets that the TLS library wrote; all are taken. */
void shim_session_from_app(struct shim_session *session, struct bytes in);
/* Octets from the network; all are taken. */
void shim_session_from_net(struct shim_session *session, struct bytes in);
void shim_session_net_closed(struct shim_session *session);
/* For output, and questions about the state. */
struct ech_exchange *shim_session_exchange(struct shim_session *session);
/* The server's first answer was a HelloRetryRequest that the application has to answer. */
bool shim_session_awaits_second_hello(const struct shim_session *session);
bool shim_session_accepted(const struct shim_session *session);

#endif
