/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct shim_session, for the files that are the session: session.c (the decision),
 * session_exchange.c (octets for the exchange), outcome.c (what it says, and the end) and
 * session_rejected.c (what follows a rejection). Nobody else includes this.
 */
#ifndef SHIM_ENGINE_SESSION_SESSION_STATE_H
#define SHIM_ENGINE_SESSION_SESSION_STATE_H

#include <stdatomic.h>

#include "shim/common/report.h"
#include "shim/engine/base/section.h"
#include "shim/engine/base/verify.h"
#include "shim/engine/config/config_search.h"
#include "shim/engine/endpoint/redirect.h"
#include "shim/engine/session/session.h"
#include "shim/engine/state/state.h"

struct shim_session {
    atomic_int references; /* of the adapter, and of the work under way on it */
    /* The work that follows a rejection, while it is under way; it may have been left. */
    _Atomic(struct shim_work *) rejected;
    struct shim_found found;
    char host[DNS_HOST_SIZE];                /* in its normal form */
    struct shim_host_settings host_settings; /* of the host */
    struct shim_decision decision;
    struct ech_hello_sizes sizes; /* of the library */
    struct writer grease;         /* extension data; empty until the hello is made */
    struct ech_exchange_options options;
    struct ech_exchange *exchange;
    struct shim_verifier *verifier; /* once a rejection was to be authenticated */
    struct shim_report report;      /* its strings are host's, found's or static */
    uint64_t sent;                  /* octets of the exchange that went to the transport in hand */
    uint64_t offered_us;            /* when ClientHelloOuter was made, monotonic */
    uint8_t outer_random[32];
    uint8_t inner_random[32];
    uint64_t socket;              /* of the transport (socket_identity.h) */
    struct sockaddr_storage peer; /* AF_UNSPEC: not known */
    uint16_t origin_port;         /* that the config was looked up for */
    struct shim_redirect redirect;
    bool hello_made;       /* with GREASE, or what became of that */
    bool wants_connection; /* after a rejection that is to be answered */
    bool reported;
    bool fd_hidden;
    bool announced;  /* to the wire guard, with outer_random */
    bool inner_made; /* by the library, with inner_random: the wire guard keeps it in */
};

/* To whom the connection leads, or NULL. */
static inline const struct sockaddr *shim_session_peer(const struct shim_session *session)
{
    return session->peer.ss_family != AF_UNSPEC ? (const struct sockaddr *)&session->peer : NULL;
}

/* Writes the report line, once for each session. */
void shim_session_report(struct shim_session *session, const char *outcome, const char *reason);
/* An attempt with ECH did not end well: nothing weaker may follow it. */
void shim_session_forbid_downgrade(const struct shim_session *session);

/*
 * The wire guard. announce: before an octet of ClientHelloOuter can leave; a second hello has the
 * same random. Where the write of the hello has to be seen and cannot be, the exchange fails.
 */
void shim_session_announce(struct shim_session *session);
void shim_session_withdraw(struct shim_session *session);
/* Nothing has left yet: what waits to is dropped, and the exchange fails. */
void shim_session_drop_hello(struct shim_session *session);

/* If the application left the wait for a new connection, and comes back now: that work ends first.
 */
void shim_session_settle(struct shim_session *session);

/* Takes over for the report what the exchange knows, and what was chosen. */
void shim_session_note_facts(struct shim_session *session);
void shim_session_note_choice(struct shim_session *session);
/* Acts on what the exchange said. */
void shim_session_handle(struct shim_session *session, enum ech_event event);

#endif
