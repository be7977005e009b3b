/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inside of struct shim_session, only for the files of the session itself: session.c (the
 * decision), session_local.c (for a library with ECH of its own), session_exchange.c (octets for
 * the exchange), outcome.c (what the exchange says, and the end) and session_rejected.c (after a
 * rejection).
 */
#ifndef SHIM_ENGINE_SESSION_SESSION_STATE_H
#define SHIM_ENGINE_SESSION_SESSION_STATE_H

#include <stdatomic.h>

#include "shim/common/report.h"
#include "shim/engine/base/section.h"
#include "shim/engine/base/verify.h"
#include "shim/engine/config/config_search.h"
#include "shim/engine/endpoint/redirect.h"
#include "shim/engine/session/library_sealing.h"
#include "shim/engine/session/session.h"
#include "shim/engine/session/stale.h"
#include "shim/engine/state/state.h"

struct shim_session {
    atomic_int references; /* held by the adapter, and by the work after a rejection */
    /* The work after a rejection, until it ends. The program may have left it. */
    _Atomic(struct shim_work *) rejected;
    struct shim_found found;
    char host[DNS_HOST_SIZE];                /* in its normal form */
    struct shim_host_settings host_settings; /* for this host */
    struct shim_decision decision;
    struct ech_hello_sizes sizes; /* of this TLS library */
    struct ech_hello_parts parts; /* as far as the facts have them */
    bool older_versions;          /* the ordinary hello offers more than TLS 1.3 */
    struct writer grease;         /* extension data; empty until the hello is made */
    struct ech_exchange *exchange;
    struct shim_program_keys program_keys; /* of the hello that the library made */
    struct shim_library_sealing *sealing;  /* of a library that seals its hellos; NULL: none */
    struct shim_stale stale;        /* octets of an old connection, in the program's buffers */
    struct shim_verifier *verifier; /* made when a rejection has to be authenticated */
    struct shim_report report;      /* its strings belong to host or found, or are static */
    uint64_t sent;       /* octets of the exchange that this connection's transport took */
    uint64_t offered_us; /* when ClientHelloOuter was made, monotonic */
    uint8_t outer_random[32];
    uint8_t inner_random[32];
    uint64_t socket;              /* identity of the transport (socket_identity.h) */
    int judged_fd;                /* it was asked in this call, of this descriptor; -1: in none */
    struct sockaddr_storage peer; /* AF_UNSPEC: not known */
    uint16_t origin_port;         /* the port for which the config was looked up */
    struct shim_redirect redirect;
    bool hello_begun;      /* the library should have written a hello by now */
    bool local_config;     /* the library seals its hellos to a config of ours */
    bool hello_made;       /* with GREASE, or after that failed */
    bool wants_connection; /* a rejection is to be answered by a new connection */
    bool reported;
    unsigned long story; /* number of this handshake in the log; 0: its story is not told */
    bool fd_hidden;
    bool announced;  /* to the wire guard, by outer_random */
    bool inner_made; /* the library made a ClientHelloInner; the wire guard stops it by inner_random
                      */
};

/* The peer of the connection; NULL: not known. */
static inline const struct sockaddr *shim_session_peer(const struct shim_session *session)
{
    return session->peer.ss_family != AF_UNSPEC ? (const struct sockaddr *)&session->peer : NULL;
}

/* Writes the report line, once for each session. */
void shim_session_report(struct shim_session *session, const char *outcome, const char *reason);
/* An attempt with ECH failed: no weaker one may follow. */
void shim_session_forbid_downgrade(const struct shim_session *session);

/*
 * Tells the wire guard, before an octet of ClientHelloOuter can leave; a second hello has the same
 * random. Fails the exchange if the guard has to watch for the write of the hello and has no room.
 */
void shim_session_announce(struct shim_session *session);
void shim_session_withdraw(struct shim_session *session);
/* Drops the hello that waits, of which no octet has left, and fails the exchange. */
void shim_session_drop_hello(struct shim_session *session);

/* Ends the work after a rejection, if the application left it and now comes back. */
void shim_session_settle(struct shim_session *session);

/* What a rejection of the list that was found is bound to, and for how many seconds it counts.
 * `endpoint` is memory for it. Not in a program that has locked itself in. */
uint32_t shim_session_source(const struct shim_session *session, char endpoint[SHIM_ENDPOINT_SIZE],
                             struct shim_rejection_source *source);
/* The server has accepted: keeps the list that it gave with an earlier rejection, if that serves
 * later connections too (shim_policy_keeps_retry_configs). */
void shim_session_keep_list(const struct shim_session *session);

/* No hello of the library follows. */
static inline void shim_session_end_sealing(struct shim_session *session)
{
    shim_library_sealing_free(session->sealing);
    session->sealing = NULL;
}

/* Takes what the exchange knows, and the config in use, over into the report. */
void shim_session_note_facts(struct shim_session *session);
void shim_session_note_choice(struct shim_session *session);
/* The config for one offer, with what is remembered of configs; give it back after the offer. True:
 * the sender of HPKE was prepared (shim/engine/config/prepared_senders.h). */
struct ech_config_choice shim_session_take_choice(const struct shim_session *session);
bool shim_session_give_choice(const struct ech_config_choice *choice);
/* Acts on what the exchange said. */
void shim_session_handle(struct shim_session *session, enum ech_event event);

#endif
