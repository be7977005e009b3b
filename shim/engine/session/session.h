/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One handshake of the application, from the decision to the report line. The adapters (openssl,
 * gnutls) know their library and call this; protocol is in ech/exchange, decisions are in
 * shim/policy.
 */
#ifndef SHIM_ENGINE_SESSION_SESSION_H
#define SHIM_ENGINE_SESSION_SESSION_H

#include "ech/exchange.h"
#include "ech/grease.h"
#include "shim/common/tls_libraries.h"
#include "shim/engine/policy/policy.h"

struct shim_session;

/* What an adapter can tell before the ClientHello is made. */
struct shim_session_facts {
    enum shim_family library;
    const char *server_name; /* NULL or "": none is set. Copied. */
    int fd;                  /* of the transport; -1: hidden */
    uint16_t port;           /* that a transport not connected yet will connect to; 0: not known */
    bool quic;
    bool library_supported;
    bool reported; /* another call of the same handshake was refused, and that was reported */
    bool tls13;
};

/*
 * Decides what becomes of the handshake; looks the ECHConfig up if need be and may block as long as
 * the settings allow. A connection that passes without ECH, or is refused, is reported here. On
 * SHIM_ACTION_OFFER and SHIM_ACTION_REFUSE *session is the caller's (shim_session_free) and has an
 * exchange; for REFUSE one that fails as soon as the application wrote its hello. On
 * SHIM_ACTION_GREASE it is the caller's too, has no exchange, and only shim_session_grease,
 * shim_session_is_for and shim_session_free may be called. If memory fails the action is
 * SHIM_ACTION_REFUSE and *session is NULL. errno is kept. The caller holds signals back until it
 * has put *session where it belongs (shim/engine/base/section.h).
 */
enum shim_action shim_session_begin(struct shim_session **session,
                                    const struct shim_session_facts *facts);
void shim_session_free(struct shim_session *session);

/* The server name that the decision was made for: a handshake under another one needs a new
 * decision. */
bool shim_session_is_for(const struct shim_session *session, const char *server_name);

/*
 * Right before shim_session_grease: has an attempt with ECH failed since it was decided to do
 * without? False: the hello must not be made, and that is reported.
 */
bool shim_session_may_grease(struct shim_session *session);

/*
 * The extension data of GREASE ECH, for each hello of the handshake: made at the first call, which
 * is reported, and the same from then on (RFC 9849, 6.2.1). The adapter fills in what it knows of
 * the shape beside sizes and name. Empty for want of memory or randomness: then the hello is the
 * application's own. Borrowed from the session.
 */
struct bytes shim_session_grease(struct shim_session *session,
                                 const struct ech_grease_shape *shape);

/* The library is making a ClientHelloInner with this random: the wire guard keeps it in, whatever
 * becomes of the octets. To be called before it can write any. */
void shim_session_made_inner(struct shim_session *session, const uint8_t random[32]);

/* Octets that the TLS library wrote; all are taken. */
void shim_session_from_app(struct shim_session *session, struct bytes in);
/* Octets from the network; all are taken. */
void shim_session_from_net(struct shim_session *session, struct bytes in);
void shim_session_net_closed(struct shim_session *session);
/* So many octets of shim_session_to_net went to the transport. */
void shim_session_net_took(struct shim_session *session, size_t octets);
/*
 * True after a rejection that is to be answered: the adapter calls shim_session_reconnect. It puts
 * a new connection over the descriptor of the transport (-1: hidden, then it is looked for), or
 * fails the exchange. A transport that keeps octets of its own has to forget those of the old
 * connection afterwards.
 */
bool shim_session_wants_connection(struct shim_session *session);
void shim_session_reconnect(struct shim_session *session, int fd);
/* What waits for the network, and for the TLS library; borrowed until the next call. */
struct bytes shim_session_to_net(struct shim_session *session);
struct bytes shim_session_to_app(struct shim_session *session);
/* So many octets of shim_session_to_app went to the TLS library. */
void shim_session_app_took(struct shim_session *session, size_t octets);
/* How many octets of the network the exchange can use now; 0: none ever again. */
size_t shim_session_net_wanted(struct shim_session *session);
/* The exchange is over and nothing waits in it: it may be taken out of the way. */
bool shim_session_drained(struct shim_session *session);
/* The server's first answer was a HelloRetryRequest that the application has to answer. */
bool shim_session_awaits_second_hello(const struct shim_session *session);
/* ECH was securely disabled, and the hello went out in clear. */
bool shim_session_disabled(const struct shim_session *session);

#endif
